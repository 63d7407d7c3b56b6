"""(d) A bare confluent-kafka loop: a dict for state, offsets committed now and then, no exactness. What Python can do at most.

With ``--transactional``: the same in one transaction a batch and input partition, state written too; what our loop could be on
confluent-kafka.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import defaultdict
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.engines.common import Lanes, arguments, processor_of, record_of
from exchange.core.step import Record

BATCH = 500
POLL_S = 0.01
WAIT_MS = 2
running = True


def stop(*_: Any) -> None:
    """On SIGTERM."""
    global running  # noqa: PLW0603 - a process that does one thing
    running = False


def consumer_of(given: Any, topic: str, **more: Any) -> Consumer:
    """A member of the processor's group."""
    settings = {
        "bootstrap.servers": given.bootstrap,
        "group.id": f"{given.deployment}-{given.processor}",
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(
        {**settings, "enable.auto.commit": False, "fetch.wait.max.ms": 100, "isolation.level": "read_committed", **more}
    )
    consumer.subscribe([topic])
    return consumer


def records(consumer: Consumer) -> list[Record]:
    """What is there now."""
    found = consumer.consume(BATCH, POLL_S)
    return [
        record_of(m.topic(), m.partition(), m.offset(), m.key(), m.value(), m.headers(), m.timestamp()[1])
        for m in found
        if not m.error()
    ]


def run_plain(given: Any) -> None:
    """At least once."""
    processor = processor_of(given)
    lanes, consumer = Lanes(processor), consumer_of(given, processor.input_topic)
    producer = Producer({"bootstrap.servers": given.bootstrap, "linger.ms": WAIT_MS, "acks": "all"})
    while running:
        found = records(consumer)
        for record in found:
            for result in lanes.steps(record):
                for output in result.outputs:
                    producer.produce(output.topic, output.value, output.key, output.partition, headers=list(output.headers))
                producer.poll(0)
        if found:
            producer.flush()
            consumer.commit(asynchronous=True)


def run_transactional(given: Any) -> None:
    """Exactly once, the way our lanes do it."""
    processor = processor_of(given)
    lanes, consumer = Lanes(processor), consumer_of(given, processor.input_topic)
    producers: dict[int, Producer] = {}
    while running:
        batches = defaultdict(list)
        for record in records(consumer):
            batches[record.partition].append(record)
        for partition, batch in batches.items():
            if partition not in producers:
                name = f"{given.deployment}-{given.processor}-{partition}"
                producers[partition] = Producer(
                    {"bootstrap.servers": given.bootstrap, "transactional.id": name, "linger.ms": WAIT_MS, "retry.backoff.ms": 5}
                )
                producers[partition].init_transactions()
            producer = producers[partition]
            producer.begin_transaction()
            changes: dict[str, bytes | None] = {}
            for record in batch:
                for result in lanes.steps(record):
                    changes |= lanes.encoded(result)
                    for output in result.outputs:
                        producer.produce(output.topic, output.value, output.key, output.partition, headers=list(output.headers))
                    producer.poll(0)
            for key, value in changes.items():
                producer.produce(processor.state_topic, value, key, partition)
            place = TopicPartition(processor.input_topic, partition, batch[-1].offset + 1)
            producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata())
            producer.commit_transaction()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    transactional = "--transactional" in sys.argv
    sys.argv = [each for each in sys.argv if each != "--transactional"]
    (run_transactional if transactional else run_plain)(arguments())
    time.sleep(0)
