"""The trace a publication begins or belongs to (W3C Trace Context, level 1)."""

from __future__ import annotations

import secrets
import sys
from typing import Any


def fresh() -> str:
    """The ``traceparent`` of the current span, where the program uses OpenTelemetry; else of a new trace.

    OpenTelemetry is never imported for it: a program that has a current span has imported it already.
    """
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is not None:
        context = api.get_current_span().get_span_context()
        if context.is_valid:
            return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
