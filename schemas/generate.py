"""Writes the Python types of the schemas: ``python schemas/generate.py [--check]``.

Two files come out, both from the same .avsc files and nothing else:

``src/exchange/events/models.py``
    pydantic v2 models (datamodel-code-generator): what people write and what the client library returns.
``src/exchange/events/records.py``
    TypedDicts, all keys required: what fastavro reads and writes, and what the core computes with. The code generator's own
    TypedDict output makes optional keys of defaults and text of timestamps, so these few lines do it.

``--check`` writes nothing and exits 1 when a file on disk differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from exchange.adapters.resources import load_schema_texts
from exchange.core.schemas import order_schemas
from exchange.core.seals import meaning

ROOT = Path(__file__).resolve().parent.parent
HEADER = '"""Generated from schemas/*.avsc by `make generate`; do not edit."""\n'
PRIMITIVES = {
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "double": "float",
    "boolean": "bool",
    "null": "None",
}
LOGICAL = {"timestamp-millis": "datetime", "date": "date"}

OPTIONS = """
    --input-file-type avro --output-model-type pydantic_v2.BaseModel --target-python-version 3.11
    --disable-timestamp --extra-fields forbid --use-standard-collections --use-union-operator
    --enum-field-as-literal all --collapse-root-models --strict-nullable --use-default-kwarg
    --enable-faux-immutability --formatters builtin
""".split()


def main() -> int:
    schemas = order_schemas([json.loads(text) for text in load_schema_texts().values()])
    outputs = {"models.py": _models(schemas), "records.py": _records(schemas)}
    stale = []
    for name, text in outputs.items():
        path = ROOT / "src" / "exchange" / "events" / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    print(f"changed: {', '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in sys.argv else 0


def _models(schemas: list[dict[str, Any]]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "all.avsc"), Path(folder, "models.py")
        source.write_text(json.dumps(schemas), encoding="utf-8")
        command = [sys.executable, "-m", "datamodel_code_generator", "--input", str(source), "--output", str(target)]
        subprocess.run([*command, *OPTIONS, "--custom-file-header", HEADER.strip()], check=True)
        text = target.read_text(encoding="utf-8")
    return text[: text.index("\n\nclass Model(\n")].replace(", RootModel", "") + "\n"


def _records(schemas: list[dict[str, Any]]) -> str:
    lines = [
        HEADER,
        "from __future__ import annotations\n",
        "from datetime import date, datetime",
        "from typing import Literal, TypedDict",
    ]
    for schema in schemas:
        name, doc = schema["name"], schema["doc"]
        if schema["type"] == "enum":
            symbols = ", ".join(f'"{symbol}"' for symbol in schema["symbols"])
            lines.append(f"\n{name} = Literal[{symbols}]\n" + f'"""{doc}"""')
            continue
        body = "".join(f"    {field['name']}: {_type(meaning(field))}\n" for field in schema["fields"])
        lines.append(f'\n\nclass {name}(TypedDict):\n    """{doc}"""\n\n{body}'.rstrip())
    return "\n".join(lines) + "\n"


def _type(schema: Any) -> str:
    if isinstance(schema, list):
        return " | ".join(sorted((_type(branch) for branch in schema), key=lambda name: name == "None"))
    if isinstance(schema, dict):
        if schema["type"] == "array":
            return f"list[{_type(schema['items'])}]"
        if schema["type"] == "map":
            return f"dict[str, {_type(schema['values'])}]"
        return LOGICAL.get(schema.get("logicalType", ""), _type(schema["type"]))
    return PRIMITIVES.get(schema, schema.rsplit(".", 1)[-1])


if __name__ == "__main__":
    raise SystemExit(main())
