from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conformance.adapters import ADAPTERS, Adapter


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> Adapter:
    return ADAPTERS[request.param](tmp_path)


@pytest.fixture
def deadline() -> float:
    return time.monotonic() + 60
