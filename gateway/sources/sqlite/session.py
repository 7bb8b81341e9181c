"""One connection to a SQLite file, in one read transaction: what is checked is what is read.

The driver cannot cancel a statement, so a table is read in windows of rowids, each short, and closing or the
deadline takes effect between the driver's batches and between windows.
"""

from __future__ import annotations

import os
import re
import stat
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from gateway.errors import GatewayError, Integrity, Unavailable, Unsupported
from gateway.sources import render
from gateway.sources.described.sampling import Drawn, by_windows, enough
from gateway.sources.followed import kind_of, values_of
from gateway.sources.render import SQLITE, sampling
from gateway.sources.sqlite.affinity import affinity
from gateway.sources.sqlite.schema import described
from gateway.sources.table import Spelling, Statement, Stored, Table
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family, family_of
from gateway.terms.policy import Follow
from gateway.terms.predicate import columns_of
from gateway.terms.source_schema import SourceSchema

WINDOW_ROWIDS: Final = 1 << 18
"""Rowids read by one statement: a few tenths of a second for a guarded scan, less for others."""
_SPARSE_SECONDS: Final = 0.02
"""A window that took less held few rows: the next one is wider."""
_DRIVER_ROWS: Final = 256
"""Of the driver's batches: with values of at most 1 MiB this bounds their bytes."""
_SAMPLE_BYTES: Final = 64 << 20
"""Of the driver's batches of a sample, or else one row."""
_MOST_OCTETS: Final = 4
"""Of a character."""

AFFINITIES: Final[Mapping[Family, frozenset[str]]] = MappingProxyType(
    {
        "integer": frozenset({"integer", "numeric"}),
        "boolean": frozenset({"integer", "numeric"}),
        "float": frozenset({"real", "numeric"}),
        "decimal": frozenset({"numeric", "real", "integer", "text"}),
        "string": frozenset({"text"}),
        "date": frozenset({"text", "numeric"}),
        "timestamp": frozenset({"text", "numeric"}),
    }
)
"""What SQLite may declare for a column of each family; anything else is schema drift."""

_ANY_KIND: Final = MappingProxyType({"integer": pa.int64(), "real": pa.float64(), "numeric": pa.float64()})

# The first of these also takes the snapshot: a read of a table does, a PRAGMA may not.
_KIND: Final = "SELECT type FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')"
_LAYOUT: Final = "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?"
_COLUMNS: Final = "SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1"
_TABLES: Final = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
_SETUP: Final = (
    "PRAGMA busy_timeout = 2000",  # milliseconds; a writer that commits holds the file for less
    "PRAGMA trusted_schema = OFF",  # no function of the file's schema (generated columns) may act
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store = MEMORY",  # sorting writes no raw value to a disk; a window bounds what is sorted
)


class Layout:
    """A table's columns as the file declares them now."""

    def __init__(self, *, dataset: str, name: str, types: Mapping[str, str], has_rowid: bool) -> None:
        self.dataset = dataset
        self._name = name
        self.types = types
        self.spelling = Spelling(types, dataset=dataset)
        taken = {column.lower() for column in types}
        free = [alias for alias in ("rowid", "_rowid_", "oid") if alias not in taken]
        self._rowid = free[0] if free and has_rowid else None

    def table(self, columns: Sequence[Column]) -> Table:
        """The table with the columns, each held against its declaration.

        Raises:
            Integrity: a column is missing (case aside) or of another type: the schema drifted.
            Unsupported: a declared type that is not read from SQLite.
        """
        stored = {c.name: Stored(column=c, storage=self._storage(c), written=self.spelling.of(c.name)) for c in columns}
        return Table(path=("main", self._name), columns=stored, rowid=self._rowid)

    def _storage(self, column: Column) -> str:
        family = family_of(column.type)
        if family is None or family not in AFFINITIES:
            raise Unsupported(f"{self.dataset}.{column.name}: {column.type} is not read from SQLite", code="source")
        found = affinity(self._type(column.name))
        if found not in AFFINITIES[family]:
            raise Integrity(
                f"{self.dataset}.{column.name}: declared {column.type}, but the table stores {found} there",
                code="source.schema",
            )
        return found

    def _type(self, name: str) -> str:
        return self.types[self.spelling.of(name)]

    def followed(self, follow: Follow, *, key: pa.DataType) -> list[Column]:
        """The columns that a follow reads. It does not carry their types: its values do, and the key's is the scan's.

        Raises:
            Unsupported: the type cannot be told.
        """
        kinds = {name: kind_of(value, self._type(name)) for name, value in values_of(follow.predicate)}
        for name in columns_of(follow.predicate):
            # Only `IS NULL` is asked of it: any type that its storage can be read as will do.
            kinds.setdefault(name, _ANY_KIND.get(affinity(self._type(name)), pa.string()))
        kinds[follow.key] = key
        return [Column(name=name, type=kind, classification="direct_identifier") for name, kind in kinds.items()]


