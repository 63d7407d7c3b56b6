"""A line in the log for each thing a step did: event id, release, number, trace; never content, never a party."""

from __future__ import annotations

import structlog

from exchange.adapters.lane_events import ProcessorEvent, StepDone
from exchange.core.envelope import traceparent_of


class StepLog:
    """A hook for the batch loop, for the log level ``debug``."""

    def __init__(self) -> None:
        self._log = structlog.get_logger(__name__)

    def __call__(self, event: ProcessorEvent) -> None:
        """Log what a committed step did."""
        if not isinstance(event, StepDone):
            return
        trace = traceparent_of(event.headers)
        where = {"processor": event.processor, "lane": event.lane, "offset": event.offset}
        for news in event.news:
            about = {"event_id": news.event_id, "release": news.release or None, "seq": news.seq or None}
            self._log.debug(news.what, **where, **about, trace_id=trace[3:35] if trace else None)
