"""Completeness end to end: reports, who owes what and who is told, over real Kafka, worked by real processes."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from live import Live, clean, live, told

from exchange.adapters.resources import load_rule_texts
from exchange.adapters.setup import apply_rules
from exchange.client import Exchange
from exchange.client.views import read_dossiers
from exchange.core.importers.huggingface import import_card
from exchange.core.rules import RuleTexts, bundle, digest_of
from exchange.events import models
from exchange.testing.broker import unique

HF = Path(__file__).resolve().parents[1] / "data" / "hf"
SHIPPED = ("eu-annex-xi", "eu-annex-xii", "eu-mdf", "jg-1.2")
HEAD = """
id = "ways"
framework = "A house rule"
version = "1"
label_ja = "継承の五つの方法"
label_en = "Five ways of inheriting"
source = "this test"
"""
ROW = """
[[row]]
id = "{id}"
label_ja = "{id}"
label_en = "{id}"
clause = "{id}"
principle = "transparency"
owed_by = "developer"
audience = "provider"
level = "must"
paths = ["{path}"]
applies_when = 'stage != "research"'
inherit = "{inherit}"
hint_ja = "記入する"
hint_en = "Tell it."
source = "this test"
verified = true
"""
WAYS = {
    "none": "contact",
    "if_unchanged": "makeup.architecture",
    "always": "governance.records",
    "union": "purpose.intended_uses",
    "recompute": "training.method",
}
"""Way of inheriting, which is also the row's id, and the field it asks for."""


def rules(**more: str) -> bytes:
    """The shipped profiles and the house rule, with more rows by id and path."""
    shipped = load_rule_texts().only(SHIPPED)
    rows = [ROW.format(id=way, path=path, inherit=way) for way, path in WAYS.items()]
    rows += [ROW.format(id=name, path=path, inherit="none") for name, path in more.items()]
    return bundle(RuleTexts(shipped.tables, {**shipped.profiles, "ways": HEAD + "".join(rows)}), [])


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("completeness"), profiles=",".join(SHIPPED)) as exchange:
        assert await activate(exchange, rules()) == [0, 1, 2, 3]
        yield exchange


async def activate(running: Live, content: bytes) -> list[int]:
    """Put rules in force; the partitions in which they were new."""
    return list(await apply_rules(running.settings.kafka_kwargs(), running.settings.topics, running.codec, content, "test"))


async def dossiers(running: Live) -> dict[str, Any]:
    """All dossiers at rest, once both oracles agree with what is there."""
    clean(await running.rest())
    return await read_dossiers(running.settings.kafka_kwargs(), running.settings.topics, running.codec)


def row(dossier: Any, name: str) -> tuple[str, str | None, str | None]:
    """Status, origin and debtor of a row."""
    entry = next(entry for report in dossier["reports"] for entry in report["rows"] if entry["id"] == name)
    return entry["status"], entry["origin"], entry["owed_by_party"]


def shown(notice: models.Notice, name: str) -> str:
    """Status of a row as a notice shows it."""
    assert notice.view
    return next(entry.status for report in notice.view.reports for entry in report.rows if entry.id == name)


def caused(notices: Iterable[models.Notice], event: str) -> list[models.Notice]:
    """Notices of one cause."""
    return [notice for notice in notices if notice.cause and notice.cause.event_id == event]


def card(release: str, *parents: tuple[str, str], **fields: Any) -> tuple[str, dict[str, Any]]:
    """A card of a released model."""
    edges = [{"ref": ref, "relation": relation} for ref, relation in parents]
    return "ModelCard", {"release": release, "stage": "released", "parents": edges, **fields}


async def register(exchange: Exchange) -> None:
    """As developer and provider."""
    roles = ["developer", "provider"]
    await exchange.publish(("Party", {"party": exchange.party, "display_name": exchange.party.title(), "roles": roles}))