class Session:
    """A context: opened on enter, rolled back and closed on exit."""

    makes_groups_once: Final = False  # each window makes its own
    has_typed_moments: Final = False  # one moment may be spelled in two ways

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._source = source
        self._check: Callable[[], None] = lambda: None
        self._connection: adbc.Connection | None = None

    def begun(self, check: Callable[[], None]) -> Self:
        """To be entered; `check` raises when reading must end."""
        self._check = check
        return self

    def interrupt(self) -> None:
        """Do nothing: the driver has no way to. A step is one batch of a window, and `check` comes after it."""

    def __enter__(self) -> Self:
        self._look_at_file()
        uri = f"file:{urllib.parse.quote(str(self._path))}?mode=ro"
        try:
            self._connection = adbc.connect(uri, autocommit=False)
        except adbc_driver_manager.Error as error:
            raise self._translated(error) from None
        try:
            for pragma in _SETUP:
                self._rows(pragma)
            if self._rows("PRAGMA encoding") != [("UTF-8",)]:
                # BINARY would order by the bytes of UTF-16, the gateway orders by those of UTF-8
                raise Unsupported(f"source {self._source}: the file's encoding is not UTF-8", code="source")
        except GatewayError:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _look_at_file(self) -> None:
        """Tell apart what SQLite's `unable to open` does not; the open itself decides.

        It is not opened here: closing it again would drop the locks of all that this process reads from it.
        """
        try:
            is_file = stat.S_ISREG(self._path.stat().st_mode)
        except FileNotFoundError:
            raise Unavailable(f"source {self._source}: the database file does not exist", code="source") from None
        except OSError:
            is_file = False
        if not is_file or not os.access(self._path, os.R_OK):
            raise Unavailable(f"source {self._source}: the database file cannot be read", code="source")

    def layout(self, path: tuple[str, ...], *, dataset: str) -> Layout:
        """What the table looks like in this transaction.

        Raises:
            Integrity: there is no such table, or it is a view or a virtual table.
        """
        *schemas, name = path
        if schemas not in ([], ["main"]):
            raise Integrity(f"{dataset}: a SQLite file has one schema, main", code="source.schema")
        kinds = self._rows(_KIND, [name])
        if not kinds:
            raise Integrity(f"{dataset}: the source has no such table", code="source.schema")
        layouts = self._rows(_LAYOUT, [name])
        if kinds != [("table",)] or [kind for kind, _ in layouts] != ["table"]:
            raise Integrity(f"{dataset}: a table is needed, not a view or a virtual table", code="source.schema")
        types = {str(column): str(declared) for column, declared in self._rows(_COLUMNS, [name])}
        return Layout(dataset=dataset, name=name, types=types, has_rowid=not layouts[0][1])

    def read(self, statement: Statement, *, table: Table, dataset: str) -> Iterator[pa.RecordBatch]:
        """The statement's rows over all windows: its outputs in their storage classes, small batches.

        Raises:
            Integrity: a value is of another storage class.
        """
        for window in self._windows(table):
            batches = self._batches(statement.sql, window, statement=statement, dataset=dataset)
            yield self._past_witness(next(batches, None), statement, dataset)
            for batch in batches:
                yield batch.select(range(len(statement.kinds)))

    def described(self) -> SourceSchema:
        """What is in the file."""
        return described(self._rows, self._attempt, source=self._source)

    def be_quick(self) -> None:
        """Do nothing: no writer keeps a reader waiting for longer than busy_timeout."""

    def sampled(self, drawn: Drawn) -> Iterator[pa.RecordBatch]:
        """Rows of all over the table, by its rowids or a key of whole numbers; without them its first ones."""
        texts = sampling.length_of(drawn.table, drawn.columns) * _MOST_OCTETS * len(drawn.columns)
        rows = max(1, min(_DRIVER_ROWS, _SAMPLE_BYTES // texts))

        def read(statement: Statement, window: Sequence[int] = ()) -> Iterator[pa.RecordBatch]:
            batches = self._batches(statement.sql, window, statement=statement, dataset=drawn.dataset, rows=rows)
            yield self._after_witness(next(batches, None), statement, drawn.dataset)
            yield from batches

        def plain() -> Iterator[pa.RecordBatch]:
            return read(drawn.statement(sampling.WHOLE, drawn.rows))

        if drawn.key is None:
            return plain()
        (edges,) = self._rows(sampling.edges(drawn.table, key=drawn.key, dialect=SQLITE))
        return enough(by_windows(drawn, read, edges=edges), plain, rows=drawn.rows)

    def _attempt(self, sql: str, parameters: Sequence[str]) -> list[tuple[object, ...]]:
        """Empty where it fails: a view may be broken or refer to itself."""
        try:
            return self._rows(sql, parameters)
        except GatewayError:
            self._check()  # it may be what ended the reading
            return []

    def count_tables(self) -> int:
        """Touches the file without reading a row of it."""
        return int(str(self._rows(_TABLES)[0][0]))

    def _windows(self, table: Table) -> Iterator[Sequence[int]]:
        if table.rowid is None:
            yield ()
            return
        edges = [self._rows(render.edge(table, last=last, dialect=SQLITE))[0][0] for last in (False, True)]
        if None in edges:
            return
        low, high = (int(str(edge)) for edge in edges)
        span = WINDOW_ROWIDS
        while low <= high:
            began = time.monotonic()
            yield low, min(low + span - 1, high)
            low += span
            span = span * 4 if time.monotonic() - began < _SPARSE_SECONDS else WINDOW_ROWIDS

    def _past_witness(self, first: pa.RecordBatch | None, statement: Statement, dataset: str) -> pa.RecordBatch:
        if first is None or first.num_rows == 0 or first.column(len(statement.kinds))[0].as_py() != 1:
            raise Integrity(f"source {self._source}: the driver did not deliver what was asked for", code="source")
        return self._after_witness(first, statement, dataset)

    def _after_witness(self, first: pa.RecordBatch | None, statement: Statement, dataset: str) -> pa.RecordBatch:
        if first is None or first.num_rows == 0:
            raise Integrity(f"source {self._source}: the driver did not deliver what was asked for", code="source")
        for place, kind in enumerate(statement.kinds):
            if first.schema.field(place).type != kind:
                raise _misfit(statement, place, dataset)
        return first.slice(1).select(range(len(statement.kinds)))

    def _rows(self, sql: str, parameters: Sequence[str] = ()) -> list[tuple[object, ...]]:
        batches = self._batches(sql, parameters)
        return [row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]

    def _batches(
        self,
        sql: str,
        parameters: Sequence[int | str],
        *,
        statement: Statement | None = None,
        dataset: str = "",
        rows: int = _DRIVER_ROWS,
    ) -> Iterator[pa.RecordBatch]:
        self._check()
        if self._connection is None:
            raise Unavailable(f"source {self._source}: not connected", code="source")
        options = {"adbc.sqlite.query.batch_rows": str(rows)}
        try:
            with self._connection.cursor(adbc_stmt_kwargs=options) as cursor:
                cursor.execute(sql, list(parameters) or None)
                for batch in cursor.fetch_record_batch():
                    self._check()
                    yield batch
        except (adbc_driver_manager.Error, pa.ArrowException, OSError, ValueError) as error:
            raise self._translated(error, statement=statement, dataset=dataset) from None

    def _translated(self, error: Exception, *, statement: Statement | None = None, dataset: str = "") -> GatewayError:
        """The driver's failure in our words: its own text may hold SQL, paths or values."""
        text = str(error).lower()
        mismatch = re.search(r"type mismatch in column (\d+)", text)
        if mismatch and statement is not None:
            return _misfit(statement, int(mismatch[1]), dataset)
        if "integer overflow" in text:
            return Integrity(f"{dataset}: a sum does not fit 64 bits", code="source.value")
        if "not a database" in text:
            return Integrity(f"source {self._source}: the file is not a SQLite database", code="source.file")
        if "malformed" in text:
            return Integrity(f"source {self._source}: the database file is damaged", code="source.file")
        if "locked" in text or "busy" in text:
            return Unavailable(f"source {self._source}: a writer holds the database; try again", code="source")
        return Unavailable(f"source {self._source}: the database could not be read", code="source")


def _misfit(statement: Statement, place: int, dataset: str) -> Integrity:
    column = statement.columns[place] if place < len(statement.columns) else ""
    where = f"{dataset}.{column}" if column else dataset
    return Integrity(f"{where}: a value is not of the declared type", code="source.value")
