"""Model cards as CycloneDX 1.7 ML-BOMs.

What the format has no place for travels as properties ``exchange:<field>``, so that our importer reads the same card back.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from exchange.core.exporters.shown import Exported, Manner, Shown, notes_of
from exchange.core.importers.assemble import WITHHELD
from exchange.core.mappings.cyclonedx import FORMS, ROWS, TLP, TYPES, VERSION
from exchange.core.mappings.rows import PREFIX, as_text, put_rows
from exchange.events import records
from exchange.refs import parse_ref, parse_release

_LIGHT = {audience or "owner": light for light, audience in TLP.items()}
_ELSEWHERE = frozenset({"release", "kind", "parents"})


def export_bom(shown: Shown, _manner: Manner) -> Exported:
    """The card as a BOM with one component, its ancestors and data sets. The same card makes the same bytes."""
    component, changed = _component(shown)
    datasets = [parent for parent in shown.card["parents"] if parent["relation"] == "trained_on"]
    others = [parent for parent in shown.card["parents"] if parent["relation"] != "trained_on"]
    if others:
        component["pedigree"] = {"ancestors": [_parent(parent, "model") for parent in others]}
    if datasets and shown.card["kind"] == "model":
        refs = [{"ref": parent["ref"]} for parent in datasets]
        component.setdefault("modelCard", {}).setdefault("modelParameters", {})["datasets"] = refs
    elif datasets:
        component.setdefault("pedigree", {}).setdefault("ancestors", []).extend(_parent(each, "dataset") for each in datasets)
    parts = [_parent(parent, "dataset") for parent in datasets] if shown.card["kind"] == "model" else []
    bom: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "serialNumber": "",
        "version": 1,
        "metadata": _metadata(shown),
        "components": [component, *parts],
    }
    if parts:
        bom["dependencies"] = [{"ref": component["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]}]
    digest = hashlib.sha256(json.dumps(bom, sort_keys=True).encode()).digest()
    bom["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"
    why = f"as properties {PREFIX}<field>, which our importer reads"
    return Exported(json.dumps(bom, ensure_ascii=False, indent=2) + "\n", notes_of(shown, changed=changed, why=why))


def _component(shown: Shown) -> tuple[dict[str, Any], list[str]]:
    card, values = shown.card, shown.leaves
    ref = parse_release(card["release"])
    component: dict[str, Any] = {
        "type": TYPES[card["kind"]],
        "bom-ref": card["release"],
        "group": ref.party,
        "name": ref.name,
        "version": ref.version,
    }
    rows = [row for row in _first_places() if card["kind"] == "model" or not row.there.startswith("modelCard.")]
    whole = put_rows(rows, FORMS, values, component)
    rest = sorted(values.keys() - whole - _ELSEWHERE)
    told = {"release": card["release"]}
    for path in rest:
        inner = {f"{path}.{key}": text for key, text in values[path].items()} if path == "extensions" else {path: values[path]}
        told |= {name: as_text(value) for name, value in inner.items()}
    told |= {f"{WITHHELD}{path}": reason for path, reason in sorted(shown.withheld.items())}
    component["properties"] = _properties(told)
    return component, [path for path in rest if path not in ("stage", "display_name")]


def _first_places() -> list[Any]:
    seen: set[str] = set()
    return [row for row in ROWS if row.path not in seen and not seen.add(row.path)]  # type: ignore[func-returns-value]


def _parent(parent: records.Parent, kind: str) -> dict[str, Any]:
    ref = parse_ref(parent["ref"])
    told = {"ref": parent["ref"], "relation": parent["relation"]}
    told |= {key: as_text(parent[key]) for key in ("compute_share", "note") if parent[key] is not None}
    version = {"version": ref.version} if len(ref) == 3 else {}
    digest = {"hashes": [{"alg": "SHA-256", "content": parent["digest"][7:]}]} if parent["digest"] else {}
    return {
        "type": TYPES[kind],
        "bom-ref": parent["ref"],
        "group": ref.party,
        "name": ref.name,
        **version,
        **digest,
        "properties": _properties({key: text for key, text in told.items() if text != "UNKNOWN"}),
    }


def _properties(told: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"{PREFIX}{name}", "value": value} for name, value in told.items()]


def _metadata(shown: Shown) -> dict[str, Any]:
    updated = shown.card["updated_on"]
    return {
        **({"timestamp": f"{updated.isoformat()}T00:00:00Z"} if updated else {}),
        "tools": {"components": [{"type": "application", "name": "exchange"}]},
        "distributionConstraints": {"tlp": _LIGHT[shown.audience]},
    }
