"""``exchange digest`` as a command, on models signed here."""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import signing
from typer.testing import CliRunner

from exchange.cli.digest import digest
from exchange.errors import ConfigError, ParseError, ValidationError

RUN = CliRunner()
app = typer.Typer()
app.command()(digest)

FILES = {"config.json": b"{}", "layers/0.bin": b"weights", "layers/1.bin": b"more"}
ROOT = "sha256:" + hashlib.sha256(b"".join(hashlib.sha256(FILES[name]).digest() for name in sorted(FILES))).hexdigest()


def key_files(folder: Path, name: str) -> tuple[Path, Path, ec.EllipticCurvePrivateKey]:
    """A new key pair as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.key.pem", folder / f"{name}.pem"
    private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    return private, public, key


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of three files, in a repository of git."""
    folder = tmp_path / "model"
    for name, data in {**FILES, ".git/HEAD": b"ref"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def signed(model: Path, tmp_path: Path) -> list[str]:
    """Arguments that verify the model."""
    private, public, _ = key_files(tmp_path, "signer")
    signing.Config().use_elliptic_key_signer(private_key=private).sign(model, tmp_path / "model.sig.json")
    return [str(model), "--bundle", str(tmp_path / "model.sig.json"), "--public-key", str(public)]


def test_the_digest_is_the_one_that_is_signed(model: Path, signed: list[str]) -> None:
    """With and without the bundle: the SHA-256 over the SHA-256 of the files."""
    plain, verified = RUN.invoke(app, [str(model)]), RUN.invoke(app, signed)
    assert (plain.exit_code, plain.output) == (0, f"{ROOT}\n")
    assert (verified.exit_code, verified.output) == (0, f"{ROOT}\n")
    told = json.loads(RUN.invoke(app, [*signed, "--json"]).output)
    assert told == {"digest": ROOT, "verified_by": "key", "card": None}


def change(model: Path) -> None:
    (model / "layers" / "0.bin").write_bytes(b"weightS")


def add(model: Path) -> None:
    (model / "extra.bin").write_bytes(b"")


def take_away(model: Path) -> None:
    (model / "layers" / "1.bin").unlink()


@pytest.mark.parametrize(("tamper", "named"), [(change, "layers/0.bin"), (add, "extra.bin"), (take_away, "layers/1.bin")])
def test_a_file_that_is_not_as_signed_is_named(model: Path, signed: list[str], tamper: Any, named: str) -> None:
    """Changed, added, taken away."""
    tamper(model)
    error = RUN.invoke(app, signed).exception
    assert isinstance(error, ValidationError)
    assert "does not verify: Signature mismatch" in error.message
    assert named in error.message


def test_another_key_or_signature_is_refused(signed: list[str], tmp_path: Path) -> None:
    """By the key's own identifier, and without it by the signature itself."""
    _, other, _ = key_files(tmp_path, "other")
    error = RUN.invoke(app, [*signed[:-1], str(other)]).exception
    assert isinstance(error, ValidationError)
    assert "Key mismatch" in error.message
    path = Path(signed[2])
    made = json.loads(path.read_text("utf-8"))
    made["verificationMaterial"]["publicKey"].pop("hint")
    path.write_text(json.dumps(made), encoding="utf-8")
    result = RUN.invoke(app, [*signed[:-1], str(other), "--json"])
    assert isinstance(result.exception, ValidationError)
    assert "InvalidSignature" in result.exception.message
    assert result.stdout == ""  # the library's warning is not on it


def test_a_cut_bundle_is_no_bundle(signed: list[str]) -> None:
    """Told with its place."""
    path = Path(signed[2])
    path.write_text(path.read_text("utf-8")[:-200], encoding="utf-8")
    error = RUN.invoke(app, signed).exception
    assert isinstance(error, ParseError)
    assert f"{path}:1: not JSON" in error.message


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A root, and a signing certificate under it with its key."""
    _, _, root_key = key_files(folder, "root")
    private, _, key = key_files(folder, "leaf")
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    root_name, name = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("root", "signer"))

    def build(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            False,
        )
        builder = x509.CertificateBuilder(root_name, subject, public, x509.random_serial_number(), day, day.replace(year=2036))
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        use = x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage)
        return builder.add_extension(use, critical=True).sign(root_key, hashes.SHA256())

    paths = folder / "root.crt.pem", folder / "leaf.crt.pem"
    for path, made in zip(
        paths, (build(root_name, root_key.public_key(), ca=True), build(name, key.public_key(), ca=False)), strict=True
    ):
        path.write_bytes(made.public_bytes(form.Encoding.PEM))
    return paths[0], paths[1], private


def test_a_certificate_must_lead_to_a_root_one_trusts(model: Path, tmp_path: Path) -> None:
    """Its own root verifies, another does not."""
    root, leaf, private = certificates(tmp_path)
    path = tmp_path / "cert.sig.json"
    signing.Config().use_certificate_signer(private_key=private, signing_certificate=leaf, certificate_chain=[root]).sign(
        model, path
    )
    asked = [str(model), "--bundle", str(path), "--certificate-chain"]
    assert RUN.invoke(app, [*asked, str(root)]).output == f"{ROOT}\n"
    (tmp_path / "other").mkdir()
    other, _, _ = certificates(tmp_path / "other")
    error = RUN.invoke(app, [*asked, str(other)]).exception
    assert isinstance(error, ValidationError)
    assert "does not verify" in error.message


def test_a_sigstore_bundle_needs_its_roots(model: Path, signed: list[str], tmp_path: Path) -> None:
    """Nothing is fetched: without a trust configuration one is told to give it, with a wrong one it does not verify."""
    path, roots = Path(signed[2]), tmp_path / "trust.json"
    made = json.loads(path.read_text("utf-8"))
    made["verificationMaterial"] = {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "1"}]}
    path.write_text(json.dumps(made), encoding="utf-8")
    error = RUN.invoke(app, signed).exception
    assert isinstance(error, ConfigError)
    assert "--trust-config" in error.hint
    roots.write_text("{}", encoding="utf-8")
    asked = ["--trust-config", str(roots), "--identity", "a@example.com", "--identity-provider", "https://example.com"]
    assert isinstance(RUN.invoke(app, [*signed[:3], *asked]).exception, ValidationError)


def test_what_cannot_be_hashed_is_said(tmp_path: Path) -> None:
    """Symbolic links, and nothing at all."""
    folder = tmp_path / "empty"
    folder.mkdir()
    error = RUN.invoke(app, [str(folder)]).exception
    assert isinstance(error, ValidationError)
    assert "no files" in error.message
    (folder / "link").symlink_to(tmp_path)
    assert isinstance(RUN.invoke(app, [str(folder)]).exception, ValidationError)


def test_a_card_is_compared_and_written(model: Path, tmp_path: Path) -> None:
    """Only where it has none, and only when wished."""
    card = tmp_path / "card.yaml"
    card.write_text("release: acme/base@1 # ours\nstage: released\n", encoding="utf-8")
    asked = [str(model), "--card", str(card)]
    result = RUN.invoke(app, asked)
    assert (result.exit_code, "--write adds it" in result.stderr) == (1, True)
    assert RUN.invoke(app, [*asked, "--write"]).exit_code == 0
    assert card.read_text("utf-8") == f"release: acme/base@1 # ours\ndigest: {ROOT}\nstage: released\n"
    assert json.loads(RUN.invoke(app, [*asked, "--json"]).output)["card"] == "same"
    change(model)
    result = RUN.invoke(app, [*asked, "--write"])
    assert (result.exit_code, "another model" in result.stderr) == (1, True)
    assert ROOT in card.read_text("utf-8")


def test_usage_that_makes_no_sense_and_a_missing_extra_are_explained(
    model: Path, signed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what to do."""
    for words in ([str(model), "--write"], [str(model), *signed[3:]], signed[:3]):
        assert isinstance(RUN.invoke(app, words).exception, ConfigError)
    monkeypatch.setitem(sys.modules, "model_signing.hashing", None)
    error = RUN.invoke(app, [str(model)]).exception
    assert isinstance(error, ConfigError)
    assert "[signing]" in error.hint
