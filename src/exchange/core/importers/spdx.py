"""SPDX 3.0.1 documents to model cards: one card for each AI and Dataset package."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

from exchange.core.importers.assemble import Assembly, Imported, Labels, ensure_small, line_text, reference, release_text
from exchange.core.importers.jsontext import read_json
from exchange.core.mappings.rows import PREFIX, take_rows
from exchange.core.mappings.spdx import CONFIDENTIALITY, FORMS, RELATIONS, ROWS, TYPES, hashes_back
from exchange.errors import Fault, ParseError, ValidationError

_KINDS = {there: kind for kind, there in TYPES.items()}
_PLAIN = ("type", "spdxId", "@id", "creationInfo", "name", "suppliedBy", "software_packageVersion", "software_primaryPurpose")
_AROUND = frozenset(
    (
        *("CreationInfo", "SpdxDocument", "software_Sbom", "Bom", "Relationship", "Organization", "Person", "Agent", "Tool"),
        *("SoftwareAgent", "simplelicensing_LicenseExpression", "simplelicensing_SimpleLicensingText"),
    )
)
_LICENCES = "https://spdx.org/licenses/"


def import_spdx(text: str, *, filename: str, labels: Labels, release: str | None = None) -> list[Imported]:
    """The cards of an SPDX document.

    Args:
        text: the document as JSON-LD.
        filename: named in errors.
        labels: audience by path of ModelCard: a confidentiality level narrows what is wider.
        release: the full reference ``party/name@version``, for a document with one package.

    Raises:
        ParseError: not JSON, or no SPDX 3 graph.
        ValidationError: no AI or Dataset package, or several and one ``release``; fields no card can have.
    """
    document = read_json(text, filename)
    graph = document.get("@graph", [document] if "spdxId" in document else None)
    if not isinstance(graph, list) or "spdx" not in str(document.get("@context")):
        raise ParseError(f"{filename}:1: not an SPDX 3 document", faults=[Fault("@context", 1, "not SPDX 3")])
    elements = [element for element in graph if isinstance(element, dict)]
    ours = [element for element in elements if _is_card(element)]
    if not ours or (release and len(ours) > 1):
        message = f"{len(ours)} packages are in it: name no release" if ours else "no AI or Dataset package in it"
        raise ValidationError(f"{filename}:1: {message}", faults=[Fault("@graph", 1, message)])
    ensure_small(filename, len(ours), len(elements))
    return [_Work(elements, filename, labels).card(element, release) for element in ours]


def _properties(element: dict[str, Any]) -> Iterator[tuple[str, str]]:
    found = element.get("extension")
    for extension in found if isinstance(found, list) else []:
        entries = extension.get("extension_cdxProperty") if isinstance(extension, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("extension_cdxPropName"), str):
                yield entry["extension_cdxPropName"], str(entry.get("extension_cdxPropValue", ""))


def _is_card(element: dict[str, Any]) -> bool:
    names = dict(_properties(element))
    known = element.get("type") in (TYPES["model"], TYPES["dataset"])
    return f"{PREFIX}release" in names or (known and f"{PREFIX}ref" not in names)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


class _Work:
    """One card: its package, taken apart place by place."""

    def __init__(self, elements: list[dict[str, Any]], filename: str, labels: Labels) -> None:
        self._elements, self._labels = elements, labels
        self._by_id = {str(element.get("spdxId", element.get("@id"))): element for element in elements}
        self._links = [element for element in elements if element.get("type") == "Relationship"]
        self._made = Assembly(filename, "spdx")

    def card(self, element: dict[str, Any], release: str | None) -> Imported:
        made, left = self._made, copy.deepcopy(element)
        properties = list(_properties(element))
        told = dict(properties).get(f"{PREFIX}release")
        made.name(release or (told if told and reference(told) and "@" in told else None), *self._named(element))
        if told:
            made.values.pop("display_name", None)
        kind = _KINDS.get(str(element.get("type")), "model")
        made.values["kind"] = kind
        for key in _PLAIN:
            left.pop(key, None)
        if properties:
            left.pop("extension", None)
        level = left.pop("dataset_confidentialityLevel", None)
        if left.get("dataset_datasetType") == ["noAssertion"]:
            left.pop("dataset_datasetType")
        self._relationships(str(element.get("spdxId")))
        made.values |= take_rows(ROWS[kind], FORMS, left)
        for name, value in properties:
            if name != f"{PREFIX}release":
                made.property(name, value)
        made.keep("", left)
        self._rest()
        if level is not None and level != "clear":
            known = level if isinstance(level, str) and level in CONFIDENTIALITY else "red"
            made.narrow(CONFIDENTIALITY[known], f"confidentiality {known}", self._labels)
        return made.finish()

    def _named(self, element: dict[str, Any]) -> tuple[str, str, str]:
        makers = [
            self._by_id.get(str(ref), {}).get("name")
            for key in ("suppliedBy", "originatedBy")
            for ref in _listed(element.get(key))
        ]
        party = next((maker for maker in makers if isinstance(maker, str) and maker), "")
        name, version = element.get("name"), element.get("software_packageVersion")
        name = name if isinstance(name, str) else ""
        if name.count("/") == 1:
            party, _, name = name.partition("/")
        return party, name, version if isinstance(version, str) else ""

    def _relationships(self, own: str) -> None:
        licences: dict[str, str] = {}
        for link in self._links:
            how, start, ends = (
                str(link.get("relationshipType")),
                str(link.get("from")),
                [str(end) for end in _listed(link.get("to"))],
            )
            if how in ("hasDeclaredLicense", "hasConcludedLicense") and start == own:
                licences[how] = next(filter(None, map(self._licence, ends)), "")
            elif how in RELATIONS:
                forward = RELATIONS[how][1]
                for parent in (ends if start == own else []) if forward else [start] if own in ends else []:
                    self._parent(link, how, parent)
            elif own in (start, *ends):
                self._made.warn("", f"left out: a relationship of type {how if how.isalnum() else '(unknown)'}")
        licence = licences.get("hasDeclaredLicense") or licences.get("hasConcludedLicense")
        if licence:
            self._made.values["licence"] = licence

    def _licence(self, target: str) -> str | None:
        element = self._by_id.get(target, {})
        for key in ("simplelicensing_licenseExpression", "simplelicensing_licenseText", "name"):
            if isinstance(element.get(key), str) and element[key]:
                return str(element[key])
        return target.removeprefix(_LICENCES) if target.startswith(_LICENCES) else None

    def _parent(self, link: dict[str, Any], how: str, target: str) -> None:
        element, told = self._by_id.get(target), dict(_properties(link))
        if element is None or (how == "dependsOn" and element.get("type") not in (TYPES["model"], TYPES["dataset"])):
            self._made.warn("parents", "a relationship to something that is no model or data set of this document: left out")
            return
        party, name, version = self._named(element)
        named = reference(dict(_properties(element)).get(f"{PREFIX}ref", ""))
        ref = named or (release_text(party, name, version) if version else line_text(party, name))
        relation = told.get(f"{PREFIX}relation")
        if relation is None and RELATIONS[how][0] == "fine_tune":
            self._made.warn("parents", f"how it came from {ref} is not told", "read as fine-tune")
        digest, _ = hashes_back(element.get("verifiedUsing"))
        share = told.get(f"{PREFIX}compute_share")
        spelt = f"{party}/{name}"
        note = told.get(f"{PREFIX}note", spelt if not named and spelt != ref.partition("@")[0] else None)
        try:
            compute = float(share) if share else None
        except ValueError:
            compute = None
        self._made.parent(
            {"ref": ref, "relation": relation or RELATIONS[how][0], "digest": digest, "compute_share": compute, "note": note}
        )

    def _rest(self) -> None:
        """What else the graph holds, told by type."""
        others = [element for element in self._elements if not _is_card(element) and str(element.get("type")) not in _AROUND]
        foreign = [element for element in others if f"{PREFIX}ref" not in dict(_properties(element))]
        for name, count in sorted(Counter(str(element.get("type")) for element in foreign).items()):
            shown = name if name.replace("_", "").isalnum() and len(name) < 60 else "(unknown)"
            self._made.warn("", f"left out: {count} of type {shown}, no model, data set, maker or licence")
