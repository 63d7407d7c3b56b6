"""The command line: ``exchange``. One module a noun; this one puts them together, and alone prints an error and exits.

Exit codes: 0 done; 1 the answer is no (gaps, refused, not found, not running); 2 invalid document or usage; 3 plumbing (broker,
settings, time-out); 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import typer

from exchange.cli import (
    audit,
    backup,
    check,
    config,
    dashboards,
    dead_letters,
    demo,
    diff,
    digest,
    doctor,
    export,
    import_,
    import_formats,
    lag,
    lines,
    new,
    offsets,
    party,
    profiles,
    rebuild,
    schemas,
    show,
    top,
    topics,
    trace,
    up,
    version,
)
from exchange.errors import DocumentError, ExchangeError, RefusedError
from exchange.runtime import configure_logging

app = typer.Typer(
    name="exchange",
    help="AI transparency information exchange: what a model developer, provider and user must tell each other, over Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(check.check)
app.command()(diff.diff)
app.command()(digest.digest)
app.add_typer(new.new, name="new")
importers = typer.Typer(help="Turn other formats into our cards.", no_args_is_help=True)
importers.command("hf")(import_.hf)
importers.command("cyclonedx")(import_formats.cyclonedx)
importers.command("spdx")(import_formats.spdx)
importers.command("mct")(import_formats.mct)
app.add_typer(importers, name="import")
exporters = typer.Typer(help="Turn our cards into other formats.", no_args_is_help=True)
for _format in export.FORMATS:
    exporters.command(_format)(export.command(_format))
app.add_typer(exporters, name="export")

_PLAIN: tuple[Callable[..., None], ...] = (
    party.publish,
    party.subscribe,
    party.notices,
    party.grant,
    show.show,
    show.lineage,
    up.up,
    up.down,
    up.status,
    up.worker,
    doctor.doctor,
    lag.lag,
    top.top,
    trace.trace,
    audit.audit,
    rebuild.rebuild,
    offsets.reset_offsets,
    backup.backup,
    backup.restore,
    demo.demo,
    version.version,
)
for _command in _PLAIN:
    app.command()(_command)
assessments = typer.Typer(help="Your risk assessments.", no_args_is_help=True)
assessments.command("mine")(show.mine)
app.add_typer(assessments, name="assessments")

letters = typer.Typer(help="What could not be accepted.", no_args_is_help=True)
letters.command("list")(dead_letters.list_)
letters.command("show")(dead_letters.show)
letters.command("replay")(dead_letters.replay)
letters.command("drop")(dead_letters.drop)
app.add_typer(letters, name="dead-letters")
profile_commands = typer.Typer(help="Rule profiles: what must be told, by whom, to whom.", no_args_is_help=True)
profile_commands.command("list")(profiles.list_)
profile_commands.command("show")(profiles.show)
profile_commands.command("test")(profiles.test)
profile_commands.command("new")(profiles.new)
profile_commands.command("activate")(profiles.activate)
app.add_typer(profile_commands, name="profiles")
board_commands = typer.Typer(help="The Grafana dashboards that ship.", no_args_is_help=True)
board_commands.command("verify")(dashboards.verify)
app.add_typer(board_commands, name="dashboards")
topic_commands = typer.Typer(help="The topics of this deployment.", no_args_is_help=True)
topic_commands.command("apply")(topics.apply)
topic_commands.command("list")(topics.list_)
topic_commands.command("export")(topics.export)
app.add_typer(topic_commands, name="topics")
line_commands = typer.Typer(help="Lines that fan-out had to stop.", no_args_is_help=True)
line_commands.command("list")(lines.list_)
line_commands.command("resume")(lines.resume)
app.add_typer(line_commands, name="lines")
schema_commands = typer.Typer(help="Schemas in a registry.", no_args_is_help=True)
schema_commands.command("register")(schemas.register)
schema_commands.command("check")(schemas.check)
app.add_typer(schema_commands, name="schemas")
config_commands = typer.Typer(help="The settings in force.", no_args_is_help=True)
config_commands.command("show")(config.show)
app.add_typer(config_commands, name="config")


def main() -> None:
    """Parse, dispatch, explain an error, exit."""
    configure_logging("text", logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it logs comes back as an error we explain
    try:
        app(standalone_mode=True)
    except ExchangeError as error:
        print(f"exchange: {error.explain()}", file=sys.stderr)  # noqa: T201 - the one place
        sys.exit(_code(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _code(error: ExchangeError) -> int:
    if isinstance(error, RefusedError):
        return 1
    return 2 if isinstance(error, DocumentError) else 3
