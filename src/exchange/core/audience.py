"""A card as one audience sees it, and its completeness report read with their eyes.

What is there but not for them is ``withheld`` for them; what nobody says stays missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from exchange.core.completeness import report
from exchange.core.disclosure import Projector, Reader
from exchange.core.documents import Document
from exchange.core.fields import RANK
from exchange.core.profiles import RuleProfile
from exchange.events import records
from exchange.refs import owner_of


class Eyes:
    """One audience's view of cards.

    Args:
        projector: knows the labels of the schemas.
        audience: who reads.
    """

    def __init__(self, projector: Projector, audience: records.Audience) -> None:
        self._projector = projector
        self._reader = Reader("", audience)
        self.audience = audience

    def sees(self, document: Document) -> tuple[Document, list[records.Withheld]]:
        """The card as this audience reads it, and what is kept from it."""
        card: records.ModelCard = document.record
        shown, withheld = self._projector.project("ModelCard", card, self._reader, card["disclosure"])
        told = [entry for entry in withheld if entry["path"] != "disclosure"]
        return replace(document, record=cast(records.ModelCard, shown)), told

    def judged(
        self, profile: RuleProfile, document: Document, rows: Sequence[records.ReportRow]
    ) -> tuple[list[records.ReportRow], list[records.Withheld]]:
        """The rows of the full report as this audience can follow them, and what is kept from it."""
        seen, withheld = self.sees(document)
        card: records.ModelCard = seen.record
        made = report(
            profile, card, stage=card["stage"], parents=(), changes=(), owner=owner_of(document.record["release"]), at=None
        )
        reasons = {entry["path"]: entry["reason"] for entry in withheld}
        judged: list[records.ReportRow] = []
        for row, full, own in zip(profile.rows, rows, made["rows"], strict=True):
            hidden = full["status"] == "provided" and own["status"] != "provided"
            foreign = full["status"] == "inherited" and RANK[row.audience] > RANK[self.audience]
            if hidden or foreign:
                reason = _reason(row.paths, reasons) or f"for {row.audience}"
                judged.append({**full, "status": "withheld", "reason": reason})
            else:
                judged.append(full)
        return judged, withheld


def _reason(paths: Sequence[str], reasons: Mapping[str, str]) -> str | None:
    """Why the first hidden field of a row, or a section around it, is hidden."""
    return next(
        (reason for path in paths for hidden, reason in reasons.items() if path == hidden or path.startswith(hidden + ".")), None
    )
