"""What a model-signing bundle states, and why others are refused."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from exchange.core.authoring.digest import with_digest
from exchange.core.bundles import read_bundle
from exchange.core.documents import parse_documents
from exchange.errors import ParseError, ValidationError

HASHES = [hashlib.sha256(text).hexdigest() for text in (b"a", b"b")]
ROOT = hashlib.sha256(b"".join(map(bytes.fromhex, HASHES))).hexdigest()
MATERIALS = {
    "key": {"publicKey": {"hint": "ab"}},
    "certificate": {"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}, "tlogEntries": []},
    "sigstore": {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "1"}]},
}


def statement(**more: Any) -> dict[str, Any]:
    """A statement of two files."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": ROOT}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"resources": [{"name": name, "digest": digest} for name, digest in zip("ab", HASHES, strict=True)]},
        **more,
    }


def bundle(payload: Any = None, **more: Any) -> dict[str, Any]:
    """A bundle around it."""
    encoded = base64.b64encode(json.dumps(payload or statement()).encode()).decode()
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": MATERIALS["key"],
        "dsseEnvelope": {"payload": encoded, "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AA=="}]},
        **more,
    }


@pytest.mark.parametrize("method", MATERIALS)
def test_a_bundle_states_one_digest(method: str) -> None:
    """However it was signed."""
    found = read_bundle(json.dumps(bundle(verificationMaterial=MATERIALS[method])), "b.json")
    assert found == (method, f"sha256:{ROOT}", 2)


ENVELOPE = bundle()["dsseEnvelope"]
REFUSED: dict[str, tuple[Any, str]] = {
    "no material": (bundle(verificationMaterial=None), "verificationMaterial: no verification material"),
    "two materials": (bundle(verificationMaterial=MATERIALS["key"] | MATERIALS["sigstore"]), "must hold one of publicKey"),
    "no log": (bundle(verificationMaterial={"certificate": {"rawBytes": "AA=="}}), "tlogEntries: no tlog entries"),
    "empty log": (bundle(verificationMaterial={"certificate": {}, "tlogEntries": []}), "tlogEntries: no tlog entries"),
    "no envelope": (bundle(dsseEnvelope=None), "dsseEnvelope: no envelope"),
    "no signature": (bundle(dsseEnvelope=ENVELOPE | {"signatures": []}), "signatures: no signature"),
    "other payload": (bundle(dsseEnvelope=ENVELOPE | {"payloadType": "text/plain"}), "payloadType: must be"),
    "no base64": (bundle(dsseEnvelope=ENVELOPE | {"payload": "?"}), "payload: not base64"),
    "no bundle": ({"release": "x"}, "mediaType: not a Sigstore bundle"),
    "wrong predicate": (bundle(statement(predicateType="https://example.com/x")), "predicateType: wrong predicate"),
    "wrong statement": (bundle(statement(_type="x")), "_type: not a statement"),
    "two subjects": (bundle(statement(subject=statement()["subject"] * 2)), "needs one subject"),
    "no resources": (bundle(statement(predicate={})), "needs one subject"),
    "inconsistent": (bundle(statement(subject=[{"name": "m", "digest": {"sha256": "0" * 64}}])), "not the SHA-256 over"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_fault_has_its_own_reason(case: str) -> None:
    """File, place and what is wrong."""
    made, reason = REFUSED[case]
    with pytest.raises(ValidationError, match=r"b\.json:1: ") as caught:
        read_bundle(json.dumps(made), "b.json")
    assert reason in caught.value.message


@pytest.mark.parametrize(("text", "reason"), [("", "empty"), (json.dumps(bundle())[:-40], "not JSON")])
def test_an_empty_or_cut_bundle_is_no_bundle(text: str, reason: str) -> None:
    """Said as such."""
    with pytest.raises(ParseError, match=rf"b\.json:1: {reason}"):
        read_bundle(text, "b.json")


DIGEST = f"sha256:{ROOT}"
CARDS = {
    "c.yaml": "# kept\r\nrelease: acme/base@1 # this too\r\nstage: released\r\n",
    "d.yaml": "stage: released\nrelease: acme/base@1",
    "c.md": "---\nrelease: acme/base@1\nstage: released\n---\n# Base\n\nA model.\n",
}


@pytest.mark.parametrize("name", CARDS)
def test_a_digest_is_added_and_nothing_else_touched(name: str) -> None:
    """One line, with the line ends of the file."""
    [card] = parse_documents(CARDS[name], name)
    made = with_digest(CARDS[name], card, DIGEST)
    assert [document.record["digest"] for document in parse_documents(made, name)] == [DIGEST]
    rest = [line for line in made.splitlines() if not line.startswith("digest: ")]
    assert rest == CARDS[name].splitlines()


@pytest.mark.parametrize("text", ["{release: acme/base@1, stage: released}", '"release": acme/base@1\nstage: released\n'])
def test_a_file_of_another_form_is_left_alone(text: str) -> None:
    """With the line to add by hand."""
    [card] = parse_documents(text, "c.yaml")
    with pytest.raises(ValidationError, match=r"c\.yaml:1: ") as caught:
        with_digest(text, card, DIGEST)
    assert DIGEST in caught.value.hint


VECTORS = Path(__file__).resolve().parents[4] / "shared" / "real" / "model_signing"
VALID = {"certificate": "92745110", "key": "92745110", "sigstore": "61d4849d"}
INVALID = {
    "invalid-payload__wrong-predicate": "wrong predicate",
    "invalid__empty": "empty",
    "invalid__missing-envelope": "no envelope",
    "invalid__missing-tlog-entries": "no tlog entries",
    "invalid__missing-verification-material": "no verification material",
}


@pytest.mark.skipif(not VECTORS.is_dir(), reason="OpenSSF's test vectors are not beside this checkout")
def test_the_vectors_of_the_specification() -> None:
    """Its valid bundles state their digest, each invalid one is refused for its own reason."""
    folder = sorted(VECTORS.glob("test-vectors__*.json"))
    assert len(folder) == len(VALID) + len(INVALID)
    for method, digest in VALID.items():
        found = read_bundle((VECTORS / f"test-vectors__v1.0__valid__{method}.bundle.json").read_text(), method)
        assert (found[0], found[1][:15]) == (method, f"sha256:{digest}")
    for name, reason in INVALID.items():
        with pytest.raises((ParseError, ValidationError), match=reason):
            read_bundle((VECTORS / f"test-vectors__v1.0__{name}.bundle.json").read_text(), name)
