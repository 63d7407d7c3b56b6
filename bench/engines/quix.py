"""(c) Quix Streams: a stateful function over a dataframe, its outputs to topics they name; ``--exactly-once`` as it offers it.

Its state is the steps' own in memory, beside Quix's store (RocksDB and a changelog), which gets each change.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from quixstreams import Application, message_context
from quixstreams.models import Serializer

from bench.engines.common import Lanes, arguments, processor_of, record_of


class Out(NamedTuple):
    """One output."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class Value(Serializer):
    """The bytes of an output."""

    def __call__(self, value: Out, ctx: Any) -> bytes:
        return value.value


def main(given: Any, guarantee: str) -> None:
    """Run until SIGTERM."""
    processor = processor_of(given)
    lanes, home = Lanes(processor), os.environ["EXCHANGE_HOME"]
    app = Application(
        broker_address=given.bootstrap, consumer_group=f"{given.deployment}-{given.processor}", auto_offset_reset="earliest",
        processing_guarantee=guarantee, auto_create_topics=True, state_dir=f"{home}/quix-{given.processor}",
        loglevel="WARNING", commit_interval=0.1, commit_every=500, producer_extra_config={"linger.ms": 2},
        consumer_extra_config={"fetch.wait.max.ms": 100},
    )  # fmt: skip
    topics: dict[str, Any] = {}

    def topic(name: str) -> Any:
        if name not in topics:
            topics[name] = app.topic(name, key_serializer="bytes", value_serializer=Value())
        return topics[name]

    def work(value: bytes, key: bytes, time: int, headers: Any, state: Any) -> list[Out]:
        place = message_context()
        record = record_of(place.topic, place.partition, place.offset, key, value, headers, time)
        outs = []
        for result in lanes.steps(record):
            for name, raw in lanes.encoded(result).items():
                if raw is not None:
                    state.set_bytes(name, raw)
            outs += [Out(each.topic, each.key, each.value or b"", list(each.headers)) for each in result.outputs]
        return outs

    frame = app.dataframe(app.topic(processor.input_topic, key_deserializer="bytes", value_deserializer="bytes"))
    frame = frame.apply(work, expand=True, stateful=True, metadata=True)
    frame = frame.set_headers(lambda value, key, time, headers: value.headers)
    frame.to_topic(lambda value, key, time, headers: topic(value.topic), key=lambda value: value.key)
    app.run()


if __name__ == "__main__":
    exactly = "--exactly-once" in sys.argv
    sys.argv = [each for each in sys.argv if each != "--exactly-once"]
    main(arguments(), "exactly-once" if exactly else "at-least-once")
