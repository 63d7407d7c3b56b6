"""A step that costs next to nothing, so that engines are measured and not their load: a count and 600 bytes a key, 1.2 kB out.

The same is written in Java for Kafka Streams (kstreams/src/main/java/Stub.java).
"""

from __future__ import annotations

from exchange.core.step import Output, Processor, Record, Result, State

KEYS = 2000
STATE_BYTES, OUT_BYTES, IN_BYTES = 600, 1200, 1000


def names(deployment: str) -> tuple[str, str, str]:
    """Input, output and state topic."""
    return f"{deployment}.stub-in", f"{deployment}.stub-out", f"{deployment}.stub-state"


def stub_processor(deployment: str) -> Processor:
    """The stub as a processor of our loop."""
    source, target, state_topic = names(deployment)

    def step(state: State, record: Record) -> Result:
        key = (record.key or b"").decode()
        count = int.from_bytes((state.get(key) or b"\0" * 8)[:8], "big") + 1
        value = count.to_bytes(8, "big") + (record.value or b"")[: STATE_BYTES - 8]
        out = count.to_bytes(8, "big") + ((record.value or b"") * 2)[: OUT_BYTES - 8]
        return Result({key: value}, [Output(target, record.partition, record.key, out)])

    def broken(_state: State, _record: Record, error: Exception) -> Result:
        raise error

    return Processor("stub", source, state_topic, step, broken, lambda _key, value: value, lambda _key, raw: raw)
