"""For programs: one object for one document, an array for several."""

from __future__ import annotations

import json
from collections.abc import Sequence

from exchange.core.check import Checked, as_json
from exchange.core.reports.findings import Language


def json_report(checked: Sequence[Checked], _language: Language) -> str:
    """Both languages are in it."""
    told = [as_json(entry) for entry in checked]
    return json.dumps(told[0] if len(told) == 1 else told, ensure_ascii=False, indent=2)
