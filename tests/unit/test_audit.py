"""The audit names the first place where the topics and the fold part, and quotes no value."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from exchange.audit import Audit, Recorded, compare, known
from exchange.oracles.fold import Folded, fold
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.testing.simulation import record


def played() -> Bus:
    bus = Bus(partitions=1)
    for step in lineages.lineage(random.Random(3), events=40):
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
    bus.run()
    return bus


BUS = played()


def recorded() -> Recorded:
    return record(BUS)


def audited(found: Recorded) -> Audit:
    folded = fold(found.journal, BUS.topics, BUS.codec, BUS.schemas, BUS.rules_of)
    return compare(found, folded, BUS.codec, BUS.rules_of)


def test_what_is_whole_is_clean() -> None:
    found = audited(recorded())
    assert found.clean
    assert (found.first, found.notices > 10) == ("", True)


def test_what_is_on_record_is_not_held_twice() -> None:
    """The fold makes bytes that are there already: those are kept, its own are let go."""
    found = recorded()
    folded = fold(found.journal, BUS.topics, BUS.codec, BUS.schemas, BUS.rules_of, known(found))

    def objects(side: Recorded | Folded) -> set[int]:
        held = (*side.decisions.values(), *side.notices.values(), side.dossiers.values())
        return {id(raw) for values in held for raw in values}

    assert objects(folded) == objects(found)
    assert compare(found, folded, BUS.codec, BUS.rules_of).clean


def longest(found: Recorded) -> tuple[str, str]:
    return max(found.notices, key=lambda key: len(found.notices[key]))


def lose_a_notice(found: Recorded) -> str:
    party, line = longest(found)
    found.notices[(party, line)].pop()
    return f"notice {len(found.notices[(party, line)]) + 1} to {party} about {line}: missing"


def tell_twice(found: Recorded) -> str:
    party, line = longest(found)
    found.notices[(party, line)].append(found.notices[(party, line)][-1])
    return f"notice {len(found.notices[(party, line)])} to {party} about {line}: should not be there"


def swap_two(found: Recorded) -> str:
    party, line = longest(found)
    told = found.notices[(party, line)]
    told[0], told[1] = told[1], told[0]
    return f"notice 1 to {party} about {line}: differs in "


def change_a_dossier(found: Recorded) -> str:
    release = min(found.dossiers)
    dossier = BUS.dossier(release)
    assert dossier is not None
    lane = BUS.lane("dossier", 0)
    found.dossiers[release] = lane.processor.encode(f"dossier/{release}", {**dossier, "seq": dossier["seq"] + 1})
    return f"dossier of {release}: differs in seq"


def lose_a_dossier(found: Recorded) -> str:
    release = max(found.dossiers)
    del found.dossiers[release]
    return f"dossier of {release}: only on one side"


def change_a_decision(found: Recorded) -> str:
    _, value = BUS.codec.decode_trusted(found.decisions[0][2])
    found.decisions[0][2] = BUS.codec.encode("Decision", {**value, "resolution": value["resolution"] + 1})
    return f"decision 3 of lane 0, journal offset {value['offset']}, about "


def write_garbage(found: Recorded) -> str:
    found.decisions[0].append(b"garbage")
    return f"decision {len(found.decisions[0])} of lane 0, journal offset None, about no release: should not be there"


def overwrite_by_garbage(found: Recorded) -> str:
    _, value = BUS.codec.decode_trusted(found.decisions[0][2])
    found.decisions[0][2] = b"garbage"
    return f"decision 3 of lane 0, journal offset {value['offset']}, about "


HARMS = (
    *(lose_a_notice, tell_twice, swap_two, change_a_dossier, lose_a_dossier, change_a_decision),
    *(write_garbage, overwrite_by_garbage),
)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_the_first_difference_is_named(harm: Callable[[Recorded], str]) -> None:
    damaged = recorded()
    place = harm(damaged)
    found = audited(damaged)
    assert not found.clean
    assert found.first.startswith(place)
