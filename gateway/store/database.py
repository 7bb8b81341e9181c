"""Connections, transactions, the database's own clock, and the edge where foreign errors end.

Three kinds of transaction: `reading` (one snapshot), `writing` (durable at its end), and `heading` (writing, with the
log's head locked). SQLite lets in one writer anyway, so there `writing` and `heading` wait for the same lock.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from gateway.errors import Integrity, Invalid, Unavailable
from gateway.store.tables import audit_head

_WRITING: Final = "gateway_writing"
_LOCK_MS: Final = "gateway_lock_ms"
_WRITER: Final = "gateway_writer"
_TOP_UP: Final = 10
"""Connections beyond the pool's five, for moments of many readers."""


class database_time(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """Now, by the database's clock, in µs since 1970: the moment of the statement, not of the transaction's begin.

    A transaction may have waited seconds for the head; PostgreSQL's now() would still name its begin.
    """

    inherit_cache = True
    type = sa.BigInteger()


@compiles(database_time, "sqlite")
def _sqlite_time(element: database_time, compiler: SQLCompiler, **options: object) -> str:  # noqa: ARG001 - the protocol
    # CURRENT_TIMESTAMP has whole seconds; julianday carries milliseconds.
    return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"


@compiles(database_time, "postgresql")
def _postgresql_time(element: database_time, compiler: SQLCompiler, **options: object) -> str:  # noqa: ARG001 - the protocol
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


def open_database(url: str, *, lock_seconds: float) -> sa.Engine:
    """Prepare connections to the control database; nothing is connected yet.

    Args:
        url: `sqlite:///file` (made at first use, readable by its owner only) or `postgresql://…`.
        lock_seconds: longest wait for a lock, and longest silence inside a writing transaction.

    Raises:
        Invalid: another scheme, no file, or not a URL; the text does not repeat it.
        Unavailable: the file cannot be made.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise _unusable_url() from None
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _open_sqlite(parsed, lock_seconds)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed, lock_seconds)
    raise _unusable_url()


def _unusable_url() -> Invalid:
    return Invalid("the control database's URL begins with sqlite:///FILE or postgresql://", code="settings")


def _open_sqlite(url: sa.URL, lock_seconds: float) -> sa.Engine:
    _make_private(Path(str(url.database)))
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": lock_seconds, "isolation_level": None},
        execution_options={_WRITER: _Turn(lock_seconds)},
        max_overflow=_TOP_UP,
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


class _Turn:
    """Who of this process writes to SQLite next.

    SQLite itself lets a writer that must wait sleep and look again, ever longer: of sixteen threads some then wait
    for seconds, and the log's committer among them stops everybody. Here each is woken when its turn comes.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._seconds):
            raise Unavailable("control database: SQLITE_BUSY", code="control", fix="ask again")
        try:
            yield
        finally:
            self._lock.release()


def _make_private(file: Path) -> None:
    """Make an absent file readable by its owner only; SQLite gives its -wal and -shm the same mode."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise Unavailable(f"control database: the file cannot be made ({error.strerror})", code="control") from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits after the answer is out
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # IMMEDIATE takes the write lock before the first read: what is read under it is current until the commit.
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _open_postgresql(url: sa.URL, lock_seconds: float) -> sa.Engine:
    seconds = max(2, round(lock_seconds))  # libpq takes 1 for 2
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": seconds, "tcp_user_timeout": seconds * 1000},
        execution_options={_LOCK_MS: max(1, round(lock_seconds * 1000))},
        max_overflow=_TOP_UP,
        pool_pre_ping=True,
    )


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One snapshot; all its statements see the same rows."""
    with _translated(), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Durable when it ends; rolled back when it ends with an error."""
    turn: _Turn | None = engine.get_execution_options().get(_WRITER)
    with turn.taken() if turn else nullcontext(), _translated(), engine.connect() as connection:
        connection.execution_options(**{_WRITING: True})
        with connection.begin():
            if engine.dialect.name == "postgresql":
                _bound_postgresql(connection)
            yield connection


def _bound_postgresql(connection: sa.Connection) -> None:
    """A writer that stalls must not stop the log for everybody (T18)."""
    limit = f"{connection.get_execution_options()[_LOCK_MS]}ms"
    settings = {
        "lock_timeout": limit,
        "idle_in_transaction_session_timeout": limit,
        "synchronous_commit": "on",
    }
    local = sa.true()
    connection.execute(sa.select(*(sa.func.set_config(name, value, local) for name, value in settings.items())))


_HEAD: Final = sa.select(audit_head.c.size).where(audit_head.c.id == 1).with_for_update()


@contextmanager
def heading(engine: sa.Engine) -> Iterator[tuple[sa.Connection, int]]:
    """As `writing`, with the log's head locked; with the connection comes the log's size.

    Raises:
        Integrity: the head's row is gone.
    """
    with writing(engine) as connection:
        size = connection.scalar(_HEAD)
        if not isinstance(size, int):
            raise Integrity("audit_head has no row 1 with a number: run `gateway audit verify`", code="log")
        yield connection, size


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise Integrity(f"control database: a constraint refused a row ({_cause(error)})", code="control") from None
    except sa.exc.SQLAlchemyError as error:
        raise Unavailable(f"control database: {_cause(error)}", code="control") from None


def _cause(error: sa.exc.SQLAlchemyError) -> str:
    """A driver's name for the failure: it helps an operator, and unlike the text it holds no value and no URL."""
    origin = getattr(error, "orig", None)
    name = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return str(name or type(origin or error).__name__)
