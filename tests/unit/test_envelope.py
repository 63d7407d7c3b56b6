"""exchange.core.envelope: attributes and headers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.envelope import Attributes, derived_headers, from_headers, to_headers
from exchange.core.step import Headers
from exchange.errors import ValidationError

TIME = datetime(2026, 1, 31, 9, tzinfo=UTC)
GOOD = Attributes("01890a5d-ac96", "ModelCard", "acme", "acme/base@1", TIME)
_ID = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)


@given(
    st.builds(
        Attributes,
        id=_ID,
        name=st.from_regex(r"[A-Z][A-Za-z]{0,20}", fullmatch=True),
        source=st.sampled_from(["acme", "a.b-c", "0"]),
        subject=st.sampled_from([None, "acme", "acme/base", "acme/base@1.0"]),
        time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]), min_value=datetime(2, 1, 1)),
        idempotency_key=st.none() | _ID,
        traceparent=st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", fullmatch=True),
    )
)
def test_headers_give_the_attributes_back(attributes: Attributes) -> None:
    """The law of the module."""
    assert from_headers(to_headers(attributes)) == attributes


@given(
    identity=_ID | st.text(max_size=70),
    name=st.sampled_from(["Notice", "Decision", "no name"]),
    source=st.sampled_from(["exchange", "a.b", "No Party"]),
    traceparent=st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0.?", fullmatch=True),
)
def test_what_a_step_derives_has_the_same_headers(identity: str, name: str, source: str, traceparent: str | None) -> None:
    """Or the same refusal."""

    def made(make: Callable[[], Headers]) -> Headers | str:
        try:
            return make()
        except ValidationError as error:
            return str(error)

    whole = made(lambda: to_headers(Attributes(identity, name, source, traceparent=traceparent)))
    assert made(lambda: derived_headers(identity, name, source, traceparent)) == whole


@pytest.mark.parametrize(
    ("header", "value", "named"),
    [
        ("ce_id", "", "id: ill-formed"),
        ("ce_id", "a" * 65, "id: ill-formed"),
        ("ce_id", "a b", "id: ill-formed"),
        ("ce_id", "a\n", "id: ill-formed"),
        ("ce_id", "é", "id: ill-formed"),
        ("ce_id", None, "id: missing"),
        ("ce_specversion", "0.3", "specversion: ill-formed"),
        ("ce_specversion", None, "specversion: missing"),
        ("ce_type", "exchange.v2.ModelCard", "type: ill-formed"),
        ("ce_type", "ModelCard", "type: ill-formed"),
        ("ce_source", "Acme Corp", "source: ill-formed"),
        ("ce_source", None, "source: missing"),
        ("ce_subject", "a/b/c", "subject: ill-formed"),
        ("ce_time", "2026-01-31", "time: ill-formed"),
        ("ce_time", "2026-01-31T09:00:00", "time: ill-formed"),
        ("ce_time", "2026-02-31T09:00:00Z", "time: ill-formed"),
        ("ce_time", "0001-01-01T00:00:00+09:00", "time: ill-formed"),
        ("ce_time", None, "time: missing"),
        ("content-type", "application/json", "content-type: ill-formed"),
        ("content-type", None, "content-type: missing"),
        ("traceparent", "00-abc", "traceparent: ill-formed"),
        ("ce_idempotencykey", "", "idempotencykey: ill-formed"),
    ],
)
def test_a_bad_attribute_is_named(header: str, value: str | None, named: str) -> None:
    """Missing or ill-formed, each by its CloudEvents name and without its value."""
    headers = dict(to_headers(GOOD))
    if value is None:
        del headers[header]
    else:
        headers[header] = value.encode()
    with pytest.raises(ValidationError, match=f"^attribute {named}$"):
        from_headers(headers.items())


def test_a_header_given_twice_is_refused() -> None:
    """Two readers must not disagree on which one counts."""
    with pytest.raises(ValidationError, match="id: given twice"):
        from_headers([*to_headers(GOOD), ("ce_id", b"other")])


def test_other_headers_are_let_be() -> None:
    """Extensions and whatever a client adds; a header without value is one."""
    assert from_headers([*to_headers(GOOD), ("ce_other", b"\xff"), ("x", None)]) == GOOD


def test_what_a_step_derives_may_have_no_time() -> None:
    """Only when the reader says so."""
    timeless = Attributes("a", "Tick", "exchange")
    assert from_headers(to_headers(timeless), timeless=True) == timeless


def test_bad_attributes_are_not_written() -> None:
    """The publisher hears of it, not the reader."""
    with pytest.raises(ValidationError, match="source"):
        to_headers(Attributes("a", "Tick", "Not A Party"))
    with pytest.raises(ValidationError, match="time: without zone"):
        to_headers(Attributes("a", "Tick", "acme", time=datetime(2026, 1, 1)))
