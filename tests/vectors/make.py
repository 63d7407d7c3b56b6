"""Writes the wire vectors: ``python tests/vectors/make.py``. A test checks that this changes nothing.

``records/<Name>.json``
    per case: what the record means (times and days as text, bytes as hex) and its bytes in both framings. Schema ids of the
    Confluent framing are the position of the name in the sorted list of names, those of 0.1 first, from 1.
``refused.json``
    bytes that a reader must refuse, each with the reason code.
``headers.json``
    attributes and the Kafka headers they travel as.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from exchange.adapters.resources import load_released_texts, load_schema_texts
from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.schemas import SchemaSet
from exchange.testing.samples import sample

HERE = Path(__file__).resolve().parent


def contents() -> dict[str, str]:
    """Text of every vector file by its path below this folder."""
    schemas = SchemaSet.from_texts(load_schema_texts())
    first = SchemaSet.from_texts(load_released_texts()["0.1"]).records  # ids never change: what came later comes behind
    ordered = sorted(schemas.records, key=lambda name: (name not in first, name))
    write_ids = {name: number for number, name in enumerate(ordered, start=1)}
    single, confluent = Codec(schemas), Codec(schemas, write_ids=write_ids)
    files: dict[str, Any] = {"refused.json": _refused(single), "headers.json": _headers()}
    for name, number in write_ids.items():
        cases = {case: sample(schemas, name, full=case == "full") for case in ("small", "full")}
        files[f"records/{name}.json"] = {
            "name": name,
            "schema_id": number,
            "fingerprint": schemas.fingerprints[name].hex(),
            "cases": {
                case: {
                    "record": record,
                    "single_object": single.encode(name, record).hex(),
                    "confluent": confluent.encode(name, record).hex(),
                }
                for case, record in cases.items()
            },
        }
    return {path: json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n" for path, value in files.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value.hex()


def _refused(codec: Codec) -> list[dict[str, str]]:
    """Bytes by what is wrong with them. ``Subscription`` is one string, ``Party`` has an array of enums, ``Tick`` is one time."""
    head = {name: codec.encode(name, record)[:10] for name, record in _HEADS.items()}
    party = head["Party"] + b"\x02a\x02b"
    assessment = head["RiskAssessment"] + b"\x02a\x02b"
    card = codec.encode("ModelCard", sample(SchemaSet.from_texts(load_schema_texts()), "ModelCard"))[:-1]
    cases = [
        ("empty", "malformed", b""),
        ("no frame", "malformed", b"hello"),
        ("frame cut off", "malformed", b"\xc3\x01\x00"),
        ("unknown fingerprint", "unknown-schema", b"\xc3\x01" + bytes(8)),
        ("unknown schema id", "unknown-schema", b"\x00\x7f\xff\xff\xff"),
        ("no body", "malformed", head["Subscription"]),
        ("bytes left over", "malformed", head["Subscription"] + b"\x02a\x00"),
        ("string longer than the value", "malformed", head["Subscription"] + b"\x06ab"),
        ("string of negative length", "malformed", head["Subscription"] + b"\x01"),
        ("string of 2^62 bytes", "malformed", head["Subscription"] + _varint(2**62)),
        ("string not UTF-8", "malformed", head["Subscription"] + b"\x04\xc3\x28"),
        ("string holds a surrogate", "malformed", head["Subscription"] + b"\x06\xed\xa0\x80"),
        ("integer of eleven bytes", "malformed", head["Tick"] + b"\xff" * 10 + b"\x01"),
        ("integer padded", "malformed", head["Tick"] + b"\x80\x00"),
        ("time beyond year 9999", "malformed", head["Tick"] + _varint(2**62)),
        ("array of fifty million items", "malformed", party + _varint(50_000_000)),
        ("array of 2^62 items", "malformed", party + _varint(2**62)),
        ("array block longer than the value", "malformed", party + _varint(-1) + _varint(2**40)),
        ("array block that ends elsewhere", "malformed", party + _varint(-1) + b"\x06" + b"\x02\x00\x00\x00\x00"),
        ("enum index -1", "malformed", party + b"\x02\x01\x00\x00\x00\x00"),
        ("enum index beyond the symbols", "malformed", party + b"\x02\x7e\x00\x00\x00\x00"),
        ("union index -1", "malformed", assessment + b"\x02\x01"),
        ("union index 2", "malformed", assessment + b"\x02\x04"),
        ("boolean 7", "malformed", codec.encode("ProfileEntry", _PROFILE)[:13] + b"\x07\x00\x00\x00"),
        (
            "number not finite",
            "malformed",
            head["Training"] + bytes(3) + b"\x02" + b"\x00\x00\x00\x00\x00\x00\xf0\x7f" + bytes(7),
        ),
        ("map key twice", "malformed", card + b"\x04\x02k\x00\x02k\x00\x00"),
        ("too large", "too-large", b"\xc3\x01" + bytes(SUBMISSION_LIMIT)),
    ]
    return [{"what": what, "reason": reason, **_hex(value)} for what, reason, value in cases]


_PROFILE = {"category": "R01", "level": "low", "status": "assessed", "partial": True}
_HEADS: dict[str, dict[str, Any]] = {
    "Subscription": {"target": "a"},
    "Party": {"party": "a", "display_name": "b", "roles": []},
    "RiskAssessment": {"release": "a", "assessor": "b", "independence": "self"},
    "Tick": {"time": datetime(1970, 1, 1, tzinfo=UTC)},
    "Training": {},
}


def _hex(value: bytes) -> dict[str, str]:
    if len(value) > 1000:
        return {"start": value[:2].hex(), "zeros_after_it": str(len(value) - 2)}
    return {"bytes": value.hex()}


def _varint(number: int) -> bytes:
    raw, out = (number << 1) ^ (number >> 63), bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])


def _headers() -> list[dict[str, Any]]:
    base = Attributes(
        id="01890a5d-ac96-774b-bcce-b302099a8057",
        name="ModelCard",
        source="acme",
        subject="acme/base@1.0",
        time=datetime(2026, 1, 31, 9, 0, 0, 250_000, tzinfo=UTC),
    )
    traced = Attributes(
        id="a:1",
        name="Party",
        source="acme",
        time=datetime(2026, 1, 31, tzinfo=UTC),
        idempotency_key="build-77",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return [
        {"attributes": asdict(attributes), "headers": {name: value.decode() for name, value in to_headers(attributes)}}
        for attributes in (base, traced)
    ]


def main() -> None:
    (HERE / "records").mkdir(exist_ok=True)
    for path, text in contents().items():
        (HERE / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
