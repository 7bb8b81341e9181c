from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.audit.building import open_migrated


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_migrated(f"sqlite:///{tmp_path / 'control.db'}")
    yield engine
    engine.dispose()
