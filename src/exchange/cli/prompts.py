"""Questions on a terminal, and the file that comes of them."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from exchange.core.authoring.interview import Asked
from exchange.core.reports.findings import printable
from exchange.errors import ConfigError

_LONGEST = 60


def at_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()


class Terminal:
    """Asks on standard error, so that standard output holds the document alone.

    Attributes:
        asked: how many fields were asked for.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._known: tuple[str, ...] = ()

    def ask(self, asked: Asked) -> str:
        """One answer; what explains the question is shown once."""
        question = asked.question
        if asked.entry <= 1 and (question.path, *question.about) != self._known:
            self._known = (question.path, *question.about)
            self.asked += 1
            typer.echo("", err=True)
            for line in question.about:
                typer.echo(f"  {printable(line)}", err=True)
        choices = f" ({', '.join(asked.choices)})" if asked.choices and len(asked.choices) <= 11 else ""
        entry = f" {asked.entry}" if asked.entry else ""
        current = printable(asked.current)
        shown = f" [{current[:_LONGEST]}{'…' if len(current) > _LONGEST else ''}]" if current else ""
        while True:
            answer = str(typer.prompt(f"{question.label}{entry}{choices}{shown}", default="", show_default=False, err=True))
            if answer.strip() or asked.current or not question.needed:
                return answer

    def tell(self, text: str) -> None:
        """Why an answer does not fit, or how things stand."""
        typer.echo(f"  {printable(text)}", err=True)


def refuse_or_ask(out: Path | None, *, interactive: bool) -> None:
    """Sees to it, before anything is asked, that the file can be written, and that none is written over unless somebody says so.

    Raises:
        BadParameter: there is no such folder; or the file is there, and nobody wants it gone.
    """
    if out is None:
        return
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"{out.parent} is no folder: make it first", param_hint="--out")
    if not out.exists():
        return
    if not interactive or not typer.confirm(f"{out} exists. Overwrite?", default=False, err=True):
        raise typer.BadParameter(f"{out} exists: name another file, or move it away", param_hint="--out")


def save(text: str, out: Path | None) -> None:
    """Write the document, or print it.

    Raises:
        ConfigError: it could not be written, and was printed.
    """
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(text, nl=False)  # nothing that was answered may be lost
        raise ConfigError(f"{out} cannot be written: {error.strerror}", hint="the document is printed instead") from None
    typer.echo(f"{out}", err=True)


def save_draft(text: str, out: Path) -> Path:
    """Keep what was answered beside the file it was for; a draft that is there already stays."""
    names = (out.with_name(f"{out.name}.draft{number}") for number in ("", *range(2, 10_000)))
    path = next(name for name in names if not name.exists())
    path.write_text(text, encoding="utf-8")
    return path
