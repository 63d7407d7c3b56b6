from collections.abc import Mapping
from typing import Any

from exchange.core.reader import Read
from exchange.core.writer import Seal, Write

SOURCE: str

def compile_reader(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Read: ...
def compile_writer(schema: Any, named: Mapping[str, Any], seal: Seal) -> Write: ...
