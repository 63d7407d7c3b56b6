"""Documents: pleasant to write, strict in what gets through."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from exchange.core.documents import parse_documents
from exchange.errors import DocumentError, ParseError, TooLargeError, ValidationError

CARD = """\
release: acme/base@1.0
stage: released
released_on: 2026-01-31
parents:
  - ref: beta/other
    relation: fine-tune
    compute_share: 2.5e-1
makeup:
  parameters: 7_241_732_096
  input_modalities: text
purpose:
  summary: |
    One line.
    Another.
"""


def faults(text: str, filename: str = "c.yaml") -> list[tuple[int, str, str]]:
    with pytest.raises(DocumentError) as error:
        parse_documents(text, filename)
    assert error.value.faults
    assert all(f"{filename}:{fault.line}: " in str(error.value) for fault in error.value.faults)
    return [(fault.line, fault.path, fault.message) for fault in error.value.faults]


def test_a_card_is_read_with_all_keys_and_the_line_of_each() -> None:
    """The record is what fastavro writes; lines are by dotted path with list indexes."""
    [document] = parse_documents(CARD, "c.yaml")
    card = document.record
    assert (document.type, card["kind"], card["released_on"]) == ("ModelCard", "model", date(2026, 1, 31))
    parent = {"ref": "beta/other", "relation": "fine_tune", "digest": None, "compute_share": 0.25, "note": None}
    assert card["parents"] == [parent]
    assert card["makeup"]["parameters"] == 7_241_732_096
    assert card["makeup"]["input_modalities"] == ["text"]
    assert card["disclosure"] == []
    assert (document.line_of("parents.0.relation"), document.line_of("parents.0.note"), document.line_of("contact")) == (6, 5, 1)


def test_a_file_may_hold_several_documents_of_several_types() -> None:
    """`---` parts documents; the type is written in any of the usual ways."""
    party = "type: party\nparty: acme\ndisplay_name: Acme\nroles: developer\n"
    end = "---\ntype: grant-revocation\ntarget: acme/base\ngrant: '1'\n---\n"
    first, second = parse_documents(party + end, "c.yaml")
    assert (first.type, first.record["roles"], second.type, second.line) == ("Party", ["developer"], "GrantRevocation", 6)


def test_values_are_read_by_their_field_not_by_yamls_guesses() -> None:
    """`no`, `1.0` and `yes` stay what was written where a text or an enum stands."""
    [party] = parse_documents("type: Party\nparty: acme\ndisplay_name: 1.0\njurisdiction: NO\nroles: [user]", "p.yaml")
    assert (party.record["display_name"], party.record["jurisdiction"]) == ("1.0", "NO")
    [notice] = parse_documents("type: ChangeNotice\nrelease: a/b@1\nkind: data\nassessments_hold: yes\nsummary: ~", "n.yaml")
    assert (notice.record["assessments_hold"], notice.record["summary"]) == ("yes", None)


def test_a_day_may_stand_for_a_point_of_time() -> None:
    """Midnight UTC; a time without its zone is a fault."""
    text = "type: Grant\ntarget: acme/base\naudience: provider\nuntil: {}"
    [grant] = parse_documents(text.format("2027-03-31"), "g.yaml")
    assert grant.record["until"] == datetime(2027, 3, 31, tzinfo=UTC)
    assert faults(text.format("2027-03-31T10:00:00"))[0][:2] == (4, "until")


def test_every_fault_is_told_at_once_with_its_line() -> None:
    """Unknown keys, wrong enum values, dates that are none, missing fields: all in one error, without quoting values."""
    text = "relaese: acme/base@1\nstage: shipped\nreleased_on: 2024-05-5\nparents: [acme/other]\nmakeup: {parameters: many}\n"
    found = faults(text)
    assert [(line, path) for line, path, _ in found] == [
        (1, "relaese"),
        (1, "release"),
        (2, "stage"),
        (3, "released_on"),
        (4, "parents.0"),
        (5, "makeup.parameters"),
    ]
    with pytest.raises(ValidationError) as error:
        parse_documents(text, "c.yaml")
    message = str(error.value)
    assert "did you mean release?" in message
    assert "write `- ref: party/name@version`" in message
    assert not any(value in message for value in ("shipped", "2024-05-5", "many"))


def test_a_key_cannot_write_to_the_terminal() -> None:
    """Control characters of an unknown key are not passed on."""
    assert [path for _, path, _ in faults('"\\e[31m": 1\nrelease: a/b@1\nstage: released\n')] == ["\ufffd[31m"]


def test_faults_of_all_documents_of_a_file_are_told() -> None:
    """One bad document does not hide the next."""
    assert [line for line, _, _ in faults("stage: released\n---\nrelease: a/b@1\n---\ntype: Letter\n")] == [1, 3, 5]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: &x 1", 1, "anchors"),
        ("a: 1\nb: *x", 2, "anchors"),
        ("a: 1\n<<: {b: 1}", 2, "merge"),
        ("a: 1\na: 2", 2, "twice"),
        ("a: !!python/object:x {}", 1, "tags"),
        ("a: !!str 1", 1, "tags"),
        ("? {a: b}\n: c", 1, "key must be a text"),
        ("a: " + "[" * 900, 1, "levels deep"),
        ("? " + "k" * 201 + "\n: 1", 1, "a key longer"),
        ("a: b: c", 1, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: 1\nb: \x00", 2, "character"),
        ("", 1, "no document"),
        ("- a", 1, "a document is"),
    ],
)
def test_what_makes_yaml_dangerous_is_refused_at_its_line(text: str, line: int, message: str) -> None:
    """No anchors, aliases, merges, duplicate keys, tags, depth, control characters."""
    found = faults(text)
    assert found[0][0] == line
    assert message in found[0][2]


def test_size_is_capped_before_anything_is_read() -> None:
    """A file above 128 kB is not parsed at all, be it YAML or Markdown."""
    for name in ("c.yaml", "c.md"):
        with pytest.raises(TooLargeError, match="128 kB"):
            parse_documents("[" * 131_073, name)


@pytest.mark.parametrize("number", [".nan", "nan", ".inf", "1e999", "-1"])
def test_numbers_that_are_none_are_faults(number: str) -> None:
    """NaN, infinity and negative amounts do not get through."""
    text = f"release: a/b@1\nstage: released\ntraining:\n  compute_flop: {number}\n"
    assert faults(text)[0][:2] == (4, "training.compute_flop")


MARKDOWN = """\
---
release: acme/base@1
stage: released
---

