"""The rules in force: propagation table, completeness profiles, categories, authorities. One digest names them all.

The content of a digest is canonical JSON that holds the tables' own text, and stays in the compacted topic ``exchange.rules``,
so that a journal can be folded again under the rules that were in force at each offset (DESIGN section 4 rule 1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, cast, get_args

from exchange.core.profiles import RuleProfile, parse_placeholders, parse_profile, read_toml
from exchange.errors import ConfigError
from exchange.events import records as r

SEMANTICS = "2"
"""Newest version of the steps' meaning. It is part of the digest: new meaning takes effect by a RulesActivated record."""

KNOWN_SEMANTICS = ("1", SEMANTICS)
"""All that this release runs. In ``1`` every release works out what it passes down, in ``2`` only those of lines with children
(docs/adr/0020).
"""

MAX_BYTES = 900_000
"""Bytes of all rules together: one record of the rules topic holds them, and clients send at most 1 MiB."""

MAX_ROWS = 1000
"""Rows of all profiles in force: every dossier holds a status for each, and again for each parent."""

MAX_CARRYING = 128
"""Rows of ``union`` and ``recompute`` among them: each brings up to 4 kB from every parent, and a dossier has 2 MiB."""

_STEP_DOWN: dict[r.Level, r.Level] = {"critical": "high", "high": "moderate", "moderate": "low"}
_TABLES = {"propagation", "placeholders"}
_EFFECTS = ("carries", "reduced", "none")


@dataclass(frozen=True)
class Propagation:
    """The propagation table: effect by relation and category."""

    id: str
    effects: Mapping[str, Mapping[str, str]]
    defaults: Mapping[str, str]

    def effect(self, relation: str, category: str) -> str:
        """``carries``, ``reduced`` or ``none``; a relation the table does not know is taken as ``UNKNOWN``."""
        if relation not in self.defaults:
            relation = "UNKNOWN"
        return self.effects[relation].get(category, self.defaults[relation])

    def carry(self, relation: str, category: str, level: r.Level) -> r.Level | None:
        """The level at the child, ``None`` where it does not carry. Only keeps or lowers."""
        effect = self.effect(relation, category)
        if effect == "none":
            return None
        return _STEP_DOWN.get(level, level) if effect == "reduced" else level

    def carries(self, relation: str) -> Mapping[tuple[str, r.Level], r.Level | None]:
        """:meth:`carry` of one relation as a table by category and level: a step asks it some hundred times."""
        found = self._carries.get(relation)
        if found is None:
            found = self._carries[relation] = _Carries(self, relation)
        return found

    @cached_property
    def _carries(self) -> dict[str, _Carries]:
        return {}


class _Carries(dict[tuple[str, r.Level], r.Level | None]):
    """Filled as it is asked."""

    def __init__(self, propagation: Propagation, relation: str) -> None:
        super().__init__()
        self._carry = partial(propagation.carry, relation)

    def __missing__(self, asked: tuple[str, r.Level]) -> r.Level | None:
        level = self[asked] = self._carry(*asked)
        return level


def parse_propagation(text: str, source: str = "propagation.toml") -> Propagation:
    """The table from its TOML text.

    Raises:
        ConfigError: not TOML, an unknown relation, category or effect, or an entry without its reason; names file and entry.
    """
    document = read_toml(text, source)
    effects: dict[str, dict[str, str]] = {}
    defaults: dict[str, str] = {}
    for relation, table in _table(document.get("relation", {}), f"{source}: relation").items():
        where = f"{source}: relation.{relation}"
        if relation not in get_args(r.Relation):
            raise ConfigError(f"{where}: unknown relation")
        defaults[relation] = _effect(_table(table, where).get("default"), table.get("reason"), where)
        named = {key: value for key, value in table.items() if key not in ("default", "reason")}
        for category in named:
            if category not in get_args(r.RiskCategory):
                raise ConfigError(f"{where}.{category}: unknown risk category")
        rules = {category: _table(rule, f"{where}.{category}") for category, rule in named.items()}
        effects[relation] = {c: _effect(rule.get("rule"), rule.get("reason"), f"{where}.{c}") for c, rule in rules.items()}
    if "UNKNOWN" not in defaults:
        raise ConfigError(f"{source}: relation.UNKNOWN is missing")
    return Propagation(str(document.get("id", "")), effects, defaults)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a table")
    return value


def _effect(effect: Any, reason: Any, where: str) -> str:
    if effect not in _EFFECTS:
        raise ConfigError(f"{where}: must be one of {', '.join(_EFFECTS)}")
    if not reason:
        raise ConfigError(f"{where}: needs a reason")
    return str(effect)


@dataclass(frozen=True)
class Rules:
    """Everything a step needs to know beside state and record.

    Attributes:
        digest: names exactly these rules.
        propagation: how risk carries.
        profiles: completeness profiles, by id order.
        authorities: party ids that read as authority, by the operator's configuration.
        semantics: version of the steps' meaning, out of :data:`KNOWN_SEMANTICS`.
    """

    digest: str
    propagation: Propagation
    profiles: Sequence[RuleProfile]
    authorities: frozenset[str]
    semantics: str

    @cached_property
    def profiles_by_id(self) -> dict[str, RuleProfile]:
        """Profiles by id."""
        return {profile.id: profile for profile in self.profiles}


