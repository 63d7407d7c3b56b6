"""Hugging Face READMEs: front matter and sections to a model card.

Nothing is dropped in silence: what has no field of its own goes to ``extensions``, and what cannot be carried at all, or looks
wrong, becomes a warning with its line. Parents come from ``base_model`` and ``datasets`` only; prose is not read for them.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from exchange.core.checks import LIMITS, check_record
from exchange.core.documents.markdown import Section, heading_key, items_of, split_markdown
from exchange.core.documents.parse import invalid, validate
from exchange.core.documents.yamltext import Node, parse_error, read_yaml
from exchange.core.importers.assemble import Imported
from exchange.core.importers.hf_names import VERSION, id_of_file, line_of_id
from exchange.core.importers.hf_sections import Piece, pieces
from exchange.core.mappings.cyclonedx import LISTED_LICENCES
from exchange.errors import Fault, TooLargeError, ValidationError
from exchange.events import records
from exchange.refs import LineRef, ReleaseRef, parse_ref

READ_LIMIT: Final = 1024 * 1024
TEXT_LIMIT: Final = 6000
EXTENSION_LIMIT: Final = 1500
BUDGET: Final = 88 * 1024
"""Bytes of text a card takes over; the rest of a submission's 128 kB is for names, parents and metrics."""

_KNOWN: Final = (
    *("license", "license_name", "license_link", "base_model", "base_model_relation", "datasets", "model-index", "model_name"),
    *("tags", "language", "library_name", "pipeline_tag", "metrics", "co2_eq_emissions", "new_version", "widget", "inference"),
    *("thumbnail", "pretty_name"),
)
_CORE_KEYS: Final = ("license", "license_name", "license_link", "base_model", "base_model_relation", "datasets", "model-index")
_RELATIONS: Final[dict[str, records.Relation]] = {
    "finetune": "fine_tune",
    "fine-tune": "fine_tune",
    "adapter": "adapter",
    "quantized": "quantise",
    "merge": "merge",
}
_LICENCES: Final = {name.lower(): name for name in LISTED_LICENCES}
"""The hub writes licence ids in small letters; as SPDX spells them by that."""

_DATASET_KEYS: Final = frozenset({"task_categories", "annotations_creators", "dataset_info", "size_categories"})
_LISTS: Final = frozenset({"purpose.intended_uses", "purpose.out_of_scope_uses", "risks.safeguards"})
_NOTHING = re.compile(r"\W*(more )?information needed\W*", re.IGNORECASE)
_QUANTISED = re.compile(r"(?:^|[-_.])(gguf|gptq|awq|exl2|int4|int8|4bit|8bit)(?:$|[-_.])")
_TAG = re.compile(r"base_model:(?:(finetune|adapter|quantized|merge):)?(.+)")


def import_card(text: str, *, filename: str, release: str | None = None) -> Imported:
    """A README as a model card.

    Args:
        text: the README.
        filename: named in errors and warnings; ``org__name.md`` tells the id where nothing else does.
        release: the Hugging Face id, or the full reference ``party/name@version``, where the caller knows it. Without it the
            file name decides, then the name in the front matter, then the title.

    Returns:
        The card ``party/name@hf``, stage released, and warnings.

    Raises:
        ParseError: front matter that is not YAML, or holds no keys; file and line are named.
        ValidationError: no name can be found.
        TooLargeError: larger than a README ever is.
    """
    if len(text) > READ_LIMIT:
        raise TooLargeError(f"{filename}: larger than {READ_LIMIT // 1024} kB")
    parts = split_markdown(text, filename)
    nodes = read_yaml(parts.front, filename, skipped=parts.skipped, limit=READ_LIMIT) if parts.front is not None else []
    front = nodes[0] if nodes else Node(1, {})
    if not isinstance(front.value, dict) or len(nodes) > 1:
        raise parse_error(filename, front.line, "front matter must be keys with values")
    work = _Work(front.value, filename)
    if parts.front is None:
        work.warn("", 1, "no front matter: licence, parents and datasets are unknown")
    ref, display = work.identity(release, parts.sections)
    value = work.card(ref, display, parts.sections)
    card, faults = validate("ModelCard", value)
    faults = faults or [Fault(path, 1, message) for path, message in check_record("ModelCard", card)]
    if faults:
        raise invalid(filename, faults)
    return Imported(card, work.warnings, work.lines)