async def test_a_gap_that_a_parent_fills_and_a_change_opens_again(running: Live) -> None:
    """A LoRA of Qwen2.5-7B: the base's card gains its size, the LoRA's owner is told; a change of the LoRA ends that."""
    world = unique("w")
    qwen, tuner = f"qwen-{world}", f"tuner-{world}"
    base, lora = f"{qwen}/qwen2.5-7b@hf", f"{tuner}/qwen2.5-7b-lora@hf"
    name = "adapter__Qwen2.5-7B-LoRA.md"
    real = import_card((HF / name).read_text(encoding="utf-8"), filename=name, release="a/b").card
    assert [(parent["ref"], parent["relation"]) for parent in real["parents"]] == [("qwen/qwen2.5-7b", "adapter")]
    makeup: dict[str, Any] = {"architecture": "Transformer with RoPE, SwiGLU and RMSNorm"}
    async with running.party(qwen) as upstream, running.party(tuner) as downstream:
        for party in (upstream, downstream):
            await register(party)
        await upstream.publish(card(base, makeup=makeup))
        await downstream.publish(("ModelCard", {**real, "release": lora, "parents": [{"ref": base, "relation": "adapter"}]}))
        before = (await dossiers(running))[lora]
        assert row(before, "A12-1f") == ("missing", None, qwen)

        filled = await upstream.publish(card(base, makeup={**makeup, "parameters": 7_610_000_000}))
        after = (await dossiers(running))[lora]
        assert row(after, "A12-1f") == row(after, "A11-1d") == ("inherited", base, qwen)
        assert row(after, "MDF-23") == row(before, "MDF-23") == ("missing", None, qwen)
        (notice,) = caused(await told(downstream), filled.event_id)
        assert (notice.kind, notice.release, shown(notice, "A12-1f")) == ("completeness_change", lora, "inherited")

        change: Any = {"release": lora, "kind": "other", "summary": "Heads were pruned.", "affected_categories": []}
        changed = await downstream.publish(("ChangeNotice", change))
        assert row((await dossiers(running))[lora], "A12-1f") == ("missing", None, tuner)
        (notice,) = caused(await told(downstream), changed.event_id)
        assert (notice.kind, notice.release, shown(notice, "A12-1f")) == ("result", lora, "missing")
        assert caused(await told(upstream), changed.event_id) == []


async def test_each_way_of_inheriting_through_three_releases(running: Live) -> None:
    """meditron-7b-chat from meditron-7b from Llama-2-7b: what each way passes down, before and after a change in the middle."""
    world = unique("w")
    meta, epfl, malhajar = (f"{name}-{world}" for name in ("meta", "epfl", "malhajar"))
    base, mid, leaf = f"{meta}/llama-2-7b@1", f"{epfl}/meditron-7b@1", f"{malhajar}/meditron-7b-chat@1"
    everything: dict[str, Any] = {
        "contact": "mailto:meta@example.org",
        "makeup": {"architecture": "Decoder-only transformer"},
        "governance": {"records": "Kept for ten years"},
        "purpose": {"intended_uses": ["Research"]},
        "training": {"method": "Pretraining"},
    }
    async with running.party(meta) as first, running.party(epfl) as second, running.party(malhajar) as third:
        for party in (first, second, third):
            await register(party)
        await first.publish(card(base, **everything))
        own: Any = {"purpose": {"intended_uses": ["Medical questions"]}}
        await second.publish(card(mid, (base, "continue_pretraining"), **own))
        await third.publish(card(leaf, (mid, "quantise")))
        found = await dossiers(running)
        assert {way: row(found[base], way)[0] for way in WAYS} == dict.fromkeys(WAYS, "provided")
        assert {way: row(found[mid], way) for way in WAYS} == {
            "none": ("missing", None, epfl),
            "if_unchanged": ("missing", None, epfl),
            "always": ("inherited", base, meta),
            "union": ("provided", None, epfl),
            "recompute": ("missing", None, epfl),
        }
        assert {way: row(found[leaf], way) for way in WAYS} == {
            "none": ("missing", None, malhajar),
            "if_unchanged": ("missing", None, epfl),
            "always": ("inherited", base, meta),
            "union": ("inherited", mid, epfl),
            "recompute": ("missing", None, malhajar),
        }
        uses = {base: {"purpose.intended_uses": ["Research"]}, mid: {"purpose.intended_uses": ["Medical questions"]}}
        values = await _passed(running, mid)
        assert values == {"always": None, "union": {base: uses[base]}} | {
            "if_unchanged": None,
            "recompute": {base: {"training.method": "Pretraining"}},
        }
        assert await _passed(running, leaf) == {"always": None, "union": uses}

        own |= {"training": {"method": "Continued pretraining"}, "makeup": {"architecture": "Decoder-only transformer"}}
        await second.publish(card(mid, (base, "continue_pretraining"), **own))
        found = await dossiers(running)
        assert row(found[leaf], "if_unchanged") == ("inherited", mid, epfl)
        assert row(found[leaf], "recompute") == ("missing", None, malhajar)
        assert (await _passed(running, leaf))["recompute"] == {mid: {"training.method": "Continued pretraining"}}

        change: Any = {"release": leaf, "kind": "data", "summary": "Calibrated anew.", "affected_categories": []}
        await third.publish(("ChangeNotice", change))
        found = await dossiers(running)
        assert row(found[leaf], "if_unchanged") == ("missing", None, malhajar)
        assert row(found[leaf], "always") == ("inherited", base, meta)
        assert row(found[leaf], "union") == ("inherited", mid, epfl)


