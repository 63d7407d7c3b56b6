"""Small inputs that become large, slow or deep, each given to its parser in a process with bounds: ``python bombs.py``.

One line of JSON for each: its name, what came of it, seconds of processor, and by how many MB the process's largest size grew.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

ADDRESSES_MB = 1024
"""Of which libraries take about half before anything is read."""
MOST_S = 20
SECRET = "CANARY"
MIB = 1024 * 1024
FULL = 128 * 1024


def bombs() -> dict[str, tuple[Callable[[], Any], str]]:
    """What to do, and the error that must come of it, or ``value``, by name."""
    import targets

    from exchange.core.conditions import Condition
    from exchange.core.documents import parse_documents
    from exchange.core.importers.cyclonedx import import_bom
    from exchange.core.importers.either import read_either
    from exchange.core.importers.huggingface import import_card
    from exchange.core.importers.spdx import import_spdx
    from exchange.core.profiles import parse_profile
    from exchange.testing.malformed.attacks import varint

    def avro(name: str, body: bytes, limit: int = FULL) -> Any:
        return targets.CODEC.decode(b"\xc3\x01" + targets.SCHEMAS.fingerprints[name] + body, limit=limit)

    def every(body: bytes) -> str:
        for name in targets.NAMES:
            targets.body(bytes([targets.NAMES.index(name)]) + body)
        return "value"

    def text(content: str) -> Any:
        return parse_documents(content, "d.yaml")

    def ours(content: str) -> Any:
        return read_either(content, "d.json", targets.LABELS)

    def bom(components: list[Any]) -> Any:
        document = {"bomFormat": "CycloneDX", "specVersion": "1.7", "components": components}
        return import_bom(json.dumps(document), filename="b.json", labels=targets.LABELS)

    def spdx(graph: list[Any]) -> Any:
        context = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
        return import_spdx(json.dumps({"@context": context, "@graph": graph}), filename="s.json", labels=targets.LABELS)

    party = varint(4) + b"acme" + varint(1) + b"A"
    levels = "".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]\n" for n in range(1, 12))
    merges = "".join(f"k{n}: &k{n} {{<<: [*k{n - 1}, *k{n - 1}]}}\n" for n in range(1, 40))
    card = '{"type": "ModelCard", "release": "a/b@1", "stage": "released", '
    profile = 'id = "x"\n'
    model = {"type": "machine-learning-model", "group": "a", "name": "b", "version": "1"}
    ancestors = [{**model, "name": f"m{n}"} for n in range(50_000)]
    inner: dict[str, Any] = model
    for _ in range(150):
        inner = {**model, "type": "library", "components": [inner]}
    package = {"type": "ai_AIPackage", "spdxId": "u:1", "name": "a/b", "software_packageVersion": "1"}
    ends = {"type": "Relationship", "from": "u:1", "relationshipType": "trainedOn"}
    links = [{**ends, "to": [f"u:{n}"]} for n in range(50_000)]
    nine = "[1,2,3,4,5,6,7,8,9]"
    nested = "".join(f"{nine}.all({letter}, " for letter in "abcdef") + "a > 0" + ")" * 6
    return {
        "50 million items in five bytes": (lambda: avro("Party", party + varint(50_000_000)), "ParseError"),
        "as many items as there are bytes, and one": (
            lambda: avro("Party", party + varint(70_000) + b"\x02" * 69_999),
            "ParseError",
        ),
        "a negative count of items": (lambda: avro("Party", party + varint(-(1 << 62)) + varint(1 << 62)), "ParseError"),
        "a text of a terabyte": (lambda: avro("Party", varint(1 << 40)), "ParseError"),
        "a text of less than nothing": (lambda: avro("Party", varint(-5)), "ParseError"),
        "a number of a megabyte": (lambda: avro("Party", b"\xff" * MIB, 2 * MIB), "ParseError"),
        "zeros in every schema": (lambda: every(b"\x00" * (FULL - 10)), "value"),
        "ones in every schema": (lambda: every(b"\x02" * (FULL - 10)), "value"),
        "large numbers in every schema": (lambda: every(b"\xfe\xff\xff\xff\x0f" * 26_000), "value"),
        "ends that never come in every schema": (lambda: every(b"\xff" * (FULL - 10)), "value"),
        "a container with a compressed block": (
            lambda: targets.CODEC.decode(b"Obj\x01" + zlib.compress(bytes(64 * MIB))),
            "ParseError",
        ),
        "more bytes than a submission has": (lambda: avro("Party", bytes(200 * MIB)), "TooLargeError"),
        "aliases of aliases": (lambda: text(f"k0: &k0 {SECRET}\n" + levels), "ParseError"),
        "merges of merges": (lambda: text(f"k0: &k0 {{a: {SECRET}}}\n" + merges), "ParseError"),
        "6 000 anchors": (lambda: text("".join(f"a{n}: &b{n} x\n" for n in range(6000))), "ParseError"),
        "900 brackets": (lambda: text("a: " + "[" * 900), "ParseError"),
        "as many brackets as fit": (lambda: text("a: " + "[" * (FULL - 3)), "ParseError"),
        "as many braces as fit": (lambda: text("{a: " * (FULL // 4)), "ParseError"),
        "as many dashes as fit": (lambda: text("- " * (FULL // 2)), "ParseError"),
        "as many question marks as fit": (lambda: text("? " * (FULL // 2)), "ParseError"),
        "as many documents as fit": (lambda: text("---\na\n" * (FULL // 6)), "ValidationError"),
        "a key that stands twice": (lambda: text(f"release: a/b@1\nstage: {SECRET}\nstage: {SECRET}\n"), "ParseError"),
        "a tag that makes objects": (lambda: text("a: !!python/object/apply:os.system [ls]"), "ParseError"),
        "a text of 50 MB": (lambda: text("a: " + "x" * (50 * MIB)), "TooLargeError"),
        "brackets of JSON": (lambda: ours("[" * (4 * MIB)), "TooLargeError"),
        "braces of JSON": (lambda: ours('{"a":' * 100_000), "TooLargeError"),
        "JSON of 20 MB": (lambda: ours('{"a": "' + "x" * (20 * MIB) + '"}'), "TooLargeError"),
        "300 000 keys": (lambda: ours(card + ", ".join(f'"{SECRET}{n}": 1' for n in range(300_000)) + "}"), "TooLargeError"),
        "as many wrong items as fit": (lambda: ours(card + f'"parents": [{", ".join(["{}"] * 30_000)}]}}'), "ValidationError"),
        "not a number": (lambda: ours(card + '"training": {"energy_mwh": NaN}}'), "ParseError"),
        "more than a number can be": (lambda: ours(card + '"training": {"energy_mwh": 1e999}}'), "ValidationError"),
        "a number of 100 000 digits": (lambda: ours(card + f'"training": {{"energy_mwh": {"9" * 100_000}}}}}'), "ParseError"),
        "half a character": (lambda: ours(card + f'"contact": "{SECRET}\\ud800"}}'), "ParseError"),
        "a BOM of 100 000 models": (lambda: bom([model] * 100_000), "TooLargeError"),
        "a BOM of 100 000 parts beside a model": (lambda: bom([model, *[{"type": "library", "name": "x"}] * 100_000]), "value"),
        "a model with 50 000 ancestors": (lambda: bom([{**model, "pedigree": {"ancestors": ancestors}}]), "value"),
        "a model with 100 000 properties": (
            lambda: bom([{**model, "properties": [{"name": "n", "value": "v"}] * 100_000}]),
            "value",
        ),
        "a model with 50 000 keys": (lambda: bom([{**model, **{f"k{n}": n for n in range(50_000)}}]), "value"),
        "parts in parts in parts": (lambda: bom([inner]), "value"),
        "an SPDX document of 50 000 packages": (lambda: spdx([package] * 50_000), "TooLargeError"),
        "an SPDX document of 50 000 relations": (lambda: spdx([package, *links]), "value"),
        "a README of 20 MB": (lambda: import_card("# x\n\ny\n" * (3 * MIB), filename="o__n.md"), "TooLargeError"),
        "brackets of TOML": (lambda: parse_profile("a = " + "[" * 9000, "p.toml"), "ConfigError"),
        "a key of 100 000 parts": (lambda: parse_profile(".".join("a" * 100_000) + " = 1", "p.toml"), "ConfigError"),
        "keys of many parts": (
            lambda: parse_profile("\n".join("a." * 400 + f"b{n} = 1" for n in range(1000)), "p.toml"),
            "ConfigError",
        ),
        "a number of 9 000 digits": (lambda: parse_profile(profile + "version = " + "9" * 9000, "p.toml"), "ConfigError"),
        "a profile of 20 MB": (lambda: parse_profile(profile * (2 * MIB), "p.toml"), "ConfigError"),
        "parentheses of CEL": (lambda: Condition("(" * 50_000 + "true", "x"), "ConfigError"),
        "50 000 alternatives": (lambda: Condition(" || ".join(["derived"] * 50_000), "x"), "ConfigError"),
        "half a million steps": (lambda: Condition(nested, "x"), "ConfigError"),
    }


def main() -> None:
    """Set them off, one after another."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES_MB * MIB, ADDRESSES_MB * MIB))
    from exchange.errors import ExchangeError

    for name, (light, _) in bombs().items():
        Path("/proc/self/clear_refs").write_text("5")  # the largest size so far is forgotten
        before, started, told = _largest_mb(), process_time(), ""
        signal.alarm(MOST_S)  # its default ends the process: what hangs is the last line
        try:
            light()
            outcome = "value"
        except ExchangeError as error:
            outcome, told = type(error).__name__, error.explain()
        except BaseException as error:
            outcome = f"{type(error).__name__}: {error}"[:300]
        line = {
            "name": name,
            "outcome": outcome,
            "seconds": round(process_time() - started, 2),
            "grown_mb": _largest_mb() - before,
            "length": len(told),
            "quotes": SECRET in told,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _largest_mb() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main()
