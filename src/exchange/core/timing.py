"""When what set a record off was published: carried on in a header beside what the exchange says, for measuring only.

Nothing is decided by it, and it is no part of a record: a fold makes the same outputs without it. The shell sets it on records
that stay inside the exchange (:attr:`exchange.core.step.Processor.timed`); what parties read does not have it.
"""

from __future__ import annotations

from datetime import datetime

from exchange.core.step import Output, Record

PUBLISHED_HEADER = "published_at"
"""Milliseconds since the epoch, by the broker's clock: when the submission at the root of it all was appended."""


def published_ms(record: Record, submissions: str) -> int | None:
    """When the submission that set a record off was appended, in milliseconds since the epoch; None where there was none.

    Args:
        record: a record of any topic.
        submissions: name of the submissions topic, whose records were published when they were appended.
    """
    if record.topic == submissions:
        return record.timestamp_ms
    headers = dict(record.headers)
    try:
        if (accepted := headers.get("accepted_at")) is not None:  # intake's own; the other may be a party's on a submission
            return round(datetime.fromisoformat(accepted.decode("ascii")).timestamp() * 1000)
        if (carried := headers.get(PUBLISHED_HEADER)) is not None:
            return int(carried)
    except ValueError:
        return None
    return None


def with_published(output: Output, published: int | None) -> Output:
    """The output with the time in its header, if it is known."""
    if published is None:
        return output
    return output._replace(headers=(*output.headers, (PUBLISHED_HEADER, str(published).encode())))
