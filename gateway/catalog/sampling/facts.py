"""A sample of one table turned into what a proposal needs: counts, shares, keyed hashes, rounded quantiles.

Raw values live here for one table at a time, as long as its classification takes, and in no field of `ColumnFacts`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.sampling.spread import Spread, spread_of
from gateway.terms.recognition import ColumnVerdict, SampledColumn, SampledTable
from gateway.terms.source_schema import SchemaColumn, SchemaTable
from gateway.terms.streams import RawStream

MAX_CELLS: Final = 200_000
"""Of one table's sample: a table of 2,000 columns gives 100 rows."""
MAX_CHARACTERS: Final = 16 << 20
"""Of one table's sample, all columns together."""
MAX_LENGTH: Final = 1_000
"""Of one value: more does not tell better what a column holds."""
_MAX_IDENTIFIER: Final = 64
"""A longer text is no identifier that anything joins by."""
_HASH_BYTES: Final = 8
_DATE: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_MOMENT: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|\+00:00)?$"
)
_SPACES: Final = re.compile(r"[\s\-./]+")

Hashes = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """What is known of a column's values, without them."""

    column: SchemaColumn
    type: pa.DataType | None
    """What a catalog file should declare; a text that is all dates, in a source that has no dates, is a date."""
    verdict: ColumnVerdict | None = None
    tried: int = 0
    """Rows with a value."""
    distinct: int = 0
    hashes: Hashes | None = dataclasses.field(default=None, repr=False)
    """Sorted, of the distinct values, under the scan's own key; None: nothing would join by it."""
    is_digits: bool = False
    """All values are digits alone."""
    is_dense: bool = False
    """Whole numbers that follow one another: those of two tables are equal by chance."""
    spread: Spread | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What is known of a table."""

    table: SchemaTable
    columns: Mapping[str, ColumnFacts]
    rows: int = 0
    """Sampled."""
    note: str = ""
    """Why nothing was sampled."""

    @property
    def is_sampled(self) -> bool:
        """Whether its columns have verdicts."""
        return not self.note


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One table's rows as texts, for the classifier; raw, and short-lived."""

    table: SampledTable
    facts: TableFacts

    def judged(self, verdicts: Iterable[ColumnVerdict]) -> TableFacts:
        """The facts with the classifier's verdicts; one that names no column of the table counts for none."""
        by_name = {verdict.column: verdict for verdict in verdicts}
        columns = {
            name: dataclasses.replace(known, verdict=by_name.get(name)) for name, known in self.facts.columns.items()
        }
        return dataclasses.replace(self.facts, columns=columns)


def unsampled(table: SchemaTable, *, note: str) -> TableFacts:
    """Of a table whose rows were not read, and why."""
    columns = {column.name: ColumnFacts(column=column, type=column.type) for column in table.columns}
    return TableFacts(table=table, columns=columns, note=note)