class RuleTexts(NamedTuple):
    """The texts of rule files.

    Attributes:
        tables: ``propagation``, ``categories`` and ``placeholders`` (``core/rules/*.toml``).
        profiles: completeness profiles by id (``core/rules/profiles/*.toml``).
    """

    tables: Mapping[str, str]
    profiles: Mapping[str, str]

    def only(self, ids: Iterable[str]) -> RuleTexts:
        """The same with these profiles.

        Raises:
            ConfigError: no such profile.
        """
        wanted = list(ids)
        for name in wanted:
            if name not in self.profiles:
                raise ConfigError(f"no rule profile {name}", hint=f"known: {', '.join(sorted(self.profiles))}")
        return self._replace(profiles={name: self.profiles[name] for name in wanted})


class Unbundled(NamedTuple):
    """What a bundle holds."""

    texts: RuleTexts
    authorities: list[str]
    semantics: str


def bundle(texts: RuleTexts, authorities: Iterable[str] = (), semantics: str = SEMANTICS) -> bytes:
    """The content that a digest names: canonical JSON of all tables and of the profiles that are to be in force.

    Args:
        texts: as :func:`exchange.adapters.resources.load_rule_texts` gives them.
        authorities: party ids.
        semantics: version of the steps' meaning.
    """
    document = {
        "semantics": semantics,
        "tables": dict(texts.tables),
        "profiles": dict(texts.profiles),
        "authorities": sorted(authorities),
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def unbundle(content: bytes) -> Unbundled:
    """What a bundle holds; the inverse of :func:`bundle`.

    Raises:
        ConfigError: the content is not a bundle, or one of other semantics.
    """
    try:
        document = cast(dict[str, Any], json.loads(content))
        texts, semantics = RuleTexts(document["tables"], document["profiles"]), document["semantics"]
        authorities: list[str] = document["authorities"]
        if not texts.tables.keys() >= _TABLES or not all(isinstance(text, str) for part in texts for text in part.values()):
            raise KeyError
        if not isinstance(authorities, list) or not all(isinstance(party, str) for party in authorities):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"not a rules bundle ({type(error).__name__})") from None
    if semantics not in KNOWN_SEMANTICS:
        raise ConfigError(
            f"rules are written for semantics {semantics}, this release has {', '.join(KNOWN_SEMANTICS)}",
            hint="run the release that fits",
        )
    return Unbundled(texts, authorities, semantics)


def changed(former: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """Ids of the profiles ``added``, ``changed`` and ``removed`` between two sets of texts."""
    return {
        "added": sorted(after.keys() - former.keys()),
        "changed": sorted(name for name in former.keys() & after.keys() if former[name] != after[name]),
        "removed": sorted(former.keys() - after.keys()),
    }


def at_start(
    former: bytes | None, shipped: RuleTexts, first: Sequence[str], authorities: Iterable[str], semantics: str | None = None
) -> bytes:
    """The rules to put in force when the exchange starts.

    The profiles in force stay in force, the operator's own too; tables and profiles that ship are taken as they ship now. So
    does the steps' meaning: workers of the former release must still be able to run, beside the new ones and in place of them.

    Args:
        former: content in force; None: nothing is yet.
        shipped: what ships with this release.
        first: ids of the profiles to put in force when nothing is.
        authorities: party ids, by the operator's configuration.
        semantics: by the operator's configuration; None: what is in force, the newest when nothing is.
    """
    if former is None:
        return bundle(shipped.only(first), authorities, semantics or SEMANTICS)
    held, _, in_force = unbundle(former)
    profiles = {name: shipped.profiles.get(name, text) for name, text in held.profiles.items()}
    return bundle(RuleTexts(shipped.tables, profiles), authorities, semantics or in_force)


def digest_of(content: bytes) -> str:
    """SHA-256 of the content, in hex."""
    return hashlib.sha256(content).hexdigest()


def parse_rules(content: bytes) -> Rules:
    """The rules from their content.

    Raises:
        ConfigError: the content is not a bundle, or a table in it is wrong.
    """
    texts, authorities, semantics = unbundle(content)
    placeholders = parse_placeholders(texts.tables["placeholders"])
    profiles = [parse_profile(text, f"{name}.toml", placeholders=placeholders) for name, text in sorted(texts.profiles.items())]
    propagation = parse_propagation(texts.tables["propagation"])
    return Rules(digest_of(content), propagation, profiles, frozenset(authorities), semantics)


def ensure_small(content: bytes) -> None:
    """That rules leave room for what is said under them; to be asked before they are put in force, not of what once was.

    Raises:
        ConfigError: too large, or profiles that no release could be judged by; or no rules at all.
    """
    rows = [row for profile in parse_rules(content).profiles for row in profile.rows]
    carrying = sum(1 for row in rows if row.inherit in ("union", "recompute"))
    counts = (("bytes", len(content), MAX_BYTES), ("rows", len(rows), MAX_ROWS))
    for what, count, most in (*counts, ("rows of union or recompute", carrying, MAX_CARRYING)):
        if count > most:
            message = f"the rules in force would hold {count} {what}, {most} at most"
            raise ConfigError(message, hint="take rows or profiles out: exchange profiles activate --remove PROFILE")
