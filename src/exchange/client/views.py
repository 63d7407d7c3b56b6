"""What a party may see of releases, from its own notices; and the dossier itself, for operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exchange.adapters.topic_reader import TopicReader
from exchange.core.codec import Codec
from exchange.events import models
from exchange.refs import line_of, parse_release, partition_of
from exchange.topics import Topics


class Views:
    """The newest view of each release among a party's notices, read on demand.

    Args:
        reader: of the party's notice topic.
        codec: reads the records.
    """

    def __init__(self, reader: TopicReader, codec: Codec) -> None:
        self._reader, self._codec = reader, codec
        self._views: dict[str, Any] = {}
        self._read = 0

    async def open(self) -> None:
        """Connect."""
        await self._reader.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    async def newest(self, release: str) -> models.View | None:
        """The newest view of a release, all notices that are there now taken into account.

        Raises:
            ValidationError: not a release.
        """
        parse_release(release)
        if not await self._reader.exists():
            return None
        first, end = await self._reader.bounds()
        async for record in self._reader.until(max(first, self._read), end):
            name, value = self._codec.decode_trusted(record.value or b"")
            if name == "Notice" and value["view"] is not None:
                self._views[value["release"]] = value["view"]
        self._read = end
        view = self._views.get(release)
        return models.View.model_validate(view) if view else None


async def read_dossier(kafka: Mapping[str, Any], topics: Topics, codec: Codec, release: str) -> models.Dossier | None:
    """A dossier from the dossier processor's state topic.

    Raises:
        ValidationError: not a release.
    """
    parse_release(release)
    partition = partition_of(line_of(release), topics.partitions)
    reader = TopicReader(kafka, topics.dossiers, partition)
    try:
        await reader.start()
        key, found = f"dossier/{release}".encode(), None
        async for record in reader.until(*await reader.bounds()):
            found = record.value if record.key == key else found
    finally:
        await reader.stop()
    return models.Dossier.model_validate(codec.decode_as("Dossier", found, trusted=True)) if found else None


async def read_dossiers(kafka: Mapping[str, Any], topics: Topics, codec: Codec) -> dict[str, Any]:
    """Every dossier by release, as decoded records, from the dossier processor's state topic."""
    found: dict[str, Any] = {}
    for partition in range(topics.partitions):
        reader = TopicReader(kafka, topics.dossiers, partition)
        try:
            await reader.start()
            async for record in reader.until(*await reader.bounds()):
                kind, _, release = (record.key or b"").decode().partition("/")
                if kind == "dossier" and record.value is not None:
                    found[release] = codec.decode_as("Dossier", record.value, trusted=True)
        finally:
            await reader.stop()
    return found
