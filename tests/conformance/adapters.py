"""How each adapter's tables come to be. A new adapter adds one class in a file beside this one, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.conformance.file_adapters import DuckdbAdapter, ParquetAdapter, SqliteAdapter
from tests.conformance.server_adapters import MariadbAdapter, PostgresAdapter
from tests.conformance.tables import Adapter

ADAPTERS: Mapping[str, Callable[[pytest.FixtureRequest], Adapter]] = {
    "duckdb": lambda request: DuckdbAdapter(request.getfixturevalue("tmp_path"), at_end=request.addfinalizer),
    "mariadb": lambda request: MariadbAdapter(request.getfixturevalue("mariadb"), at_end=request.addfinalizer),
    "parquet": lambda request: ParquetAdapter(request.getfixturevalue("tmp_path"), at_end=request.addfinalizer),
    "postgres": lambda request: PostgresAdapter(request.getfixturevalue("postgres_url"), at_end=request.addfinalizer),
    "sqlite": lambda request: SqliteAdapter(request.getfixturevalue("tmp_path")),
}
