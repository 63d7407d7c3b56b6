"""CycloneDX ML-BOMs to model cards: one card for each machine-learning model, and for each data set and system that is ours."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from typing import Any

from exchange.core.importers.assemble import Assembly, Imported, Labels, ensure_small, line_text, reference, release_text
from exchange.core.importers.jsontext import read_json
from exchange.core.mappings.cyclonedx import FORMS, ROWS, TLP, TYPES, VERSIONS, hashes_back
from exchange.core.mappings.rows import PREFIX, take_rows
from exchange.errors import Fault, ParseError, ValidationError
from exchange.events import records
from exchange.refs import LineRef, parse_release

_KINDS = {there: kind for kind, there in TYPES.items()}
_PLAIN = ("bom-ref", "type", "group", "name", "version", "purl", "mime-type", "scope", "isExternal")
"""Keys of a component that its reference already tells, or that say nothing about it."""


def import_bom(text: str, *, filename: str, labels: Labels, release: str | None = None) -> list[Imported]:
    """The cards of a BOM.

    Args:
        text: the BOM as JSON.
        filename: named in errors.
        labels: audience by path of ModelCard (``labels_of``): a traffic light narrows what is wider.
        release: the full reference ``party/name@version``, for a BOM with one model.

    Raises:
        ParseError: not JSON, or no CycloneDX BOM.
        ValidationError: no model in it, or several and one ``release``; fields no card can have.
    """
    bom = read_json(text, filename)
    if bom.get("bomFormat") != "CycloneDX":
        raise ParseError(f"{filename}:1: not a CycloneDX BOM", faults=[Fault("bomFormat", 1, "not CycloneDX")])
    components = list(_components(bom))
    ours = [(place, component) for place, component in components if _is_card(component)]
    if not ours or (release and len(ours) > 1):
        message = f"{len(ours)} models are in it: name no release" if ours else "no machine-learning-model component in it"
        raise ValidationError(f"{filename}:1: {message}", faults=[Fault("components", 1, message)])
    ensure_small(filename, len(ours), len(components))
    by_ref = {str(component.get("bom-ref")): component for _, component in components}
    return [_Work(bom, filename, by_ref, labels).card(component, place, release, components) for place, component in ours]


def _components(bom: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    metadata = bom.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("component"), dict):
        yield "metadata.component", metadata["component"]
    waiting = deque([("components", bom.get("components"))])
    while waiting:
        place, found = waiting.popleft()
        for index, component in enumerate(found if isinstance(found, list) else []):
            if isinstance(component, dict):
                yield f"{place}.{index}", component
                waiting.append((f"{place}.{index}.components", component.get("components")))


def _is_card(component: dict[str, Any]) -> bool:
    return component.get("type") == TYPES["model"] or f"{PREFIX}release" in dict(_properties(component))


def _properties(holder: dict[str, Any]) -> Iterator[tuple[str, str]]:
    found = holder.get("properties")
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry["name"], str(entry.get("value", ""))


def _named(component: dict[str, Any]) -> tuple[str, str, str]:
    """Maker, name and version; the maker from whoever is named as such."""
    makers = [component.get(key) for key in ("group", "publisher", "supplier", "manufacturer", "author")]
    names = [maker.get("name") if isinstance(maker, dict) else maker for maker in makers]
    name, version = component.get("name"), component.get("version")
    party = next((maker for maker in names if isinstance(maker, str) and maker), "")
    name = name if isinstance(name, str) else ""
    if not party and name.count("/") == 1:
        party, _, name = name.partition("/")
    return party, name, version if isinstance(version, str) else ""


class _Work:
    """One card: its component, taken apart place by place."""

    def __init__(self, bom: dict[str, Any], filename: str, by_ref: dict[str, dict[str, Any]], labels: Labels) -> None:
        self._bom, self._by_ref, self._labels = bom, by_ref, labels
        self._made = Assembly(filename, "cdx")

    def card(
        self, component: dict[str, Any], place: str, release: str | None, components: list[tuple[str, dict[str, Any]]]
    ) -> Imported:
        made, left = self._made, copy.deepcopy(component)
        properties = list(_properties(component))
        told = dict(properties).get(f"{PREFIX}release")
        made.name(release or (told if told and reference(told) and "@" in told else None), *_named(component))
        if told:
            made.values.pop("display_name", None)
        made.values["kind"] = _KINDS.get(str(component.get("type")), "model")
        for key in (*_PLAIN, "properties", "components"):
            left.pop(key, None)
        self._parents(left)
        made.values |= take_rows(ROWS, FORMS, left)
        for name, value in properties:
            if name != f"{PREFIX}release":
                made.property(name, value)
        model_card = left.get("modelCard")
        if isinstance(model_card, dict):
            for name, value in _properties(model_card):
                made.property(name, value)
            model_card.pop("properties", None)
        made.keep("", left)
        self._document(place, components)
        return made.finish()

    # -- lineage

    def _parents(self, left: dict[str, Any]) -> None:
        pedigree = left.get("pedigree")
        ancestors = pedigree.pop("ancestors", None) if isinstance(pedigree, dict) else None
        for ancestor in ancestors if isinstance(ancestors, list) else []:
            if isinstance(ancestor, dict):
                self._parent(ancestor, "fine_tune")
        card = left.get("modelCard")
        parameters = card.get("modelParameters") if isinstance(card, dict) else None
        datasets = parameters.pop("datasets", None) if isinstance(parameters, dict) else None
        rest = [entry for entry in (datasets if isinstance(datasets, list) else []) if not self._dataset(entry)]
        self._made.keep("modelCard.modelParameters.datasets", rest, 3)

    def _dataset(self, entry: Any) -> bool:
        """Whether the data set became a parent: it must be named by more than a title."""
        if not isinstance(entry, dict):
            return False
        known = self._by_ref.get(str(entry.get("ref")))
        if known is not None:
            self._parent(known, "trained_on")
            return True
        name = entry.get("name")
        if isinstance(name, str) and name.count("/") == 1 and " " not in name:
            self._parent({"name": name}, "trained_on")
            return set(entry) <= {"type", "name"}
        self._made.warn("parents", "a data set without maker: kept among the extensions")
        return False

    def _parent(self, component: dict[str, Any], relation: records.Relation) -> None:
        properties = dict(_properties(component))
        party, name, version = _named(component)
        text = properties.get(f"{PREFIX}ref", "")
        ref = reference(text) or (release_text(party, name, version) if version else line_text(party, name))
        said = properties.get(f"{PREFIX}relation")
        if said is None and relation == "fine_tune":
            self._made.warn("parents", f"how it came from {ref} is not told", "read as fine-tune")
        share = properties.get(f"{PREFIX}compute_share")
        digest, _ = hashes_back(component.get("hashes"))
        spelt = f"{party}/{name}" if party else name
        note = properties.get(f"{PREFIX}note", spelt if not text and spelt != ref.partition("@")[0] else None)
        self._made.parent(
            {"ref": ref, "relation": said or relation, "digest": digest, "compute_share": _number(share), "note": note}
        )

    # -- the document around it

    def _document(self, place: str, components: list[tuple[str, dict[str, Any]]]) -> None:
        made, metadata = self._made, self._bom.get("metadata")
        if self._bom.get("specVersion") not in VERSIONS:
            made.warn("", f"specVersion is none of {', '.join(VERSIONS)}", "read by the tables of the newest")
        metadata = copy.deepcopy(metadata) if isinstance(metadata, dict) else {}
        metadata.pop("component", None)
        constraints = metadata.pop("distributionConstraints", None)
        stamp = metadata.pop("timestamp", None)
        tools = metadata.pop("tools", None)
        if not _ours(tools):
            made.keep("metadata", {"timestamp": stamp, "tools": tools}, 2)
        made.keep("metadata", metadata, 2)
        own = parse_release(made.values["release"]).line
        parents = {str(parent["ref"]).partition("@")[0] for parent in made.values.get("parents", [])}
        for other, component in components:
            text = dict(_properties(component)).get(f"{PREFIX}ref", line_text(*_named(component)[:2])).partition("@")[0]
            if other != place and not _is_card(component) and text not in parents and text != str(LineRef(*own)):
                made.warn(other, f"left out: a component of type {_word(component.get('type'))}, no model and no parent")
        for key in sorted(
            set(self._bom) - {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components"}
        ):
            made.warn(key[:60], "left out: about the BOM, not about the model")
        self._traffic_light(constraints)

    def _traffic_light(self, constraints: Any) -> None:
        light = constraints.get("tlp") if isinstance(constraints, dict) else None
        if light is None or light == "CLEAR":
            return
        if light not in TLP:
            self._made.warn("disclosure", "a traffic light we do not know", "read as RED: nobody but the owner")
        self._made.narrow(TLP.get(light), f"TLP:{light if light in TLP else 'RED'}", self._labels)


def _ours(tools: Any) -> bool:
    found = tools.get("components") if isinstance(tools, dict) else None
    return isinstance(found, list) and all(isinstance(tool, dict) and tool.get("name") == "exchange" for tool in found)


def _word(text: Any) -> str:
    return text if isinstance(text, str) and text.replace("-", "").isalpha() and len(text) < 40 else "(unknown)"


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
