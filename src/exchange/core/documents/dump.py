"""Writes a card as people like to read it.

Law: ``parse_documents(dump_card(card), "c.yaml")[0].record == card`` for every card that passes its checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, get_args, get_origin, is_typeddict

import yaml

from exchange.core.documents.shape import hints_of
from exchange.events import models, records

_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""Characters that YAML folds or forbids outside double quotes."""


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, nothing shared by reference."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _ODD.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump_card(card: records.ModelCard) -> str:
    """A card's YAML: only what it says, in the order of the schema, enum values with hyphens."""
    return dump_record("ModelCard", card)


def dump_record(name: str, record: Mapping[str, Any]) -> str:
    """The YAML of any document; the type is written unless it is a card."""
    head = {} if name == "ModelCard" else {"type": name}
    body = _section(record, getattr(records, name))
    return str(yaml.dump(head | body, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110))


def _section(record: Mapping[str, Any], kind: type) -> dict[str, Any]:
    fields = getattr(models, kind.__name__).model_fields
    return {
        name: _value(record[name], hint)
        for name, hint in hints_of(kind).items()
        if fields[name].is_required() or record[name] != fields[name].default
    }


def _value(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    kind = next((choice for choice in get_args(hint) if choice is not type(None)), hint) if type(None) in get_args(hint) else hint
    if get_origin(kind) is list:
        return [_value(item, get_args(kind)[0]) for item in value]
    if is_typeddict(kind):
        return _section(value, kind)
    if get_origin(kind) is Literal:
        return value.replace("_", "-")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
