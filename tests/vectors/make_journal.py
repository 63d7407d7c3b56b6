"""Freezes a journal with what it folds to: ``python tests/vectors/make_journal.py [--force]``. Tests read it and never run this.

``journal-<version>/journal.jsonl.gz``
    every journal record: partition, key, headers, and the value in Base64.
``journal-<version>/rules.jsonl.gz``
    the content of each rule set, in the order in which they took effect.
``journal-<version>/digests.tsv``
    what the journal folds to: a line for each decision, and SHA-256 for all decisions and dossiers of each partition and for
    all notices of each party.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.core.codec import Codec
from exchange.core.rules import KNOWN_SEMANTICS, Rules, RuleTexts, bundle, digest_of, parse_rules
from exchange.core.schemas import SchemaSet
from exchange.core.step import Output, Record
from exchange.oracles.fold import Folded, fold
from exchange.refs import line_of, partition_of
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.testing.contents import filled
from exchange.topics import Topics

VERSION = "0.2"
HERE = Path(__file__).resolve().parent
PARTITIONS = 3
SEED = 5
TOPICS = Topics(partitions=PARTITIONS)
MORE = """
[[row]]
id = "JG-more"
label_ja = "事故の連絡先"
label_en = "Contact for incidents"
clause = "more"
principle = "transparency"
owed_by = "developer"
audience = "provider"
level = "must"
paths = ["governance.incident_contact"]
inherit = "always"
hint_ja = "連絡先"
hint_en = "Whom to write to."
source = "the newer rules of this journal"
verified = true
"""


def rule_sets() -> list[bytes]:
    """The former rules, with the meaning that steps had then, and newer ones with one more row."""
    former = load_rule_texts().only(["jg-1.2", "eu-annex-xi"])
    newer = RuleTexts(former.tables, {**former.profiles, "jg-1.2": former.profiles["jg-1.2"] + MORE})
    return [bundle(former, ["p2"], KNOWN_SEMANTICS[-2]), bundle(newer, ["p2"])]


def play(former: bytes, newer: bytes) -> Bus:
    """A world with everything in it that a journal can hold; the rules change half-way."""
    bus, chance = Bus(partitions=PARTITIONS), random.Random(SEED)
    bus.logs.clear()  # the bus begins with rules of its own
    bus.activate(former)
    steps = filled(lineages.lineage(random.Random(SEED), events=70), chance)
    _told(bus, steps[:30], chance)
    for party in ("p0", "p1", "p2"):
        bus.submit(party, "Subscription", {"target": "p0/l0"})
    bus.submit("p1", "Subscription", {"target": "p2/l1@0"})
    grant = bus.submit("p0", "Grant", {"target": "p0/l0", "grantee": "p1", "audience": "provider", "purpose": "integration"})
    _told(bus, steps[30:40], chance)
    bus.activate(newer)
    bus.submit("p0", "GrantRevocation", {"target": "p0/l0", "grant": grant})
    bus.submit("p2", "Unsubscribe", {"target": "p0/l0"})
    bus.write(Output(bus.topics.journal, partition_of("p1/l0", PARTITIONS), b"p1/l0", b"not a record", ()))
    _told(bus, steps[40:], chance)
    return bus


def _told(bus: Bus, steps: Iterable[lineages.Step], chance: random.Random) -> None:
    for step in steps:
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
        if chance.random() < 0.3:
            bus.run(chance.randrange(2**32))
    bus.run(chance.randrange(2**32))


def read_journal(folder: Path) -> dict[int, list[Record]]:
    """The frozen records by partition."""
    journal: dict[int, list[Record]] = {partition: [] for partition in range(PARTITIONS)}
    for entry in _read(folder / "journal.jsonl.gz"):
        log, key = journal[entry["partition"]], entry["key"].encode()
        headers = tuple((name, value.encode()) for name, value in entry["headers"])
        log.append(Record(TOPICS.journal, entry["partition"], len(log), key, base64.b64decode(entry["value"]), headers, 0))
    return journal


def read_rules(folder: Path) -> dict[str, Rules]:
    """The frozen rules by digest, in the order in which they took effect."""
    contents = [content.encode() for content in _read(folder / "rules.jsonl.gz")]
    return {digest_of(content): parse_rules(content) for content in contents}


def folded(folder: Path) -> Folded:
    """What the frozen journal folds to with the code at hand."""
    schemas = SchemaSet.from_texts(load_schema_texts())
    return fold(read_journal(folder), TOPICS, Codec(schemas), schemas, read_rules(folder).__getitem__)


def digests(found: Folded, codec: Codec) -> list[str]:
    """The lines of ``digests.tsv``."""
    lines = []
    for partition, values in sorted(found.decisions.items()):
        lines += [_decision(partition, value, codec) for value in values]
        lines.append(f"decisions\t{partition}\t{_sha(values)}")
        held = [(release, value) for release, value in sorted(found.dossiers.items()) if _lies_in(release, partition)]
        lines.append(f"dossiers\t{partition}\t{_sha(part for release, value in held for part in (release.encode(), value))}")
    for party in sorted({party for party, _ in found.notices}):
        told = [value for (to, _), values in sorted(found.notices.items()) if to == party for value in values]
        lines.append(f"notices\t{party}\t{_sha(told)}")
    return lines


def _decision(partition: int, value: bytes, codec: Codec) -> str:
    decision: Any = codec.decode_trusted(value)[1]
    event = decision["event_type"] or (decision["cause"]["event_type"] if decision["cause"] else "")
    place = f"{partition}\t{decision['offset']}.{decision['index']}"
    return f"decision\t{place}\t{event}\t{decision['release'] or decision['line']}\t{decision['kind']}\t{_sha([value])[:16]}"


def _lies_in(release: str, partition: int) -> bool:
    return partition_of(line_of(release), PARTITIONS) == partition


def _sha(values: Iterable[bytes]) -> str:
    """SHA-256 over values, each after its length."""
    found = hashlib.sha256()
    for value in values:
        found.update(len(value).to_bytes(8, "big") + value)
    return found.hexdigest()


def _read(path: Path) -> Iterator[Any]:
    yield from map(json.loads, gzip.decompress(path.read_bytes()).decode().splitlines())


def _write(path: Path, entries: Iterable[Any]) -> None:
    text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _entries(bus: Bus) -> Iterator[dict[str, Any]]:
    for partition in range(PARTITIONS):
        for record in bus.logs[(TOPICS.journal, partition)]:
            headers = [[name, value.decode()] for name, value in record.headers]
            value = base64.b64encode(record.value or b"").decode()
            yield {"partition": partition, "key": (record.key or b"").decode(), "headers": headers, "value": value}


def main() -> None:
    folder = HERE / f"journal-{VERSION}"
    if folder.exists() and "--force" not in sys.argv:
        sys.exit(f"{folder.name} is frozen; its README says when it may change. --force freezes it anew.")
    folder.mkdir(exist_ok=True)
    sets = rule_sets()
    bus = play(*sets)
    _write(folder / "journal.jsonl.gz", _entries(bus))
    _write(folder / "rules.jsonl.gz", [content.decode() for content in sets])
    lines = digests(folded(folder), bus.codec)
    (folder / "digests.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
