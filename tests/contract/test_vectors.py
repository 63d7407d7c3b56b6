"""The checked-in wire vectors: bytes and what they mean."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from exchange.core.codec import Codec
from exchange.core.envelope import from_headers
from exchange.core.schemas import SchemaSet
from exchange.errors import DocumentError
from exchange.testing.samples import sample

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
MAKE = runpy.run_path(str(FOLDER / "make.py"))
RECORDS = sorted((FOLDER / "records").glob("*.json"))
REFUSED = json.loads((FOLDER / "refused.json").read_text(encoding="utf-8"))


def test_making_them_again_changes_nothing() -> None:
    """Known bytes keep their meaning; a wanted change shows up in the difference."""
    on_disk = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.json")}
    assert on_disk == MAKE["contents"]()


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("framing", ["single_object", "confluent"])
def test_both_framings_are_read(schemas: SchemaSet, path: Path, framing: str) -> None:
    """One reader takes either, by the first byte."""
    vector = json.loads(path.read_text(encoding="utf-8"))
    codec = Codec(schemas, ids={vector["schema_id"]: vector["name"]})
    for case, made in vector["cases"].items():
        value = bytes.fromhex(made[framing])
        expected = sample(schemas, vector["name"], full=case == "full")
        assert codec.decode(value) == codec.decode_trusted(value) == (vector["name"], expected)
        assert json.loads(json.dumps(expected, default=MAKE["_plain"])) == made["record"]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["what"])
def test_bad_bytes_are_refused_with_their_reason(codec: Codec, vector: dict[str, Any]) -> None:
    """Each gets its reason code and not an exception of some library."""
    value = (
        bytes.fromhex(vector["bytes"])
        if "bytes" in vector
        else bytes.fromhex(vector["start"]) + bytes(int(vector["zeros_after_it"]))
    )
    with pytest.raises(DocumentError) as caught:
        codec.decode(value)
    assert caught.value.reason == vector["reason"]


def test_headers_are_read() -> None:
    """The attributes come back from the headers of each vector."""
    for vector in json.loads((FOLDER / "headers.json").read_text(encoding="utf-8")):
        attributes = from_headers([(name, value.encode()) for name, value in vector["headers"].items()])
        assert attributes.id == vector["attributes"]["id"]
        assert attributes.name == vector["attributes"]["name"]
        assert attributes.idempotency_key == vector["attributes"]["idempotency_key"]
