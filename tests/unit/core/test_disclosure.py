"""Need to know: what a reader counts as, and what it sees of records, paths and causes (docs/disclosure.md)."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core import disclosure
from exchange.core.disclosure import HIDDEN, RANK, Projector, Reader, reader_of
from exchange.core.dossier import empty
from exchange.core.risk import token
from exchange.core.schemas import SchemaSet
from exchange.events import records as r
from exchange.testing.bus import EPOCH, Bus
from exchange.testing.samples import sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C, D = "a/base@1", "b/left@1", "c/right@1", "d/last@1"
PUBLIC = Reader("somebody", "public")


def grant(target: str = "a/base", **fields: Any) -> r.Grant:
    """A grant of the line's owner."""
    return {"target": target, "grantee": None, "audience": None, "fields": [], "purpose": None, "until": None, **fields}  # type: ignore[typeddict-item]


def audience(party: str, *grants: r.Grant, release: str = A, subscriber: bool = False, now: datetime | None = NOW) -> str:
    """What a party counts as."""
    return reader_of(party, release, grants, subscriber=subscriber, authorities=frozenset({"meti"}), now=now).audience


# --------------------------------------------------------------------------------------------------- who counts as what


def test_without_a_grant_there_are_owners_authorities_and_the_public() -> None:
    """By the line's name and by the operator's configuration; a subscription alone gives nothing."""
    assert [audience(party, subscriber=True) for party in ("a", "meti", "b")] == ["owner", "authority", "public"]


GRANTS: dict[str, tuple[r.Grant, str]] = {
    "to the party": (grant(grantee="b", audience="provider"), "provider"),
    "to another party": (grant(grantee="c", audience="provider"), "public"),
    "to all subscribers, who is none": (grant(audience="user"), "public"),
    "on the release": (grant(A, grantee="b", audience="user"), "user"),
    "on another release": (grant("a/base@2", grantee="b", audience="user"), "public"),
    "until later": (grant(grantee="b", audience="user", until=NOW + timedelta(hours=1)), "user"),
    "until now": (grant(grantee="b", audience="user", until=NOW), "public"),
    "as owner": (grant(grantee="b", audience="owner"), "public"),
    "as something unknown": (grant(grantee="b", audience="UNKNOWN"), "public"),
}


@pytest.mark.parametrize("name", GRANTS)
def test_a_grant_gives(name: str) -> None:
    """What it says, to whom it says, as long as it says; never ownership."""
    given, expected = GRANTS[name]
    assert audience("b", given) == expected


def test_the_widest_of_several_grants_counts() -> None:
    """In whatever order they came."""
    grants = [grant(grantee="b", audience="provider"), grant(grantee="b", audience="user")]
    assert audience("b", *grants) == audience("b", *reversed(grants)) == "provider"


def test_a_grant_to_all_subscribers_is_for_subscribers() -> None:
    """And lasts until the first tick that is not before its end."""
    given = grant(audience="user", until=NOW)
    assert audience("b", given, subscriber=True, now=None) == "user"
    assert audience("b", given, subscriber=True, now=NOW) == "public"


def test_a_grant_does_not_narrow_an_authority() -> None:
    """It only widens."""
    assert audience("meti", grant(grantee="meti", audience="user")) == "authority"


# --------------------------------------------------------------------------------------------------- records


def full_card(schemas: SchemaSet) -> Any:
    """A card with every field filled."""
    return sample(schemas, "ModelCard", full=True, disclosure=[])


def test_a_granted_field_is_shown_and_its_neighbours_are_not(schemas: SchemaSet) -> None:
    """By path, the sections above it open for it."""
    path = next(p for p in _paths(schemas) if _label(schemas, p) == "authority")
    reader = reader_of("b", A, [grant(grantee="b", fields=[path])], subscriber=False, authorities=frozenset(), now=NOW)
    assert (reader.audience, reader.fields) == ("public", {path})
    shown, withheld = Projector(schemas).project("ModelCard", full_card(schemas), reader)
    assert _at(shown, path) == _at(full_card(schemas), path)
    assert path not in {entry["path"] for entry in withheld}
    hidden = {p for p in _paths(schemas) if _label(schemas, p) in ("provider", "authority") and not p.startswith(path)}
    assert hidden <= {entry["path"] for entry in withheld}


