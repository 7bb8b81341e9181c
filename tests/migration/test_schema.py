"""What migrations make is what tables.py says, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.store import open_database, upgrade
from gateway.store.tables import metadata
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_database(url, lock_seconds=10)
    yield engine
    engine.dispose()


def partial(index: Any) -> dict[str, str]:
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


def described(connection: sa.Connection) -> dict[str, Any]:
    """Every table's columns, keys, checks, references and indexes, with partial conditions."""
    inspector = sa.inspect(connection)
    return {
        name: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            ],
            "key": inspector.get_pk_constraint(name),
            "checks": inspector.get_check_constraints(name),
            "references": inspector.get_foreign_keys(name),
            "indexes": {
                index["name"]: (index["column_names"], index["unique"], partial(index))
                for index in inspector.get_indexes(name)
            },
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def test_alembic_finds_nothing_to_migrate(engine: sa.Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_tables_make_the_schema_that_migrations_make(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        metadata.create_all(connection)
    with engine.begin() as connection:
        by_tables = described(connection)
        metadata.drop_all(connection)
    upgrade(engine)
    with engine.connect() as connection:
        assert described(connection) == by_tables
    assert by_tables.keys() == metadata.tables.keys()


def test_a_new_log_has_a_head_of_size_zero(engine: sa.Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, size FROM audit_head").all() == [(1, 0)]


def test_a_head_has_one_row(engine: sa.Engine) -> None:
    upgrade(engine)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO audit_head VALUES (2, 0)")
