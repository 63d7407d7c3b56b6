"""``exchange dead-letters``: what could not be accepted, where it lies, and what is done about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.errors import ExchangeError, RefusedError
from exchange.letters import Desk, Letter, desk, read_letters
from exchange.settings import Settings

Numbers = Annotated[list[int], typer.Argument(help="Numbers, as `list` shows them.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Note = Annotated[str | None, typer.Option(help="Why, kept with the mark.")]


def list_(
    reason: Annotated[str | None, typer.Option(help="Only those of one reason code.")] = None,
    last: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 50,
    open_: Annotated[bool, typer.Option("--open", help="Only those that nobody dealt with.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """List dead letters, oldest first. A dead letter holds no payload; it names where the record lies.

    Examples:

      exchange dead-letters list

      exchange dead-letters list --open --reason wrong-owner --json
    """
    letters = run(read_letters(connected(home)))
    found = [each for each in letters if reason is None or each.fields["reason"] == reason]
    found = [each for each in found if not open_ or each.outcome is None][-last:]
    if as_json:
        print_json([_shown(letter) for letter in found])
        return
    table = Table("number", "time", "reason", "field", "party", "record", "done")
    for letter in found:
        fields, (topic, partition, offset) = letter.fields, letter.place
        about = (fields["reason"], fields["field"] or "", fields["party"] or "")
        table.add_row(str(letter.number), _time(letter), *about, f"{topic}/{partition}/{offset}", letter.outcome or "")
    console.print(table if found else "no dead letters")


def show(
    number: Annotated[int, typer.Argument(help="Number, as `list` shows it.")], as_json: Json = False, home: Home = None
) -> None:
    """Show one dead letter whole. Exit code 1 when there is none of that number.

    Example:

      exchange dead-letters show 3
    """
    found = next((letter for letter in run(read_letters(connected(home))) if letter.number == number), None)
    if found is None:
        console.print(f"no dead letter {number}")
        raise typer.Exit(1)
    if as_json:
        print_json(_shown(found))
        return
    for key, value in _shown(found).items():
        console.print(f"{key:11} {value}", markup=False)


def replay(numbers: Numbers, note: Note = None, yes: Yes = False, as_json: Json = False, home: Home = None) -> None:
    """Submit the records of dead letters again, exactly as they were: bytes, key, headers, partition.

    For what was refused for a reason that is gone: the party is registered now, has the role, its schema is known. It is an
    ordinary submission: intake checks it anew, answers with a receipt, and knows a repeat. A letter is replayed once; refused
    again, the record gets a new letter. Submissions are kept 30 days.

    Exit code: 0 all submitted, 1 some could not be.

    Examples:

      exchange dead-letters replay 3

      exchange dead-letters replay 3 4 7 --yes --note "party registered late"
    """
    _ask(f"submit the records of {len(numbers)} dead letters again?", yes=yes)
    _tell(run(_each(connected(home), numbers, lambda at, number: at.replay(number, note))), "submitted again", as_json=as_json)


def drop(numbers: Numbers, note: Note = None, yes: Yes = False, as_json: Json = False, home: Home = None) -> None:
    """Mark dead letters dropped: nothing will be done about them. The letters themselves stay until their 90 days are over.

    Exit code: 0 all marked, 1 some could not be.

    Example:

      exchange dead-letters drop 5 --yes --note "a test of the publisher's"
    """
    _ask(f"mark {len(numbers)} dead letters dropped?", yes=yes)
    _tell(run(_each(connected(home), numbers, lambda at, number: at.drop(number, note))), "dropped", as_json=as_json)


def _ask(question: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)


Outcomes = list[tuple[int, ExchangeError | None]]


async def _each(settings: Settings, numbers: list[int], do: Callable[[Desk, int], Awaitable[None]]) -> Outcomes:
    done: Outcomes = []
    async with desk(settings) as at:
        for number in dict.fromkeys(numbers):
            try:
                await do(at, number)
            except RefusedError as error:
                done.append((number, error))
            else:
                done.append((number, None))
    return done


def _tell(done: Outcomes, word: str, *, as_json: bool) -> None:
    if as_json:
        print_json([{"number": number, "done": error is None, "why": error.message if error else None} for number, error in done])
    else:
        for number, error in done:
            console.print(f"letter {number} {word}" if error is None else error.message, markup=False)
    raise typer.Exit(1 if any(error for _, error in done) else 0)


def _shown(letter: Letter) -> dict[str, Any]:
    mark = {"outcome": letter.outcome, "note": letter.note, "traceparent": letter.traceparent}
    return {"number": letter.number, "time": _time(letter), **letter.fields, **mark}


def _time(letter: Letter) -> str:
    return datetime.fromtimestamp(letter.time_ms / 1000, UTC).isoformat(timespec="seconds")
