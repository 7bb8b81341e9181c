from __future__ import annotations

import time

import pytest

from tests.conformance.adapters import ADAPTERS
from tests.conformance.tables import Adapter
from tests.conftest import SERVERS
from tests.maria import mariadb  # noqa: F401 - a fixture
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures


def _parameter(name: str) -> object:
    return pytest.param(name, marks=getattr(pytest.mark, name)) if name in SERVERS else name


@pytest.fixture(params=[_parameter(name) for name in sorted(ADAPTERS)])
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Tables of its own for each test."""
    return ADAPTERS[request.param](request)


@pytest.fixture
def deadline() -> float:
    return time.monotonic() + 60