def rows_of(table: SchemaTable, *, rows: int) -> int:
    """How many rows to ask for."""
    readable = sum(column.type is not None for column in table.columns)
    return max(1, min(rows, MAX_CELLS // max(1, readable)))


def read_sample(table: SchemaTable, stream: RawStream, *, dialect: str, secret: bytes) -> Sample:
    """Read a sample to its end, or as far as its limits go.

    Args:
        table: as it was described.
        stream: of its columns that have a type, in the table's order.
        dialect: the source's; SQLite keeps dates in texts.
        secret: 32 bytes, drawn for this scan.
    """
    taken = pa.Table.from_batches(_bounded(stream), schema=stream.schema)
    columns = {column.name: ColumnFacts(column=column, type=column.type) for column in table.columns}
    sampled = []
    for column in table.columns:
        if column.type is None or column.name not in taken.column_names:
            continue
        values = taken.column(column.name).combine_chunks()
        texts = _texts(values)
        columns[column.name] = _facts(column, values, texts, dialect=dialect, secret=secret)
        sampled.append(_sampled(column, texts, table=table, kind=columns[column.name].type or column.type))
    name = ".".join(table.name)
    return Sample(
        SampledTable(name=name, columns=tuple(sampled), row_estimate=table.row_estimate),
        TableFacts(table=table, columns=columns, rows=taken.num_rows),
    )


def _bounded(stream: RawStream) -> list[pa.RecordBatch]:
    """Batches until one of the limits is met; long texts are cut."""
    batches, characters = [], 0
    for batch in stream:
        short = _cut(batch)
        batches.append(short)
        characters += short.nbytes
        if characters > MAX_CHARACTERS:
            break
    return batches


def _cut(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        pc.utf8_slice_codeunits(column, 0, MAX_LENGTH) if pa.types.is_string(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _texts(values: pa.Array) -> pa.Array:
    """As text: ISO dates, plain decimals; binary values are looked at by nobody."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_binary(values.type):
        return pa.nulls(len(values), pa.string())
    return pc.cast(values, pa.string())


def _sampled(column: SchemaColumn, texts: pa.Array, *, table: SchemaTable, kind: pa.DataType) -> SampledColumn:
    alone = (column.name,)
    references = next(
        (
            ".".join((*key.table, *key.references))
            for key in table.foreign_keys
            if key.columns == alone and len(key.references) == 1
        ),
        "",
    )
    return SampledColumn(
        name=column.name,
        type=kind,
        values=tuple(texts.to_pylist()),
        comment=column.comment,
        is_key=table.primary_key == alone or alone in table.unique,
        references=references,
    )


def _facts(column: SchemaColumn, values: pa.Array, texts: pa.Array, *, dialect: str, secret: bytes) -> ColumnFacts:
    known = texts.drop_null()
    distinct = pc.unique(known)
    kind = _declared(column, known, dialect=dialect)
    joins = _joins(values.type) and len(distinct) > 0 and (pc.max(pc.utf8_length(distinct)).as_py() <= _MAX_IDENTIFIER)
    return ColumnFacts(
        column=column,
        type=kind,
        tried=len(known),
        distinct=len(distinct),
        hashes=_hashes(distinct, secret=secret) if joins else None,
        is_digits=len(known) > 0 and pc.all(pc.match_substring_regex(distinct, "^[0-9]+$")).as_py(),
        is_dense=_is_dense(values),
        spread=spread_of(values),
    )


def _joins(kind: pa.DataType) -> bool:
    whole = pa.types.is_decimal(kind) and kind.scale == 0
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or whole)


def _declared(column: SchemaColumn, known: pa.Array, *, dialect: str) -> pa.DataType | None:
    """SQLite has no dates of its own: a text that is nothing but dates, or moments in UTC, is declared as those."""
    if dialect != "sqlite" or column.type != pa.string() or not len(known):
        return column.type
    if pc.all(pc.match_substring_regex(known, _DATE)).as_py():
        return pa.date32()
    if pc.all(pc.match_substring_regex(known, _MOMENT)).as_py():
        return pa.timestamp("us", tz="UTC")
    return column.type


def _hashes(distinct: pa.Array, *, secret: bytes) -> Hashes:
    """Equal for equal identifiers, however they are spaced or cased."""
    digests = b"".join(
        hashlib.blake2b(_SPACES.sub("", text).casefold().encode(), digest_size=_HASH_BYTES, key=secret).digest()
        for text in distinct.to_pylist()
    )
    return np.unique(np.frombuffer(digests, dtype=np.uint64))


def _is_dense(values: pa.Array) -> bool:
    if not pa.types.is_integer(values.type) or len(values) == values.null_count:
        return False
    ends = pc.min_max(values)
    width = ends["max"].as_py() - ends["min"].as_py() + 1
    low = abs(ends["min"].as_py())
    # NOTE: a sample thins a sequence out, so what counts is where it lies: from about 1 on, or closely packed.
    return bool(width < 4 * len(values) or (low <= len(values) and width < _SEQUENCE))


_SEQUENCE: Final = 100_000_000
"""Numbers from about 1 up to this are a sequence, as far as anybody can tell from a sample."""
