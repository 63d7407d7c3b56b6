"""(b) An ordinary Faust app, as its documentation shows one: an agent takes one event at a time, keeps a table, sends.

Its state is the steps' own in memory, beside a table that gets each change: an ordinary app would read the table, and be slower.
"""

from __future__ import annotations

import sys
import tempfile

import faust

from bench.engines.common import Lanes, arguments, processor_of, record_of

given = arguments()
processor = processor_of(given)
lanes = Lanes(processor)
app = faust.App(
    f"{given.deployment}-{given.processor}",
    broker=f"aiokafka://{given.bootstrap}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="bench-faust-"),
    web_enabled=False,
    topic_partitions=given.partitions,
    stream_wait_empty=False,
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
    key_serializer="raw",
    value_serializer="raw",
)
source = app.topic(processor.input_topic, key_type=bytes, value_type=bytes)
table = app.Table("state", partitions=given.partitions, key_type=bytes, value_type=bytes)
targets: dict[str, faust.Topic] = {}


def target(name: str) -> faust.Topic:
    """The topic of an output."""
    if name not in targets:
        targets[name] = app.topic(name, key_type=bytes, value_type=bytes)
    return targets[name]


@app.agent(source)
async def work(stream: faust.Stream) -> None:
    """One event at a time."""
    async for event in stream.events():
        message = event.message
        headers = message.headers.items() if isinstance(message.headers, dict) else message.headers
        record = record_of(message.topic, message.partition, message.offset, message.key, message.value, headers, 0)
        for result in lanes.steps(record):
            for key, value in lanes.encoded(result).items():
                if value is not None:
                    table[key.encode()] = value
            for output in result.outputs:
                await target(output.topic).send(
                    key=output.key, value=output.value, partition=output.partition, headers=dict(output.headers)
                )


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "--without-web", "-l", "warn"]
    app.main()
