"""docs/sources.md names every scheme and every type that is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.sources import SOURCES
from gateway.sources.duckdb import layout as duckdb_layout
from gateway.sources.mariadb import layout as mariadb_layout
from gateway.sources.postgres import layout as postgres_layout
from gateway.sources.sqlite import session as sqlite_session

PAGE = (Path(__file__).parents[3] / "docs" / "sources.md").read_text()
TYPES = {
    "PostgreSQL": set(postgres_layout.FAMILIES),
    "MariaDB and MySQL": set().union(*mariadb_layout.TYPES.values()),
    "SQLite": set().union(*sqlite_session.AFFINITIES.values()),
    "DuckDB": set(duckdb_layout.FAMILIES),
}


@pytest.mark.parametrize("scheme", SOURCES)
def test_a_scheme_is_explained(scheme: str) -> None:
    assert f"`{scheme}://`" in PAGE


@pytest.mark.parametrize("title", TYPES)
def test_a_type_that_is_read_stands_in_its_table(title: str) -> None:
    table = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0].partition("Not read:")[0]
    assert not [name for name in TYPES[title] if not re.search(rf"\b{name}\b", table)]
