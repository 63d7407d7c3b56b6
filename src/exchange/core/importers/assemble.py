"""What every importer of JSON formats ends with: a sound card, and everything else kept or told.

Nothing is dropped in silence: what has no field goes to ``extensions``; what cannot be kept there either is a warning.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from exchange.core.checks import LIMITS, OTHER_LIMIT, check_record
from exchange.core.documents.parse import invalid, validate
from exchange.core.fields import RANK
from exchange.core.mappings.rows import PREFIX, from_text, nested
from exchange.errors import Fault, TooLargeError, ValidationError
from exchange.events import records
from exchange.refs import ReleaseRef, parse_ref, parse_release

NAMELESS: Final = "unversioned"
"""The version of what names none."""

UNKNOWN_PARTY: Final = "unknown-party"
EXTENSION_LIMIT: Final = 4000
WITHHELD: Final = "withheld:"
_MOST = 120_000
WORK_LIMIT: Final = 500_000
"""Cards of a file times its elements: each card looks at all of them. Some seconds."""

Labels = Mapping[str, records.Audience]


class Imported(NamedTuple):
    """A card made from another document, what should be looked at, and the line of each field where the document has lines."""

    card: records.ModelCard
    warnings: list[Fault]
    lines: Mapping[str, int] = MappingProxyType({})


def ensure_small(filename: str, cards: int, elements: int) -> None:
    """That a file can be taken apart in a time that anybody waits.

    Raises:
        TooLargeError: it cannot.
    """
    if cards * elements > WORK_LIMIT:
        message = f"{filename}: {cards} models among {elements} elements are too many to be read at once"
        raise TooLargeError(message, hint="part the file, a few models in each")


def slug(text: str, most: int, more: str = "") -> str:
    """A name as references can hold it: lower case, ``.`` and ``-`` inside (and ``more``)."""
    return re.sub(rf"[^a-z0-9.{more}-]+", "-", text.casefold()[:400]).strip(f".-{more}")[:most].rstrip(f".-{more}")


def line_text(party: str, name: str) -> str:
    """``party/name`` from names of any spelling."""
    return f"{slug(party, 63) or UNKNOWN_PARTY}/{slug(name, 128, '_') or 'unnamed'}"


def release_text(party: str, name: str, version: str) -> str:
    """``party/name@version`` from names of any spelling."""
    return f"{line_text(party, name)}@{slug(version, 64, '_') or NAMELESS}"


def reference(text: str) -> str | None:
    """The reference, if it is one."""
    try:
        return str(parse_ref(text))
    except ValidationError:
        return None


class Assembly:
    """One card in the making.

    Args:
        filename: named in errors.
        origin: begins the names of extensions, for example ``cdx``.
    """

    def __init__(self, filename: str, origin: str) -> None:
        self.values: dict[str, Any] = {}
        self.warnings: list[Fault] = []
        self._extensions: dict[str, str] = {}
        self._parents: set[str] = set()
        self._filename, self._origin = filename, origin

    def warn(self, path: str, message: str, hint: str = "") -> None:
        """Something to look at."""
        self.warnings.append(Fault(path, 0, message, hint))

    def name(self, release: str | None, party: str, name: str, version: str) -> ReleaseRef:
        """Sets the release, and the display name where its spelling differs."""
        text = release.lower() if release else release_text(party, name, version)
        if not release and not version:
            self.warn("release", "no version is told", f"read as @{NAMELESS}; --release party/name@version says otherwise")
        if not release and not slug(party, 63):
            self.warn("release", "nobody is named as its maker", "--release party/name@version says who")
        ref = parse_release(text)
        self.values["release"] = text
        spelt = f"{party}/{name}" if party else name
        if spelt and spelt != str(ref.line):
            self.values["display_name"] = spelt[:200]
        return ref

    def property(self, name: str, text: str) -> None:
        """A property of ours sets its field; one of others becomes an extension."""
        path = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX):
            self.keep(f"property {name}", text)
        elif path.startswith(WITHHELD):
            self._extend(f"withheld: {path.removeprefix(WITHHELD)}", text)
        elif path.startswith("extensions."):
            self._extend(path.removeprefix("extensions."), text)
        else:
            try:
                self.values[path] = from_text(path, text)
            except (ValueError, RecursionError):
                self.warn(path, "a property of ours that cannot be read", "kept among the extensions")
                self.keep(f"property {name}", text)

    def parent(self, parent: Mapping[str, Any]) -> None:
        """One parent more, unless it cannot be one."""
        if parent["ref"] == self.values["release"] or parent["ref"] in self._parents:
            self.warn("parents", "a parent that is named twice, or is the release itself: left out")
        else:
            self._parents.add(parent["ref"])
            self.values.setdefault("parents", []).append(parent)

    def keep(self, name: str, rest: Any, depth: int = 0) -> None:
        """Everything of ``rest`` among the extensions, one entry for each place up to three keys deep."""
        if rest is None or rest in ("", [], {}):
            return
        if isinstance(rest, dict) and depth < 3:
            for key, value in rest.items():
                self.keep(f"{name}.{key}" if name else key, value, depth + 1)
            return
        self._extend(f"{self._origin}: {name}", rest if isinstance(rest, str) else json.dumps(rest, ensure_ascii=False))

    def _extend(self, key: str, text: str) -> None:
        if len(text) > EXTENSION_LIMIT:
            self.warn("extensions", f"left out: {key[:120]} has {len(text)} characters", "give long texts by link and digest")
        elif len(self._extensions) >= LIMITS["extensions"]:
            self.warn("extensions", f"left out: {key[:120]}, one too many")
        else:
            names = itertools.chain([key[:120]], (f"{key[:110]} ({number})" for number in itertools.count(2)))
            self._extensions[next(name for name in names if name not in self._extensions)] = text

    def narrow(self, audience: records.Audience | None, reason: str, labels: Labels) -> None:
        """Nobody below ``audience`` (None: nobody but the owner) may read what the card says; for what is not narrower yet."""
        told = self.values.setdefault("disclosure", [])
        filled = {path.partition(".")[0] for path in self.values} | ({"extensions"} if self._extensions else set())
        rank = RANK[audience or "owner"]
        for field in sorted(filled - {"release", "stage", "disclosure", "kind"} - {entry["path"] for entry in told}):
            if RANK[labels.get(field, "public")] < rank:
                told.append({"path": field, "audience": audience, "reason": reason})

    def finish(self) -> Imported:
        """The card.

        Raises:
            ValidationError: fields that no card can have; every one is named.
        """
        for path, value in self.values.items():
            most = LIMITS.get(path.rpartition(".")[2], OTHER_LIMIT)
            if isinstance(value, list) and len(value) > most:
                self.warn(path, f"more than {most} items: the rest is left out")
                self.values[path] = value[:most]
        value = {"stage": "released", **nested(self.values), "extensions": self._extensions}
        card, faults = validate("ModelCard", value)
        faults = faults or [Fault(path, 1, message) for path, message in check_record("ModelCard", card)]
        if faults:
            raise invalid(self._filename, faults)
        if sum(map(len, _texts(card))) > _MOST:
            self.warn("", "larger than a submission may be", "give long texts by link and digest")
        return Imported(card, self.warnings)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
