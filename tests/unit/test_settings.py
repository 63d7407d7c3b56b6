"""exchange.settings: where a setting comes from, and what it does not give away."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigError
from exchange.settings import Settings, environment_for_child, explained, keep_generation, load_settings

SECRET = "canary-7f3a"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*Settings.model_fields, "config"]:
        monkeypatch.delenv(f"EXCHANGE_{name.upper()}", raising=False)
    monkeypatch.setenv("EXCHANGE_HOME", str(tmp_path))


def test_argument_beats_variable_beats_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In that order, and the default is last."""
    assert load_settings().deployment == "exchange"
    (tmp_path / "exchange.toml").write_text('deployment = "file"\nlang = "ja"\n')
    assert load_settings().deployment == "file"
    monkeypatch.setenv("EXCHANGE_DEPLOYMENT", "variable")
    assert load_settings().deployment == "variable"
    assert load_settings(deployment="argument").deployment == "argument"
    assert load_settings(deployment=None).lang == "ja"


def test_a_bad_setting_is_named_not_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is wrong, the value stays out of the message."""
    for name in ("port", "lang", "deployment", "party"):
        with pytest.raises(ConfigError, match=name) as caught:
            load_settings(**{name: f"{SECRET}!"})
        assert SECRET not in caught.value.explain()
    (tmp_path / "exchange.toml").write_text("colour = 1\n")
    with pytest.raises(ConfigError, match="colour"):
        load_settings()
    monkeypatch.setenv("EXCHANGE_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match="EXCHANGE_CONFIG"):
        load_settings()


def test_secrets_print_as_stars() -> None:
    """And still reach aiokafka and our own child processes."""
    settings = load_settings(sasl_plain_password=SECRET, security_protocol="SASL_PLAINTEXT", sasl_plain_username="u")
    assert SECRET not in repr(settings)
    assert settings.kafka_kwargs("127.0.0.1:1")["sasl_plain_password"] == SECRET
    assert environment_for_child(settings)["EXCHANGE_SASL_PLAIN_PASSWORD"] == SECRET


def test_an_address_is_needed() -> None:
    """The hint says how to get one."""
    with pytest.raises(ConfigError, match="no Kafka address") as caught:
        load_settings().kafka_kwargs()
    assert "exchange up" in caught.value.hint
    assert load_settings(bootstrap_servers="127.0.0.1:9").kafka_kwargs()["security_protocol"] == "PLAINTEXT"


def test_settings_do_not_change() -> None:
    """One object for the life of the process."""
    with pytest.raises(Exception, match="frozen"):
        load_settings().lang = "ja"  # type: ignore[misc]


def test_a_certificate_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    """Not an exception of the ssl module."""
    with pytest.raises(ConfigError, match="certificate"):
        load_settings(security_protocol="SSL", ssl_cafile=tmp_path / "absent.pem").kafka_kwargs("127.0.0.1:1")


def test_a_generation_is_kept_in_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what the file says already."""
    monkeypatch.delenv("EXCHANGE_CONFIG", raising=False)
    (tmp_path / "exchange.toml").write_text('generation = 1\nlang = "ja"\n')
    path = keep_generation(tmp_path, 3)
    assert path.read_text() == 'generation = 3\nlang = "ja"\n'
    assert keep_generation(tmp_path / "new", 2).read_text() == "generation = 2\n"
    loaded = load_settings(home=tmp_path)
    assert (loaded.generation, loaded.lang) == (3, "ja")


def test_where_each_setting_comes_from_is_told_and_secrets_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Argument, variable, file, default; a password nowhere, not even in an address."""
    (tmp_path / "exchange.toml").write_text(f'lang = "ja"\nssl_password = "{SECRET}"\n')
    monkeypatch.setenv("EXCHANGE_SASL_PLAIN_PASSWORD", SECRET)
    monkeypatch.setenv("EXCHANGE_REGISTRY_URL", f"https://user:{SECRET}@registry.example/apis")
    rows = {row["setting"]: row for row in explained(load_settings(party="acme"), party="acme")}
    assert set(rows) == set(Settings.model_fields)
    assert rows["party"] == {"setting": "party", "value": "acme", "source": "argument"}
    assert rows["home"]["source"] == "variable EXCHANGE_HOME"
    assert rows["lang"]["source"] == f"file {tmp_path / 'exchange.toml'}"
    assert (rows["partitions"]["value"], rows["partitions"]["source"]) == ("4", "default")
    assert rows["sasl_plain_password"]["value"] == rows["ssl_password"]["value"] == "(set, not shown)"
    assert rows["registry_url"]["value"] == "https://(not shown)@registry.example/apis"
    assert SECRET not in str(rows)
