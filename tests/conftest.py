"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from exchange.adapters.resources import load_schema_texts
from exchange.core.codec import Codec
from exchange.core.schemas import SchemaSet

settings.register_profile("exchange", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("exchange")


@pytest.fixture(scope="session")
def schemas() -> SchemaSet:
    return SchemaSet.from_texts(load_schema_texts())


@pytest.fixture(scope="session")
def codec(schemas: SchemaSet) -> Codec:
    return Codec(schemas)
