"""Dates in any form that tables have: which years they hold, and whether people were born then."""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Callable
from typing import Final

from gateway.recognition.columns.shape import Shape

_ISO: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})([T ]\d{1,2}:.*)?")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[./ -] ?(\d{1,2})[./ -] ?(\d{4}|\d{2})([T ]\d{1,2}:.*)?")
_NAMED: Final = re.compile(r"(?:\d{1,2}[-. ]{1,2})?[^\W\d_]{3,10}\.?[-. ,]{1,2}(?:\d{1,2},? )?(\d{4}|\d{2})")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[ T]\d{2}:?\d{2}.*|[0-2]\d[0-5]\d[0-5]\d)?")
_SHORT: Final = re.compile(r"(\d{2})(\d{2})(\d{2})( \d{2}:\d{2}.*)?")
_MONTH: Final = re.compile(r"(\d{4})[-/]?(\d{2})")
_MONTH_WORDS: Final = """
jan fev feb mar mär mae mrt abr apr may mai maj maggio mag mei jun giu cer jul lug lip aug aou ago sie sep set wrz okt
oct out ott paz nov lis dec dez dic gru leden unor brez dub kvet sty lut kwi ene gen
"""
_MONTHS: Final = tuple(_MONTH_WORDS.split())
_SAMPLE: Final = 200
_MOST: Final = 0.95
"""Share of the sample that must be dates; the rest are 9999-12-31, 0000-00-00 and typing errors."""
_OLDEST, _YOUNGEST = 1915, 2014
_WIDE: Final = 25
"""Years between the oldest and the youngest customer, at least."""
_MIDDLE: Final = 1995
_PIVOT: Final = 30
"""Two digits below it are of this century."""
_WOMEN: Final = 50
"""Added to the month of a Czech or Slovak woman's birth number (Act 133/2000 Coll.)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """What a column of dates tells."""

    years: tuple[int, ...] = dataclasses.field(repr=False)
    has_time: bool
    has_women: bool = False
    """Months beyond 50: birth numbers."""

    @property
    def is_birth(self) -> bool:
        """Say whether people of all ages were born in these years, and nothing else happened in them."""
        if self.has_women:
            return True
        years = sorted(self.years)
        edge = len(years) // 50
        low, high = years[edge], years[-1 - edge]
        is_wide = high - low > _WIDE and statistics.median(years) <= _MIDDLE
        return is_wide and low >= _OLDEST and high <= _YOUNGEST and not self.has_time


def dates_of(shape: Shape) -> Dates | None:
    """Read a column's values as dates; None: they are none."""
    sample = shape.sample[:_SAMPLE]
    if not sample or shape.with_digit < _MOST or not 4 <= shape.mean_length <= 40:  # noqa: PLR2004 no date is so short or long
        return None
    readers = _WHOLE if shape.numbers else _WRITTEN
    for read in readers:
        # One value in twenty may be odd, also the first one.
        if not any(read(value) for value in sample[:3]):
            continue
        years = [found for value in sample if (found := read(value))]
        if len(years) >= _MOST * len(sample) and _is_enough(read, len(years)):
            return Dates(
                years=tuple(year for year, _, _ in years),
                has_time=sum(time for _, time, _ in years) > len(years) / 2,
                has_women=sum(woman for _, _, woman in years) > len(years) / 10,
            )
    return None


Read = tuple[int, bool, bool]
"""Year, whether a time of day follows, whether the month says woman."""


def _is_enough(read: Callable[[str], Read | None], found: int) -> bool:
    """Six digits are a date by chance in one of twenty numbers: ten of them are none."""
    return read is not _short or found >= 5  # noqa: PLR2004 0.07 ** 5


def _iso(value: str) -> Read | None:
    match = _ISO.fullmatch(value)
    return (int(match[1]), _is_time(match[4]), False) if match and _is_day(match[2], match[3]) else None


def _day_first(value: str) -> Read | None:
    match = _DAY_FIRST.fullmatch(value)
    if match is None or not (_is_day(match[2], match[1]) or _is_day(match[1], match[2])):
        return None
    return _century(match[3]), _is_time(match[4]), False


def _named(value: str) -> Read | None:
    match = _NAMED.fullmatch(value)
    if match is None or not any(month in value.casefold() for month in _MONTHS):
        return None
    return _century(match[1]), False, False


def _compact(value: str) -> Read | None:
    match = _COMPACT.fullmatch(value.removesuffix(".0"))
    if match is None or not 1800 < int(match[1]) < 2200 or not _is_day(match[2], match[3]):  # noqa: PLR2004 years
        return None
    return int(match[1]), False, False


def _short(value: str) -> Read | None:
    match = _SHORT.fullmatch(value.removesuffix(".0"))
    if match is None:
        return None
    month = int(match[2])
    is_woman = month > _WOMEN
    return (_century(match[1]), _is_time(match[4]), is_woman) if _is_day(str(month % _WOMEN), match[3]) else None


def _month(value: str) -> Read | None:
    match = _MONTH.fullmatch(value.removesuffix(".0"))
    if match is None or not 1950 <= int(match[1]) <= 2070 or not 1 <= int(match[2]) <= 12:  # noqa: PLR2004 years, months
        return None
    return int(match[1]), True, False  # no birth date: they come by the day


_WRITTEN: Final = (_iso, _day_first, _named, _compact, _short, _month)
_WHOLE: Final = (_compact, _month, _short)


def _is_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31  # noqa: PLR2004 a calendar


def _is_time(text: str | None) -> bool:
    """A time of day that says something; midnight is how databases write a date."""
    return text is not None and re.fullmatch(r"[T ]0?0:00(?::00(?:\.0*)?)?(?:Z|[+-][\d:]+)?", text) is None


def _century(year: str) -> int:
    number = int(year)
    if len(year) > 2:  # noqa: PLR2004 all digits
        return number
    return number + (2000 if number < _PIVOT else 1900)
