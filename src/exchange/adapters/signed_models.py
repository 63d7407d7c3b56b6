"""Hashes and verifies models by OpenSSF model-signing, which comes with the extra ``signing``."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from exchange.adapters.card_files import read_text
from exchange.core.bundles import Bundle, read_bundle, root_digest
from exchange.core.reports.findings import printable
from exchange.errors import ConfigError, ValidationError

_MOST = 600


class Trust(NamedTuple):
    """What a signature is verified with; which of them is needed is told by the bundle.

    Attributes:
        public_key: PEM file of the signer's key.
        certificates: PEM files that the signing certificate must lead to.
        trust_config: Sigstore's client trust configuration (roots, log keys), so that nothing is fetched.
        identity: whom the Sigstore certificate must name.
        identity_provider: OpenID Connect issuer that must have vouched for that.
    """

    public_key: Path | None = None
    certificates: Sequence[Path] = ()
    trust_config: Path | None = None
    identity: str | None = None
    identity_provider: str | None = None


def hash_model(model: Path) -> str:
    """The digest of a model as model-signing states it by default: every file whole, by SHA-256, all but git's own.

    Raises:
        ConfigError: the extra is not installed.
        ValidationError: the model holds what cannot be hashed, such as a symbolic link.
    """
    hashing = _library("hashing")
    try:
        manifest = hashing.Config().hash(model)
    except (ValueError, OSError) as error:
        raise ValidationError(f"{model}: cannot be hashed: {_reason(error)}") from None
    hashes = [resource.digest.digest_value for resource in manifest.resource_descriptors()]
    if not hashes:
        raise ValidationError(f"{model}: holds no files to hash")
    return root_digest(hashes)


def verify_model(model: Path, path: Path, trust: Trust) -> Bundle:
    """What a bundle states of a model, once its signature and every file are verified.

    Args:
        model: folder or file.
        path: the bundle.
        trust: what to verify with.

    Raises:
        ConfigError: the extra is not installed, or ``trust`` lacks what this bundle needs.
        ParseError: the bundle is no bundle.
        ValidationError: a part of it is missing, the signature is not by that signer, or a file is not the one that was signed.
    """
    bundle = read_bundle(read_text(path), str(path))
    verifying = _library("verifying")
    try:
        config = _configured(verifying.Config(), bundle, trust)
        with contextlib.redirect_stdout(sys.stderr):  # the library prints warnings
            config.verify(model, path)
    except ConfigError:
        raise
    except Exception as error:  # the libraries below raise errors of many kinds for a signature that does not hold
        raise ValidationError(f"{path}: does not verify: {_reason(error)}") from None
    return bundle


def _configured(config: Any, bundle: Bundle, trust: Trust) -> Any:
    if bundle.method == "key" and trust.public_key:
        return config.use_elliptic_key_verifier(public_key=trust.public_key)
    if bundle.method == "certificate" and trust.certificates:
        return config.use_certificate_verifier(certificate_chain=trust.certificates)
    if bundle.method == "sigstore" and trust.trust_config and trust.identity and trust.identity_provider:
        return config.use_sigstore_verifier(
            identity=trust.identity, oidc_issuer=trust.identity_provider, trust_config=trust.trust_config
        )
    needed = {
        "key": "--public-key FILE",
        "certificate": "--certificate-chain FILE",
        "sigstore": "--trust-config FILE, --identity and --identity-provider",
    }
    raise ConfigError(
        "nothing to verify this bundle with", hint=f"it was signed by {bundle.method}: give {needed[bundle.method]}"
    )


def _library(name: str) -> Any:
    """A module of model-signing. Loaded when needed: it takes a quarter of a second, and not everybody has it."""
    try:
        return importlib.import_module(f"model_signing.{name}")
    except ImportError as error:
        raise ConfigError(
            f"model-signing cannot be loaded (no module {error.name})",
            hint="pip install 'ai-transparency-exchange[signing]'",
        ) from None


def _reason(error: Exception) -> str:
    text = printable(" ".join(str(error).split()))
    return f"{text[:_MOST]}{'…' if len(text) > _MOST else ''}" or type(error).__name__
