"""Documents as people write them: YAML, or for cards Markdown with front matter (docs/cards.md).

>>> [document] = parse_documents("type: Subscription\\ntarget: acme/base\\n", "sub.yaml")
>>> document.type, document.record
('Subscription', {'target': 'acme/base'})
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pydantic

from exchange.core.checks import check_record
from exchange.core.documents.markdown import BY_HEADING, HEADINGS, Section, heading_key, items_of, split_markdown
from exchange.core.documents.shape import MOST_HINTS, Shaper, hints_of
from exchange.core.documents.yamltext import SIZE_LIMIT, Node, parse_error, read_yaml
from exchange.errors import Fault, TooLargeError, ValidationError
from exchange.events import models, records

TYPES: Final[Mapping[str, type]] = {
    "ModelCard": records.ModelCard,
    "ChangeNotice": records.ChangeNotice,
    "RiskAssessment": records.RiskAssessment,
    "Party": records.Party,
    "Subscription": records.Subscription,
    "Unsubscribe": records.Unsubscribe,
    "Grant": records.Grant,
    "GrantRevocation": records.GrantRevocation,
}
"""What a document can be: its ``type``."""

Source = Literal["exchange", "huggingface", "cyclonedx", "spdx", "mct"]
"""Whose form a document was written in."""

Labels = Mapping[str, records.Audience] | None

MODELS: Final[Mapping[str, type[pydantic.BaseModel]]] = {name: getattr(models, name) for name in TYPES}

_TYPE_KEYS = {name.casefold(): name for name in TYPES}
_MOST_FAULTS = 50
_LISTS = ("purpose.intended_uses", "purpose.out_of_scope_uses", "risks.safeguards")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    Attributes:
        type: name of the record.
        record: the record, all keys present, as fastavro writes it.
        lines: line by dotted path with list indexes.
        filename: the file.
        line: where the document begins.
        source: whose form it was written in: ours, or that of others.
        notes: what an import of another form warned about.
    """

    type: str
    record: Any
    lines: Mapping[str, int]
    filename: str
    line: int
    source: Source = "exchange"
    notes: tuple[Fault, ...] = ()

    def line_of(self, path: str) -> int:
        """The line of a field, or of the nearest section around it that is there."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, self.line)


def parse_documents(text: str, filename: str, labels: Labels = None) -> list[Document]:
    """All documents of a file, checked as far as one can without the exchange.

    Args:
        text: the file's text.
        filename: named in errors; an ending ``.md`` or ``.markdown`` means Markdown with front matter, all else YAML.
        labels: audience label by path of ModelCard; with it, a disclosure that does not narrow its field is a fault.

    Raises:
        ParseError: not strict YAML, or no front matter.
        TooLargeError: larger than a submission may be.
        ValidationError: fields are wrong, missing or unknown. All faults of the file are in ``faults``; the message names file,
            line and field of each and quotes no value.
    """
    if filename.casefold().endswith((".md", ".markdown")):
        nodes, sections = _markdown(text, filename)
    else:
        nodes, sections = read_yaml(text, filename), []
    documents: list[Document] = []
    faults: list[Fault] = []
    for node in nodes:
        try:
            documents.append(_document(node, sections, filename, labels))
        except ValidationError as error:
            faults.extend(error.faults)
    if faults:
        raise invalid(filename, faults)
    if not documents:
        raise parse_error(filename, 1, "holds no document")
    return documents


def invalid(filename: str, faults: Sequence[Fault]) -> ValidationError:
    """One error that tells every fault, each as ``file:line: field: what is wrong (hint)``."""
    faults = sorted(faults, key=lambda fault: fault.line)
    told = [_told(filename, fault) for fault in faults[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        told.append(f"{filename}: and {len(faults) - _MOST_FAULTS} more")
    return ValidationError("\n".join(told), faults=faults)


def _told(filename: str, fault: Fault) -> str:
    field, hint = f"{fault.path}: " if fault.path else "", f" ({fault.hint})" if fault.hint else ""
    return f"{filename}:{fault.line}: {field}{fault.message}{hint}"


def validate(name: str, value: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    """A record with all keys from what is given, by the generated model; on faults the record is None."""
    try:
        return MODELS[name].model_validate(value).model_dump(), []
    except pydantic.ValidationError as error:
        return None, [
            Fault(".".join(map(str, entry["loc"])), 0, "missing" if entry["type"] == "missing" else f"wrong: {entry['type']}")
            for entry in error.errors(include_input=False, include_url=False, include_context=False)
        ]


def _markdown(text: str, filename: str) -> tuple[list[Node], list[Section]]:
    if len(text.encode("utf-8", "surrogatepass")) > SIZE_LIMIT:
        raise TooLargeError(f"{filename}: larger than {SIZE_LIMIT // 1024} kB", hint="give long texts by link and digest")
    parts = split_markdown(text, filename)
    if parts.front is None:
        raise parse_error(
            filename, 1, "a card in Markdown begins with front matter", "put release: and stage: between two lines ---"
        )
    nodes = read_yaml(parts.front, filename, skipped=parts.skipped)
    if len(nodes) != 1:
        raise parse_error(filename, 1, "front matter holds no fields")
    return nodes, parts.sections


def _document(node: Node, sections: Sequence[Section], filename: str, labels: Labels) -> Document:
    if not isinstance(node.value, dict):
        raise invalid(filename, [Fault("", node.line, "a document is a list of keys with values")])
    shaper = Shaper()
    fields = dict(node.value)
    name = _type_of(fields.pop("type", None), shaper)
    if name is None:
        raise invalid(filename, shaper.faults)
    value = shaper.record(Node(node.line, fields), TYPES[name])
    _fill(value, sections, name, shaper)
    record, faults = validate(name, value)
    known = [fault.path for fault in shaper.faults]
    document = Document(name, record, shaper.lines, filename, node.line)
    faults = [fault for fault in faults if not any(_within(fault.path, path) for path in known)]
    if record is not None and not shaper.faults:
        faults = [Fault(path, 0, message) for path, message in check_record(name, record, labels)]
    if shaper.faults or faults:
        hint = _README_HINT if {"license", "base_model", "pipeline_tag"} & fields.keys() and "release" not in fields else ""
        placed = [fault._replace(line=document.line_of(fault.path), hint=fault.hint or hint) for fault in faults]
        raise invalid(filename, [*shaper.faults, *placed])
    return document


_README_HINT = "a Hugging Face README is read by: exchange import hf FILE"


def _within(path: str, around: str) -> bool:
    return around != "" and (path == around or path.startswith(around + "."))


def _type_of(node: Node | None, shaper: Shaper) -> str | None:
    if node is None:
        return "ModelCard"
    text = node.value if isinstance(node.value, str) else ""
    name = _TYPE_KEYS.get(text.replace("-", "").replace("_", "").casefold())
    if name is None:
        shaper.bad("type", node.line, "unknown type of document", f"one of {', '.join(TYPES)}")
    return name


def _fill(value: dict[str, Any], sections: Sequence[Section], name: str, shaper: Shaper) -> None:
    """Puts each Markdown section into its field; a lower heading belongs to the section above it."""
    for section in _joined(sections):
        if not section.title:
            path: str | None = "purpose.summary"
        else:
            path = BY_HEADING.get(heading_key(section.title))
        if path is None or name != "ModelCard":
            hint = _near(section.title) if len(shaper.faults) < MOST_HINTS else ""
            shaper.bad("", section.line, "a heading that names no field", hint)
            continue
        shaper.lines.setdefault(path, section.line)
        if not _put(value, path, section.text):
            shaper.bad(path, section.line, "given twice: in the front matter and under a heading, or under two headings")


def _joined(sections: Sequence[Section]) -> list[Section]:
    """Sections of the second level with all below them; the title's own text stands first, without a title."""
    joined: list[Section] = []
    for given in sections:
        section = given._replace(title="") if given.level <= 1 else given
        known = section.level == 2 or heading_key(section.title) in BY_HEADING
        if section.level > 1 and not known and joined:
            above = joined[-1]
            joined[-1] = above._replace(text=f"{above.text}\n\n{'#' * section.level} {section.title}\n\n{section.text}".strip())
        else:
            joined.append(section)
    return [section for section in joined if section.text]


def _put(value: dict[str, Any], path: str, text: str) -> bool:
    *sections, field = path.split(".")
    for section in sections:
        value = value.setdefault(section, {})
        if not isinstance(value, dict):
            return False
    if value.get(field):
        return False
    value[field] = items_of(text) if path in _LISTS else text
    return True


def _near(title: str) -> str:
    near = difflib.get_close_matches(heading_key(title)[:60], BY_HEADING, n=1, cutoff=0.5)
    return f"did you mean “{HEADINGS[BY_HEADING[near[0]]][0]}”?" if near else "docs/cards.md lists the headings"


def fields_of(name: str) -> Mapping[str, Any]:
    """Type of each field of a document type."""
    return hints_of(TYPES[name])