async def _passed(running: Live, child: str) -> dict[str, Any]:
    """The house rule's rows in the newest upstream message to a release, with their values."""
    journal = (await running.recorded()).journal[running.partition(child.partition("@")[0])]
    decoded = [running.codec.decode_trusted(record.value or b"") for record in journal]
    messages = [value for name, value in decoded if name == "UpstreamMessage" and value["child"] == child]
    rows = max(messages, key=lambda message: int(message["snapshot"]["seq"]))["snapshot"]["rows"]
    return {each["row"]: _told(each["value"]) for each in rows if each["profile"] == "ways"}


def _told(value: str | None) -> dict[str, Any] | None:
    return {release: entry["told"] for release, entry in json.loads(value).items()} if value else None


OPEN: dict[str, Any] = {"licence": "Apache-2.0", "weights": "open"}


def flop(amount: float, **fields: Any) -> dict[str, Any]:
    """Fields of a card that tells its training compute."""
    return {"training": {"compute_flop": amount, "duration_hours": 500.0}, **fields}


def made_from(ref: str, share: float | None = None, **fields: Any) -> dict[str, Any]:
    """Fields of a card of a derived release."""
    return {"parents": [{"ref": ref, "relation": "fine_tune", "compute_share": share}], **fields}


CASES: list[tuple[dict[str, Any], str, str]] = [
    # fields of the card, rows that apply, rows that do not
    ({"stage": "research"}, "JG-D6i", "JG-D6ii-1 JG-D6ii-4 A53-1c A12-1b MDF-14"),
    ({"stage": "preview"}, "JG-D6ii-1 A53-1c A12-1b MDF-14", "JG-D6ii-4 JG-D7ii"),
    ({"stage": "deprecated"}, "JG-D6ii-1 JG-D6ii-4 JG-D7ii", ""),
    ({"stage": "withdrawn"}, "JG-D6ii-1 A53-1c", "JG-D6ii-4 JG-D7i-1 JG-D7i-2"),
    ({"kind": "dataset"}, "JG-D6ii-3 JG-D7i-2", "JG-D6i JG-D6ii-1 A53-1c A12-1b MDF-14"),
    ({"kind": "system"}, "JG-D6i JG-D6ii-1", "A53-1c A12-1b MDF-14"),
    ({"kind": "model"}, "JG-D6i JG-D6ii-1 A53-1c A12-1b MDF-14", ""),
    ({"role": "developer"}, "A53-1c", "JG-P6i JG-P7ii-1 JG-U6i"),
    ({"role": "provider"}, "A53-1c JG-P6i JG-P7ii-1", "JG-U6i"),
    ({"role": "user"}, "JG-U6i JG-U7ii", "A53-1c A12-1b MDF-14 JG-P7ii-1"),
    ({"released_on": date(2026, 1, 1), "updated_on": date(2026, 2, 1)}, "JG-D6ii-5", "JG-P6ii-5"),
    ({"released_on": date(2026, 1, 1), "updated_on": date(2026, 1, 1)}, "JG-D6ii-1", "JG-D6ii-5"),
    ({"released_on": date(2026, 1, 1), "updated_on": date(2026, 2, 1), "role": "provider"}, "JG-P6ii-5", "JG-D6ii-5"),
    (made_from("{silent}"), "MDF-16", ""),
    ({"parents": [{"ref": "{silent}", "relation": "trained_on"}]}, "MDF-14", "MDF-16"),
    (OPEN, "A53-1c A53-1d", "A11-1b A12-1b MDF-14 A11-S2-2"),
    ({**OPEN, "weights": "closed"}, "A11-1b A12-1b MDF-14", "A11-S2-2"),
    ({**OPEN, "licence": "other"}, "A11-1b A12-1b MDF-14", ""),
    ({"licence": "Apache-2.0"}, "A11-1b A12-1b MDF-14", ""),
    ({**OPEN, "systemic_risk": True}, "A11-1b A12-1b MDF-14 A11-S2-2", ""),
    ({**OPEN, "systemic_risk": False, **flop(2e25)}, "A53-1c", "A11-1b A11-S2-2"),
    (flop(2e25), "A11-S2-2", ""),
    (flop(9e24), "A11-1b", "A11-S2-2"),
    (made_from("{base}", 0.2), "JG-P6i", "A53-1c A11-1b A12-1b MDF-16"),
    (made_from("{base}", 0.5), "A53-1c A11-1b A12-1b MDF-16", ""),
    (made_from("{base}", **flop(1e23)), "JG-P6i", "A53-1c A11-1b A12-1b MDF-16"),  # base told 1e24
    (made_from("{base}", **flop(5e23)), "A53-1c A11-1b A12-1b MDF-16", ""),
    (made_from("{silent}", **flop(2e22)), "JG-P6i", "A53-1c A11-1b A12-1b MDF-16"),  # in place of what is not known: 1e23
    (made_from("{silent}", **flop(5e22)), "A53-1c A11-1b A12-1b MDF-16", ""),
    (made_from("{silent}", **flop(2e24), systemic_risk=True), "JG-P6i", "A53-1c A11-S2-2"),  # and 1e25 with systemic risk
    (made_from("{silent}", **flop(5e24), systemic_risk=True), "A53-1c A11-S2-2", ""),
]


