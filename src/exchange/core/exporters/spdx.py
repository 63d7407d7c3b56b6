"""Model cards as SPDX 3.0.1 documents (JSON-LD), profiles AI and Dataset, the rest as properties of the extension profile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from exchange.core.exporters.shown import Exported, Manner, Shown, notes_of
from exchange.core.importers.assemble import WITHHELD
from exchange.core.mappings.cyclonedx import LISTED_LICENCES
from exchange.core.mappings.rows import PREFIX, as_text, put_rows
from exchange.core.mappings.spdx import (
    CONFIDENTIALITY,
    CONTEXT,
    FORMS,
    NO_LICENCE,
    PURPOSES,
    ROWS,
    TYPES,
    VERSION,
    hashes_out,
)
from exchange.errors import Fault
from exchange.events import records
from exchange.refs import parse_ref

_ELSEWHERE = frozenset({"release", "kind", "parents", "licence"})
_INFO = "_:creationinfo"


def export_spdx(shown: Shown, manner: Manner) -> Exported:
    """The card as a document with one package, its parents, its licence and its maker."""
    card = shown.card
    package, changed = _package(shown)
    party = f"urn:exchange:{parse_ref(card['release']).party}"
    licence = _licence(card["licence"])
    declared = licence["spdxId"] if licence else NO_LICENCE
    profiles = ["core", "software", "simpleLicensing", "expandedLicensing", "extension"]
    document = {"type": "SpdxDocument", "spdxId": f"{package['spdxId']}#document", "rootElement": [package["spdxId"]]}
    elements: list[dict[str, Any]] = [
        {"type": "Organization", "spdxId": party, "name": parse_ref(card["release"]).party},
        {**document, "profileConformance": profiles},
        package,
        _relationship(package, "hasDeclaredLicense", declared, 0),
        _relationship(package, "hasConcludedLicense", NO_LICENCE, 0),
        *([licence] if licence else []),
    ]
    for number, parent in enumerate(card["parents"]):
        elements += _parent(package, card["kind"], parent, number)
    info = {"type": "CreationInfo", "@id": _INFO, "specVersion": VERSION, "createdBy": [party]}
    graph = [{**info, "created": f"{manner.at.isoformat()}T00:00:00Z"}]
    graph += [{**element, "creationInfo": _INFO} for element in elements]
    notes = notes_of(shown, changed=changed, why=f"as properties {PREFIX}<field>, which our importer reads")
    notes += [Fault("software_downloadLocation", 0, "wanted by the AI and Dataset profiles; a card has none")]
    return Exported(json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False, indent=2) + "\n", notes)


def _package(shown: Shown) -> tuple[dict[str, Any], list[str]]:
    card, values = shown.card, shown.leaves
    ref = parse_ref(card["release"])
    package: dict[str, Any] = {
        "type": TYPES[card["kind"]],
        "spdxId": f"urn:exchange:{card['release']}",
        "name": f"{ref.party}/{ref.name}",
        "suppliedBy": f"urn:exchange:{ref.party}",
        "software_packageVersion": card["release"].partition("@")[2],
        "software_primaryPurpose": PURPOSES[card["kind"]],
    }
    whole = put_rows(ROWS[card["kind"]], FORMS, values, package)
    if card["kind"] == "dataset":
        package.setdefault("dataset_datasetType", ["noAssertion"])
        levels = {audience or "owner": level for level, audience in CONFIDENTIALITY.items()}
        package["dataset_confidentialityLevel"] = levels.get(shown.audience, "red")
    rest = sorted(values.keys() - whole - (_ELSEWHERE if card["licence"] else _ELSEWHERE - {"licence"}))
    told = {"release": card["release"]}
    for path in rest:
        inner = {f"{path}.{key}": text for key, text in values[path].items()} if path == "extensions" else {path: values[path]}
        told |= {name: as_text(value) for name, value in inner.items()}
    told |= {f"{WITHHELD}{path}": reason for path, reason in sorted(shown.withheld.items())}
    package["extension"] = _extension(told)
    return package, [path for path in rest if path not in ("stage", "display_name")]


def _licence(licence: str | None) -> dict[str, Any] | None:
    if not licence:
        return None
    if set(re.split(" (?:AND|OR) ", licence)) <= LISTED_LICENCES:
        return {
            "type": "simplelicensing_LicenseExpression",
            "spdxId": "urn:exchange:licence",
            "simplelicensing_licenseExpression": licence,
        }
    return {
        "type": "simplelicensing_SimpleLicensingText",
        "spdxId": "urn:exchange:licence",
        "simplelicensing_licenseText": licence,
    }


def _parent(package: Mapping[str, Any], kind: str, parent: records.Parent, number: int) -> list[dict[str, Any]]:
    ref = parse_ref(parent["ref"])
    is_data = parent["relation"] == "trained_on"
    how = "trainedOn" if is_data and kind == "model" else "dependsOn" if parent["relation"] == "integrates" else "descendantOf"
    element: dict[str, Any] = {
        "type": TYPES["dataset" if is_data else "model"],
        "spdxId": f"urn:exchange:{parent['ref']}",
        "name": f"{ref.party}/{ref.name}",
        "software_primaryPurpose": "data" if is_data else "model",
        **({"software_packageVersion": ref.version} if len(ref) == 3 else {}),
        **({"dataset_datasetType": ["noAssertion"]} if is_data else {}),
        **({"verifiedUsing": hashes_out(parent["digest"])} if parent["digest"] else {}),
        "extension": _extension({"ref": parent["ref"]}),
    }
    told: dict[str, Any] = {key: parent[key] for key in ("relation", "compute_share", "note")}
    said = {key: as_text(value) for key, value in told.items() if value is not None and value != "UNKNOWN"}
    link = _relationship(package, how, element["spdxId"], number)
    return [element, {**link, "extension": _extension(said)} if said else link]


def _relationship(package: Mapping[str, Any], how: str, to: str, number: int) -> dict[str, Any]:
    return {
        "type": "Relationship",
        "spdxId": f"{package['spdxId']}#{how}-{number}",
        "relationshipType": how,
        "from": package["spdxId"],
        "to": [to],
    }


def _extension(told: Mapping[str, str]) -> list[dict[str, Any]]:
    entries = [
        {
            "type": "extension_CdxPropertyEntry",
            "extension_cdxPropName": f"{PREFIX}{name}",
            "extension_cdxPropValue": value,
        }
        for name, value in told.items()
    ]
    return [{"type": "extension_CdxPropertiesExtension", "extension_cdxProperty": entries}]
