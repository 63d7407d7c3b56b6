"""Rule profiles: what must be told, by whom, to whom, as data (``core/rules/profiles/<id>.toml``).

The columns of a row are explained in docs/completeness.md. Everything a row needs at run time is prepared here once: split
paths, compiled patterns, sets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from exchange.core.conditions import Condition
from exchange.core.fields import RANK, paths_of
from exchange.errors import ConfigError
from exchange.events import records

INHERIT: Final = ("none", "if_unchanged", "always", "union", "recompute")
LEVELS: Final = ("must", "should")
CHANGES: Final = tuple(kind for kind in get_args(records.ChangeKind) if kind != "UNKNOWN")
DEFAULT_CHANGED_BY: Final = frozenset(CHANGES) - {"quantise"}
"""What ends ``if_unchanged`` when a row does not say: every kind of change but quantisation."""

TEXT_LIMIT: Final = 1024 * 1024
"""Characters of a profile at most; what is in force together has less (:mod:`exchange.core.rules`)."""
LINE_LIMIT: Final = 10_000

_HEAD = {"id", "framework", "version", "label_ja", "label_en", "source", "placeholders", "row"}
_TEXTS = (
    *("id", "label_ja", "label_en", "clause", "principle", "owed_by"),
    *("audience", "level", "inherit", "hint_ja", "hint_en", "source"),
)
_OPTIONAL = {"paths", "by_exchange", "need", "changed_by", "placeholders", "stale_after_days", "applies_when", "precision"}
_COLUMNS = {*_TEXTS, "verified"} | _OPTIONAL
_ENUMS: Mapping[str, tuple[str, ...]] = {
    "owed_by": ("developer", "provider", "user"),
    "audience": tuple(RANK),
    "level": LEVELS,
    "inherit": INHERIT,
}


@dataclass(frozen=True, slots=True)
class Path:
    """One field path of a card, split, with the rank of the audience its label needs."""

    text: str
    parts: tuple[str, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Row:
    """One item of a profile.

    Attributes:
        groups: the row is provided when every group is; a group is provided when one of its paths holds a real value.
        by_exchange: what of the exchange's own envelope answers the row; it then has no groups.
        precision: ``exact`` or ``rough`` where one fact is owed at two precisions. A rough row is provided, too, when those who
            may not read the number see its range.
        placeholder: matches a text that stands for nothing yet.
        changed_by: kinds of change that end ``if_unchanged``.
    """

    id: str
    label_ja: str
    label_en: str
    clause: str
    principle: str
    owed_by: str
    audience: records.Audience
    level: str
    groups: tuple[tuple[Path, ...], ...]
    by_exchange: str | None
    precision: str | None
    applies: Condition
    inherit: str
    changed_by: frozenset[str]
    placeholder: re.Pattern[str]
    stale_after_days: int | None
    hint_ja: str
    hint_en: str
    source: str
    verified: bool

    @property
    def paths(self) -> tuple[str, ...]:
        """All field paths of the row, in order."""
        return tuple(path.text for group in self.groups for path in group)


@dataclass(frozen=True, slots=True)
class RuleProfile:
    """A list of rows out of one framework."""

    id: str
    framework: str
    version: str
    label_ja: str
    label_en: str
    rows: tuple[Row, ...]
    by_id: Mapping[str, Row]


def parse_placeholders(text: str, filename: str = "placeholders.toml") -> tuple[str, ...]:
    """The patterns that all profiles share, from their TOML file.

    Raises:
        ConfigError: not TOML, or not a list of regular expressions.
    """
    document = read_toml(text, filename)
    _known(document, {"placeholders"}, filename)
    return tuple(_patterns(document, filename))


def parse_profile(
    text: str, filename: str, labels: Mapping[str, records.Audience] | None = None, placeholders: Sequence[str] = ()
) -> RuleProfile:
    """A profile from the text of its TOML file.

    Args:
        text: the file's text.
        filename: named in errors.
        labels: audience label by path of ModelCard (:func:`exchange.core.fields.labels_of`). With it, a row whose path its own
            audience could never read is an error; without it, every path counts as labelled for its row's audience.
        placeholders: patterns that all profiles share (:func:`parse_placeholders`).

    Raises:
        ConfigError: not TOML, or a row is wrong; file, row and key are named.
    """
    document = read_toml(text, filename)
    _known(document, _HEAD, filename)
    head = {key: _text(document, key, filename) for key in ("id", "framework", "version", "label_ja", "label_en")}
    shared = [*placeholders, *_patterns(document, filename)]
    entries = document.get("row", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{filename}: key 'row': must be tables, each headed [[row]]")
    rows = tuple(_row(entry, number, shared, filename, labels) for number, entry in enumerate(entries, 1))
    by_id = {row.id: row for row in rows}
    if not rows or len(by_id) != len(rows):
        raise ConfigError(f"{filename}: key 'row': a profile needs rows, each with an id of its own")
    return RuleProfile(**head, rows=rows, by_id=by_id)


def read_toml(text: str, filename: str) -> dict[str, Any]:
    """A TOML document, with bounds: tomllib's work grows with the square of a dotted key, and its stack with nesting.

    Raises:
        ConfigError: not TOML, or too large.
    """
    if len(text) > TEXT_LIMIT:
        raise ConfigError(f"{filename}: larger than {TEXT_LIMIT // 1024} kB", hint="part it into several profiles")
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_LIMIT:
            raise ConfigError(f"{filename}:{number}: a line longer than {LINE_LIMIT} characters")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{filename}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{filename}: nested too deep") from None
    except ValueError:  # Python's own limit
        raise ConfigError(f"{filename}: holds a number with too many digits") from None


def _row(
    entry: dict[str, Any], number: int, shared: list[str], filename: str, labels: Mapping[str, records.Audience] | None
) -> Row:
    where = f"{filename}: row {entry.get('id', number)}"
    _known(entry, _COLUMNS, where)
    texts: dict[str, Any] = {key: _text(entry, key, where) for key in _TEXTS}
    for key, allowed in _ENUMS.items():
        if texts[key] not in allowed:
            raise ConfigError(f"{where}: key '{key}': must be one of {', '.join(allowed)}")
    changed_by = frozenset(_texts(entry, "changed_by", where, DEFAULT_CHANGED_BY, CHANGES))
    stale = entry.get("stale_after_days")
    if stale is not None and (not isinstance(stale, int) or isinstance(stale, bool) or stale < 1):
        raise ConfigError(f"{where}: key 'stale_after_days': must be a number of days, 1 or more")
    if not isinstance(entry.get("verified"), bool):
        raise ConfigError(f"{where}: key 'verified': must be true or false")
    patterns = [*shared, *_patterns(entry, where)]
    return Row(
        **texts,
        groups=_groups(entry, where, texts["audience"], labels),
        by_exchange=_optional(entry, "by_exchange", where),
        precision=_precision(entry, where),
        applies=Condition(_optional(entry, "applies_when", where) or "true", f"{where}: key 'applies_when'"),
        changed_by=changed_by,
        placeholder=re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)", re.IGNORECASE),
        stale_after_days=stale,
        verified=entry["verified"],
    )


def _groups(
    entry: dict[str, Any], where: str, audience: str, labels: Mapping[str, records.Audience] | None
) -> tuple[tuple[Path, ...], ...]:
    """``paths`` as groups: each entry is one, its alternatives split by ``|``; with ``need = "any"`` all are one."""
    if "by_exchange" in entry:
        if "paths" in entry or entry.get("inherit") != "none":
            raise ConfigError(f"{where}: key 'by_exchange': such a row has no paths and inherits nothing")
        return ()
    texts = _texts(entry, "paths", where)
    need = entry.get("need", "all")
    if need not in ("all", "any") or not texts:
        raise ConfigError(f"{where}: key '{'paths' if not texts else 'need'}': needs paths, and need is all or any")
    groups = [[part for text in texts for part in text.split("|")]] if need == "any" else [text.split("|") for text in texts]
    return tuple(tuple(_path(text, where, audience, labels) for text in group) for group in groups)


def _path(text: str, where: str, audience: str, labels: Mapping[str, records.Audience] | None) -> Path:
    if text not in paths_of(records.ModelCard):
        raise ConfigError(f"{where}: key 'paths': '{text}' is not a field of ModelCard")
    label = labels.get(text, "owner") if labels is not None else audience
    if RANK[label] > RANK[audience]:
        raise ConfigError(f"{where}: key 'paths': '{text}' is labelled {label}, which the row's audience {audience} cannot read")
    return Path(text, tuple(text.split(".")), RANK[label])


def _patterns(entry: dict[str, Any], where: str) -> list[str]:
    patterns = list(_texts(entry, "placeholders", where, ()))
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"{where}: key 'placeholders': not a regular expression: {error}") from None
        except (RecursionError, OverflowError):
            raise ConfigError(f"{where}: key 'placeholders': a regular expression without bounds") from None
    return patterns


def _known(entry: dict[str, Any], allowed: set[str], where: str) -> None:
    for key in entry:
        if key not in allowed:
            raise ConfigError(f"{where}: key '{key}': unknown", hint=f"known keys: {', '.join(sorted(allowed))}")


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: key '{key}': must be a text")
    return value


def _optional(entry: dict[str, Any], key: str, where: str) -> str | None:
    return _text(entry, key, where) if key in entry else None


def _precision(entry: dict[str, Any], where: str) -> str | None:
    precision = _optional(entry, "precision", where)
    if precision not in (None, "exact", "rough"):
        raise ConfigError(f"{where}: key 'precision': must be exact or rough")
    return precision


def _texts(
    entry: dict[str, Any], key: str, where: str, default: Any = None, allowed: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    value = entry.get(key, default)
    if not isinstance(value, (list, tuple, frozenset)) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}: key '{key}': must be a list of texts")
    if allowed is not None and not set(value) <= set(allowed):
        raise ConfigError(f"{where}: key '{key}': each must be one of {', '.join(allowed)}")
    return tuple(value)