async def test_each_condition_both_ways(running: Live) -> None:
    """What applies and what does not: stage, kind, role, update, lineage, openness, systemic risk, size of a modification."""
    maker = unique("maker")
    places = {"base": f"{maker}/base@1", "silent": f"{unique('silent')}/model@1"}
    async with running.party(maker) as party:
        await register(party)
        await party.publish(card(places["base"], **flop(1e24)))
        for number, (fields, _, _) in enumerate(CASES):
            document = {"release": f"{maker}/case{number}@1", "stage": "released", **fields}
            if "parents" in fields:
                document["parents"] = [{**each, "ref": each["ref"].format(**places)} for each in fields["parents"]]
            await party.publish(("ModelCard", document), wait=None)
    found = await dossiers(running)
    for number, (fields, apply, do_not) in enumerate(CASES):
        case = found[f"{maker}/case{number}@1"]
        assert [name for name in apply.split() if row(case, name)[0] == "not_applicable"] == [], fields
        assert [name for name in do_not.split() if row(case, name)[0] != "not_applicable"] == [], fields


async def test_research_owes_little_and_release_owes_the_rest(running: Live) -> None:
    """In research one item concerns a release, and none is a must; when it is released, everything is scored again."""
    lab = unique("lab")
    release = f"{lab}/zephyr-quiklang-3b@1"
    async with running.party(lab) as party:
        await register(party)
        await party.publish(card(release, stage="research"))
        reports = (await dossiers(running))[release]["reports"]
        assert [report["complete"] for report in reports] == [True] * 5
        assert [each["id"] for report in reports for each in report["rows"] if each["status"] != "not_applicable"] == ["JG-D6i"]
        published = await party.publish(card(release), wait="result")
        reports = (await dossiers(running))[release]["reports"]
        assert [report["complete"] for report in reports] == [False] * 5
        (notice,) = caused(await told(party), published.event_id)
        assert [shown(notice, name) for name in ("JG-D6i", "JG-D6ii-1", "A11-1b", "none")] == ["missing"] * 4


