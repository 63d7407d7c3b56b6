"""What Alertmanager says is wrong now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from exchange.errors import PlumbingError

TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Alert:
    """One alert that fires.

    Attributes:
        name: its ``alertname``.
        severity: its label; empty where it has none.
        summary: its annotation; empty where it has none.
        since: when it began, as Alertmanager writes it (RFC 3339).
    """

    name: str
    severity: str
    summary: str
    since: str


async def firing(url: str) -> list[Alert]:
    """The alerts that fire, neither silenced nor inhibited.

    Args:
        url: of Alertmanager, without path (https://prometheus.io/docs/alerting/latest/clients/: API v2).

    Raises:
        PlumbingError: it does not answer, or not with alerts.
    """
    wanted = {"active": "true", "silenced": "false", "inhibited": "false"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.get(f"{url.rstrip('/')}/api/v2/alerts", params=wanted) as answer,
        ):
            answer.raise_for_status()
            found = await answer.json()
            return [_alert(each) for each in found]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise PlumbingError(
            f"Alertmanager does not answer ({type(error).__name__})", hint="is EXCHANGE_ALERTMANAGER_URL right?"
        ) from None


def _alert(each: dict[str, Any]) -> Alert:
    labels, notes = each["labels"], each.get("annotations", {})
    return Alert(labels["alertname"], labels.get("severity", ""), notes.get("summary", ""), each["startsAt"])
