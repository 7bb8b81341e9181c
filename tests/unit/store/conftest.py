from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.audit.building import open_migrated

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A control database of either kind, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """The same, migrated."""
    engine = open_migrated(url)
    yield engine
    engine.dispose()
