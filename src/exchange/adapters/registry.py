"""A Confluent-compatible schema registry: ids by schema, registration, compatibility.

Few questions, asked at start and by a deploy step alone, and never in a running loop: so the standard library's HTTP serves, and
no client library with a world of its own comes in. Tried against Apicurio Registry 3.3.3 (``/apis/ccompat/v7``).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from exchange.core.schemas import NAMESPACE, Schema, SchemaSet
from exchange.errors import AccessError, ConfigError, PlumbingError

LEVEL = "FULL_TRANSITIVE"
TIMEOUT_S = 10.0
_JSON = "application/vnd.schemaregistry.v1+json"


class NotRegisteredError(ConfigError):
    """The registry does not know a schema of this release."""


@dataclass(frozen=True)
class Checked:
    """How one record's schema stands in the registry.

    Attributes:
        subject: ``exchange.v1.<Record>`` (RecordNameStrategy).
        id: the schema's id; ``None``: not registered.
        level: compatibility level of the subject; ``None``: there is no such subject, or it has none of its own.
        compatible: whether the registry would take the schema; ``None`` when it has it.
    """

    subject: str
    id: int | None
    level: str | None
    compatible: bool | None

    @property
    def ready(self) -> bool:
        """Registered, at the level that the exchange promises."""
        return self.id is not None and self.level == LEVEL


class Registry:
    """One registry.

    Args:
        url: base address, path and all.
        username, password: for basic authentication, if it asks for it.
    """

    def __init__(self, url: str, username: str | None = None, password: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("registry_url: not an http or https address")
        self._parts = parts
        self._headers = {"Content-Type": _JSON, "Accept": _JSON}
        user, secret = username or parts.username, password or parts.password
        if user is not None:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{secret or ''}".encode()).decode()

    @property
    def name(self) -> str:
        """The address, without credentials."""
        port = f":{self._parts.port}" if self._parts.port else ""
        return f"{self._parts.scheme}://{self._parts.hostname}{port}{self._parts.path.rstrip('/')}"

    def id_of(self, name: str, schema: Schema) -> int | None:
        """The id of a record's schema; ``None`` when it is not registered under the record's subject."""
        status, answer = self._ask("POST", f"/subjects/{_subject(name)}", {"schema": json.dumps(schema)})
        return int(answer["id"]) if status == 200 else None

    def register(self, name: str, schema: Schema) -> int:
        """Register a record's schema under its subject, at the level FULL_TRANSITIVE; doing so again changes nothing.

        Raises:
            ConfigError: the registry refuses the schema.
        """
        known = self.level_of(name)
        if known is not None and known != LEVEL:
            self._set_level(name)
        status, answer = self._ask("POST", f"/subjects/{_subject(name)}/versions", {"schema": json.dumps(schema)})
        if status != 200:
            raise ConfigError(f"the registry refuses {NAMESPACE}.{name} ({status})", hint="`exchange schemas check` says why")
        if known is None:
            self._set_level(name)
        return int(answer["id"])

    def check(self, name: str, schema: Schema) -> Checked:
        """How a record's schema stands in the registry; changes nothing."""
        number = self.id_of(name, schema)
        compatible = None
        if number is None:
            path = f"/compatibility/subjects/{_subject(name)}/versions/latest"
            status, answer = self._ask("POST", path, {"schema": json.dumps(schema)})
            compatible = status == 404 or (status == 200 and bool(answer["is_compatible"]))
        return Checked(f"{NAMESPACE}.{name}", number, self.level_of(name), compatible)

    def level_of(self, name: str) -> str | None:
        """The compatibility level of a record's subject itself."""
        status, answer = self._ask("GET", f"/config/{_subject(name)}")
        return str(answer.get("compatibilityLevel", "")) or None if status == 200 else None

    def _set_level(self, name: str) -> None:
        status, _ = self._ask("PUT", f"/config/{_subject(name)}", {"compatibility": LEVEL})
        if status != 200:
            raise PlumbingError(f"the level of {NAMESPACE}.{name} could not be set ({status})")

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and answer; what is neither an answer nor "no such thing" is an error.

        Raises:
            PlumbingError: the registry does not answer, or not as one does.
            AccessError: it wants other credentials.
        """
        make = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = make(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, self._parts.path.rstrip("/") + path, text, self._headers)
            answer = connection.getresponse()
            status, raw = answer.status, answer.read()
            found = json.loads(raw or b"{}") if status < 500 and status not in (401, 403) else {}
        except (OSError, HTTPException, ValueError) as error:
            raise PlumbingError(
                f"the schema registry {self.name} does not answer ({type(error).__name__})",
                hint="is EXCHANGE_REGISTRY_URL right?",
            ) from None
        finally:
            connection.close()
        if status in (401, 403):
            raise AccessError(
                "the schema registry refused access", hint="set EXCHANGE_REGISTRY_USERNAME and EXCHANGE_REGISTRY_PASSWORD"
            )
        if status >= 500:
            raise PlumbingError(f"the schema registry answered {status}")
        return status, found if isinstance(found, dict) else {}


class IdFile:
    """Ids by registry and schema, kept between starts: an id never changes, and a start needs no registry then.

    Args:
        path: the file; one that cannot be read or written is done without.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, dict[str, int]] = {}
        with contextlib.suppress(OSError, ValueError):
            self._known = json.loads(path.read_text(encoding="utf-8"))

    def ids(self, registry: Registry, schemas: SchemaSet, names: Iterable[str]) -> dict[str, int]:
        """The id of each record's schema.

        Raises:
            NotRegisteredError: the registry does not know one of them.
        """
        known = self._known.setdefault(registry.name, {})
        found, fresh = {}, False
        for name in names:
            schema = schemas.alone(name)
            digest = f"{name}:{hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()}"
            if digest not in known:
                number = registry.id_of(name, schema)
                if number is None:
                    raise NotRegisteredError(
                        f"the registry does not know this release's {NAMESPACE}.{name}", hint="run `exchange schemas register`"
                    )
                known[digest], fresh = number, True
            found[name] = known[digest]
        if fresh:
            self._save()
        return found

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(self._known, indent=1), encoding="utf-8")
            new.replace(self._path)


def read_ids(registry: Registry, file: IdFile, sets: Mapping[str, SchemaSet], names: Iterable[str]) -> list[dict[int, str]]:
    """Record names by id, for each released schema set; a version that was never registered has none to be read."""
    wanted = list(names)
    found: list[dict[int, str]] = []
    for schemas in sets.values():
        ids: dict[int, str] = {}
        for name in wanted:
            if name in schemas.records:
                with contextlib.suppress(NotRegisteredError):
                    ids |= dict.fromkeys(file.ids(registry, schemas, [name]).values(), name)
        found.append(ids)
    return found


def _subject(name: str) -> str:
    return quote(f"{NAMESPACE}.{name}", safe="")
