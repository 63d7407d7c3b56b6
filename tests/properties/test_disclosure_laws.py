"""Laws of need to know and of steps, on any record the schemas allow."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.adapters.resources import load_schema_texts
from exchange.core.codec import Codec
from exchange.core.disclosure import Projector, Reader
from exchange.core.fields import labels_of
from exchange.core.processors import state_codec
from exchange.core.ranges import has_range, range_of
from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.events import records as r
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.testing.samples import sample
from exchange.testing.strategies import records

SCHEMAS = SchemaSet.from_texts(load_schema_texts())
PROJECTOR = Projector(SCHEMAS)
ORDER = ["public", "user", "provider", "authority", "owner"]
TOLD = ["ModelCard", "ChangeNotice", "RiskAssessment", "AssessmentEntry"]
"""What is projected field by field."""
SECTIONS = {"makeup": "Makeup", "data": "Data", "training": "Training"}
readers = st.sampled_from(ORDER[:-1])
PATHS = st.sampled_from(
    [field["name"] for field in SCHEMAS.raw["ModelCard"]["fields"] if field["name"] not in ("release", "stage", "disclosure")]
    + ["parents.ref", "data.types", "training.compute_flop", "makeup.parameters"]
)
narrowings = st.lists(
    st.fixed_dictionaries(
        {"path": PATHS, "audience": st.sampled_from([None, *ORDER]), "reason": st.just("because"), "rough": st.booleans()}
    ),
    max_size=4,
)
NUMBERS = {path: label for path, label in labels_of(SCHEMAS.raw, "ModelCard").items() if has_range(path)}


def nested(schema: Any) -> str | None:
    """The record a field holds, alone, optional or in a list."""
    for branch in schema if isinstance(schema, list) else [schema]:
        inner = branch["items"] if isinstance(branch, dict) and branch["type"] == "array" else branch
        name = inner.removeprefix(f"{NAMESPACE}.") if isinstance(inner, str) else ""
        if SCHEMAS.raw.get(name, {}).get("type") == "record":
            return str(name)
    return None


def filled(name: str, value: dict[str, Any], highest: int = 0, path: str = "") -> Iterator[tuple[str, int, Any]]:
    """Path, audience needed on the way (from the labels alone) and value of every leaf that holds something."""
    for field in SCHEMAS.raw[name]["fields"]:
        here, needed, inner = value[field["name"]], max(highest, ORDER.index(field["audience"])), nested(field["type"])
        for item in here if isinstance(here, list) else [here]:
            if inner is not None and item is not None:
                yield from filled(inner, item, needed, f"{path}{field['name']}.")
            elif item not in (None, "", 0, 0.0, False, b"", {}):
                yield path + field["name"], needed, item


@st.composite
def projections(draw: st.DrawFn) -> tuple[str, dict[str, Any], str, list[r.Disclosure]]:
    """A record, a reader, and for cards a disclosure."""
    name = draw(st.sampled_from(TOLD))
    return name, draw(records(SCHEMAS, name)), draw(readers), draw(narrowings) if name == "ModelCard" else []  # type: ignore[return-value]


@given(projections())
def test_a_projection_never_shows_a_field_above_its_reader(case: tuple[str, dict[str, Any], str, list[r.Disclosure]]) -> None:
    """Whatever the record: every leaf that is left is labelled for this reader; an enum's first symbol says nothing."""
    name, record, audience, disclosure = case
    shown, _ = PROJECTOR.project(name, record, Reader("somebody", audience), disclosure)  # type: ignore[arg-type]
    rank = ORDER.index(audience)
    empty = PROJECTOR.project(name, record, Reader("nobody", "nobody"))[0]  # type: ignore[arg-type]
    nothing = {(path, repr(value)) for path, _, value in filled(name, empty)}
    for path, needed, value in filled(name, shown):
        assert needed <= rank or (path, repr(value)) in nothing, path


@given(projections())
def test_a_disclosure_never_widens(case: tuple[str, dict[str, Any], str, list[r.Disclosure]]) -> None:
    """What is shown with it is shown without it."""
    name, record, audience, disclosure = case
    reader = Reader("somebody", audience)  # type: ignore[arg-type]
    plain, narrowed = PROJECTOR.project(name, record, reader)[0], PROJECTOR.project(name, record, reader, disclosure)[0]
    without = [(path, repr(value)) for path, _, value in filled(name, plain)]
    nothing = PROJECTOR.project(name, record, Reader("nobody", "nobody"))[0]  # type: ignore[arg-type]
    placeholders = {(path, repr(value)) for path, _, value in filled(name, nothing)}
    for path, _, value in filled(name, narrowed):
        assert (path, repr(value)) in without or (path, repr(value)) in placeholders


