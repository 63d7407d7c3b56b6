"""What Alertmanager says is wrong now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exchange.adapters.prometheus import Api
from exchange.errors import PlumbingError


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


def firing(url: str) -> list[Alert]:
    """The alerts that fire, neither silenced nor inhibited.

    Args:
        url: of Alertmanager, without path.

    Raises:
        PlumbingError: it does not answer, or not with alerts.
    """
    try:
        found = Api(url).get("/api/v2/alerts", active="true", silenced="false", inhibited="false")
        return [_alert(each) for each in found]
    except (KeyError, TypeError):
        raise PlumbingError("what answers is no Alertmanager", hint="is EXCHANGE_ALERTMANAGER_URL right?") from None


def _alert(each: dict[str, Any]) -> Alert:
    labels, notes = each["labels"], each.get("annotations", {})
    return Alert(labels["alertname"], labels.get("severity", ""), notes.get("summary", ""), each["startsAt"])
