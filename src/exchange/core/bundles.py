"""OpenSSF model-signing bundles: which digest a bundle states for a model (model-signing specification v1.0).

A bundle is a Sigstore bundle around a DSSE envelope around an in-toto statement. The statement names every file of the model
with its hash, and as its one subject the model with the SHA-256 over those hashes, in the order they stand in. That SHA-256 is a
release's ``digest``. Reading a bundle proves nothing yet: the signature is verified by ``exchange.adapters.signed_models``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from exchange.core.importers.jsontext import read_json
from exchange.errors import Fault, ParseError, ValidationError

Method = Literal["key", "certificate", "sigstore"]
"""How a bundle was signed, and so what verifies it."""

_METHODS: Final[dict[str, Method]] = {"publicKey": "key", "x509CertificateChain": "certificate", "certificate": "sigstore"}
_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle"
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"


class Bundle(NamedTuple):
    """What a bundle states.

    Attributes:
        method: what verifies it.
        digest: of the model, as a card's ``digest`` holds it.
        files: how many files, or pieces of files, were signed.
    """

    method: Method
    digest: str
    files: int


def read_bundle(text: str, filename: str) -> Bundle:
    """What the bundle in a file states.

    Args:
        text: the file's text.
        filename: named in errors.

    Raises:
        ParseError: empty, or no JSON object.
        ValidationError: a part is missing or of another kind; the part is named.
    """
    if not text.strip():
        raise ParseError(f"{filename}:1: empty", faults=[Fault("", 1, "empty")])
    bundle = read_json(text, filename)
    if not str(bundle.get("mediaType")).startswith(_MEDIA_TYPE):
        raise _wrong(filename, "mediaType", "not a Sigstore bundle")
    method = _method(bundle.get("verificationMaterial"), filename)
    return _stated(_statement(bundle.get("dsseEnvelope"), filename), method, filename)


def root_digest(hashes: Iterable[bytes]) -> str:
    """The digest of a model whose files have these hashes, in the order of their names."""
    return f"sha256:{hashlib.sha256(b''.join(hashes)).hexdigest()}"


def _method(material: Any, filename: str) -> Method:
    at = "verificationMaterial"
    if not isinstance(material, dict):
        raise _wrong(filename, at, "no verification material: nothing says by what the signature can be verified")
    named = [method for key, method in _METHODS.items() if isinstance(material.get(key), dict)]
    if len(named) != 1:
        raise _wrong(filename, at, f"must hold one of {', '.join(_METHODS)}")
    if named == ["sigstore"] and not material.get("tlogEntries"):
        raise _wrong(
            filename, f"{at}.tlogEntries", "no tlog entries: a Sigstore signature needs its entry in the transparency log"
        )
    return named[0]


def _statement(envelope: Any, filename: str) -> dict[str, Any]:
    """The in-toto statement in the envelope."""
    at = "dsseEnvelope"
    if not isinstance(envelope, dict):
        raise _wrong(filename, at, "no envelope: nothing is signed")
    if envelope.get("payloadType") != _PAYLOAD_TYPE:
        raise _wrong(filename, f"{at}.payloadType", f"must be {_PAYLOAD_TYPE}")
    if not envelope.get("signatures"):
        raise _wrong(filename, f"{at}.signatures", "no signature")
    try:
        payload = base64.b64decode(str(envelope.get("payload", "")), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _wrong(filename, f"{at}.payload", "not base64 of a text") from None
    return read_json(payload, f"{filename} ({at}.payload)")


def _stated(statement: dict[str, Any], method: Method, filename: str) -> Bundle:
    at = "dsseEnvelope.payload"
    if statement.get("_type") != _STATEMENT:
        raise _wrong(filename, f"{at}._type", f"not a statement of {_STATEMENT}")
    if statement.get("predicateType") != _PREDICATE:
        raise _wrong(filename, f"{at}.predicateType", f"wrong predicate: must be {_PREDICATE}")
    try:
        [subject] = statement["subject"]
        told = str(subject["digest"]["sha256"])
        hashes = [bytes.fromhex(resource["digest"]) for resource in statement["predicate"]["resources"]]
    except (KeyError, TypeError, ValueError):
        raise _wrong(filename, at, "needs one subject with a SHA-256, and the resources with their digests") from None
    if root_digest(hashes) != f"sha256:{told}":
        raise _wrong(filename, f"{at}.subject", "not the SHA-256 over the digests of the resources")
    return Bundle(method, f"sha256:{told}", len(hashes))


def _wrong(filename: str, path: str, message: str) -> ValidationError:
    return ValidationError(f"{filename}:1: {path}: {message}", faults=[Fault(path, 1, message)])
