"""Groups and brokers seen from outside: lag in records and seconds, members, free disk. What hangs cannot tell of itself.

The brokers tell how full their disks are (DescribeLogDirs 4, KIP-827); aiokafka has no such request, so it is spelled out here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from exchange.adapters.group_lag import GroupLag
from exchange.adapters.metric_names import CLUSTER


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
        self._lag = GroupLag(kafka)

    async def __aenter__(self) -> Self:
        await self._lag.__aenter__()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._lag.__aexit__()

    async def look(self) -> None:
        """Ask, and set the gauges."""
        for name, (group, topic) in self._groups.items():
            places = [TopicPartition(topic, partition) for partition in range(self._partitions)]
            for place, behind in (await self._lag.behind(group, places)).items():
                self._gauges["group_lag_records"].labels(name, str(place.partition)).set(behind.records)
                self._gauges["group_lag_seconds"].labels(name, str(place.partition)).set(behind.seconds)
            [answer] = await self._lag.admin.describe_consumer_groups([group])
            self._gauges["group_members"].labels(name).set(len(answer.groups[0][5]))
        for broker, (total, free) in (await self.disks()).items():
            self._gauges["broker_disk_bytes"].labels(str(broker)).set(total)
            self._gauges["broker_disk_free_bytes"].labels(str(broker)).set(free)
        self._gauges["watch_timestamp_seconds"].set(time.time())

    async def disks(self) -> dict[int, tuple[int, int]]:
        """Bytes in all and bytes free of each broker's fullest log directory; a broker that does not say is left out."""
        found: dict[int, tuple[int, int]] = {}
        for broker in (await self._lag.admin.describe_cluster())["brokers"]:
            answer = await self._lag.admin._send_request(DescribeLogDirs(), broker["node_id"])
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
