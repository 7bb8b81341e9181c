"""One cursor of an access's engine: what is checked is what is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Protocol, Self

import duckdb
import pyarrow as pa

from gateway.errors import Integrity, Unavailable
from gateway.sources.convert import BATCH_BYTES
from gateway.sources.described.sampling import Drawn, by_places
from gateway.sources.duckdb.engine import Engine
from gateway.sources.duckdb.failures import DRIVER_ERRORS, translated
from gateway.sources.duckdb.layout import FAMILIES, Layout
from gateway.sources.render import sampling
from gateway.sources.table import Statement, Table
from gateway.terms.source_schema import SourceSchema

_ENGINE_ROWS: Final = 2048
"""Of the engine's batches, its own unit: with values of at most 1 MiB this bounds their bytes."""
_FIXED_ROWS: Final = 16_384
"""Of batches whose rows bound their bytes."""
_UNBOUNDED: Final = frozenset({"string", "binary", None})
"""Families of types whose values may be of any length; None: unknown types."""
_TOGETHER: Final = 64
"""Batches of which their files are looked at once."""


class Shelf(Protocol):
    """Where tables lie."""

    def layout(
        self,
        cursor: duckdb.DuckDBPyConnection,
        path: tuple[str, ...],
        *,
        dataset: str,
        check: Callable[[], None],
    ) -> Layout:
        """What the table looks like; `check`, called between steps, raises when reading must end.

        Raises:
            Integrity: there is no such table.
        """

    def described(self, cursor: duckdb.DuckDBPyConnection, *, check: Callable[[], None]) -> SourceSchema:
        """What lies here; `check` as in `layout`."""

    def require_unchanged(self) -> None:
        """Look at the files that layouts were made of.

        Raises:
            Integrity: one was overwritten, replaced or taken away.
        """


class Session:
    """A context: opened by `begun`, closed on exit. `interrupt` may be called from any thread; see reads.Line."""

    makes_groups_once: Final = True
    has_typed_moments: Final = True

    def __init__(self, engine: Engine, shelf: Shelf, *, source: str) -> None:
        self._engine = engine
        self._shelf = shelf
        self._source = source
        self._check: Callable[[], None] = lambda: None
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._guard = threading.Lock()

    def begun(self, check: Callable[[], None]) -> Self:
        """To be entered; `check` raises when reading must end."""
        self._check = check
        return self

    def __enter__(self) -> Self:
        self._check()
        self._cursor = self._engine.cursor()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()

    def interrupt(self) -> None:
        """Make a statement that runs return soon; it fails."""
        with self._guard:
            if self._cursor is not None:
                self._cursor.interrupt()

    def layout(self, path: tuple[str, ...], *, dataset: str) -> Layout:
        """What the table looks like in the files that this access reads.

        Raises:
            Integrity: there is no such table, or it is a view.
        """
        self._check()
        try:
            return self._shelf.layout(self._connected(), path, dataset=dataset, check=self._check)
        except DRIVER_ERRORS as error:
            raise translated(error, source=self._source, dataset=dataset) from None

    def read(self, statement: Statement, *, table: Table, dataset: str) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """The statement's rows in DuckDB's types, in small batches.

        A batch is given only after its files were seen unchanged: of two states never a mix.

        Raises:
            Exhausted: memory.
            Integrity: a file was changed or is damaged, or a sum does not fit.
        """
        return self._read(statement, None, dataset=dataset)

    def _read(self, statement: Statement, given: list[int] | None, *, dataset: str) -> Iterator[pa.RecordBatch]:
        self._check()
        try:
            rows = self._connected().sql(statement.sql, params=given)
            is_fixed = _UNBOUNDED.isdisjoint(FAMILIES.get(kind.id) for kind in rows.types)
            with rows.to_arrow_reader(_FIXED_ROWS if is_fixed else _ENGINE_ROWS) as reader:
                fine = [place for place, field in enumerate(reader.schema) if _is_fine(field.type)]
                for batches in _together(reader, check=self._check):
                    self._shelf.require_unchanged()
                    for batch in batches:
                        yield _whole_microseconds(batch, statement, dataset, fine) if fine else batch
            self._shelf.require_unchanged()
        except DRIVER_ERRORS as error:
            self._shelf.require_unchanged()  # that is the reason, not what broke by it
            raise translated(error, source=self._source, dataset=dataset) from None

    def described(self) -> SourceSchema:
        """What lies there. No row is read."""
        self._check()
        try:
            return self._shelf.described(self._connected(), check=self._check)
        except DRIVER_ERRORS as error:
            raise translated(error, source=self._source) from None

    def be_quick(self) -> None:
        """Do nothing: no writer is waited for."""

    def sampled(self, drawn: Drawn) -> Iterator[pa.RecordBatch]:
        """Rows of all over the table; how many it has its files say without being read."""

        def read(statement: Statement, skipped: int) -> Iterator[pa.RecordBatch]:
            return self._read(statement, [skipped], dataset=drawn.dataset)

        self._check()
        try:
            ((total,),) = self._connected().execute(sampling.count(drawn.table, drawn.dialect)).fetchall()
        except DRIVER_ERRORS as error:
            self._shelf.require_unchanged()
            raise translated(error, source=self._source, dataset=drawn.dataset) from None
        return by_places(drawn, read, total=total)

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._cursor is None:
            raise Unavailable(f"source {self._source}: not connected", code="source")
        return self._cursor


def _together(reader: pa.RecordBatchReader, *, check: Callable[[], None]) -> Iterator[list[pa.RecordBatch]]:
    """Up to _TOGETHER batches, or BATCH_BYTES; a larger one is cut."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in reader:
        check()
        octets = batch.nbytes
        if octets <= BATCH_BYTES:
            held.append(batch)
        else:
            rows = max(1, batch.num_rows * BATCH_BYTES // octets)
            held += [batch.slice(start, rows) for start in range(0, batch.num_rows, rows)]
        size += octets
        if len(held) >= _TOGETHER or size >= BATCH_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _is_fine(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind)) and kind.unit == "ns"


def _whole_microseconds(batch: pa.RecordBatch, statement: Statement, dataset: str, places: list[int]) -> pa.RecordBatch:
    """Moments of nanoseconds as microseconds, where that loses nothing."""
    for place in places:
        field = batch.schema.field(place)
        try:
            moments = batch.column(place).cast(pa.timestamp("us", field.type.tz))
        except pa.ArrowInvalid:
            raise Integrity(
                f"{dataset}.{statement.columns[place]}: a moment has more digits than microseconds", code="source.value"
            ) from None
        batch = batch.set_column(place, field.name, moments)
    return batch
