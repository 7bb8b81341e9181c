"""A PostgreSQL schema and a MariaDB database of a test's own."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from gateway.sources import PostgresSource
from tests.maria import mariadb  # noqa: F401 - a fixture
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.sources.postgres_scans import Run


@pytest.fixture
def run(postgres_url: str) -> Iterator[Run]:  # noqa: F811 - a fixture
    with psycopg.connect(postgres_url, autocommit=True) as connection:

        def execute(*statements: str) -> list[tuple[object, ...]]:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        yield execute


@pytest.fixture
def source(postgres_url: str) -> PostgresSource:  # noqa: F811 - a fixture
    """The schema, as `core`."""
    return PostgresSource("core", postgres_url)
