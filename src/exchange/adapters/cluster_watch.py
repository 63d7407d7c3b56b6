"""Groups and brokers seen from outside: lag in records and seconds, members, free disk. What hangs cannot tell of itself.

The brokers tell how full their disks are (DescribeLogDirs 4, KIP-827); aiokafka has no such request, so it is spelled out here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from exchange.adapters.consumer import Consumer
from exchange.adapters.metric_names import CLUSTER

READ_MS = 300
READ_BYTES = 64 * 1024
TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a group is behind in one partition.

    Attributes:
        records: offsets not done; 0 when nothing but transaction markers is left.
        seconds: age of the oldest record not done, by the broker's timestamp.
    """

    records: int
    seconds: float


class ClusterGauges(dict[str, Any]):
    """The gauges in a registry, by name.

    Args:
        registry: where they live.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__({name: metric.collector(registry) for name, metric in CLUSTER.items()})


class ClusterWatch:
    """Use as an async context manager; :meth:`look` asks the cluster and sets the gauges.

    Args:
        kafka: aiokafka's client settings.
        groups: by processor: its group's id and input topic.
        partitions: of the input topics.
        gauges: what is set.
    """

    def __init__(
        self, kafka: Mapping[str, Any], groups: Mapping[str, tuple[str, str]], partitions: int, gauges: ClusterGauges
    ) -> None:
        self._groups, self._partitions, self._gauges = groups, partitions, gauges
        self._admin: Any = AIOKafkaAdminClient(**kafka, request_timeout_ms=TIMEOUT_MS)
        limits = {"max_partition_fetch_bytes": READ_BYTES, "fetch_max_wait_ms": 100, "request_timeout_ms": TIMEOUT_MS}
        self._consumer: Any = Consumer(**kafka, **limits, enable_auto_commit=False, isolation_level="read_committed")

    async def __aenter__(self) -> Self:
        await self._admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def look(self) -> None:
        """Ask, and set the gauges."""
        for name, (group, topic) in self._groups.items():
            for partition, behind in (await self.behind(group, topic)).items():
                self._gauges["group_lag_records"].labels(name, str(partition)).set(behind.records)
                self._gauges["group_lag_seconds"].labels(name, str(partition)).set(behind.seconds)
            [answer] = await self._admin.describe_consumer_groups([group])
            self._gauges["group_members"].labels(name).set(len(answer.groups[0][5]))
        for broker, (total, free) in (await self.disks()).items():
            self._gauges["broker_disk_bytes"].labels(str(broker)).set(total)
            self._gauges["broker_disk_free_bytes"].labels(str(broker)).set(free)
        self._gauges["watch_timestamp_seconds"].set(time.time())

    async def behind(self, group: str, topic: str) -> dict[int, Behind]:
        """How far a group is behind, by partition."""
        places = [TopicPartition(topic, partition) for partition in range(self._partitions)]
        ends = await self._consumer.end_offsets(places)
        done = await self._admin.list_consumer_group_offsets(group)
        begins = await self._consumer.beginning_offsets(places)
        starts = {place: max(begins[place], done[place].offset if place in done else 0) for place in places}
        waiting = {place: start for place, start in starts.items() if start < ends[place]}
        oldest = await self._oldest(waiting, ends)
        now = time.time()
        return {
            place.partition: Behind(ends[place] - oldest[place][0], max(0.0, now - oldest[place][1] / 1000))
            if place in oldest
            else Behind(0, 0.0)
            for place in places
        }

    async def _oldest(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Offset and timestamp in milliseconds of the first record at or after each offset; none where only markers follow."""
        found: dict[TopicPartition, tuple[int, int]] = {}
        for place, start in starts.items():
            self._consumer.assign([place])
            self._consumer.seek(place, start)
            deadline = time.monotonic() + READ_MS / 1000 * 5
            while place not in found and await self._consumer.position(place) < ends[place] and time.monotonic() < deadline:
                for record in (await self._consumer.getmany(place, timeout_ms=READ_MS, max_records=1)).get(place, ()):
                    found[place] = (record.offset, record.timestamp)
        return found

    async def disks(self) -> dict[int, tuple[int, int]]:
        """Bytes in all and bytes free of each broker's fullest log directory; a broker that does not say is left out."""
        found: dict[int, tuple[int, int]] = {}
        for broker in (await self._admin.describe_cluster())["brokers"]:
            answer = await self._admin._send_request(DescribeLogDirs(), broker["node_id"])
            told = [(total, free) for *_, total, free, _tags in answer.results if total > 0]
            if told:
                found[broker["node_id"]] = min(told, key=lambda disk: disk[1] / disk[0])
        return found


class DescribeLogDirsResponse_v4(Response):  # type: ignore[misc]  # noqa: N801 - as aiokafka's
    """Of each log directory: error, name, partitions asked for, bytes in all, bytes free."""

    API_KEY = 35
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", CompactString("utf-8")),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")),
                        (
                            "partitions",
                            CompactArray(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeLogDirsRequest_v4(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as aiokafka's
    """Asks for the log directories of the broker it is sent to."""

    FLEXIBLE_VERSION = True
    API_KEY = 35
    API_VERSION = 4
    RESPONSE_TYPE = DescribeLogDirsResponse_v4
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)),
        ),
        ("tags", TaggedFields),
    )


class DescribeLogDirs(Request[DescribeLogDirsRequest_v4]):  # type: ignore[misc]
    """Sizes of the disks; no topic is asked for."""

    API_KEY = 35

    def build(self, request_struct_class: type[DescribeLogDirsRequest_v4]) -> DescribeLogDirsRequest_v4:
        """The request as it is sent."""
        return request_struct_class([], {})
