"""A DuckDB file, attached to an access's engine for reading.

While it is open no other DuckDB can write to it: DuckDB locks the file, but by POSIX locks, which are the process's,
and end when any access of this process closes the file. So each access holds a lock of its own beside it, on an open
file description, which ends with that access alone.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from gateway.errors import Integrity, Unavailable
from gateway.sources.duckdb.layout import Kind, Layout
from gateway.sources.duckdb.mark import Mark
from gateway.sources.duckdb.schema import described
from gateway.terms.source_schema import SourceSchema

_ALIAS: Final = "gateway_source"
_ATTACH: Final = "ATTACH ? AS gateway_source (TYPE duckdb, READ_ONLY)"
_TABLE: Final = (
    "SELECT table_name IS NOT NULL FROM duckdb_tables()"
    " WHERE database_name = ? AND schema_name = ? AND table_name = ? AND NOT internal AND NOT temporary"
)
_VIEW: Final = "SELECT 1 FROM duckdb_views() WHERE database_name = ? AND schema_name = ? AND view_name = ?"
_COLUMNS: Final = (
    "SELECT column_name, data_type FROM duckdb_columns()"
    " WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index"
)
_COUNT: Final = "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND NOT internal"
_MAGIC: Final = slice(8, 12)
_SHARED: Final = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
"""struct flock: the whole file, for readers."""


class Database:
    """See session.Shelf. `attach` opens, `close` lets go."""

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._source = source
        self._descriptor: int | None = None
        self._mark: Mark | None = None

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Lock the file and attach it. For Engine's `prepare`.

        Raises:
            Unavailable: it is missing, or a writer holds it.
            Integrity: it is no DuckDB file.
        """
        self._descriptor = self._locked()
        self._mark = self._now()
        connection.execute(_ATTACH, [str(self._path)])
        if Mark.of(self._path.stat()) != self._mark:
            raise Unavailable(f"source {self._source}: the file was replaced", code="source", fix="try again")

    def close(self) -> None:
        """Let writers in. The engine MUST be closed before."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def layout(
        self,
        cursor: duckdb.DuckDBPyConnection,
        path: tuple[str, ...],
        *,
        dataset: str,
        check: Callable[[], None],
    ) -> Layout:
        """What the table looks like; a name without a schema lies in `main`.

        Raises:
            Integrity: there is no such table, or it is a view.
        """
        check()
        if len(path) not in {1, 2}:
            raise Integrity(f"{dataset}: a table is named by at most schema and table", code="source.schema")
        schema, name = path if len(path) > 1 else ("main", path[0])
        where = [_ALIAS, schema, name]
        if not cursor.execute(_TABLE, where).fetchall():
            if cursor.execute(_VIEW, where).fetchall():
                raise Integrity(f"{dataset}: a table is needed, not a view", code="source.schema")
            raise Integrity(f"{dataset}: the source has no such table", code="source.schema")
        kinds = {str(column): Kind.of(str(kind)) for column, kind in cursor.execute(_COLUMNS, where).fetchall()}
        return Layout(dataset=dataset, path=(_ALIAS, schema, name), kinds=kinds)

    def described(self, cursor: duckdb.DuckDBPyConnection, *, check: Callable[[], None]) -> SourceSchema:
        """See session.Shelf. A view that is broken or refers to itself keeps its columns as they were."""

        def ask(query: str) -> list[tuple[object, ...]]:
            check()
            return cursor.execute(query, [_ALIAS]).fetchall()

        return described(ask, source=self._source)

    def require_unchanged(self) -> None:
        """See session.Shelf. A file that was replaced is read to its end; no lock keeps `cp` from overwriting one."""
        if self._descriptor is not None and self._now() != self._mark:
            raise Integrity(
                f"source {self._source}: the file was overwritten while it was read",
                code="source.changed",
                fix="try again; put new files in place by renaming them",
            )

    def count_tables(self, cursor: duckdb.DuckDBPyConnection) -> int:
        """Reads no row of any."""
        (row,) = cursor.execute(_COUNT, [_ALIAS]).fetchall()
        return int(row[0])

    def _now(self) -> Mark:
        return Mark.of(os.fstat(self._descriptor if self._descriptor is not None else -1))

    def _locked(self) -> int:
        descriptor = -1
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise IsADirectoryError
            head = os.pread(descriptor, 16, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _SHARED)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise self._translated(error) from None
        if head[_MAGIC] != b"DUCK":
            os.close(descriptor)
            raise Integrity(f"source {self._source}: the file is not a DuckDB database", code="source.file")
        return descriptor

    def _translated(self, error: OSError) -> Unavailable:
        match error:
            case FileNotFoundError():
                what, fix = "the database file does not exist", ""
            case BlockingIOError():
                what, fix = "a writer holds the file", "let the writer put a finished copy in its place"
            case _:
                what, fix = "the database file cannot be read", ""
        return Unavailable(f"source {self._source}: {what}", code="source", fix=fix)