async def test_time_makes_a_row_stale_and_a_card_heals_it(running: Live) -> None:
    """On the day after the last one nothing has happened yet; past it the owners of release and child hear of it once."""
    world = unique("w")
    lab, shop = f"lab-{world}", f"shop-{world}"
    base, child = f"{lab}/stablelm-zephyr-3b@1", f"{shop}/zephyr-gguf@1"
    status: Any = {"risks": {"operating_status": "Runs as released."}, "released_on": date(2024, 1, 1)}
    async with running.party(lab) as first, running.party(shop) as second:
        for party in (first, second):
            await register(party)
        await first.publish(card(base, **status))
        await second.publish(card(child, (base, "quantise")))
        await dossiers(running)
        counts = [len(await told(party)) for party in (first, second)]
        await running.tick(datetime(2024, 12, 31, tzinfo=UTC))
        found = await dossiers(running)
        assert (row(found[base], "JG-D6ii-4")[0], row(found[child], "JG-D6ii-4")[:2]) == ("provided", ("inherited", base))
        assert [len(await told(party)) for party in (first, second)] == counts

        for hour in (0, 0, 1):
            await running.tick(datetime(2025, 1, 1, hour, tzinfo=UTC))
        found = await dossiers(running)
        assert row(found[base], "JG-D6ii-4") == ("stale", None, lab)
        assert row(found[child], "JG-D6ii-4") == ("missing", None, lab)
        for party, count, release, now in ((first, counts[0], base, "stale"), (second, counts[1], child, "missing")):
            (notice,) = (await told(party))[count:]
            assert (notice.kind, notice.release, shown(notice, "JG-D6ii-4")) == ("completeness_change", release, now)
            assert notice.cause
            assert notice.cause.event_type == "Tick"

        healed = await first.publish(card(base, **status, updated_on=date(2024, 12, 1)))
        found = await dossiers(running)
        assert (row(found[base], "JG-D6ii-4")[0], row(found[child], "JG-D6ii-4")[:2]) == ("provided", ("inherited", base))
        (notice,) = caused(await told(second), healed.event_id)
        assert (notice.kind, shown(notice, "JG-D6ii-4")) == ("completeness_change", "inherited")


async def test_new_rules_score_everything_again_and_old_ones_bring_it_back(running: Live) -> None:
    """One more item: every release of every partition, each owner once a release; the same again: nobody; former: as before."""
    world = unique("w")
    owners = [f"{name}-{world}" for name in ("intel", "weyaxi")]
    releases = [f"{_line_in(running, owner, partition)}@1" for owner in owners for partition in range(4)]
    async with running.party(owners[0]) as first, running.party(owners[1]) as second:
        parties = {first.party: first, second.party: second}
        for party in parties.values():
            await register(party)
        for release in releases:
            parents = [(releases[0], "merge")] if release == releases[-1] else []
            await parties[release.partition("/")[0]].publish(card(release, *parents), wait=None)
        former = await _reports(running, releases)

        newer = rules(incident_contact="governance.incident_contact")
        before = {name: len(await told(party)) for name, party in parties.items()}
        assert await activate(running, newer) == [0, 1, 2, 3]
        found = await dossiers(running)
        scored = {release: row(held, "incident_contact")[0] for release, held in found.items() if held["card"]}
        research = {release for release, held in found.items() if held["stage"] == "research"}
        assert scored == {release: "not_applicable" if release in research else "missing" for release in scored}
        assert set(releases) <= scored.keys()
        await _each_owner_once(parties, before, releases, newer, "incident_contact")

        before = {name: len(await told(party)) for name, party in parties.items()}
        assert await activate(running, newer) == []
        clean(await running.rest())
        assert {name: len(await told(party)) for name, party in parties.items()} == before

        assert await activate(running, rules()) == [0, 1, 2, 3]
        assert await _reports(running, releases) == former
        await _each_owner_once(parties, before, releases, rules(), "none")


def _line_in(running: Live, owner: str, partition: int) -> str:
    """A line of an owner whose records lie in a partition."""
    return next(line for number in itertools.count() if running.partition(line := f"{owner}/model{number}") == partition)


async def _reports(running: Live, releases: list[str]) -> dict[str, Any]:
    found = await dossiers(running)
    return {release: found[release]["reports"] for release in releases}


async def _each_owner_once(
    parties: dict[str, Exchange], before: dict[str, int], releases: list[str], content: bytes, item: str
) -> None:
    """Since then, each owner has one notice for each of its releases, of these rules, that names an item."""
    for name, party in parties.items():
        since = (await told(party))[before[name] :]
        assert Counter(notice.release for notice in since) == dict.fromkeys((r for r in releases if r.startswith(f"{name}/")), 1)
        for notice in since:
            assert notice.cause
            assert (notice.kind, notice.cause.event_id) == ("completeness_change", f"rules:{digest_of(content)[:16]}")
            assert shown(notice, item) in ("missing", "not_applicable")