class _Work:
    """One import: the front matter's fields, taken out one by one, and the warnings."""

    def __init__(self, fields: dict[str, Node], filename: str) -> None:
        self.warnings: list[Fault] = []
        self.lines: dict[str, int] = {}
        self._filename = filename
        self._left = BUDGET
        self._fields = self._spelt(fields)

    def warn(self, path: str, line: int, message: str, hint: str = "") -> None:
        self.warnings.append(Fault(path, line, message, hint))

    # -- names

    def identity(self, release: str | None, sections: list[Section]) -> tuple[ReleaseRef, str]:
        """The release and the name as people spell it."""
        if release is not None and "@" in release:
            ref = parse_ref(release.lower())
            if isinstance(ref, ReleaseRef):
                return ref, release.partition("@")[0]
        for candidate in (release, id_of_file(self._filename), self._name(), self._title(sections)):
            line = line_of_id(candidate) if candidate else None
            if line is not None and candidate is not None:
                return ReleaseRef(line.party, line.name, VERSION), candidate
        fault = Fault(
            "release", 1, "no name: neither file name, front matter nor title tells one", "say which: --release ORG/NAME"
        )
        raise ValidationError(f"{self._filename}:1: {fault.message}", hint=fault.hint, faults=[fault])

    def _name(self) -> str | None:
        index = self._fields.get("model-index")
        first = index.value[0].value if index and isinstance(index.value, list) and index.value else None
        name = first.get("name") if isinstance(first, dict) else self._fields.get("model_name")
        return name.value if name and isinstance(name.value, str) else None

    def _title(self, sections: list[Section]) -> str | None:
        title = next((section.title for section in sections if section.level == 1), "")
        title = re.sub(r"(?i)^model card for ", "", title).strip()
        return title.replace("/", "-") if heading_key(title) else None

    def _spelt(self, fields: dict[str, Node]) -> dict[str, Node]:
        """Keys as they should be spelt; a misspelt one is used when the right one is not there."""
        spelt = dict(fields)
        for key, node in fields.items():
            plain = re.sub(r"[^a-z]+", "_", key[:60].casefold()).strip("_").replace("model_index", "model-index")
            if key in _KNOWN or (plain == key and plain not in ("licence",)):
                continue
            near = difflib.get_close_matches(plain, _CORE_KEYS, n=1, cutoff=0.85)
            if not near or near[0] in spelt:
                continue
            self.warn(key, node.line, "misspelt key", f"read as {near[0]}")
            spelt[near[0]] = spelt.pop(key)
        return spelt

    # -- the card

    def card(self, ref: ReleaseRef, display: str, sections: list[Section]) -> dict[str, Any]:
        """The card's fields."""
        kind = "dataset" if _DATASET_KEYS & self._fields.keys() else "model"
        value: dict[str, Any] = {"release": str(ref), "display_name": display[:200], "kind": kind, "stage": "released"}
        value["licence"] = self._licence()
        value["parents"] = self._parents(ref)
        metrics = self._metrics()
        if metrics:
            value["evaluation"] = {"metrics": metrics}
        if "library_name" in self._fields:
            value["makeup"] = {"required_software": self._text("library_name")}
        extensions: dict[str, str] = {}
        for piece in pieces(sections):
            self._place(value, extensions, piece)
        self._rest(extensions)
        value["extensions"] = extensions
        return value

    def _licence(self) -> str | None:
        node = self._fields.get("license")
        names = [text for text in _texts(self._fields.pop("license", None)) if text]
        if node is not None:
            self.lines["licence"] = node.line
        if node is not None and [name.casefold() for name in names] in (["license"], ["licence"]):
            self.warn("licence", node.line, "a template's text stands in place of a licence")
            names = []
        names = [_LICENCES.get(name, name) for name in names]
        named, link = self._text("license_name"), self._text("license_link")
        if named and (not names or names == ["other"]):
            names = [named]
        told = ", ".join(names) + (f" ({link})" if link else "")
        return told.strip()[:500] or None

    def _parents(self, own: ReleaseRef) -> list[dict[str, Any]]:
        relation_node = self._fields.pop("base_model_relation", None)
        declared = _texts(relation_node)
        tags = [tag for tag in _texts(self._fields.get("tags")) if tag]
        found: list[tuple[str, int, records.Relation | None]] = []
        base = self._fields.pop("base_model", None)
        if base is not None:
            found += [(text or "", line, None) for text, line in _lined(base)]
            if not found:
                self.warn("parents", base.line, "base_model is empty: the parents are unknown")
        tag_line = self._fields["tags"].line if "tags" in self._fields else 1
        matches = [match for tag in tags if (match := _TAG.fullmatch(tag))]
        tagged: dict[str, records.Relation | None] = dict.fromkeys(match[2] for match in matches)
        tagged |= {match[2]: _RELATIONS[match[1]] for match in matches if match[1]}
        found += [(text, tag_line, None) for text in tagged if text not in {entry[0] for entry in found}]
        relation = _RELATIONS.get((declared[0] or "").casefold()) if declared else None
        if declared and relation is None and relation_node is not None:
            self.warn("parents", relation_node.line, "base_model_relation is none of finetune, adapter, quantized, merge")
        guess = relation or self._guess(own, tags, sum(bool(text.strip()) for text, _, _ in found))
        if guess == "merge" and len(found) == 1:
            self.warn("parents", found[0][1], "said to be a merge, but names one parent")
        models = [(text, line, tagged.get(text) or guess) for text, line, _ in found]
        data = self._fields.pop("datasets", None)
        datasets: list[tuple[str, int, records.Relation]] = [(text or "", line, "trained_on") for text, line in _lined(data)]
        return self._linked(own, [*models, *datasets])

    def _guess(self, own: ReleaseRef, tags: list[str], parents: int) -> records.Relation:
        """The relation that library, tags and name tell; without a sign, fine-tuning."""
        library = self._fields.get("library_name")
        said = {tag.casefold() for tag in tags} | {text.casefold() for text in _texts(library) if text}
        if parents > 1 or said & {"merge", "mergekit"}:
            return "merge"
        if said & {"gguf", "gptq", "awq", "quantized", "exl2"} or _QUANTISED.search(own.name):
            return "quantise"
        return "adapter" if said & {"peft", "lora", "adapter", "qlora"} else "fine_tune"

    def _linked(self, own: ReleaseRef, found: Iterable[tuple[str, int, records.Relation]]) -> list[dict[str, Any]]:
        parents: dict[str, dict[str, Any]] = {}
        for text, line, relation in found:
            ref = line_of_id(text)
            if ref is None:
                why = "empty" if not text.strip() else "a path on a disk, or no id"
                self.warn("parents", line, f"a parent that names nothing: {why}")
            elif ref == LineRef(own.party, own.name):
                same = "a dataset of the model's own name cannot be told apart from it"
                self.warn("parents", line, same if relation == "trained_on" else "names itself as parent")
            elif str(ref) in parents:
                self.warn("parents", line, "a parent named twice")
            elif len(parents) == LIMITS["parents"]:
                self.warn("parents", line, f"more than {LIMITS['parents']} parents: left out")
            else:
                note = text.strip() if text.strip().lower() != text.strip() else None
                self.lines.setdefault("parents", line)
                self.lines[f"parents.{len(parents)}"] = line
                parents[str(ref)] = {"ref": str(ref), "relation": relation, "note": note}
        return list(parents.values())

    def _metrics(self) -> list[dict[str, Any]]:
        node = self._fields.pop("model-index", None)
        if node is None:
            return []
        self.lines["evaluation.metrics"] = node.line
        metrics = list(_index_metrics(node.plain()))
        if len(metrics) > LIMITS["metrics"]:
            self.warn("evaluation.metrics", node.line, f"more than {LIMITS['metrics']} results: the rest is left out")
        if not metrics and _has_results(node.plain()):
            self.warn("evaluation.metrics", node.line, "model-index holds no result that can be read")
        return metrics[: LIMITS["metrics"]]

    # -- texts

    def _text(self, key: str) -> str | None:
        return ", ".join(text for text in _texts(self._fields.pop(key, None)) if text)[:500] or None

    def _place(self, value: dict[str, Any], extensions: dict[str, str], piece: Piece) -> None:
        if piece.path is None:
            self._extend(extensions, f"section: {piece.title or 'untitled'}"[:120], piece.text, piece.line)
            return
        self.lines.setdefault(piece.path, piece.line)
        *sections, field = piece.path.split(".")
        target = value
        for section in sections:
            target = target.setdefault(section, {})
        short = not sections
        before = target.get(field)
        if short and before:
            self._extend(extensions, f"section: {piece.title}"[:120], piece.text, piece.line)
        elif before and _NOTHING.fullmatch(piece.text):
            return
        elif piece.path in _LISTS:
            items = [self._cut(item, TEXT_LIMIT, piece) for item in items_of(piece.text)]
            kept = [item for item in before or [] if not _NOTHING.fullmatch(item)]
            target[field] = [*kept, *(item for item in items if item)][:200]
        else:
            text = piece.text if not before or _NOTHING.fullmatch(before) else f"{before}\n\n{piece.text}"
            target[field] = self._cut(text, 500 if short else TEXT_LIMIT, piece, len(before or ""))

    def _extend(self, extensions: dict[str, str], key: str, text: str, line: int) -> None:
        key = next(name for name in (key, *(f"{key} ({n})" for n in range(2, 999))) if name not in extensions)
        if len(extensions) >= LIMITS["extensions"]:
            self.warn("extensions", line, "left out: too many extensions")
            return
        cut = self._cut(text, EXTENSION_LIMIT, Piece("extensions", key, text, line))
        if cut:
            extensions[key] = cut

    def _cut(self, text: str, limit: int, piece: Piece, already: int = 0) -> str:
        """The text within its limit and the card's budget; what is cut off is warned about."""
        kept = text[: min(limit, max(self._left, 0) + already)]
        self._left -= len(kept.encode()) - already
        if len(kept) < len(text):
            self.warn(piece.path or "extensions", piece.line, f"cut after {len(kept)} of {len(text)} characters")
        return kept

    def _rest(self, extensions: dict[str, str]) -> None:
        """Front matter without a field of its own."""
        for key, node in self._fields.items():
            plain = node.plain()
            if plain is None:
                continue
            text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
            self._extend(extensions, key[:120], text, node.line)


