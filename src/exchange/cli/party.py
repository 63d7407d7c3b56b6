"""``exchange publish``, ``subscribe``, ``notices``, ``grant``: what a party does."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from exchange.cli.check import expand, parse_files
from exchange.cli.output import Home, Json, connected, console, errors, print_json, print_json_line, run
from exchange.cli.text import notice_lines, published_lines
from exchange.client import Exchange, Published
from exchange.core.documents import Document
from exchange.errors import ConfigError, RefusedError
from exchange.events import models
from exchange.refs import owner_of
from exchange.settings import Settings

Party = Annotated[str | None, typer.Option("--party", help="Your party id (EXCHANGE_PARTY).", show_default=False)]


def publish(
    files: Annotated[
        list[Path], typer.Argument(exists=True, help="Documents (YAML, or Markdown with front matter), or folders.")
    ],
    party: Party = None,
    wait: Annotated[str, typer.Option(help="receipt, result (profile and gaps), or nothing.")] = "result",
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Two submissions with one key are one; default: content.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 30.0,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Publish documents, in order, and show what the exchange says of each.

    Without --party (or EXCHANGE_PARTY) each document is published as the party it speaks for: the owner, or the assessor.

    An assessment without `considers` gets what your current view of the release shows. Publishing the same again is a repeat,
    and changes nothing. Exit code 1 when something was refused; what follows it is published all the same.

    Examples:

      exchange publish party.yaml card.yaml assessment.yaml

      exchange publish cards/ --party acme --json
    """
    if wait not in ("receipt", "result", "nothing"):
        raise ConfigError("--wait is receipt, result or nothing")
    documents = parse_files(expand(files))
    if key is not None and len(documents) > 1:
        raise ConfigError("--idempotency-key is for one document")
    answers = run(_publish(connected(home, party=party), documents, None if wait == "nothing" else wait, key, timeout))
    if as_json:
        print_json([_answer(document, answer) for document, answer in answers])
    else:
        for document, answer in answers:
            for line in published_lines(document, answer):
                console.print(line)
    raise typer.Exit(1 if any(isinstance(answer, RefusedError) for _, answer in answers) else 0)


async def _publish(
    settings: Settings, documents: list[Document], wait: Any, key: str | None, timeout: float
) -> list[tuple[Document, Published | RefusedError]]:
    answers: list[tuple[Document, Published | RefusedError]] = []
    with Progress(console=errors, transient=True, disable=len(documents) < 3) as bar:
        task = bar.add_task("publishing", total=len(documents))
        for publisher, group in groupby(documents, key=lambda document: settings.party or publisher_of(document)):
            async with Exchange(publisher, settings=settings) as exchange:
                for document in group:
                    answers.append((document, await _publish_document(exchange, document, wait, key, timeout)))
                    bar.advance(task)
    return answers


async def _publish_document(
    exchange: Exchange, document: Document, wait: Any, key: str | None, timeout: float
) -> Published | RefusedError:
    try:
        return await exchange.publish(document, wait=wait, idempotency_key=key, timeout=timeout)
    except RefusedError as error:
        return error


def publisher_of(document: Document) -> str:
    """Who may publish a document: the party itself, the assessor, or the owner of what it is about.

    Raises:
        ConfigError: the document does not say.
    """
    record = document.record
    if document.type == "Party":
        return str(record["party"])
    if document.type == "RiskAssessment":
        return str(record["assessor"])
    if document.type in ("Subscription", "Unsubscribe"):
        raise ConfigError(f"{document.filename}: a {document.type} does not say whose it is", hint="give --party")
    return owner_of(str(record.get("release") or record["target"]))


def _answer(document: Document, answer: Published | RefusedError) -> dict[str, Any]:
    told: dict[str, Any] = {"file": document.filename, "type": document.type}
    if isinstance(answer, RefusedError):
        return {**told, "status": "refused", "reason": answer.reason, "message": answer.message}
    status = answer.receipt.status if answer.receipt else "sent"
    result = answer.result.model_dump(mode="json") if answer.result else None
    return {**told, "status": status, "event_id": answer.event_id, "result": result}


