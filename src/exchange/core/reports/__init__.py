"""What a check found, in the forms people and programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from exchange.core.check import Checked
from exchange.core.reports.annotations import annotations_report
from exchange.core.reports.findings import Language
from exchange.core.reports.junit import junit_report
from exchange.core.reports.machine import json_report
from exchange.core.reports.markdown import markdown_report
from exchange.core.reports.page import html_report
from exchange.core.reports.sarif import sarif_report
from exchange.core.reports.text import text_report

__all__ = ["REPORTS", "Language"]

REPORTS: Final[Mapping[str, Callable[[Sequence[Checked], Language], str]]] = {
    "text": text_report,
    "json": json_report,
    "sarif": sarif_report,
    "html": html_report,
    "markdown": markdown_report,
    "junit": junit_report,
    "github": annotations_report,
}
"""Text by name of the form; without a line end at its end."""
