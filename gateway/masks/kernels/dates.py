"""Dates and timestamps: moved back to the start of their period, or moved by a secret number of days.

A value outside the years 1..9999, before or after, becomes null: it must not wrap around, and an error would tell
that such a value is there.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.masks.buffers import fixed, values
from gateway.masks.kernel import MaskInputs
from gateway.masks.kernels.exact import INT64, masked, present
from gateway.masks.kernels.keyed import words_of

MAX_WINDOW_DAYS: Final = 3650

_FIRST_DAY: Final = -719_162
"""0001-01-01, in days since 1970-01-01: nobody's calendar goes further back."""
_LAST_DAY: Final = 2_932_896
"""9999-12-31."""
_LAST_YEAR: Final = 2_932_532
"""9999-01-01: that year's days stand for no end."""
_PLACEHOLDERS: Final = frozenset({_FIRST_DAY, -25_567, 0})
"""0001-01-01, 1900-01-01 and 1970-01-01 stand for no date."""
_UNITS: Final = frozenset({"year", "quarter", "month", "week", "day"})
_UNIX_DAY: Final = datetime.date(1970, 1, 1).toordinal()
_SECONDS_A_DAY: Final = 86_400
_TICKS_A_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_UTC_ZONES: Final = frozenset({"UTC", "Etc/UTC", "Z", "+00:00"})


def truncate_date(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Move dates and timestamps back to the start of their year, quarter, month, week (Monday) or day.

    A timestamp with a zone is truncated by that zone's calendar. Values outside the years 1..9999 become null.
    """
    unit = inputs.parameters.get("unit")
    if not isinstance(unit, str) or unit not in _UNITS:
        raise Integrity("truncate_date needs a unit: year, quarter, month, week or day", code="masks.parameters")
    ticks, _, first, last = _ticks(column)
    valid = (ticks >= first) & (ticks < last) & present(column)
    ticks[~valid] = 0
    periods = values(_floor(fixed(ticks, column.type, valid=None), unit), ticks.dtype)
    valid &= periods <= ticks  # Arrow wraps around where a period starts before the type's first instant
    return masked(periods.copy(), column.type, valid)


def date_shift(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Move each data subject's dates by one secret number of days.

    Intervals within a subject are kept, to the tick and in every column of the subject's domain; intervals between
    subjects are not. Whoever knows one of a subject's dates, or a rule of the calendar that they follow, knows all
    of them (THREATS T8). A timestamp moves by days of 24 hours, whatever its zone.

    A day that many subjects share tells every shift, as its own place in the calendar is known: the year 9999, the
    `_PLACEHOLDERS` and the parameter's `placeholders` become null for every subject, as does what is less than
    window_days from the ends of the calendar or of the type. Of a timestamp, its day in UTC and in its zone count.

    `window_days`, 1..3650: the shift is one of ±1..±window_days, never 0. A null subject makes the result null.
    """
    window = inputs.parameters.get("window_days")
    if not isinstance(window, int) or isinstance(window, bool) or not 1 <= window <= MAX_WINDOW_DAYS:
        raise Integrity(f"date_shift needs window_days between 1 and {MAX_WINDOW_DAYS}", code="masks.parameters")
    subject = inputs.beside("subject")
    if len(subject.column) != len(column):
        raise Integrity("date_shift needs each row's subject", code="masks.auxiliary")
    ticks, a_day, first, last = _ticks(column)
    valid = present(column) & present(subject.column)
    valid &= (ticks >= first + window * a_day) & (ticks < last - window * a_day)  # whatever the shift's sign
    ticks[~valid] = 0
    valid &= ~_is_placeholder(ticks, column.type, a_day=a_day, further=inputs.parameters.get("placeholders"))
    words = words_of(subject.column, inputs.key, canon=subject.canon)
    shifts = _shifts(words, window)
    shifts *= a_day
    shifts[~valid] = 0
    ticks[~valid] = 0
    ticks += shifts.astype(ticks.dtype, copy=False)
    return masked(ticks, column.type, valid)


def _is_placeholder(
    ticks: npt.NDArray[np.signedinteger], kind: pa.DataType, *, a_day: int, further: object
) -> npt.NDArray[np.bool_]:
    """Which of these instants are on a day that stands for no date."""
    days = _PLACEHOLDERS | {_day(text) for text in (further if isinstance(further, tuple) else ())}
    found = np.zeros(len(ticks), np.bool_)
    for there in _clocks(ticks, kind):
        found |= there >= _LAST_YEAR * a_day
        for day in days:
            found |= (there >= day * a_day) & (there < (day + 1) * a_day)
    return found


def _clocks(ticks: npt.NDArray[np.signedinteger], kind: pa.DataType) -> Iterator[npt.NDArray[np.signedinteger]]:
    """The same instants by the clock in UTC and by that of the type's zone."""
    yield ticks
    zone = getattr(kind, "tz", None)
    if zone is not None and zone not in _UTC_ZONES:
        yield values(pc.local_timestamp(fixed(ticks.copy(), kind, valid=None)), np.int64)


def _day(text: object) -> int:
    try:
        return datetime.date.fromisoformat(str(text)).toordinal() - _UNIX_DAY
    except ValueError:
        raise Integrity("a placeholder of date_shift is no day", code="masks.parameters") from None


def _shifts(words: npt.NDArray[np.uint64], window: int) -> npt.NDArray[np.int64]:
    """Numbers of days; each is as likely as any other, to 2^-51."""
    count = np.uint64(2 * window)
    multiples = words // count  # two thirds of the time of %
    multiples *= count
    days: npt.NDArray[np.int64] = np.subtract(words, multiples, out=multiples).view(np.int64)
    days -= window
    days += days >= 0
    return days


def _ticks(column: pa.Array) -> tuple[npt.NDArray[np.signedinteger], int, int, int]:
    """A copy of the numbers, how many make a day, the first of year 1 and of year 10000 as far as the type goes."""
    if pa.types.is_date32(column.type):
        return values(column, np.int32).copy(), 1, _FIRST_DAY, _LAST_DAY + 1
    if not pa.types.is_timestamp(column.type):
        raise Integrity("the mask takes dates and timestamps only", code="masks.type")
    a_day = _SECONDS_A_DAY * _TICKS_A_SECOND[column.type.unit]
    first, last = max(_FIRST_DAY * a_day, INT64.min), min((_LAST_DAY + 1) * a_day, INT64.max)
    return values(column, np.int64).copy(), a_day, first, last


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