@given(records(SCHEMAS, "ModelCard"), readers, narrowings)
def test_one_more_disclosure_never_shows_more(record: dict[str, Any], audience: Any, disclosure: list[Any]) -> None:
    """Also when it is about the same field."""
    reader = Reader("somebody", audience)
    hidden: list[str] = []
    for count in range(len(disclosure) + 1):
        withheld = [entry["path"] for entry in PROJECTOR.project("ModelCard", record, reader, disclosure[:count])[1]]
        assert all(any(path == above or path.startswith(f"{above}.") for above in withheld) for path in hidden)
        hidden = withheld


@given(projections())
def test_a_wider_audience_sees_at_least_as_much(case: tuple[str, dict[str, Any], str, list[r.Disclosure]]) -> None:
    """From public to authority to owner; the owner sees the record as it is, and nothing is withheld from it."""
    name, record, _, disclosure = case
    withheld = [
        {entry["path"] for entry in PROJECTOR.project(name, record, Reader("x", audience), disclosure)[1]}  # type: ignore[arg-type]
        for audience in ORDER
    ]
    for narrow, wide in pairwise(withheld):
        assert all(any(path == above or path.startswith(f"{above}.") for above in narrow) for path in wide)
    assert PROJECTOR.project(name, record, Reader("x", "owner"), disclosure) == (record, [])


@given(projections())
def test_a_projection_is_a_record_again(case: tuple[str, dict[str, Any], str, list[r.Disclosure]]) -> None:
    """It goes over the wire, and projecting it once more changes nothing."""
    name, record, audience, disclosure = case
    reader = Reader("somebody", audience)  # type: ignore[arg-type]
    shown, _ = PROJECTOR.project(name, record, reader, disclosure)
    Codec(SCHEMAS).encode(name, shown)
    assert PROJECTOR.project(name, shown, reader, disclosure)[0] == shown


@given(
    st.sampled_from(sorted(NUMBERS)),
    st.integers(0, 10**27),
    st.integers(0, 10**27),
    st.sampled_from([None, *ORDER]),
    st.booleans(),
    readers,
)
def test_a_range_tells_of_a_number_nothing_but_its_range(
    path: str, number: int, other: int, narrowed: Any, rough: bool, audience: Any
) -> None:
    """Two numbers of one range look the same to all who may not read them, and whom the label excludes is told no range."""
    section, _, name = path.partition(".")
    if range_of(path, other) != range_of(path, number):
        other = number + 1 if range_of(path, number + 1) == range_of(path, number) else number
    entry: r.Disclosure = {"path": path, "audience": narrowed, "reason": "because", "rough": rough}
    views = []
    for value in (number, other):
        filled_section = {**sample(SCHEMAS, SECTIONS[section]), name: value}
        card = {**sample(SCHEMAS, "ModelCard"), section: filled_section, "disclosure": [entry]}
        views.append(PROJECTOR.project("ModelCard", card, Reader("somebody", audience), [entry]))
    shown, withheld = views[0]
    excluded = ORDER.index(audience) < ORDER.index(NUMBERS[path])
    hidden = excluded or ORDER.index(audience) < ORDER.index(narrowed or "owner")
    told = [item["rough"] for item in withheld if item["path"] == path]
    if hidden:
        assert views[0] == views[1]
        assert shown[section][name] is None
        assert told == [range_of(path, number) if rough and not excluded else None]
    else:
        assert (shown[section][name], told) == (number, [])


# --------------------------------------------------------------------------------------------------- canaries


def canary(name: str, path: str = "", highest: int = 0) -> dict[str, Any]:
    """A record of texts that say by which label they are hidden; numbers, days and enums as small as they can be."""
    return {
        field["name"]: _canary(field["type"], path + field["name"], max(highest, ORDER.index(field["audience"])))
        for field in SCHEMAS.raw[name]["fields"]
    }


def _canary(schema: Any, path: str, highest: int) -> Any:
    if isinstance(schema, list):
        return _canary(next(branch for branch in schema if branch != "null"), path, highest)
    if isinstance(schema, dict) and schema["type"] == "array":
        return [_canary(schema["items"], path, highest)]
    if isinstance(schema, dict) and schema["type"] == "map":
        return {f"CANARY-{highest} {path};": f"CANARY-{highest} {path};"}
    if nested(schema):
        return canary(str(nested(schema)), f"{path}.", highest)
    return f"CANARY-{highest} {path};" if schema == "string" else None


