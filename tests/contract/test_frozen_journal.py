"""The frozen journal folds to what it folded to: what was decided and told stays so, whatever becomes of the code."""

from __future__ import annotations

import runpy
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from exchange.core.codec import Codec
from exchange.core.rules import KNOWN_SEMANTICS
from exchange.errors import DocumentError

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
MAKE = runpy.run_path(str(VECTORS / "make_journal.py"))
FOLDERS = sorted(VECTORS.glob("journal-*"))
FOLDER = FOLDERS[-1]
QUARANTINED = "quarantined"


def frozen(folder: Path) -> list[str]:
    """What a journal folded to when it was frozen."""
    return (folder / "digests.tsv").read_text(encoding="utf-8").splitlines()


FROZEN = frozen(FOLDER)


def difference(then: Sequence[str], today: Sequence[str]) -> str | None:
    """The first line that differs, in words; None when none does."""
    pair = next(((was, now) for was, now in zip_longest(then, today, fillvalue="nothing") if was != now), None)
    return f"frozen: {_words(pair[0])}; today: {_words(pair[1])}" if pair else None


def _words(line: str) -> str:
    kind, *fields = line.split("\t")
    if kind != "decision":
        return " ".join([kind, *fields])
    partition, place, event, release, made, digest = fields
    offset, _, index = place.partition(".")
    about = f"{event or 'a record'} about {release or 'no release'}"
    return f"partition {partition}, journal record {offset}, decision {index}: {about} makes {made} ({digest})"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_folds_to_what_it_did(folder: Path, codec: Codec) -> None:
    """Decisions, dossiers and notices, byte for byte."""
    found = difference(frozen(folder), MAKE["digests"](MAKE["folded"](folder), codec))
    assert found is None, found


def test_every_meaning_of_the_steps_is_frozen() -> None:
    """Each was in force in one of the journals, the newest in the newest one."""
    found = [rules.semantics for folder in FOLDERS for rules in MAKE["read_rules"](folder).values()]
    assert list(dict.fromkeys(found)) == list(KNOWN_SEMANTICS)
    assert found[-1] == KNOWN_SEMANTICS[-1]


def test_a_difference_is_named() -> None:
    """By partition, journal record and what it is about."""
    number = next(number for number, line in enumerate(FROZEN) if "\tChangeNotice\t" in line)
    _, partition, place, _, release, *_ = FROZEN[number].split("\t")
    today = [*FROZEN[:number], FROZEN[number].replace("ChangeNotice", "Tick"), *FROZEN[number + 1 :]]
    where = f"partition {partition}, journal record {place.partition('.')[0]}, decision"
    found = str(difference(FROZEN, today))
    assert found.count(where) == 2
    assert f"ChangeNotice about {release} makes" in found
    assert difference(FROZEN, FROZEN) is None
    assert "today: nothing" in str(difference(FROZEN, FROZEN[:-1]))


def test_it_holds_all_that_a_journal_can_hold(codec: Codec) -> None:
    """Every record a journal takes, a merge, a cycle, a quarantined one, both rule sets in every partition; and it is small."""
    names: dict[str, list[Any]] = {}
    for log in MAKE["read_journal"](FOLDER).values():
        for record in log:
            try:
                name, value = codec.decode_trusted(record.value)
            except DocumentError:
                name, value = QUARANTINED, None
            names.setdefault(name, []).append(value)
    assert set(names) == {
        *("Party", "ModelCard", "ChangeNotice", "RiskAssessment", "Subscription", "Unsubscribe", "Grant", "GrantRevocation"),
        *("EdgeDeclared", "EdgeDropped", "UpstreamMessage", "Tick", "RulesActivated", QUARANTINED),
    }
    assert [record["digest"] for record in names["RulesActivated"]] == list(MAKE["read_rules"](FOLDER)) * MAKE["PARTITIONS"]
    edges = names["EdgeDeclared"]
    assert len({edge["parent"] for edge in edges if edge["relation"] == "merge"}) > 1
    parents = {card["release"]: {parent["ref"] for parent in card["parents"]} for card in names["ModelCard"]}
    assert any(_stands_on(parents, release, release) for release in parents)
    assert sum(1 for line in FROZEN if f"\t{QUARANTINED}\t" in line) == 1
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


def _stands_on(parents: Mapping[str, set[str]], release: str, goal: str) -> bool:
    """Whether a release is made from another, by way of the newest cards."""
    seen: set[str] = set()
    todo = [release]
    while todo:
        new = parents.get(todo.pop(), set()) - seen
        seen |= new
        todo += new
    return goal in seen


def test_it_is_not_frozen_anew_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only --force overwrites it."""
    monkeypatch.setattr("sys.argv", ["make_journal.py"])
    with pytest.raises(SystemExit, match="is frozen"):
        MAKE["main"]()
