"""The pure parts of a lane."""

from __future__ import annotations

import pytest

from exchange.adapters import lane_state
from exchange.adapters.lane_events import counts
from exchange.adapters.lane_state import Draft, LaneState, Limits, Position, Stepped, run_drain, run_step
from exchange.core.seals import Sealed
from exchange.core.step import Output, Processor, Record, Result, State
from exchange.errors import StateError

RECORD = Record("in", 0, 7, b"k", b"v", (), 0)


def processor(result: Result | Exception) -> Processor:
    def step(_state: State, _record: Record) -> Result:
        if isinstance(result, Exception):
            raise result
        return result

    def broken(_state: State, record: Record, error: Exception) -> Result:
        return Result({}, [Output("dead", 0, None, f"{record.offset} {type(error).__name__}".encode())])

    return Processor(
        "p", "in", "state", step, broken, encode=lambda _k, value: value.encode(), decode=lambda _k, raw: raw.decode()
    )


def test_scan_is_ordered_and_bounded_by_its_prefix() -> None:
    """A scan yields its prefix only, in key order, from behind ``after``."""
    state = LaneState({"b/2": 2, "a": 0, "b/1": 1, "b/3": 3, "c": 4})
    assert list(state.scan("b/")) == [("b/1", 1), ("b/2", 2), ("b/3", 3)]
    assert list(state.scan("b/", after="b/1")) == [("b/2", 2), ("b/3", 3)]
    assert list(state.scan("b/", after="a")) == [("b/1", 1), ("b/2", 2), ("b/3", 3)]
    assert list(state.scan("x")) == []


def test_none_deletes() -> None:
    """A change to None removes the key, also one that is not there."""
    state = LaneState({"a": 1})
    state.apply({"a": None, "b": None, "c": 3})
    assert list(state.items()) == [("c", 3)]


@pytest.mark.parametrize("position", [Position("g1", 0), Position("g2", 42, rebuilding=True)])
def test_position_round_trip(position: Position) -> None:
    """Decoding an encoded position gives it back."""
    assert Position.decode(position.encode()) == position


def test_a_position_that_is_none_is_refused() -> None:
    """Anything else in the position's place is an error, not a fresh start."""
    with pytest.raises(StateError):
        Position.decode(b'{"next": 1}')


@pytest.mark.parametrize("error", [ValueError(), RecursionError(), KeyError("x")])
def test_whatever_a_step_raises_breaks_its_record(error: Exception) -> None:
    """The processor's ``broken`` stands for the record."""
    step = run_step(processor(error), LaneState(), RECORD, Limits())
    assert step.error == type(error).__name__
    assert step.result.outputs[0].value == f"7 {type(error).__name__}".encode()


@pytest.mark.parametrize("error", [OSError(), MemoryError()])
def test_the_environment_breaks_no_record(error: Exception) -> None:
    """Memory and I/O errors go up: the lane restarts."""
    with pytest.raises(type(error)):
        run_step(processor(error), LaneState(), RECORD, Limits())


@pytest.mark.parametrize(
    "result",
    [
        Result({"a": 1}),  # cannot be encoded
        Result({"a": "x" * 101}),
        Result({}, [Output("out", 0, None, b"x" * 101)]),
        Result({"__position__": "x"}),
    ],
)
def test_what_cannot_be_written_breaks_its_own_record(result: Result) -> None:
    """Encoding, sizes and the loop's own key count as part of the step."""
    assert run_step(processor(result), LaneState(), RECORD, Limits(message_bytes=100)).error


def test_a_draft_is_full_by_each_of_its_bounds() -> None:
    """Records, writes, topics, bytes and time bound a transaction; the last change of a key is the one written."""
    limits = Limits(records=3, writes=4, topics=2, bytes=10, seconds=1.0)
    draft = Draft(0)
    assert not draft.full(limits)
    draft.add(Stepped(0, Result({}, [Output("a", 0, None, b"1")]), {"k": b"old"}, {}, 0.1))
    draft.add(Stepped(1, Result(), {"k": b"new"}, {}, 0.1))
    assert draft.changes == {"k": b"new"}
    assert not draft.full(limits)
    draft.add(Stepped(2, Result({}, [Output("b", 0, None, b"1")]), {}, {}, 0.1))
    assert draft.full(limits)
    assert Draft(0, records=3).full(limits)
    assert Draft(0, size=10).full(limits)
    assert Draft(0, seconds=1.0).full(limits)
    assert Draft(0, changes=dict.fromkeys("abcd", b"")).full(limits)


def test_no_drain_is_no_work() -> None:
    """A processor without drain work has none."""
    assert run_drain(processor(Result()), LaneState(), Limits()) is None


def test_facts_are_counted() -> None:
    """Equal facts of a batch add up."""
    assert counts([("a", "x"), ("a", "x"), ("b", "y")]) == {("a", "x"): 2, ("b", "y"): 1}


def test_sealed_values_are_bytes_again_but_for_those_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they come into use: by a step, by get, by scan."""
    monkeypatch.setattr(lane_state, "OPEN", 2)
    made = {f"d/{n}": Sealed(b"%d" % n, lambda raw: {"n": int(raw)}) for n in range(6)}
    state = LaneState(made)
    assert [value["n"] for _, value in state.scan("d/")] == list(range(6))
    state.apply({"d/6": Sealed(b"6", lambda raw: {"n": int(raw)}).filled({"n": 6})})
    assert state.get("d/0")["n"] == 0
    opened = [key for key, value in state.items() if dict.__len__(value)]
    assert opened == ["d/0", "d/6"]
    assert state.get("d/3") == {"n": 3}