@given(st.sampled_from(["none", "user", "provider"]), st.lists(PATHS, max_size=3, unique=True))
@settings(max_examples=25)
def test_no_canary_of_a_narrower_audience_is_in_an_encoded_notice(granted: str, narrowed: list[str]) -> None:
    """Texts in every field of card, change notice and assessment: a subscriber's notices hold those of its audience alone."""
    bus = Bus(partitions=1)
    for party in ("a", "up", "b"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer", "user"]})
    rank = 0 if granted == "none" else ORDER.index(granted)
    if granted != "none":
        bus.submit("a", "Grant", {"target": "a/base", "audience": granted})
    bus.submit("b", "Subscription", {"target": "a/base"})
    disclosure = [{"path": path, "audience": None, "reason": "withheld", "rough": False} for path in narrowed]
    fixed: dict[str, Any] = {
        "release": "a/base@1",
        "stage": "released",
        "disclosure": disclosure,
        "parents": [{"ref": "up/secret@1", "relation": "fine_tune", "note": "CANARY-0 note"}],
    }
    for name, values in (
        ("ModelCard", fixed),
        ("ChangeNotice", {"release": "a/base@1", "parent": "up/secret@1", "kind": "use", "affected_categories": ["R11"]}),
        (
            "RiskAssessment",
            {
                "release": "a/base@1",
                "assessor": "a",
                "independence": "self",
                "findings": [{"category": "R11", "level": "high"}],
                "considers": ["CANARY-4-considers"],
                "supersedes": [],
                "withdraws": [],
            },
        ),
    ):
        texts = {key: value for key, value in _texts(canary(name)).items() if key not in values}
        bus.submit("a", name, {**texts, **values})
    bus.run()
    refused = [(receipt["reason"], receipt["field"]) for receipt in bus.receipts("a") if receipt["status"] == "refused"]
    assert refused == []
    told = [bus.codec.encode("Notice", notice) for notice in bus.notices("b")]
    assert len(told) == 4
    for narrower in range(rank + 1, len(ORDER)):
        assert not [each for each in told if f"CANARY-{narrower}".encode() in each]
    for path in narrowed:
        assert not [each for each in told if _shown(each, path)]
    hidden = {"parents", "parents.ref"} & set(narrowed)
    assert any(b"up/secret" in each for each in told) == (not hidden)
    own = [bus.codec.encode("Notice", notice) for notice in bus.notices("a")]
    assert any(b"CANARY-4" in each for each in own)


def _shown(notice: bytes, path: str) -> bool:
    return any(f"CANARY-{rank} {path}{end}".encode() in notice for rank in range(5) for end in (";", "."))


def _texts(value: Any) -> Any:
    """Without what is no text: enums, days and numbers are left to their defaults; what must be well-formed is left out."""
    formed = ("contact", "digest", "licence", "country", "updates", "link", "incident_contact")
    if isinstance(value, dict):
        kept = {key: _texts(inner) for key, inner in value.items() if key not in formed}
        return {key: inner for key, inner in kept.items() if inner is not None}
    if isinstance(value, list):
        kept_items = [_texts(item) for item in value]
        return kept_items if all(isinstance(item, str) for item in kept_items) else None
    return value


# --------------------------------------------------------------------------------------------------- steps


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_a_step_is_a_function(seed: int) -> None:
    """The same state and record give the same changes and outputs, byte for byte, by fresh processors; state is not touched."""
    bus = Bus(partitions=1)
    for step in lineages.lineage(random.Random(seed), events=12):
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
    fresh = {processor.name: processor for processor in bus.processors()}
    encode, _ = state_codec(bus.codec)
    while ready := [lane for lane in bus.lanes if lane.ready()]:
        lane = ready[0]
        waiting = bus.logs[(lane.processor.input_topic, lane.partition)][lane.next :]
        if waiting:
            before = {key: encode(key, value) for key, value in lane.state.scan("")}
            results = [each.step(lane.state, waiting[0]) for each in (lane.processor, fresh[lane.processor.name])]
            assert {key: encode(key, value) for key, value in lane.state.scan("")} == before
            first, second = [
                (
                    [(key, value and encode(key, value)) for key, value in result.changes.items()],
                    list(result.outputs),
                    list(result.topics),
                    result.more,
                    list(result.facts),
                )
                for result in results
            ]
            assert first == second
        lane.work(None)
