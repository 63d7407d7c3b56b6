"""What a demo stands on: a client per party, and the waiting for rest."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from exchange.audit import Audit, record, until_rest
from exchange.cli.output import console
from exchange.client import Exchange, Published
from exchange.client.outgoing import Publishable
from exchange.core.documents import Document
from exchange.local import LocalExchange
from exchange.runtime import load_codec


class Stage:
    """Publishes for many parties and reports what came of it.

    Args:
        local: the running exchange.
        quiet: print nothing for people.
    """

    def __init__(self, local: LocalExchange, *, quiet: bool) -> None:
        self.local, self.quiet = local, quiet
        self.settings = local.settings
        self.started = time.monotonic()
        self.events = 0
        self.audit: Audit | None = None

    def say(self, *lines: Any) -> None:
        """Print for people."""
        for line in () if self.quiet else lines:
            console.print(line)

    def title(self, text: str) -> None:
        """Print a heading."""
        self.say("", f"[bold]{text}[/]")

    async def publish(self, party: str, documents: Iterable[Publishable], *, wait: Any = "receipt") -> list[Published]:
        """Publish as a party, one after the other."""
        async with Exchange(party, settings=self.settings) as exchange:
            answers = [await exchange.publish(document, wait=wait) for document in documents]
        self.events += len(answers)
        return answers

    async def rest(self) -> Audit:
        """Wait until everything is done."""
        self.audit = await until_rest(self.settings)
        return self.audit

    async def told(self) -> list[tuple[int, dict[str, Any]]]:
        """All notices so far with their times (milliseconds), by time."""
        _, codec = load_codec(self.settings)
        recorded = await record(self.settings.kafka_kwargs(), self.settings.topics, codec)
        return [(at, codec.decode_trusted(raw)[1]) for at, raw in sorted(recorded.told, key=lambda entry: entry[0])]

    async def summary(self, **more: Any) -> dict[str, Any]:
        """What ``--json`` prints: notices as they stand in the topics, losses and repeats as the oracles find them."""
        found = await self.rest()
        self.title("Compared with both oracles")
        self.say(
            f"  {found.notices} notices: {found.lost} lost, {found.duplicates} told twice, {found.reordered} out of order; "
            f"{len(found.wrong_dossiers)} dossiers and {len(found.wrong_profiles)} profiles differ"
        )
        return {
            **more,
            "events": self.events,
            "notices": [_plain(notice) for _, notice in await self.told()],
            "lost": found.lost,
            "duplicates": found.duplicates,
            "wrong": found.reordered + len(found.wrong_dossiers) + len(found.wrong_profiles),
            "seconds": round(time.monotonic() - self.started, 1),
        }


def _plain(notice: dict[str, Any]) -> dict[str, Any]:
    cause = notice["cause"] or {"event_id": None, "path": []}
    return {
        "party": notice["party"],
        "release": notice["release"] or notice["line"],
        "seq": notice["seq"],
        "n": notice["n"],
        "kind": notice["kind"],
        "cause": cause["event_id"],
        "path": [hop["release"] or "(withheld)" for hop in cause["path"]],
    }


def with_fields(document: Document, **fields: Any) -> Document:
    """The document with some fields set."""
    return replace(document, record={**document.record, **fields})
