"""Coarser values of the same type: the start of the period, the lower bound of the bucket.

A value whose bound its type cannot hold (a date before year 1, -5 in an int8 by steps of 1000, an infinity)
becomes null: it must not wrap around, and an error would tell that such a value is there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.masks.buffers import Mask, fixed, validity, values
from gateway.masks.kernel import MaskInputs
from gateway.terms.mask_spec import family_of

MAX_STEP: Final = 2**63 - 1

_FIRST_DAY: Final = -719_162
"""0001-01-01, in days since 1970-01-01: nobody's calendar goes further back."""
_LAST_DAY: Final = 2_932_896
"""9999-12-31."""
_UNITS: Final = frozenset({"year", "quarter", "month", "week", "day"})
_SECONDS_A_DAY: Final = 86_400
_TICKS_A_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EXACT_FLOATS: Final = 2.0**53
"""Beyond it a float64 has no units."""
_UTC_ZONES: Final = frozenset({"UTC", "Etc/UTC", "Z", "+00:00"})
_INT64: Final = np.iinfo(np.int64)


def truncate_date(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Move dates and timestamps back to the start of their year, quarter, month, week (Monday) or day.

    A timestamp with a zone is truncated by that zone's calendar. Values outside the years 1..9999 become null.
    """
    unit = inputs.parameters.get("unit")
    if not isinstance(unit, str) or unit not in _UNITS:
        raise Integrity("truncate_date needs a unit: year, quarter, month, week or day", code="masks.parameters")
    day = pa.types.is_date32(column.type)
    ticks = values(column, np.int32 if day else np.int64).copy()
    first, last = (_FIRST_DAY, _LAST_DAY + 1) if day else _range_of(column.type.unit)
    valid = (ticks >= first) & (ticks < last) & _present(column)
    ticks[~valid] = 0
    periods = values(_floor(fixed(ticks, column.type, valid=None), unit), ticks.dtype)
    valid &= periods <= ticks  # Arrow wraps around where a period starts before the type's first instant
    return _masked(periods.copy(), column, valid)


def bucket(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Move numbers down to a multiple of `step`: -1 by 10 is -10. Exact, also for decimals."""
    step = inputs.parameters.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or not 1 <= step <= MAX_STEP:
        raise Integrity(f"bucket needs a step between 1 and {MAX_STEP}", code="masks.parameters")
    match family_of(column.type):
        case "integer":
            return _bucket_integers(column, step)
        case "float":
            return _bucket_floats(column, step)
        case "decimal":
            return _bucket_decimals(column, step)
        case _:
            raise Integrity("bucket takes numbers only", code="masks.type")


def _range_of(unit: str) -> tuple[int, int]:
    """The first tick of year 1 and of year 10000, within an int64."""
    a_day = _SECONDS_A_DAY * _TICKS_A_SECOND[unit]
    return max(_FIRST_DAY * a_day, _INT64.min), min((_LAST_DAY + 1) * a_day, _INT64.max)


def _floor(column: pa.Array, unit: str) -> pa.Array:
    zone = getattr(column.type, "tz", None)
    if zone is None:
        return pc.floor_temporal(column, unit=unit)
    if zone in _UTC_ZONES:
        return pc.floor_temporal(column.view(pa.timestamp(column.type.unit)), unit=unit)
    # NOTE: floor_temporal with a zone raises, with the value in its text, where a clock change skips midnight;
    # then the day starts at the first instant after the gap.
    local = pc.floor_temporal(pc.local_timestamp(column), unit=unit)
    return pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest")


def _bucket_integers(column: pa.Array, step: int) -> pa.Array:
    kind = np.dtype(column.type.to_pandas_dtype())
    if kind == np.uint64:
        return _masked(_floor_to(values(column, kind), np.uint64(step)), column, _present(column))
    numbers = values(column, kind).astype(np.int64)
    bounds = _floor_to(numbers, np.int64(step))
    valid = (bounds <= numbers) & (bounds >= np.iinfo(kind).min) & _present(column)
    return _masked(bounds.astype(kind), column, valid)


def _bucket_floats(column: pa.Array, step: int) -> pa.Array:
    kind = np.dtype(column.type.to_pandas_dtype())
    numbers = values(column, kind).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        exact = np.floor(numbers / step) * step + 0.0  # + 0.0: no minus before a zero
        bounds = exact.astype(kind)
    # a bound that is rounded could be the value itself
    valid = (np.abs(numbers) < _EXACT_FLOATS) & (np.abs(exact) < _EXACT_FLOATS) & (bounds == exact)
    return _masked(bounds, column, valid & _present(column))


def _bucket_decimals(column: pa.Array, step: int) -> pa.Array:
    """By whole numbers of the smallest unit; 64-bit ones at once, wider ones value by value."""
    kind = column.type
    if kind.scale < 0:
        raise Integrity("bucket takes decimals of scale 0 and more", code="masks.type")
    small = pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind)
    wide = column.cast(pa.decimal128(kind.precision, kind.scale)) if small else column
    units, smallest = step * 10**kind.scale, -(10**kind.precision)
    bounds, valid = _floor_wide(wide, units, smallest=smallest)
    floored = _masked(bounds, wide, valid & _present(column))
    return floored if wide is column else floored.cast(kind)


def _floor_wide(column: pa.Array, step: int, *, smallest: int) -> tuple[npt.NDArray[np.int64], Mask]:
    """Multiples of step as little-endian words, and where they are greater than `smallest`."""
    words = values(column, np.dtype((np.int64, (column.type.bit_width // 64,))))
    low = words[:, 0]
    narrow = (words[:, 1:] == (low >> 63)[:, None]).all()
    if not narrow or step > _INT64.max or (low < _INT64.min + step).any():
        return _floor_each(words, step, smallest=smallest)
    bounds = _floor_to(low, np.int64(step))
    result = np.empty_like(words)
    result[:, 0], result[:, 1:] = bounds, (bounds >> 63)[:, None]
    return result, bounds > smallest


def _floor_each(words: npt.NDArray[np.int64], step: int, *, smallest: int) -> tuple[npt.NDArray[np.int64], Mask]:
    """The same by Python's integers: 1 µs a value."""
    width = words.shape[1] * 8
    bounds = [int.from_bytes(row.tobytes(), "little", signed=True) // step * step for row in words]
    valid = np.asarray([bound > smallest for bound in bounds], np.bool_)
    content = b"".join(max(bound, smallest).to_bytes(width, "little", signed=True) for bound in bounds)
    return np.frombuffer(content, np.int64).reshape(words.shape).copy(), valid


def _floor_to(numbers: npt.NDArray[Any], step: np.integer[Any]) -> npt.NDArray[Any]:
    """May wrap around near the type's smallest value; then the result is above the number."""
    return np.asarray(numbers // step * step)


def _present(column: pa.Array) -> Mask:
    valid = validity(column)
    return np.ones(len(column), np.bool_) if valid is None else valid


def _masked(numbers: npt.NDArray[Any], column: pa.Array, valid: Mask) -> pa.Array:
    return fixed(numbers, column.type, valid=None if valid.all() else valid)