def _lined(node: Node | None) -> list[tuple[str | None, int]]:
    """Every text of a value that may be one, a list, or lists by key, with its line."""
    if node is None or node.value is None:
        return []
    if isinstance(node.value, list):
        return [entry for item in node.value for entry in (_lined(item) if item.value is not None else [(None, item.line)])]
    if isinstance(node.value, dict):
        return [entry for item in node.value.values() for entry in _lined(item)]
    return [(node.value, node.line)]


def _texts(node: Node | None) -> list[str | None]:
    return [text for text, _ in _lined(node)]


def _has_results(index: Any) -> bool:
    entries = index if isinstance(index, list) else [index]
    return any(isinstance(entry, dict) and entry.get("results") for entry in entries)


def _index_metrics(index: Any) -> Iterable[dict[str, Any]]:
    """Results of a ``model-index``, as far as they have its form."""
    for entry in index if isinstance(index, list) else []:
        results = entry.get("results") if isinstance(entry, dict) else None
        for result in results if isinstance(results, list) else []:
            if not isinstance(result, dict):
                continue
            dataset, source = result.get("dataset"), result.get("source")
            for metric in result["metrics"] if isinstance(result.get("metrics"), list) else []:
                name = (metric.get("name") or metric.get("type")) if isinstance(metric, dict) else None
                value = metric.get("value") if isinstance(metric, dict) else None
                if isinstance(name, str) and value is not None:
                    yield {
                        "name": name[:200],
                        "value": value[:200] if isinstance(value, str) else json.dumps(value)[:200],
                        "dataset": _name_of(dataset, "name", "type"),
                        "source": _name_of(source, "url", "name"),
                    }


def _name_of(entry: Any, *keys: str) -> str | None:
    found = next((entry[key] for key in keys if entry.get(key)), None) if isinstance(entry, dict) else None
    return found[:300] if isinstance(found, str) else None
