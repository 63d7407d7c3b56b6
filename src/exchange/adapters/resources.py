"""Finds the files that ship with the package: schemas, rules, examples. In a checkout they lie beside the source."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from exchange.core.profiles import RuleProfile, parse_placeholders, parse_profile
from exchange.core.rules import RuleTexts
from exchange.errors import ConfigError
from exchange.events.records import Audience

_CHECKOUT = Path(__file__).resolve().parents[3]


def bundled(name: str) -> Traversable:
    """The folder ``name`` ("schemas", "examples") of the wheel, or of the checkout the package runs from.

    Raises:
        ConfigError: the installation is incomplete.
    """
    packaged = files("exchange") / "_bundled" / name
    if packaged.is_dir():
        return packaged
    beside = _CHECKOUT / name
    if beside.is_dir():
        return beside
    raise ConfigError(f"the installation lacks its {name}", hint="install the package again")


def load_schema_texts() -> dict[str, str]:
    """Text of every ``.avsc`` file by record name."""
    return {
        _stem(entry): entry.read_text(encoding="utf-8") for entry in _sorted(bundled("schemas")) if entry.name.endswith(".avsc")
    }


def load_rule_texts() -> RuleTexts:
    """Text of every rule table (``core/rules/*.toml``) and of every profile (``core/rules/profiles/*.toml``) that ships."""
    folder = files("exchange") / "core" / "rules"
    return RuleTexts(_texts(folder), _texts(folder / "profiles"))


def load_profile(profile: str, labels: Mapping[str, Audience] | None = None) -> RuleProfile:
    """One profile that ships, parsed.

    Args:
        profile: its id.
        labels: as :func:`exchange.core.profiles.parse_profile` takes them.
    """
    texts = load_rule_texts()
    return parse_profile(texts.profiles[profile], f"{profile}.toml", labels, parse_placeholders(texts.tables["placeholders"]))


def load_profile_cases(profile: str) -> str:
    """Text of the cases of a profile that ships."""
    folder = files("exchange") / "core" / "rules" / "profiles"
    return (folder / f"{profile}.cases.yaml").read_text(encoding="utf-8")


def _texts(folder: Traversable) -> dict[str, str]:
    return {_stem(entry): entry.read_text(encoding="utf-8") for entry in _sorted(folder) if entry.name.endswith(".toml")}


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)


def _stem(entry: Traversable) -> str:
    return entry.name.rsplit(".", 1)[0]


def load_released_texts() -> dict[str, dict[str, str]]:
    """Text of every frozen ``.avsc`` file by released version, then by record name."""
    folders = [entry for entry in _sorted(bundled("schemas") / "released") if entry.is_dir()]
    return {
        folder.name: {
            _stem(entry): entry.read_text(encoding="utf-8") for entry in _sorted(folder) if entry.name.endswith(".avsc")
        }
        for folder in folders
    }
