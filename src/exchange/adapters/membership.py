"""Members of a consumer group whose process is known to have ended: they leave at once, not when their session runs out.

A process killed with -9 says no goodbye, and its group waits the whole session for it (6 s here) before its lanes go to anybody.
Who starts on the same machine can know better: every member's client id names boot, process name space, process and the tick it
started at, as Linux counts them (proc(5): ``/proc/sys/kernel/random/boot_id``, ``/proc/PID/stat`` field 22). Nothing is assumed
of members elsewhere, in other containers, or of other programs, and a frozen process has not ended.

Correctness does not hang on this: a member that left is fenced from its lanes by its transactions' successors, as ever.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import structlog
from aiokafka import errors as kafka_errors
from aiokafka.client import CoordinationType
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

PROC = Path("/proc")
_ENDED = ("Z", "X")
_STARTED = 19
"""Start time among the fields behind the command, which stands in brackets and may hold anything."""


def client_id(group: str, proc: Path = PROC) -> str:
    """What this process calls itself in a group; the group's name alone where there is no Linux to count by.

    Args:
        group: the group's id.
        proc: where the process file system is.
    """
    here, started = _here(proc), _started(os.getpid(), proc)
    return group if here is None or started is None else f"{group}.{here}.{os.getpid()}.{started}"


def has_ended(client: str, proc: Path = PROC) -> bool:
    """Whether the process of a client id is known to have ended.

    Args:
        client: what :func:`client_id` said there.
        proc: where the process file system is.
    """
    _, *place, process, started = ["", "", "", *client.rsplit(".", 4)][-5:]
    if ".".join(place) != _here(proc) or not process.isdecimal():
        return False
    return _started(int(process), proc) != started


async def remove_ended(client: Any, group: str) -> list[str]:
    """Let the members of a group leave whose process has ended; their client ids.

    Args:
        client: aiokafka's client, bootstrapped.
        group: the group's id.

    Raises:
        KafkaError: the group cannot be asked about.
    """
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    answer = await client.send(node, DescribeGroupsRequest([group]))
    removed: list[str] = []
    for member, named, *_ in answer.groups[0][5]:
        if not has_ended(named):
            continue
        left = await client.send(node, LeaveGroupRequest(group, member))
        if not left.error_code:
            removed.append(named)
    return removed


async def tidy(client: Any, group: str) -> None:
    """:func:`remove_ended`, where it can be done: a group that cannot be asked waits for the session, as it would anyway."""
    log = structlog.get_logger(__name__)
    try:
        removed = await remove_ended(client, group)
    except (kafka_errors.KafkaError, OSError) as error:
        log.info("group not asked for ended members", group=group, error=type(error).__name__)
        return
    if removed:
        log.info("ended members left", group=group, members=removed)


def _here(proc: Path) -> str | None:
    """This boot and this process name space; ``None`` where nobody says."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{(proc / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def _started(process: int, proc: Path) -> str | None:
    """When a process started, in clock ticks since boot; ``None``: there is none, or it has ended."""
    try:
        fields = (proc / str(process) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in _ENDED else fields[_STARTED]