def subscribe(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Lines or releases to follow from now on; none: only listen.")
    ] = None,
    party: Party = None,
    group: Annotated[str, typer.Option(help="Programs of a party that listen side by side take different groups.")] = "default",
    follow: Annotated[bool, typer.Option(help="Wait for more; else end with what is there now.")] = True,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Follow lines or releases, and print your notices from where this group stopped. Ctrl-C ends; nothing is lost.

    Examples:

      exchange subscribe acme/model --party corp

      exchange subscribe --party corp --json --no-follow
    """
    run(_subscribe(connected(home, party=party), targets or [], group, follow, as_json))


async def _subscribe(settings: Settings, targets: list[str], group: str, follow: bool, as_json: bool) -> None:
    async with Exchange(settings=settings) as exchange:
        for target in targets:
            await exchange.publish(models.Subscription(target=target), wait="receipt", idempotency_key=None)
        async with exchange.subscribe(group, follow=follow) as feed:
            async for notice in feed:
                _print_notice(notice, as_json)


def notices(
    party: Party = None,
    line: Annotated[str | None, typer.Option(help="Only those about one line.")] = None,
    last: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 20,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """List your notices without moving any subscription's position.

    Examples:

      exchange notices --party corp

      exchange notices --party corp --line acme/model --json
    """
    found = [notice for notice in run(_notices(connected(home, party=party))) if line is None or notice.line == line][-last:]
    if as_json:
        print_json([notice.model_dump(mode="json") for notice in found])
        return
    for notice in found:
        _print_notice(notice, as_json=False)
    if not found:
        console.print("no notices")


async def _notices(settings: Settings) -> list[models.Notice]:
    async with Exchange(settings=settings) as exchange, exchange.subscribe(keep=False, follow=False) as feed:
        return [notice async for notice in feed]


def _print_notice(notice: models.Notice, as_json: bool) -> None:
    if as_json:
        print_json_line(notice.model_dump(mode="json"))
        return
    for line in notice_lines(notice):
        console.print(line)


def grant(
    target: Annotated[str, typer.Argument(help="Your line or release.")],
    to: Annotated[str | None, typer.Option("--to", help="Party id; none: all subscribers of the line.")] = None,
    audience: Annotated[str | None, typer.Option(help="What they count as: user, provider or authority.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Single field path, beyond the audience; may be given again.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for.")] = None,
    until: Annotated[datetime | None, typer.Option(help="End, UTC; none: until revoked.")] = None,
    revoke: Annotated[str | None, typer.Option(help="Event id of a grant to end instead.")] = None,
    party: Party = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Let a party, or all subscribers of a line, read more than the public; or end that.

    Examples:

      exchange grant acme/model --to corp --audience provider --purpose "integration" --party acme

      exchange grant acme/model --revoke 0198c0de-... --party acme
    """
    record: models.Grant | models.GrantRevocation
    if revoke is not None:
        record = models.GrantRevocation(target=target, grant=revoke)
    else:
        from datetime import UTC

        end = until.replace(tzinfo=UTC) if until else None
        values: dict[str, Any] = {"audience": audience, "fields": field or [], "purpose": purpose, "until": end}
        try:
            record = models.Grant(target=target, grantee=to, **values)
        except ValueError:
            raise ConfigError("--audience is user, provider or authority") from None
    answer = run(_publish_one(connected(home, party=party), record))
    if as_json:
        print_json({"event_id": answer.event_id, "status": answer.receipt.status if answer.receipt else None})
    else:
        console.print(f"{'revoked' if revoke else 'granted'}: {answer.event_id}")


async def _publish_one(settings: Settings, record: models.Grant | models.GrantRevocation) -> Published:
    async with Exchange(settings=settings) as exchange:
        return await exchange.publish(record)
