"""``exchange digest``: the digest of a model's files, by OpenSSF model-signing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.card_files import read_text
from exchange.adapters.signed_models import Trust, hash_model, verify_model
from exchange.cli.check import card_labels
from exchange.cli.documents import one_card
from exchange.cli.output import Json, print_json
from exchange.core.authoring.digest import with_digest
from exchange.errors import ConfigError

_TOLD = {
    "same": "the card's digest is that of the model",
    "differs": "the card's digest is that of another model",
    "missing": "the card has no digest; --write adds it",
    "written": "digest added",
}


def digest(
    model: Annotated[Path, typer.Argument(exists=True, help="Folder of the model, or its one file.")],
    bundle: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Bundle of model-signing: verify the model by it.")
    ] = None,
    public_key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Signer's public key, PEM.")] = None,
    certificate_chain: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Certificates the signer's must lead to, PEM; may be repeated."),
    ] = None,
    trust_config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Sigstore's client trust configuration, JSON.")
    ] = None,
    identity: Annotated[str | None, typer.Option(help="Whom a Sigstore certificate must name.")] = None,
    identity_provider: Annotated[str | None, typer.Option(help="OpenID Connect issuer that vouched for the identity.")] = None,
    card: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Compare with this card's digest.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Add the digest to --card where it has none.")] = False,
    as_json_: Json = False,
) -> None:
    """The digest of a model's files, for a card's `digest`; with --bundle, only once the signature and every file are verified.

    It is the digest that OpenSSF model-signing v1.0 states of the model: the SHA-256 over the SHA-256 of its files. Needs the
    extra `signing` (pip install 'ai-transparency-exchange[signing]'). Nothing is fetched.

    Exit code: 0 done; 1 the card has another digest, or none; 2 the bundle does not verify; 3 there is nothing to verify by.

    Examples:

      exchange digest model/

      exchange digest model/ --bundle model.sig.json --public-key signer.pem

      exchange digest model/ --bundle model.sig.json --public-key signer.pem --card card.yaml --write
    """
    if write and card is None:
        raise ConfigError("--write needs --card FILE")
    trust = Trust(public_key, certificate_chain or (), trust_config, identity, identity_provider)
    if bundle is None and trust != Trust():
        raise ConfigError("nothing to verify", hint="--bundle FILE names the signature")
    verified = verify_model(model, bundle, trust) if bundle else None
    found = verified.digest if verified else hash_model(model)
    state = _compared(card, found, write=write) if card else None
    if as_json_:
        print_json({"digest": found, "verified_by": verified.method if verified else None, "card": state})
    else:
        typer.echo(found)
        if state:
            typer.echo(f"{card}: {_TOLD[state]}", err=True)
    raise typer.Exit(1 if state in ("differs", "missing") else 0)


def _compared(path: Path, found: str, *, write: bool) -> str:
    """How the card's digest stands to the one found; where there is none, it is written if wished."""
    card = one_card(path, card_labels())
    if card.record["digest"] is not None:
        return "same" if card.record["digest"] == found else "differs"
    if not write:
        return "missing"
    path.write_bytes(with_digest(read_text(path), card, found).encode())
    return "written"
