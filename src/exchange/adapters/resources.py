"""Finds the files that ship with the package: schemas, rules, examples. In a checkout they lie beside the source."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from exchange.errors import ConfigError

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


def load_rule_texts() -> dict[str, str]:
    """Text of every rule table (``core/rules/*.toml``) by name without ending."""
    folder = files("exchange") / "core" / "rules"
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
