"""The rules in force: propagation table, completeness profiles, categories, authorities. One digest names them all.

The content of a digest is canonical JSON that holds the tables' own text, and stays in the compacted topic ``exchange.rules``,
so that a journal can be folded again under the rules that were in force at each offset (DESIGN section 4 rule 1).
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast, get_args

from exchange.core.completeness import RuleProfile, parse_profile
from exchange.errors import ConfigError
from exchange.events import records as r

SEMANTICS = "1"
"""Version of the steps' meaning. It is part of the digest: new meaning takes effect by a RulesActivated record."""

_STEP_DOWN: dict[r.Level, r.Level] = {"critical": "high", "high": "moderate", "moderate": "low"}
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


def parse_propagation(text: str, source: str = "propagation.toml") -> Propagation:
    """The table from its TOML text.

    Raises:
        ConfigError: not TOML, an unknown relation, category or effect, or an entry without its reason; names file and entry.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}") from None
    effects: dict[str, dict[str, str]] = {}
    defaults: dict[str, str] = {}
    for relation, table in document.get("relation", {}).items():
        where = f"{source}: relation.{relation}"
        if relation not in get_args(r.Relation):
            raise ConfigError(f"{where}: unknown relation")
        defaults[relation] = _effect(table.get("default"), table.get("reason"), where)
        named = {key: value for key, value in table.items() if key not in ("default", "reason")}
        for category in named:
            if category not in get_args(r.RiskCategory):
                raise ConfigError(f"{where}.{category}: unknown risk category")
        effects[relation] = {c: _effect(v.get("rule"), v.get("reason"), f"{where}.{c}") for c, v in named.items()}
    if "UNKNOWN" not in defaults:
        raise ConfigError(f"{source}: relation.UNKNOWN is missing")
    return Propagation(str(document.get("id", "")), effects, defaults)


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
    """

    digest: str
    propagation: Propagation
    profiles: Sequence[RuleProfile]
    authorities: frozenset[str]

    @cached_property
    def profiles_by_id(self) -> dict[str, RuleProfile]:
        """Profiles by id."""
        return {profile.id: profile for profile in self.profiles}


def bundle(texts: Mapping[str, str], authorities: Sequence[str] = ()) -> bytes:
    """The content that a digest names: canonical JSON of all tables.

    Args:
        texts: text of each rule file by name, as :func:`exchange.adapters.resources.load_rule_texts` gives them.
        authorities: party ids.
    """
    document = {"semantics": SEMANTICS, "tables": dict(texts), "authorities": sorted(authorities)}
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def digest_of(content: bytes) -> str:
    """SHA-256 of the content, in hex."""
    return hashlib.sha256(content).hexdigest()


def parse_rules(content: bytes) -> Rules:
    """The rules from their content.

    Raises:
        ConfigError: the content is not a bundle, or a table in it is wrong.
    """
    try:
        document = cast(dict[str, Any], json.loads(content))
        tables, authorities, semantics = document["tables"], document["authorities"], document["semantics"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"not a rules bundle ({type(error).__name__})") from None
    if semantics != SEMANTICS:
        raise ConfigError(
            f"rules are written for semantics {semantics}, this release has {SEMANTICS}", hint="run the release that fits"
        )
    special = ("propagation", "categories")
    profiles = [parse_profile(tables[name], f"{name}.toml") for name in sorted(tables) if name not in special]
    return Rules(digest_of(content), parse_propagation(tables["propagation"]), profiles, frozenset(authorities))
