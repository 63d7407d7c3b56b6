"""Texts that tools and templates leave in a card: they fill a field and say nothing about this model."""

from __future__ import annotations

import re
from typing import Final

from exchange.core.exposure import texts_of
from exchange.events import records

BOILERPLATE: Final[tuple[re.Pattern[str], ...]] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"this is the model card of a .{0,4}transformers model that has been pushed on the hub",
        r"this model card has been (?:automatically )?generated",
        r"has been generated automatically according to the information the trainer had access to",
        r"users \(both direct and downstream\) should be made aware of the risks, biases,? and limitations",
        r"carbon emissions can be estimated using the \[?machine learning impact calculator",
        r"fine-?tuned version of .{1,200} on (?:an unknown|the none) dataset",
        r"\bmore information (?:is )?needed\b",
        r"(?:この|本)モデルカードは.{0,20}自動(?:的に)?(?:生成|作成)",
        r"(?:さらに|より多くの|追加の)情報が必要",
        r"(?:ここ|こちら)に.{0,40}(?:記入|記載|入力)して(?:ください|下さい)",
        r"(?:記入|記載)例[::]",
    )
)
"""Sentences of known templates, as they stand in real cards."""


def boilerplate(card: records.ModelCard) -> list[str]:
    """Paths, with list indexes, of the texts that hold a template's sentence."""
    return [
        path
        for path, field, text in texts_of(card)
        if field != "extensions" and any(pattern.search(text) for pattern in BOILERPLATE)
    ]
