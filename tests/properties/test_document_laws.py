"""Laws of documents and of their completeness."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import process_time
from typing import Any, Literal, get_args, get_origin, is_typeddict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.adapters.resources import load_profile
from exchange.core.checks import check_record
from exchange.core.completeness import inheritable, report
from exchange.core.documents import TYPES, dump_record, parse_documents
from exchange.core.documents.parse import MODELS
from exchange.core.documents.shape import hints_of
from exchange.core.importers.huggingface import import_card
from exchange.errors import DocumentError

TRICKY = [
    *("null", "~", "", " ", "no", "1.0", "2024-05-05", "- a", "# b", "a: b", "a\n  b\n", "\n", "\ta\n"),
    *("'", '"', "| x", "&a", "未定", "\x85", "a\u2028b"),
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(TRICKY)
REFS = st.from_regex(r"[a-z][a-z0-9]{0,5}/[a-z][a-z0-9]{0,5}@[a-z0-9]{1,3}", fullmatch=True)


FORMS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("ref", "release", "parent", "target"), REFS),
    **dict.fromkeys(("party", "assessor", "grantee"), st.sampled_from(["acme", "b-2.c"])),
    "path": st.sampled_from(["training.method", "data", "risks.by_category.text"]),
    "fields": st.sampled_from(["training.method", "data"]),
    "digest": st.just("sha256:" + "0" * 64),
    "compute_share": st.floats(0, 1),
    "jurisdiction": st.just("NO"),
}
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    bool: st.booleans(),
    int: st.integers(0, 2**62),
    float: st.floats(0, allow_nan=False, allow_infinity=False),
    date: st.dates(),
    datetime: st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),
}


def values(hint: Any, name: str) -> st.SearchStrategy[Any]:
    """Values of one field by its type; fields with a form of their own get it."""
    if type(None) in get_args(hint):
        return st.none() | values(next(arg for arg in get_args(hint) if arg is not type(None)), name)
    if get_origin(hint) is list:
        return st.lists(values(get_args(hint)[0], name), max_size=2, unique_by=repr)
    if get_origin(hint) is dict:
        return st.dictionaries(TEXTS, TEXTS, max_size=2)
    if get_origin(hint) is Literal:
        return st.sampled_from([value for value in get_args(hint) if value != "UNKNOWN"])
    return records_of(hint) if is_typeddict(hint) else FORMS[name] if name in FORMS else KINDS[hint]


def records_of(kind: type) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({name: values(hint, name) for name, hint in hints_of(kind).items()})


DOCUMENTS = st.sampled_from(sorted(TYPES)).flatmap(lambda name: st.tuples(st.just(name), records_of(TYPES[name])))


@settings(max_examples=100, deadline=timedelta(seconds=5), suppress_health_check=list(HealthCheck))
@given(DOCUMENTS)
def test_what_is_written_is_read_back_the_same(drawn: tuple[str, dict[str, Any]]) -> None:
    """dump and parse are inverse for every record that passes its checks."""
    name, record = drawn
    assert MODELS[name].model_validate(record).model_dump() == record
    text = dump_record(name, record)
    if check_record(name, record):
        return
    [document] = parse_documents(text, "d.yaml")
    assert (document.type, document.record) == (name, record)


@settings(max_examples=150, deadline=timedelta(seconds=5))
@given(st.text(max_size=200) | st.text("-:[]{}&*!|>#\n 'a\"\t%@`?,~<", max_size=60), st.sampled_from(["d.yaml", "d.md"]))
def test_any_text_is_a_document_or_one_of_our_errors(text: str, filename: str) -> None:
    """Nothing else comes out of the reader, and every error names the file."""
    try:
        parse_documents(text, filename)
    except DocumentError as error:
        assert filename in str(error)


FULL = 128 * 1024
HOSTILE = {
    "many unknown keys": "".join(f"k{n}: 1\n" for n in range(FULL // 10)),
    "many items": "release: a/b@1\nstage: released\nupdates:\n" + "- a\n" * (FULL // 4 - 20),
    "many brackets": "a: " + "[" * (FULL - 4),
    "many headings": "---\nrelease: a/b@1\nstage: released\n---\n" + "## x\ny\n" * (FULL // 8),
    "a long heading": "---\nrelease: a/b@1\nstage: released\n---\n## " + "[# " * (FULL // 4),
    "a heading of spaces": "---\nrelease: a/b@1\nstage: released\n---\n## " + " " * (FULL // 2) + "x",
    "comments that never end": "---\nrelease: a/b@1\nstage: released\n---\n" + "<!--" * (FULL // 5),
    "a table of spaces": "---\nrelease: a/b@1\nstage: released\n---\n| a | " + " " * (FULL // 2) + "x",
    "a long key": "? " + "k" * (FULL - 10) + "\n: 1",
    "many documents": "---\na: 1\n" * (FULL // 10),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_within_the_size_cap_takes_long(name: str) -> None:
    """Reading is about linear: neither our patterns nor the suggestions can be made to crawl."""
    for read, filename in ((parse_documents, "d.yaml"), (parse_documents, "d.md"), (import_text, "o__n.md")):
        started = process_time()
        try:
            read(HOSTILE[name], filename)
        except DocumentError as error:
            assert len(str(error)) < 20_000
        assert process_time() - started < 6


def import_text(text: str, filename: str) -> None:
    import_card(text, filename=filename)


REAL = load_profile("jg-1.2")
CARDS = records_of(TYPES["ModelCard"])


@settings(max_examples=60, deadline=timedelta(seconds=5), suppress_health_check=list(HealthCheck))
@given(CARDS, CARDS)
def test_every_sound_card_gets_a_report_and_passes_down_no_more_than_it_may(parent: Any, child: Any) -> None:
    """One status a row; withheld rows carry nothing; values stay bounded; only what is not open goes down."""
    child["parents"] = [{"ref": parent["release"], "relation": "merge", "digest": None, "compute_share": None, "note": None}]
    passed: list[Any] = []
    for card in (parent, child):
        parents = [(parent["release"], passed)] if card is child else []
        made = report(REAL, card, stage=card["stage"], parents=parents, changes=[], owner="acme", at=date(2026, 1, 1))
        passed = inheritable(REAL, made, card, card["release"], parents)
        statuses = {row["id"]: row["status"] for row in made["rows"]}
        opened = {row.id for row in REAL.rows if row.level == "must" and statuses[row.id] in ("missing", "placeholder", "stale")}
        assert made["complete"] == (not opened)
        for row in passed:
            assert statuses[row["row"]] == row["status"]
            assert row["status"] in ("provided", "inherited", "withheld")
            assert row["status"] != "withheld" or (row["digest"], row["value"]) == (None, None)
            assert len((row["value"] or "").encode()) <= 4096
