"""SQLite files for a test, and what is read from them."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pyarrow as pa

from gateway.sources import SqliteSource
from gateway.terms.plan import GuardedScan, Scan
from tests.unit.sources.sessions import first, session

TYPES = {
    "i": pa.int64(),
    "s": pa.string(),
    "f": pa.float64(),
    "m": pa.decimal128(12, 2),
    "d": pa.date32(),
    "ts": pa.timestamp("us", "UTC"),
    "b": pa.bool_(),
}


def file(tmp_path: Path, *statements: str) -> Path:
    path = tmp_path / "core.db"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    path.chmod(0o600)
    return path


def values(path: Path, asked: Scan) -> list[object]:
    return first(SqliteSource("core", path), asked)


def groups(path: Path, guarded: GuardedScan) -> list[dict[str, object]]:
    with contextlib.closing(session(SqliteSource("core", path))) as opened, opened.group(guarded) as stream:
        return [row for batch in stream for row in batch.to_pylist()]
