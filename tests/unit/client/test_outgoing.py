"""exchange.client.outgoing: what a caller may hand over."""

from __future__ import annotations

import pytest

from exchange.client.outgoing import considered, outgoing, seal
from exchange.core.codec import Codec
from exchange.core.documents import parse_documents
from exchange.errors import TooLargeError, ValidationError
from exchange.events import models

CARD = """
release: acme/base@1
stage: released
"""


def test_a_document_a_model_and_a_record_are_the_same(codec: Codec) -> None:
    """Three ways to the same bytes."""
    [document] = parse_documents("type: ModelCard" + CARD, "card.yaml")
    model = models.ModelCard(release="acme/base@1", stage="released")
    record = ("ModelCard", {"release": "acme/base@1", "stage": "released"})
    sealed = {seal(codec, out.name, out.record) for out in map(outgoing, (document, model, record))}
    assert len(sealed) == 1
    assert outgoing(model).subject == "acme/base@1"


def test_only_what_parties_publish(codec: Codec) -> None:
    """Records of the exchange itself are refused before anything is sent."""
    with pytest.raises(ValidationError, match="not a record that a party publishes"):
        outgoing(("Decision", {}))
    with pytest.raises(ValidationError, match="release: missing"):
        outgoing(("ModelCard", {"stage": "released"}))
    with pytest.raises(ValidationError, match="release"):
        seal(codec, "ModelCard", {"release": "nonsense", "stage": "released"})
    with pytest.raises(TooLargeError):
        seal(codec, "ModelCard", {"release": "acme/base@1", "stage": "released", "updates": "x" * 200_000})


@pytest.mark.parametrize(("given", "left_open"), [({}, True), ({"considers": None}, True), ({"considers": []}, False)])
def test_considers_is_left_open_or_not(given: dict[str, None], left_open: bool) -> None:
    """Absent or None leaves it to the library; an empty list says: nothing."""
    out = outgoing(("RiskAssessment", {"release": "acme/base@1", "assessor": "acme", "independence": "self", **given}))
    assert out.open_considers is left_open
    assert out.record["considers"] == []


def test_without_a_view_nothing_is_considered() -> None:
    """Who was told nothing has nothing before it."""
    assert considered(None) == []
