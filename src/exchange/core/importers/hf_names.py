"""Hugging Face ids as lines: ``Intel/neural-chat-7b-v3-3`` is ``intel/neural-chat-7b-v3-3``.

Ids are lower-cased and made valid; the spelling people use goes to ``display_name``. A bare name, from before ids had owners,
gets the party :data:`LEGACY`.
"""

from __future__ import annotations

import re
from typing import Final

from exchange.errors import ValidationError
from exchange.refs import LineRef, parse_ref

LEGACY: Final = "hf-legacy"
VERSION: Final = "hf"

_ADDRESS = re.compile(r"\Ahttps?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/|models/)?", re.IGNORECASE)
_DISK = re.compile(r"\A(?:[A-Za-z]:|[./~])|\\|\.(?:safetensors|bin|gguf|pt|pth|ckpt|jsonl?|csv|parquet)\Z")
_FOLDERS = frozenset(
    (
        *("models", "model", "outputs", "output", "checkpoints", "checkpoint", "ckpt", "ckpts", "data", "dataset", "datasets"),
        *("home", "mnt", "workspace", "content", "tmp", "root", "results", "saves", "local"),
    )
)
"""Words that begin a path in somebody's working folder, not an id."""

_MANIFEST_ID = re.compile(r"(?:parent_id|hf)=([^\s;]+)")


def line_of_id(text: str) -> LineRef | None:
    """The line of a Hugging Face id, or None when the text names no model or dataset: it is empty, or a path on a disk."""
    name = _ADDRESS.sub("", text.strip()[:400]).rstrip("/")
    parts = name.split("/")
    if not name or _DISK.search(name) or len(parts) > 2 or (len(parts) == 2 and parts[0].casefold() in _FOLDERS):
        return None
    owner, own = parts if len(parts) == 2 else (LEGACY, parts[0])
    party = re.sub(r"[^a-z0-9.-]+", "-", owner.lower())[:63].strip(".-")
    line = re.sub(r"[^a-z0-9._-]+", "-", own.lower()).lstrip("._-")[:128].rstrip(".-")
    try:
        ref = parse_ref(f"{party}/{line}")
    except ValidationError:
        return None
    return ref if isinstance(ref, LineRef) else None


def id_of_file(filename: str) -> str | None:
    """The id a file name tells: ``org__name.md`` is ``org/name``, other stems a bare name; ``README.md`` tells nothing."""
    stem = filename.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or filename
    if stem.casefold() in ("readme", "model_card", "modelcard", "card", "index"):
        return None
    return "/".join(stem.split("__")[-2:])


def read_manifest(text: str) -> dict[str, str]:
    """Hugging Face id by file name, from a tab-separated list whose ``note`` column holds ``parent_id=…`` or ``hf=…``."""
    lines = text.splitlines()
    header = lines[0].split("\t") if lines else []
    if "file" not in header or "note" not in header:
        return {}
    file, note = header.index("file"), header.index("note")
    found: dict[str, str] = {}
    for line in lines[1:]:
        columns = line.split("\t")
        match = _MANIFEST_ID.search(columns[note]) if len(columns) > note else None
        if match:
            found[columns[file].rpartition("/")[2]] = match[1]
    return found
