"""Opening, transactions, and the edge where foreign errors end."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.errors import Integrity, Invalid, Unavailable
from gateway.store import Tokens, open_database, schema_is_current, upgrade
from gateway.store.database import database_time, reading, writing
from gateway.store.tables import api_token


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:hunter2@h/d", "sqlite://", "sqlite:///:memory:"])
def test_another_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_database(url, lock_seconds=1)
    assert "hunter2" not in str(refused.value)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "control.db"
    engine = open_database(f"sqlite:///{file}", lock_seconds=1)
    upgrade(engine)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}
    engine.dispose()


def test_a_file_that_is_there_is_opened(tmp_path: Path) -> None:
    for _ in range(2):
        engine = open_database(f"sqlite:///{tmp_path / 'control.db'}", lock_seconds=1)
        upgrade(engine)
        assert schema_is_current(engine)
        engine.dispose()


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        open_database(f"sqlite:///{tmp_path / 'no' / 'control.db'}", lock_seconds=1)


def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'control.db'}", lock_seconds=1)
    with reading(engine) as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 1000]
    engine.dispose()


def test_a_server_that_does_not_answer_is_unavailable_without_its_password() -> None:
    engine = open_database("postgresql://ana:hunter2@127.0.0.1:1/db", lock_seconds=2)
    with pytest.raises(Unavailable) as away:
        Tokens(engine).listed()
    assert "hunter2" not in f"{away.value!r}{away.value.__cause__!r}"
    engine.dispose()


def test_an_unknown_table_is_unavailable_without_its_statement(url: str) -> None:
    engine = open_database(url, lock_seconds=1)
    with pytest.raises(Unavailable) as away:
        Tokens(engine).find("secret-id")
    assert "secret-id" not in str(away.value)
    assert "api_token" not in str(away.value)
    engine.dispose()


def test_a_row_twice_is_an_integrity_error_without_its_values(engine: sa.Engine) -> None:
    row = {column.name: "hunter2" for column in api_token.c} | {
        "secret_sha256": b"hunter2",
        "created": None,
        "expires": None,
        "revoked": None,
    }
    with pytest.raises(Integrity) as refused, writing(engine) as connection:
        connection.execute(api_token.insert(), row)
    assert "hunter2" not in str(refused.value)


def test_a_failed_transaction_leaves_nothing(engine: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO release_window VALUES ('d', 1, 'c')")
        raise ZeroDivisionError
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM release_window").scalar() == 0


def test_the_databases_clock_counts_microseconds_and_moves_within_a_transaction(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        first = connection.scalar(sa.select(database_time()))
        time.sleep(0.01)
        second = connection.scalar(sa.select(database_time()))
    assert abs(first / 1e6 - time.time()) < 5
    assert 5_000 <= second - first < 2_000_000


def test_a_schema_is_current_only_after_upgrade(url: str) -> None:
    engine = open_database(url, lock_seconds=5)
    assert not schema_is_current(engine)
    upgrade(engine)
    upgrade(engine)
    assert schema_is_current(engine)
    engine.dispose()
