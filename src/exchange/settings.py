"""All settings, in one frozen object. The only module that reads the environment.

What wins, first to last: arguments, ``EXCHANGE_*`` variables, the TOML file (``EXCHANGE_CONFIG``, else ``exchange.toml`` in
``EXCHANGE_HOME``), defaults. Names of the Kafka security settings are aiokafka's.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from aiokafka.helpers import create_ssl_context
from pydantic import Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from exchange.core.fanout_step import LIMIT, LIMIT_MAX
from exchange.core.rules import KNOWN_SEMANTICS
from exchange.errors import ConfigError
from exchange.refs import is_party
from exchange.topics import Topics

_APP = "ai-transparency-exchange"
_USERINFO = re.compile(r"//[^/@]+@")
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]


class Settings(BaseSettings):
    """Settings of one process.

    Attributes:
        home: folder that holds everything the exchange keeps on disk.
        cache: folder of downloads that several exchanges share (the broker's jars).
        deployment: first part of every topic name, group id and transactional id.
        bootstrap_servers: an own Kafka cluster; ``None``: the embedded broker of ``home``.
        port: port of the embedded broker; another one is chosen when it is taken.
        java_home: folder of the Java that runs the embedded broker; default: ``JAVA_HOME``. Else ``java`` on the path, else the
            ``jre`` extra's.
        party: party id of whoever runs a client command.
        partitions: partition count; fixed once topics exist.
        replication: replication factor; 3 or more outside the embedded broker.
        generation: counts restores into a new cluster; part of every position (DESIGN section 4, rule 4).
        tick_seconds: how often time is told to the dossiers.
        fanout_limit: stakeholders told in one transaction; what is left waits in the line's queue.
        metrics_port: where /metrics, /healthz and /readyz are served; ``None``: nowhere. Each processor of ``exchange up`` takes
            the next port.
        metrics_host: address /metrics is served at.
        broker_heap_mb: most memory for the Java heap of the embedded broker, in MB; with more than 2,000 parties 512.
        broker_metrics_port: where the embedded broker's own metrics are served (JMX exporter); ``None``: nowhere.
        authorities: party ids that read as authority, with commas between (DESIGN section 7); part of the rules.
        profiles: ids of the completeness profiles to put in force where none is yet, with commas between; `exchange profiles
            activate` changes them later. Also the default of `exchange check`.
        semantics: version of the steps' meaning to put in force; default: the one in force, in a new deployment the newest.
        log_format: ``text`` for people, ``json`` for production.
        log_level: ``info``; ``debug`` also logs each record, with event id, release and number, never its content.
        tracing: ``otlp`` sends a span for each record that carries a trace, by the ``otel`` extra and its own OTEL_* variables.
        alertmanager_url: Alertmanager, for `exchange top`.
        registry_url: Confluent-compatible schema registry; values are then written with Confluent framing.
        registry_username: for the registry, if it asks for one.
        registry_password: for the registry, if it asks for one.
        framing: ``auto``: Confluent where a registry is set; ``single``: Avro single-object encoding all the same, to go back.
        lang: language of labels in output.
    """

    model_config = SettingsConfigDict(env_prefix="EXCHANGE_", frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir(_APP, appauthor=False)))
    cache: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir(_APP, appauthor=False)))
    deployment: _Name = "exchange"
    bootstrap_servers: str | None = None
    port: int = Field(default=19092, ge=1024, le=65535)
    java_home: Path | None = Field(default_factory=lambda: Path(os.environ["JAVA_HOME"]) if os.environ.get("JAVA_HOME") else None)
    party: str | None = None
    partitions: int = Field(default=4, ge=1, le=1024)
    replication: int = Field(default=1, ge=1, le=9)
    generation: int = Field(default=1, ge=1)
    tick_seconds: float = Field(default=3600, gt=0)
    fanout_limit: int = Field(default=LIMIT, ge=1, le=LIMIT_MAX)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"
    broker_heap_mb: int = Field(default=256, ge=128)
    broker_metrics_port: int | None = Field(default=None, ge=1024, le=65535)
    authorities: str = ""
    profiles: str = "jg-1.2"
    semantics: str | None = Field(default=None, pattern=f"^({'|'.join(KNOWN_SEMANTICS)})$")
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning"] = "info"
    tracing: Literal["off", "otlp"] = "off"
    alertmanager_url: str | None = None
    registry_url: str | None = None
    registry_username: str | None = None
    registry_password: SecretStr | None = None
    framing: Literal["auto", "single"] = "auto"
    lang: Literal["en", "ja"] = "en"

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_plain_username: str | None = None
    sasl_plain_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, file; no ``.env`` file, which would depend on the current folder."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read_file(init_settings()))

    @cached_property
    def topics(self) -> Topics:
        """The topics of this deployment."""
        return Topics(self.deployment, self.partitions, self.replication)

    @property
    def authority_list(self) -> list[str]:
        """Party ids that read as authority."""
        return _listed(self.authorities)

    @property
    def profile_list(self) -> list[str]:
        """Ids of completeness profiles."""
        return _listed(self.profiles)

    def kafka_kwargs(self, bootstrap_servers: str | None = None) -> dict[str, Any]:
        """Arguments that every aiokafka client takes: address and security.

        Args:
            bootstrap_servers: address to use instead (the embedded broker's).

        Raises:
            ConfigError: there is no address, or a certificate file cannot be read.
        """
        address = bootstrap_servers or self.bootstrap_servers
        if not address:
            raise ConfigError("no Kafka address", hint="run `exchange up`, or set EXCHANGE_BOOTSTRAP_SERVERS")
        arguments: dict[str, Any] = {
            "bootstrap_servers": address,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            arguments["sasl_mechanism"] = self.sasl_mechanism
            arguments["sasl_plain_username"] = self.sasl_plain_username
            arguments["sasl_plain_password"] = _reveal(self.sasl_plain_password)
        if self.security_protocol.endswith("SSL"):
            arguments["ssl_context"] = self._ssl_context()
        return arguments

    def _ssl_context(self) -> Any:
        try:
            return create_ssl_context(
                cafile=_text(self.ssl_cafile),
                certfile=_text(self.ssl_certfile),
                keyfile=_text(self.ssl_keyfile),
                password=_reveal(self.ssl_password),
            )
        except OSError as error:
            raise ConfigError("a certificate or key file cannot be used", hint=error.strerror or "") from None


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; ``overrides`` that are ``None`` are ignored.

    Raises:
        ConfigError: a setting makes no sense; it is named, its value is not quoted.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"settings: {faults}", hint="variables are EXCHANGE_ and the name in capitals") from None
    if settings.party is not None and not is_party(settings.party):
        raise ConfigError("party: not a party id", hint="lower-case letters, digits and inner . and -, at most 63")
    return settings


def explained(settings: Settings, **overrides: Any) -> list[dict[str, str | None]]:
    """Every setting with its value and where it comes from; secrets are only said to be set.

    Args:
        settings: as loaded.
        overrides: the arguments it was loaded with.
    """
    given = {name for name, value in overrides.items() if value is not None}
    variables = {name.upper() for name in os.environ}
    in_file = _read_file({"home": overrides.get("home")} if overrides.get("home") else {})
    rows: list[dict[str, str | None]] = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        source = (
            "argument"
            if name in given
            else f"variable EXCHANGE_{name.upper()}"
            if f"EXCHANGE_{name.upper()}" in variables
            else f"file {_file({'home': overrides.get('home')} if overrides.get('home') else {})}"
            if name in in_file
            else "variable JAVA_HOME"
            if name == "java_home" and value is not None
            else "default"
        )
        rows.append({"setting": name, "value": _shown(value), "source": source})
    return rows


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return "(set, not shown)"
    return _USERINFO.sub("//(not shown)@", str(value))


def reader_language() -> Literal["ja", "en"]:
    """The language of whoever runs a command, by the locale: Japanese, else English."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "ja" if (next(filter(None, names), "")).casefold().startswith("ja") else "en"


def environment_for_child(settings: Settings) -> dict[str, str]:
    """The environment to start another process of this exchange with: ours, and the settings that differ from the defaults."""
    child = dict(os.environ)
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None:
            child[f"EXCHANGE_{name.upper()}"] = _reveal(value) or "" if isinstance(value, SecretStr) else str(value)
    return child


def keep_generation(home: Path, generation: int) -> Path:
    """Write the generation into the settings file of a home, and return its path; what else it says stays as it is."""
    path = home / "exchange.toml"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip() != "generation"]
    home.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"generation = {generation}", *kept, ""]), encoding="utf-8")
    return path


def _file(given: dict[str, Any]) -> Path:
    named = os.environ.get("EXCHANGE_CONFIG")
    home = given.get("home") or os.environ.get("EXCHANGE_HOME") or platformdirs.user_data_dir(_APP, appauthor=False)
    return Path(named) if named else Path(home) / "exchange.toml"


def _read_file(given: dict[str, Any]) -> dict[str, Any]:
    path, named = _file(given), os.environ.get("EXCHANGE_CONFIG")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise ConfigError("the file named by EXCHANGE_CONFIG does not exist") from None
        return {}
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError):
        raise ConfigError(f"{path}: cannot be read as TOML") from None


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
