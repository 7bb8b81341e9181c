"""Samples of tables: spread over the table where the source can, typed, and bounded whatever the rows are."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final

import pyarrow as pa

from gateway.errors import Integrity
from gateway.sources.convert import BATCH_BYTES, coalesced, declared
from gateway.sources.render import Dialect
from gateway.sources.render.sampling import WHOLE, Part, Skip, Window, sample
from gateway.sources.table import Statement, Table
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import family_of
from gateway.terms.source_schema import SchemaTable

Spread = Generator[pa.RecordBatch, None, bool]
"""Rows of all over a table; returns whether these are all that it has."""

_FEW: Final = 4
"""A sample that has less than one such part of the rows that were asked for was drawn by wrong statistics."""
_WINDOWS: Final = 16
"""A table is read in so many places at most."""
_MAX_MISFITS: Final = 32
"""Single misfits that are looked for in a batch's column, before a piece that holds more is taken for null whole."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What is to be sampled, already held against the table as it is now."""

    table: Table
    columns: tuple[str, ...]
    rows: int
    dataset: str
    """The table's name in errors."""
    primary_key: tuple[str, ...]
    row_estimate: int | None
    dialect: Dialect

    def statement(self, part: Part, limit: int) -> Statement:
        """At most `limit` rows of the part."""
        return sample(self.table, columns=self.columns, part=part, limit=limit, dialect=self.dialect)

    @property
    def key(self) -> str | None:
        """Whole numbers in an index, by which windows are read; None without them."""
        if self.table.rowid is not None:
            return self.table.rowid
        first = self.primary_key[0] if self.primary_key else ""
        if first not in self.columns or family_of(self.table.columns[first].column.type) != "integer":
            return None
        return self.table.columns[first].name

    @property
    def places(self) -> int:
        """In how many places it is read."""
        return min(_WINDOWS, self.rows)


def columns_of(table: SchemaTable) -> tuple[Column, ...]:
    """Those that can be read."""
    return tuple(
        Column(name=column.name, type=column.type, classification="direct_identifier")
        for column in table.columns
        if column.type is not None
    )


def windows_of(edges: Sequence[object], *, count: int) -> list[tuple[int, int]]:
    """Pieces of equal width from the smallest key to the largest; none if these are no whole numbers."""
    low, high = edges
    if not isinstance(low, int) or not isinstance(high, int):
        return []
    width = high - low + 1
    begins = [low + width * place // count for place in range(count + 1)]
    return [(begin, end - 1) for begin, end in itertools.pairwise(begins) if begin < end]


def by_windows(
    drawn: Drawn, read: Callable[[Statement, tuple[int, int]], Iterator[pa.RecordBatch]], *, edges: Sequence[object]
) -> Spread:
    """Some rows of each window between the edges of the key."""
    windows = windows_of(edges, count=drawn.places)
    if drawn.key is None or not windows:
        return False
    each, is_all = -(-drawn.rows // len(windows)), True
    statement, left = drawn.statement(Window(drawn.key), each), drawn.rows
    for window in windows:
        count = 0
        for batch in read(statement, window):
            yield batch.slice(0, max(left - count, 0))
            count += batch.num_rows
        left -= count
        is_all = is_all and count < each
    return is_all


def by_part(part: Part, read: Callable[[Part], Iterator[pa.RecordBatch]]) -> Spread:
    """The rows of one part."""
    yield from read(part)
    return part == WHOLE


def by_places(
    drawn: Drawn, read: Callable[[Statement, int], Iterator[pa.RecordBatch]], *, total: int
) -> Iterator[pa.RecordBatch]:
    """Some rows at places of equal distance, by their number in a table of `total` rows that has a fixed order."""
    count = drawn.places if total > drawn.rows else 1
    each = min(drawn.rows, total) // count
    statement = drawn.statement(Skip(), each)
    for place in range(count if each else 0):
        yield from read(statement, total * place // count)


def enough(spread: Spread, plain: Callable[[], Iterator[pa.RecordBatch]], *, rows: int) -> Iterator[pa.RecordBatch]:
    """The spread rows; where they are few, the plain ones in their place, so that no row comes twice."""
    held: list[pa.RecordBatch] = []
    count = size = 0
    while count * _FEW < rows and size < BATCH_BYTES:
        try:
            batch = next(spread)
        except StopIteration as end:
            yield from held if end.value else plain()
            return
        held.append(batch)
        count, size = count + batch.num_rows, size + batch.nbytes
    yield from held
    yield from spread


def typed(raw: Iterator[pa.RecordBatch], columns: Sequence[Column], *, dataset: str) -> Iterator[pa.RecordBatch]:
    """In the columns' types; what does not fit is null."""
    for batch in coalesced(raw):
        arrays = [
            _lenient(batch.column(place), column, dataset, [_MAX_MISFITS]) for place, column in enumerate(columns)
        ]
        yield pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def _lenient(cells: pa.Array, column: Column, dataset: str, budget: list[int]) -> pa.Array:
    """By halves, till what does not fit stands alone."""
    try:
        return declared(cells, column=column, dataset=dataset)
    except Integrity:
        if len(cells) == 1 or budget[0] <= 0:
            budget[0] -= 1
            return pa.nulls(len(cells), column.type)
    half = len(cells) // 2
    parts = [_lenient(part, column, dataset, budget) for part in (cells[:half], cells[half:])]
    return pa.concat_arrays(parts)
