"""``exchange backup`` and ``exchange restore``: a copy of what cannot be computed again, and a new exchange from it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.backup_files import Manifest, damaged, read_manifest
from exchange.backup import Tell
from exchange.backup import backup as take_backup
from exchange.cli.output import Home, Json, console, errors, print_json, run
from exchange.cli.rebuild import bars
from exchange.local import reached
from exchange.restore import Plan, Restored
from exchange.restore import plan as plan_restore
from exchange.restore import restore as carry_out
from exchange.runtime import collect_garbage_seldom
from exchange.settings import Settings, keep_generation, load_settings

Folder = Annotated[Path, typer.Argument(help="Folder of the backup.", show_default=False)]


def backup(
    folder: Folder,
    verify: Annotated[bool, typer.Option("--verify", help="Take none: check the one in the folder.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Copy what cannot be computed again into a new folder, while the exchange runs. Needs no broker with --verify.

    Reads all topics, so it is for operators; the folder holds what parties keep to themselves, and is made for your eyes only.
    What was receipted before the backup began is in it.

    Exit code: 0 done, or the backup is whole; 1 with --verify: it is not, and the files are named.

    Examples:

      exchange backup /srv/backups/2026-07-01

      exchange backup --verify /srv/backups/2026-07-01 --json
    """
    if verify:
        _verify(folder, as_json)
    with bars() as progress:
        task = progress.add_task("copying", total=None)

        def tell(done: int, whole: int) -> None:
            progress.update(task, advance=done, total=whole)

        manifest = run(_backup(load_settings(home=home), folder, tell))
    _print(manifest, as_json, [])


def _verify(folder: Path, as_json: bool) -> None:
    manifest = read_manifest(folder)
    harmed = damaged(folder, manifest)
    _print(manifest, as_json, harmed)
    for name in harmed:
        errors.print(f"{name}: missing or changed", markup=False)
    raise typer.Exit(1 if harmed else 0)


def _print(manifest: Manifest, as_json: bool, harmed: list[str]) -> None:
    if as_json:
        print_json({"whole": not harmed, "damaged": harmed, "records": manifest.records, **asdict(manifest)})
        return
    console.print(
        f"{manifest.records} records of {len(manifest.parts)} partitions, generation {manifest.generation}, "
        f"begun {manifest.begun}, ended {manifest.ended}"
    )


async def _backup(settings: Settings, folder: Path, tell: Tell) -> Manifest:
    async with reached(settings, _say) as there:
        return await take_backup(there, folder, tell)


def restore(
    folder: Folder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the backup and say what would be done; needs no broker.")
    ] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Put a backup into an empty cluster, as a new generation. Then start the workers with that generation.

    Without another cluster, the embedded broker of a new EXCHANGE_HOME is used, and the generation is written into its settings
    file. Every file's digest is checked first. A restore that was cut off leaves a cluster no worker starts on: make it empty,
    and restore again.

    Examples:

      exchange restore /srv/backups/2026-07-01 --dry-run

      EXCHANGE_HOME=/srv/new exchange restore /srv/backups/2026-07-01
    """
    collect_garbage_seldom()
    settings = load_settings(home=home)
    with errors.status("checking", spinner="line"):
        planned = plan_restore(settings, folder)
    if dry_run:
        _print_restored(planned.restored, as_json, "would be ")
        return
    with bars() as progress:
        task = progress.add_task("writing", total=planned.restored.records)
        done = run(_restore(planned, settings, lambda count, _whole: progress.update(task, advance=count)))
    if settings.bootstrap_servers is None:
        path = keep_generation(settings.home, done.generation)
        errors.print(f"generation {done.generation} written to {path}", markup=False)
    _print_restored(done, as_json, "")
    if not as_json:
        console.print(f"export EXCHANGE_GENERATION={done.generation}")


async def _restore(planned: Plan, settings: Settings, tell: Tell) -> Restored:
    async with reached(settings, _say) as there:
        wanted = planned.settings.model_copy(update={"bootstrap_servers": there.bootstrap_servers})
        return await carry_out(Plan(planned.manifest, wanted, planned.logs, planned.done), tell)


def _print_restored(found: Restored, as_json: bool, verb: str) -> None:
    if as_json:
        print_json(asdict(found))
        return
    console.print(
        f"{found.records} records {verb}restored as generation {found.generation}; {found.appended} that the backup cut off "
        f"{verb}written, {found.dropped} left out to be made again; {found.parties} parties; "
        f"all that was receipted before {found.began} is there"
    )


def _say(line: str) -> None:
    errors.print(line, style="dim")