# Base

A small model.

## Intended uses

- drafting of mails,
  in English
- summaries

## リスクと限界

It invents sources.

### In Japanese

More so.
"""


def test_markdown_sections_fill_fields_by_heading() -> None:
    """English and Japanese headings; bullet points become items; lower headings stay in the text."""
    [document] = parse_documents(MARKDOWN, "c.md")
    card = document.record
    assert card["purpose"]["summary"] == "A small model."
    assert card["purpose"]["intended_uses"] == ["drafting of mails, in English", "summaries"]
    assert card["risks"]["limits"] == "It invents sources.\n\n### In Japanese\n\nMore so."
    assert document.line_of("purpose.intended_uses") == 10


def test_windows_line_ends_and_a_byte_order_mark_are_nothing_special() -> None:
    """The same card comes out."""
    windows = "\ufeff" + MARKDOWN.replace("\n", "\r\n")
    assert parse_documents(windows, "c.md")[0].record == parse_documents(MARKDOWN, "c.md")[0].record


def test_a_heading_that_names_no_field_is_a_fault_with_a_suggestion() -> None:
    """Nothing people write is dropped silently."""
    with pytest.raises(ValidationError, match=r"c.md:10: a heading that names no field .did you mean “Intended uses”"):
        parse_documents(MARKDOWN.replace("Intended uses", "Intendid users"), "c.md")


def test_a_field_given_twice_is_a_fault() -> None:
    """Front matter and a heading must not say two things."""
    twice = MARKDOWN.replace("stage: released", "stage: released\nrisks: {limits: none known}")
    assert [(line, path) for line, path, _ in faults(twice, "c.md")] == [(17, "risks.limits")]


@pytest.mark.parametrize("text", ["# A card\n", "---\nrelease: a/b@1\n", "---\n---\n"])
def test_markdown_needs_front_matter(text: str) -> None:
    """Without it there is no release to speak of."""
    with pytest.raises(ParseError, match="front matter"):
        parse_documents(text, "c.md")


def test_a_hugging_face_readme_is_told_its_way() -> None:
    """Whoever checks a README by mistake learns of the import."""
    with pytest.raises(ValidationError, match="exchange import hf"):
        parse_documents("---\nlicense: mit\n---\n", "README.md")


def test_semantic_checks_are_part_of_reading() -> None:
    """What admission would refuse is found on disk, with its line."""
    assert faults(CARD.replace("acme/base@1.0", "acme/base")) == [
        (1, "release", "a release needs a version: write party/name@version")
    ]
