"""Engine against engine: the stub step under our loop, Kafka Streams, and others; and the floor, the broker's own tools."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from bench import stub
from bench.deployment import ENGINES, HERE, Deployment
from exchange.adapters.admin import Admin
from exchange.topics import TopicSpec

PROJECT = HERE / "bench" / "kstreams"
PARTITIONS = 4
LIMIT_S = 300.0
STREAMS = {"streams-at-least-once": "at_least_once", "streams-exactly-once": "exactly_once_v2"}


def why_no_java() -> str | None:
    """Why Kafka Streams cannot run here, if it cannot."""
    missing = [tool for tool in ("javac", "mvn") if shutil.which(tool) is None]
    return f"{' and '.join(missing)} not found: apt-get install openjdk-17-jdk-headless maven" if missing else None


def build_java() -> str:
    """Compile the stub and fetch the jars; returns the class path."""
    command = ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "compile", "dependency:copy-dependencies"]
    subprocess.run([*command, f"-DoutputDirectory={PROJECT}/target/jars"], check=True, stdout=subprocess.DEVNULL)
    return f"{PROJECT}/target/classes:{PROJECT}/target/jars/*"


async def engine(bootstrap: str, name: str, engine: str, logs: Path, events: int) -> dict[str, Any]:
    """So many records of 1 kB that lie ready, by one process: records a second by the broker's timestamps, and of its CPU."""
    source, target, state = stub.names(name)
    async with Admin({"bootstrap_servers": bootstrap}) as admin:
        log_time = {"message.timestamp.type": "LogAppendTime"}
        specs = [TopicSpec(topic, PARTITIONS, configs=log_time) for topic in (source, target)]
        await admin.apply([*specs, TopicSpec(state, PARTITIONS, configs={"cleanup.policy": "compact"})])
    await _fill(bootstrap, source, events)
    process, stop = _start(bootstrap, name, engine, logs)
    try:
        measured, used, seconds = await _watch(bootstrap, target, events, process)
        memory = process.memory_info().rss
    finally:
        stop()
    return {
        "records": measured, "seconds": round(seconds, 2), "records_s": round(measured / seconds), "cpu_s": round(used, 2),
        "records_per_cpu_s": round(measured / used), "rss_mb": round(memory / 1e6),
    }  # fmt: skip


async def _fill(bootstrap: str, topic: str, events: int) -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=1 << 18)
    await producer.start()
    try:
        for at in range(0, events, 5000):
            some = range(at, min(events, at + 5000))
            sends = [
                await producer.send(
                    topic, b"x" * stub.IN_BYTES, b"key%06d" % (n % stub.KEYS), partition=n % stub.KEYS % PARTITIONS
                )
                for n in some
            ]
            await asyncio.gather(*sends)
    finally:
        await producer.stop()


def _start(bootstrap: str, name: str, engine: str, logs: Path) -> tuple[psutil.Process, Callable[[], None]]:
    if engine not in STREAMS:
        deployment = Deployment(bootstrap, name, engine, logs, partitions=PARTITIONS)
        deployment.start(["stub"])
        return deployment.processes[0][1], deployment.stop
    log = (logs / f"{name}.log").open("wb")
    java = ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", build_java(), "Stub"]
    process = psutil.Popen([*java, bootstrap, name, STREAMS[engine], "1", str(logs / f"{name}-state")], stdout=log, stderr=log)

    def stop() -> None:
        process.terminate()
        process.wait(30)

    return process, stop


async def _watch(bootstrap: str, target: str, events: int, process: psutil.Process) -> tuple[int, float, float]:
    """Records, CPU seconds and seconds, from when a tenth was there to the last: neither start-up nor a cold JVM is counted."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(target, partition) for partition in range(PARTITIONS)])
        count, warm, first, last, used, began = 0, 0, 0, 0, 0.0, time.monotonic()
        while count < events:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                count, last = count + len(records), max(last, records[-1].timestamp)
                if not warm and count >= events / 10:
                    warm, first, used = count, last, _cpu(process)
            if time.monotonic() - began > LIMIT_S or not process.is_running():
                raise TimeoutError(f"{count} of {events} records came")
        return events - warm, _cpu(process) - used, (last - first) / 1000
    finally:
        await consumer.stop()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def floor(bootstrap: str, records: int) -> dict[str, Any]:
    """The broker's own performance tool: how fast 1 kB records are taken with acks=all, by one producer."""
    async with Admin({"bootstrap_servers": bootstrap}) as admin:
        await admin.apply([TopicSpec("floor", PARTITIONS)])
    tool = ["java", "-Xmx256m", "-cp", build_java(), "org.apache.kafka.tools.ProducerPerformance"]
    given = ["--topic", "floor", "--num-records", str(records), "--record-size", "1000", "--throughput", "-1"]
    ran = subprocess.run(
        [*tool, *given, "--producer-props", f"bootstrap.servers={bootstrap}", "acks=all", "linger.ms=5", "batch.size=262144"],
        check=True, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    found = re.findall(r"([\d.]+) records/sec", ran.stdout)
    return {"records": records, "records_s": round(float(found[-1]))}


KNOWN = (*STREAMS, *ENGINES)
