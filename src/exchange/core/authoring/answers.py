"""Answers to values: what somebody typed, read by the field it is for, and put where it belongs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, is_typeddict

from exchange.core.checks import check_record
from exchange.core.documents.parse import fields_of, invalid, validate
from exchange.core.documents.shape import Shaper, hints_of
from exchange.core.documents.yamltext import Node
from exchange.errors import Fault, ValidationError

_PAIRS: Final[Mapping[str, tuple[str, str, bool]]] = {
    "SafeguardChange": ("effect", "safeguard", True),
    "Mitigation": ("applied_by", "text", False),
}
"""Records that one line can tell, ``first: second``; whether the first must be there."""

_NEEDED: Final[Mapping[str, Mapping[str, Any]]] = {
    "ModelCard": {"release": "a/b@1", "stage": "released"},
    "ChangeNotice": {"release": "a/b@1", "kind": "other"},
    "RiskAssessment": {"release": "a/b@1", "assessor": "a", "independence": "self"},
}
"""What stands in for what is not answered yet while one answer is judged."""


def type_at(name: str, path: str) -> Any:
    """Type of the field at a dotted path; numbers in it are list indexes.

    Raises:
        ValidationError: there is no such field.
    """
    hint: Any = None
    fields = fields_of(name)
    for part in path.split("."):
        if part.isdecimal() and get_origin(hint) is list:
            hint = get_args(hint)[0]
        elif part in fields:
            hint = _bare(fields[part])
        else:
            raise _fault(path, "not a field of this document", f"known keys: {', '.join(fields)}" if fields else "")
        inner = hint if is_typeddict(hint) else None
        fields = hints_of(inner) if inner else {}
    return hint


def choices_of(name: str, path: str) -> tuple[str, ...]:
    """The values a field may have, as people write them; none when any text will do."""
    hint = type_at(name, path)
    kind = get_args(hint)[0] if get_origin(hint) is list else hint
    if get_origin(kind) is not Literal:
        return ()
    return tuple(value.replace("_", "-") for value in get_args(kind) if value != "UNKNOWN")


def is_list(name: str, path: str) -> bool:
    """Whether a field holds several values."""
    return get_origin(type_at(name, path)) is list


def is_plain(name: str, path: str) -> bool:
    """Whether lines of text can answer it: no section, and no list of sections but those that one line can tell."""
    hint = type_at(name, path)
    kind = get_args(hint)[0] if get_origin(hint) is list else hint
    return get_origin(kind) is not dict and (not is_typeddict(kind) or kind.__name__ in _PAIRS)


def read_answer(name: str, path: str, texts: Sequence[str]) -> Any:
    """The value of one field.

    Args:
        name: type of document.
        path: the field.
        texts: what was typed: one line, for a list one for each entry.

    Raises:
        ValidationError: it does not fit the field; nothing that was typed is quoted.
    """
    hint = type_at(name, path)
    if not is_plain(name, path):
        raise _fault(path, "holds several fields", "name the one you mean, or write it into the file")
    several = get_origin(hint) is list
    if not several and len(texts) > 1:
        raise _fault(path, "given twice, and holds one value")
    nodes = [_node(text, get_args(hint)[0] if several else hint) for text in texts]
    shaper = Shaper()
    value = shaper.value(Node(1, nodes) if several else nodes[0], hint, path)
    if shaper.faults:
        raise ValidationError(_told(shaper.faults[0]), faults=shaper.faults)
    return value


def put(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The values with one more; sections and entries of lists on the way are made."""
    made = copy.deepcopy(dict(values))
    held: Any = made
    parts = path.split(".")
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        key: Any = int(part) if isinstance(held, list) else part
        new = value if following is None else [] if following.isdecimal() else {}
        if isinstance(held, list) and key == len(held):
            held.append(new)
        elif isinstance(held, list) and key > len(held):
            raise _fault(path, "leaves out entries of the list", "number them from 0")
        elif following is None or (held[key] if isinstance(held, list) else held.get(key)) is None:
            held[key] = new
        held = held[key]
    return made


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """What stands at a path, or None."""
    held: Any = values
    for part in path.split("."):
        if isinstance(held, list):
            held = held[int(part)] if int(part) < len(held) else None
        else:
            held = held.get(part) if held is not None else None
    return held


def problems_at(name: str, values: Mapping[str, Any], path: str) -> list[str]:
    """What is wrong with one field, as long as others may still be missing."""
    record, faults = validate(name, {**_NEEDED[name], **values})
    found = [(fault.path, fault.message) for fault in faults] or check_record(name, record)
    return [message for where, message in found if where == path or where.startswith(path + ".")]


def finished(name: str, values: Mapping[str, Any], filename: str, labels: Any = None) -> Any:
    """The record.

    Raises:
        ValidationError: fields are missing or wrong; every one is named.
    """
    record, faults = validate(name, values)
    faults = faults or [Fault(path, 0, message) for path, message in check_record(name, record, labels)]
    if faults:
        raise invalid(filename, faults)
    return record


def _node(text: str, kind: Any) -> Node:
    """A line as the node of a value; for a record of two fields, parted at the first colon."""
    if not is_typeddict(kind):
        return Node(1, text)
    first, second, needed = _PAIRS[kind.__name__]
    lead, colon, rest = (part.strip() for part in text.replace("\uff1a", ":", 1).partition(":"))  # the colon of Japanese too
    known = [value for value in get_args(_bare(hints_of(kind)[first])) if value != "UNKNOWN"]
    if needed or (colon and lead.replace("-", "_").casefold() in known):
        return Node(1, {first: Node(1, lead), second: Node(1, rest or None)})
    return Node(1, {second: Node(1, text)})


def _bare(hint: Any) -> Any:
    return next(arg for arg in get_args(hint) if arg is not NoneType) if NoneType in get_args(hint) else hint


def _told(fault: Fault) -> str:
    return f"{fault.path}: {fault.message}{f' ({fault.hint})' if fault.hint else ''}"


def _fault(path: str, message: str, hint: str = "") -> ValidationError:
    fault = Fault(path, 0, message, hint)
    return ValidationError(_told(fault), faults=[fault])
