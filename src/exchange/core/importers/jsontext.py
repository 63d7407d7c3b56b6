"""Other people's JSON, read with limits."""

from __future__ import annotations

import json
from typing import Any, Final

from exchange.errors import Fault, ParseError, TooLargeError

READ_LIMIT: Final = 8 * 1024 * 1024


def read_json(text: str, filename: str) -> dict[str, Any]:
    """The object a JSON document holds.

    Raises:
        ParseError: not JSON, not an object, or with numbers and characters that JSON does not have.
        TooLargeError: too long, or nested too deep.
    """
    if len(text) > READ_LIMIT:
        raise TooLargeError(f"{filename}: larger than {READ_LIMIT // 1024} kB")
    try:
        value = json.loads(text.removeprefix("\ufeff"), parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # halves of characters cannot be written
    except RecursionError:
        raise TooLargeError(f"{filename}: nested too deep") from None
    except json.JSONDecodeError as error:
        raise _not_json(filename, error.lineno, "not JSON") from None
    except ValueError:
        raise _not_json(filename, 1, "holds a number or character that JSON does not have") from None
    if not isinstance(value, dict):
        raise _not_json(filename, 1, "must be a JSON object")
    return value


def _no_constant(_name: str) -> Any:
    raise ValueError


def _not_json(filename: str, line: int, message: str) -> ParseError:
    return ParseError(f"{filename}:{line}: {message}", faults=[Fault("", line, message)])
