"""From what a driver delivers to the catalog's declared types, exactly or not at all.

A driver hands over storage classes (int64, float64, text, bytes). A value that is not exactly one of the
declared type is Integrity, naming dataset and column, never the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.terms.dataset import Column

BATCH_ROWS: Final = 65_536
"""Rows of a delivered batch, at most."""
BATCH_BYTES: Final = 8 << 20
"""A batch is delivered before it grows beyond this, plus one batch of the driver."""
FLOAT_DIGITS: Final = 15
"""Decimal digits that survive a float64."""

ABSOLUTE_NOISE: Final = 1e-6
"""Of the last decimal digit: what sums of floats leave behind."""
RELATIVE_NOISE: Final = 2.0**-50
"""Some roundings of a float64."""
_MOMENT_BYTES: Final = len("YYYY-MM-DD HH:MM:SS.ffffff")
MAX_VALUE_BYTES: Final = 1 << 20
"""A longer text is refused, so that a driver's batch is bounded in bytes too."""

_NARROW_BYTES: Final = 38
"""A text that is no longer has no more digits than a decimal128."""
_WIDE_BYTES: Final = 76
"""Likewise of a decimal256."""

_FIRST_DAY: Final = -719_162
"""0001-01-01: what is earlier has no date in Python, and none in a bank."""
_END_DAY: Final = 2_932_897
"""10000-01-01: the first day of which the same holds. A driver's infinities lie outside."""
_DAY: Final = 86_400_000_000
"""In microseconds."""


def declared(cells: pa.Array, *, column: Column, dataset: str, is_text: bool = False) -> pa.Array:
    """The cells in the column's declared type. `is_text`: a free text to be masked, which need not be UTF-8.

    Raises:
        Integrity: a value does not fit.
    """
    misfit = Integrity(
        f"{dataset}.{column.name}: a value does not fit the declared type {column.type}"
        f" (texts: UTF-8 of at most {MAX_VALUE_BYTES} bytes)",
        code="source.value",
    )
    try:
        if len(cells) == 0:
            return pa.array([], column.type)
        cells.validate(full=not is_text)
        return _converted(cells, column.type)
    except (pa.ArrowException, ArithmeticError):
        # pyarrow's text quotes the value
        raise misfit from None


def _converted(cells: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind) and pa.types.is_floating(cells.type):
        return _decimal_of_floats(cells, kind)
    if pa.types.is_decimal(kind) and pa.types.is_string(cells.type):
        return decimals(cells, kind)
    if pa.types.is_boolean(kind) and pa.types.is_boolean(cells.type):
        return cells
    if pa.types.is_boolean(kind):
        cells = cells.cast(pa.int64()) if pa.types.is_string(cells.type) else cells
        _require(pc.is_in(cells, value_set=pa.array([0, 1], cells.type), skip_nulls=True), cells)
        return cells.cast(kind)
    if pa.types.is_date32(kind):
        days = cells.cast(kind)
        _require(pc.greater_equal(days.view(pa.int32()), _FIRST_DAY), days)
        _require(pc.less(days.view(pa.int32()), _END_DAY), days)
        return days
    if pa.types.is_timestamp(kind):
        return _moments(cells, kind)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        _require(pc.less_equal(pc.binary_length(cells), MAX_VALUE_BYTES), cells)
    return cells.cast(kind)


def _moments(cells: pa.Array, kind: pa.TimestampType) -> pa.Array:
    moments = cells
    if not pa.types.is_timestamp(cells.type):
        # Adapters deliver one spelling; Arrow would take others, which compare differently in the source.
        _require(pc.equal(pc.binary_length(cells), _MOMENT_BYTES), cells)
        moments = cells.cast(pa.timestamp("us"))
    elif (cells.type.tz is None) != (kind.tz is None):
        raise pa.ArrowInvalid("a moment and a reading of a clock are not the same")
    ticks = moments.view(pa.int64())
    _require(pc.and_(pc.greater_equal(ticks, _FIRST_DAY * _DAY), pc.less(ticks, _END_DAY * _DAY)), moments)
    return moments.view(pa.timestamp("us", kind.tz)).cast(kind)


def _require(holds: pa.Array, cells: pa.Array) -> None:
    if not pc.all(pc.or_(pc.fill_null(holds, False), cells.is_null()), min_count=0).as_py():  # noqa: FBT003 - pyarrow's
        raise pa.ArrowInvalid("out of range")


def _decimal_of_floats(cells: pa.Array, kind: pa.Decimal128Type) -> pa.Array:
    """Round to the scale where the distance is float noise; `precision` is at most FLOAT_DIGITS."""
    scaled = pc.multiply(cells, 10.0**kind.scale)
    whole = pc.round(scaled)
    noise = pc.max_element_wise(pc.multiply(pc.abs(scaled), RELATIVE_NOISE), ABSOLUTE_NOISE)
    _require(pc.less_equal(pc.abs(pc.subtract(scaled, whole)), noise), cells)
    _require(pc.less(pc.abs(whole), 10.0**kind.precision), cells)
    return shifted(whole.cast(pa.int64()), kind)


def decimals(cells: pa.Array, kind: pa.Decimal128Type) -> pa.Array:
    """Texts or numbers as exact decimals.

    Arrow reads a text of more than 38 digits into 128 bits without a word, and keeps what is left of it: a longer one
    is read into 256 bits, which hold every text of at most _WIDE_BYTES.

    Raises:
        pa.ArrowException: a number does not fit.
    """
    longest = (pc.max(pc.binary_length(cells)).as_py() or 0) if pa.types.is_string(cells.type) else 0
    if longest <= _NARROW_BYTES:
        return cells.cast(kind)
    if longest > _WIDE_BYTES:
        raise pa.ArrowInvalid("out of range")
    return cells.cast(pa.decimal256(_WIDE_BYTES, kind.scale)).cast(kind)


def shifted(units: pa.Array, kind: pa.Decimal128Type) -> pa.Array:
    """Decimals whose unscaled values are `units`, int64. The caller MUST know that they fit the precision."""
    # Both types are the same 128-bit integers; only the scale differs, so the buffers serve as they are.
    wide = units.cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(kind, len(wide), wide.buffers(), wide.null_count, wide.offset)


def coalesced(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join a driver's small batches up to BATCH_ROWS or BATCH_BYTES; empty ones vanish."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        octets = batch.nbytes
        if held and (rows + batch.num_rows > BATCH_ROWS or size + octets > BATCH_BYTES):
            yield pa.concat_batches(held)
            held, rows, size = [], 0, 0
        if batch.num_rows:
            held.append(batch)
            rows, size = rows + batch.num_rows, size + octets
    if held:
        yield pa.concat_batches(held)
