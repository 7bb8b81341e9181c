"""Where a column's numbers lie, so coarsely that no row shows: quantiles of many values, rounded to 1, 2 or 5."""

from __future__ import annotations

import dataclasses
import decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MIN_VALUES: Final = 100
"""Fewer give no quantile that would not be a row's own value."""
MIN_DISTINCT: Final = 20
_LOW, _QUARTER, _THREE, _HIGH = 0.05, 0.25, 0.75, 0.95
_STEPS: Final = 10
"""Buckets between the quarters."""
_NICE: Final = (1, 2, 5, 10)
_LARGEST: Final = 10**15


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Bounds that hold most of the values, and a bucket's width. All are 1, 2 or 5 times a power of ten, or 0."""

    low: decimal.Decimal
    high: decimal.Decimal
    step: decimal.Decimal


def spread_of(values: pa.Array) -> Spread | None:
    """Of a column of numbers; None: it is none, or too few are there to say anything that is not about one row."""
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind)):
        return None
    known = values.drop_null()
    if len(pc.unique(known)) < MIN_DISTINCT:
        return None
    numbers = np.array([float(number) for number in known.to_pylist()])
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < MIN_VALUES or np.abs(numbers).max() > _LARGEST:
        return None
    low, quarter, three, high = np.quantile(numbers, [_LOW, _QUARTER, _THREE, _HIGH])
    if not low < high:
        return None
    is_positive = bool(numbers.min() >= 0)
    return Spread(
        low=decimal.Decimal(0) if is_positive else -outwards(-low) if low < 0 else decimal.Decimal(0),
        high=outwards(high) if high > 0 else decimal.Decimal(0),
        step=inwards((three - quarter if three > quarter else high - low) / _STEPS),
    )


def outwards(number: float) -> decimal.Decimal:
    """The next of 1, 2, 5, 10, 20, … that is not below a positive number."""
    scale = decimal.Decimal(1).scaleb(decimal.Decimal(float(number)).adjusted())
    return next(nice * scale for nice in _NICE if nice * scale >= decimal.Decimal(float(number)))


def inwards(number: float) -> decimal.Decimal:
    """The last of 1, 2, 5, 10, 20, … that is not above a positive number."""
    scale = decimal.Decimal(1).scaleb(decimal.Decimal(float(number)).adjusted())
    return next(nice * scale for nice in reversed(_NICE) if nice * scale <= decimal.Decimal(float(number)))