def test_a_field_without_a_label_is_hidden(schemas: SchemaSet) -> None:
    """From everybody but the owner."""
    raw = copy.deepcopy(dict(schemas.raw))
    for field in raw["ModelCard"]["fields"]:
        if field["name"] in ("display_name", "licence"):
            field["audience"] = {"display_name": None, "licence": "of-tomorrow"}[field["name"]]

    class Unlabelled:
        pass

    altered: Any = Unlabelled()
    altered.raw = raw
    for name in ("public", "authority"):
        shown, withheld = Projector(altered).project("ModelCard", full_card(schemas), Reader("b", name))  # type: ignore[arg-type]
        assert not shown["display_name"]
        assert not shown["licence"]
        assert {"display_name", "licence"} <= {entry["path"] for entry in withheld}
    shown, withheld = Projector(altered).project("ModelCard", full_card(schemas), Reader("a", "owner"))
    assert (shown, withheld) == (full_card(schemas), [])
    assert max(RANK.values()) < HIDDEN


def test_what_a_card_narrows_is_withheld_with_its_reason(schemas: SchemaSet) -> None:
    """Without an audience: for nobody but the owner. A wider audience than the label widens nothing."""
    secret = next(p for p in _paths(schemas) if _label(schemas, p) == "authority")
    narrowed: list[r.Disclosure] = [
        {"path": "licence", "audience": "provider", "reason": "under negotiation", "rough": False},
        {"path": "display_name", "audience": None, "reason": "not announced", "rough": False},
        {"path": secret, "audience": "public", "reason": "a mistake", "rough": False},
    ]
    shown, withheld = Projector(schemas).project("ModelCard", full_card(schemas), PUBLIC, narrowed)
    reasons = {entry["path"]: entry["reason"] for entry in withheld}
    assert (reasons["licence"], reasons["display_name"]) == ("under negotiation", "not announced")
    assert not _at(shown, secret)
    shown, _ = Projector(schemas).project("ModelCard", full_card(schemas), Reader("b", "provider"), narrowed)
    assert shown["licence"]
    assert not shown["display_name"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_disclosures_of_one_field_the_narrower_counts(order: int, schemas: SchemaSet) -> None:
    """In either order: a disclosure cannot widen, another one's effect neither."""
    twice: list[r.Disclosure] = [
        {"path": "licence", "audience": "provider", "reason": "secret", "rough": False},
        {"path": "licence", "audience": "public", "reason": "open", "rough": False},
    ]
    shown, withheld = Projector(schemas).project("ModelCard", full_card(schemas), PUBLIC, twice[::order])
    assert not shown["licence"]
    assert "secret" in [entry["reason"] for entry in withheld if entry["path"] == "licence"]


def test_what_is_empty_is_not_called_withheld(schemas: SchemaSet) -> None:
    """A reader is told that something is there, not that there could be."""
    card: Any = sample(schemas, "ModelCard", release=A, stage="released")
    _, withheld = Projector(schemas).project("ModelCard", card, PUBLIC)
    assert {entry["path"] for entry in withheld} <= {"purpose", "makeup", "data", "training", "evaluation", "governance", "role"}


def _paths(schemas: SchemaSet, name: str = "ModelCard", prefix: str = "") -> list[str]:
    found = []
    for field in schemas.raw[name]["fields"]:
        nested = disclosure._record_name(field["type"], schemas.raw)
        found += _paths(schemas, nested, f"{prefix}{field['name']}.") if nested else [prefix + field["name"]]
    return found


def _label(schemas: SchemaSet, path: str) -> str:
    """The narrowest label on the way."""
    name, labels = "ModelCard", []
    for part in path.split("."):
        field = next(field for field in schemas.raw[name]["fields"] if field["name"] == part)
        labels.append(field["audience"])
        name = disclosure._record_name(field["type"], schemas.raw) or name
    return max(labels, key=RANK.__getitem__)


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = [item[part] for item in value] if isinstance(value, list) else (value or {}).get(part)
    return value


# --------------------------------------------------------------------------------------------------- paths


def hop(release: str, shown_to: str = "public") -> r.Hop:
    return {"release": release, "relation": "fine_tune", "audience": shown_to}  # type: ignore[typeddict-item]


PATHS: dict[str, tuple[list[r.Hop], Reader, list[str]]] = {
    "all public": ([hop(A), hop(B), hop(C)], PUBLIC, [A, B, C]),
    "the last hop narrowed": ([hop(A), hop(B), hop(C, "provider")], PUBLIC, [""]),
    "the last hop narrowed, for a provider": ([hop(A), hop(B), hop(C, "provider")], Reader("x", "provider"), [A, B, C]),
    "an earlier hop narrowed": ([hop(A), hop(B, "provider"), hop(C)], PUBLIC, ["", C]),
    "an audience here says nothing of other releases' readers": (
        [hop(A), hop(B, "provider"), hop(C)],
        Reader("x", "authority"),
        ["", C],
    ),
    "shown to the owner of the release that narrowed it": ([hop(A), hop(B, "owner"), hop(C)], Reader("c", "public"), [A, B, C]),
    "beyond a hidden hop nothing is shown": ([hop(A), hop(B, "owner"), hop(C, "owner")], Reader("d", "owner"), ["", C]),
    "an audience of tomorrow is hidden": ([hop(A), hop(C, "UNKNOWN")], PUBLIC, [""]),
    "nothing": ([], PUBLIC, []),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path_is_shown_up_to_the_first_hidden_hop(name: str) -> None:
    """Going up from the release at hand."""
    path, reader, expected = PATHS[name]
    shown = disclosure.mask_path(path, D, reader)
    assert [each["release"] for each in shown] == expected
    assert all(each["relation"] is None for each in shown if not each["release"])


def test_behind_a_hidden_hop_origin_and_event_id_are_gone_and_the_token_stays() -> None:
    """The reader can consider what it may not see."""
    [entry], [way] = seen_by(PUBLIC, ("high", "e1", [hop(A), hop(B, "owner")]))
    [source] = entry["sources"]
    assert (way["origin"], source["event_id"], source["token"], source["level"]) == ("", None, token(D, A, "e1"), "high")
    [entry], [way] = seen_by(PUBLIC, ("high", "e1", [hop(A), hop(B)]))
    assert (way["origin"], entry["sources"][0]["event_id"], entry["sources"][0]["token"]) == (A, "e1", None)


def seen_by(reader: Reader, *sources: tuple[r.Level, str | None, list[r.Hop]]) -> tuple[list[r.ProfileEntry], list[r.Way]]:
    """A profile of one category, each source with a way of its own, as a reader sees it."""
    entry: r.ProfileEntry = {
        "category": "R11",
        "level": "high",
        "status": "carried",
        "partial": False,
        "own_level": None,
        "own_event": None,
        "sources": [
            {"way": number, "level": level, "event_id": event, "token": None, "considered": False}
            for number, (level, event, _) in enumerate(sources)
        ],
    }
    ways: list[r.Way] = [{"origin": path[0]["release"], "path": path} for _, _, path in sources]
    shown = disclosure.view(
        Projector(SchemaSet.from_texts(load_schema_texts())), {**empty(D), "profile": [entry], "ways": ways}, reader
    )
    return shown["profile"], shown["ways"]


def test_hidden_ways_that_look_the_same_are_one() -> None:
    """Which risks come from the same hidden origin is not to be seen; what is shown keeps its own way."""
    hidden = [[hop(name), hop(B, "owner")] for name in (A, C)]
    [entry], ways = seen_by(PUBLIC, ("high", "e1", hidden[0]), ("low", "e2", [hop(C)]), ("low", "e3", hidden[1]))
    assert [source["way"] for source in entry["sources"]] == [0, 1, 0]
    assert [way["origin"] for way in ways] == ["", C]
    assert [source["event_id"] for source in entry["sources"]] == [None, "e2", None]


def test_a_token_that_is_a_hash_of_names_alone_is_not_shown_behind_a_hidden_hop() -> None:
    """Whoever has a list of names could try them; nothing unknown can be considered anyway."""
    [entry], _ = seen_by(PUBLIC, ("unknown", None, [hop(A), hop(B, "owner")]))
    assert entry["sources"][0]["token"] is None


def test_a_cause_whose_way_is_too_long_to_be_known_whole_is_withheld() -> None:
    """A hop that is no longer there may have been hidden."""
    way = [hop(f"x/n{number}@1") for number in range(64)]
    cause: r.Cause = {"event_id": "e1", "event_type": "ModelCard", "publisher": "x", "release": "x/n0@1", "path": way}
    assert disclosure.mask_cause(cause, D, PUBLIC) is None
    assert disclosure.mask_cause({**cause, "path": way[1:]}, D, PUBLIC) is not None


def test_a_cause_behind_a_hidden_hop_is_withheld_whole() -> None:
    """Publisher, event and release would name it."""
    cause: r.Cause = {
        "event_id": "e1",
        "event_type": "RiskAssessment",
        "publisher": "a",
        "release": A,
        "path": [hop(A), hop(B, "owner")],
    }
    assert disclosure.mask_cause(cause, D, PUBLIC) is None
    assert disclosure.mask_cause({**cause, "path": []}, D, PUBLIC) == {**cause, "path": []}


# --------------------------------------------------------------------------------------------------- in the flow


def secretive_lineage() -> Bus:
    """A user's notices of a provider that keeps its upstream's name."""
    bus = Bus(partitions=2, authorities=["meti"])
    for party in ("secret-base", "provider", "user", "meti"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer", "provider", "user"]})
    bus.submit("secret-base", "ModelCard", {"release": "secret-base/model@1", "stage": "released"})
    parent = {"ref": "secret-base/model@1", "relation": "fine_tune"}
    hidden = {"path": "parents", "audience": "authority", "reason": "trade secret", "rough": False}
    bus.submit(
        "provider",
        "ModelCard",
        {"release": "provider/product@1", "stage": "released", "parents": [parent], "disclosure": [hidden]},
    )
    bus.submit("user", "Subscription", {"target": "provider/product"})
    bus.submit("meti", "Subscription", {"target": "provider/product"})
    bus.run()
    finding = {"category": "R11", "level": "high"}
    bus.submit(
        "secret-base",
        "RiskAssessment",
        {"release": "secret-base/model@1", "assessor": "secret-base", "independence": "self", "findings": [finding]},
        event_id="secret-event",
    )
    bus.run()
    return bus


def test_a_provider_keeps_its_upstreams_name_and_the_risk_is_passed_on() -> None:
    """The user sees level and token; neither name nor event id occurs anywhere in what it is told."""
    bus = secretive_lineage()
    notice = bus.notices("user")[-1]
    [change] = [change for change in notice["changes"] if change["category"] == "R11"]
    assert (notice["kind"], notice["cause"], change["to_level"]) == ("profile_change", None, "high")
    assert [entry["path"] for entry in notice["withheld"]] == ["cause"]
    assert notice["view"]
    [source] = next(entry for entry in notice["view"]["profile"] if entry["category"] == "R11")["sources"]
    assert (notice["view"]["ways"][source["way"]]["origin"], source["event_id"]) == ("", None)
    assert source["token"] == token("provider/product@1", "secret-base/model@1", "secret-event")
    for each in bus.notices("user"):
        encoded = bus.codec.encode("Notice", each)
        assert b"secret-base" not in encoded
        assert b"secret-event" not in encoded


def test_what_the_provider_says_itself_does_not_name_what_it_withholds() -> None:
    """Neither the parent in its change notice nor the events its assessment considers; its own notices hold both."""
    bus = secretive_lineage()
    notice = {
        "release": "provider/product@1",
        "parent": "secret-base/model@1",
        "kind": "fine_tune",
        "affected_categories": ["R07"],
    }
    bus.submit("provider", "ChangeNotice", notice)
    finding = {"category": "R11", "level": "low"}
    bus.submit(
        "provider",
        "RiskAssessment",
        {
            "release": "provider/product@1",
            "assessor": "provider",
            "independence": "self",
            "findings": [finding],
            "considers": ["secret-event"],
        },
    )
    bus.run()
    withheld = [{entry["path"]: entry["reason"] for entry in each["withheld"]} for each in bus.notices("user")[-2:]]
    assert withheld == [{"parent": "trade secret"}, {"considers": "for owner"}]
    told = [bus.codec.encode("Notice", each) for each in bus.notices("user")]
    assert not [each for each in told if b"secret-base" in each or b"secret-event" in each]
    own = bus.notices("provider")[-2:]
    assert own[0]["change_notice"]
    assert own[1]["assessment"]
    assert (own[0]["change_notice"]["parent"], own[1]["assessment"]["considers"]) == ("secret-base/model@1", ["secret-event"])


def test_an_authority_of_the_operators_list_sees_what_the_public_does_not() -> None:
    """No grant is needed; its view says as what it reads."""
    notice = secretive_lineage().notices("meti")[-1]
    assert notice["view"]
    assert notice["view"]["audience"] == "authority"
    assert notice["cause"]
    assert notice["cause"]["event_id"] == "secret-event"


def test_a_grant_in_the_flow_widens_ends_by_revocation_and_by_time() -> None:
    """What a subscriber counts as, notice by notice."""
    bus = Bus(partitions=2)
    for party in ("a", "b"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer", "user"]})
    bus.submit("a", "ModelCard", {"release": A, "stage": "released"})
    bus.submit("b", "Subscription", {"target": "a/base"})
    bus.run()

    def reads_as(number: int) -> str:
        record = {"release": A, "kind": "use", "affected_categories": [], "summary": str(number)}
        bus.submit("a", "ChangeNotice", record)
        bus.run()
        seen = bus.notices("b")[-1]["view"]
        assert seen is not None
        return seen["audience"]

    found = [reads_as(1)]
    first = bus.submit("a", "Grant", {"target": "a/base", "audience": "provider"})
    bus.submit("a", "Grant", {"target": "a/base", "grantee": "b", "audience": "user", "until": EPOCH + timedelta(days=1)})
    found.append(reads_as(2))
    bus.submit("a", "GrantRevocation", {"target": "a/base", "grant": first})
    found.append(reads_as(3))
    bus.tick(EPOCH + timedelta(days=1))
    found.append(reads_as(4))
    assert found == ["public", "provider", "user", "public"]
