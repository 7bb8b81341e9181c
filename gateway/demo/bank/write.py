"""Loads tables into a new SQLite file that appears whole or not at all."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

# The file is thrown away if anything fails, so nothing protects it until it is whole.
_LOADING: Final = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -65536",
)
_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_INDEXES: Final = Path(__file__).with_name("indexes.sql")


class Loading:
    """A context: a temporary file beside the target, moved there at the end, removed on error."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._draft = self._path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Self:
        self._draft.unlink(missing_ok=True)
        # Production data: nobody else on this host reads it.
        os.close(os.open(self._draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._connection = adbc.connect(f"file:{urllib.parse.quote(str(self._draft))}", autocommit=True)
        for statement in (*_LOADING, *_statements(_SCHEMA)):
            self._run(statement)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if error is not None:
            self._draft.unlink(missing_ok=True)
            return
        _flush(self._draft)
        self._draft.replace(self._path)
        _flush(self._path.parent)

    def load(self, name: str, tables: Iterable[pa.Table]) -> Iterable[int]:
        """Append tables, each in one transaction; yields the rows loaded so far. MUST be drained."""
        total = 0
        for table in tables:
            self._run("BEGIN")
            with self._connection.cursor() as cursor:
                cursor.adbc_ingest(name, table, mode="append")
            self._run("COMMIT")
            total += table.num_rows
            yield total

    def index(self) -> None:
        """Build the indexes; after loading that is one sort each."""
        for statement in _statements(_INDEXES):
            self._run(statement)

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.fetchall()


def _statements(path: Path) -> list[str]:
    return [part.strip() for part in path.read_text().split(";") if part.strip()]


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
