"""Dates in texts, and which of them are birth dates.

A date is a birth date when a cue word says so, or when its year is an adult's (1920 to 2012) and no word of booking
stands near. Other dates stay: a booking date is no identifier.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import NamedTuple

from gateway.recognition.folding import fold, words, words_folded
from gateway.recognition.shapes.cues import BIRTH, date_cue
from gateway.terms.recognition import Span

FIRST_YEAR, LAST_YEAR = 1920, 2012
"""Years of birth of a bank's customers that are told without a cue."""
_PIVOT = 30
"""Two-digit years above it are of the last century for certain; up to it, a cue must say that it is a birth."""

_NUMERIC = re.compile(
    r"([0-9](?<![0-9]{2})(?<![0-9][./-][0-9])(?:[0-9]{3}|[0-9]?))( ?[./-] ?| )([0-9]{1,2})( ?[./-] ?| )"
    r"([0-9]{4}|[0-9]{1,2})(?![0-9])(?![./][0-9])(?!-[0-9]{3})"
)
_YEAR = re.compile(r"[12](?<![0-9].)(?:(?<=1)9|(?<=2)0)[0-9]{2}(?![0-9])")
_COMPACT = re.compile(r"[0-9](?<![\w.,/-].)[0-9]{7}(?![\w/-])")
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:\.|st|nd|rd|th|er|ere|º|°)?[ ./-]{0,2}(?:de |of |d'|di )?([^\W\d_]{1,14})"
    r"\.?,?[ /.-]{0,2}(?:de |del )?$"
)
_MONTH_DAY = re.compile(r"(?<![^\W\d_])([^\W\d_]{3,14})\.? (\d{1,2})(?:st|nd|rd|th)?,? $")
_WORD_BEFORE = re.compile(r"[^\W\d_][ .:/(*]{0,3}$")
_TIME = re.compile(r",? ?(?:T|um |at |à )?\d{1,2}[:h]\d\d")
_WINDOW = 36
"""Characters before a year in which its day and month stand."""

_MONTH_NAMES = (
    (
        "january januar janner jaenner janvier gennaio enero januari styczen stycznia leden ledna janeiro ianuarie"
        " jan gen ene sty janv"
    ),
    "february februar fevrier febbraio febrero februari luty lutego unor unora fevereiro feb febr fev fevr lut",
    "march marz maerz mars marzo maart marzec marca brezen brezna marco mar mrz mrt",
    "april avril aprile abril kwiecien kwietnia duben dubna apr avr abr kwi",
    "may mai maggio mayo mei maj maja kveten kvetna maio mag",
    "june juni juin giugno junio czerwiec czerwca cerven cervna junho jun giu cze juno",
    "july juli juillet luglio julio lipiec lipca cervenec cervence julho jul juil lug lip",
    "august aout agosto augustus sierpien sierpnia srpen srpna aug ago sie aou",
    "september septembre settembre septiembre wrzesien wrzesnia zari setembro sep sept set wrz",
    "october oktober octobre ottobre octubre pazdziernik pazdziernika rijen rijna outubro oct okt ott paz out",
    "november novembre noviembre listopad listopada novembro nov lis",
    "december dezember decembre dicembre diciembre grudzien grudnia prosinec prosince dezembro dec dez dic gru",
)
# `listopad` is November in Czech and Polish; in Croatian, not served here, it is October.
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in words_folded(names).split()}
_MONTHS |= {roman: number for number, roman in enumerate(words("i ii iii iv v vi vii viii ix x xi xii"), 1)}


class DateAt(NamedTuple):
    """A date and its place in a folded text."""

    start: int
    end: int
    year: int
    is_sure: bool
    """False: it reads as a date only where a cue says so (digits without points, a two-digit year)."""
    has_day: bool = True
    """False: a year alone."""


def parse(text: str) -> datetime.date | None:
    """Read one whole value as a date, day before month where both fit; None: it is none, or its year has two digits."""
    folded = fold(text.strip()).text
    match = _NUMERIC.fullmatch(folded)
    if match:
        return _numeric(match)
    years = list(_YEAR.finditer(folded))
    named = _named(folded, years[0]) if len(years) == 1 and years[0].end() == len(folded) else None
    return named[1] if named and named[0] == 0 else None


def scan(text: str) -> list[DateAt]:
    """Give all dates of a folded text, in order."""
    return sorted(at for at in _scan(text) if at.has_day)


def births(text: str) -> Iterator[tuple[DateAt, bool]]:
    """Give each date of a folded text and whether it is a birth date; of years alone those right after a cue."""
    for at in _scan(text):
        if at.has_day:
            yield at, _is_birth(text, at)
        elif _WORD_BEFORE.search(text[max(0, at.start - 5) : at.start]) and _is_birth_year(text, at):
            yield at, True


def _is_birth_year(text: str, at: DateAt) -> bool:
    return date_cue(text, at.start, at.end, words=2) == BIRTH


def _scan(text: str) -> list[DateAt]:
    found = [at for match in _NUMERIC.finditer(text) if (at := _numeric_at(match))]
    taken = {at.end for at in found} | {at.start for at in found}
    for year in _YEAR.finditer(text):
        if year.end() in taken or year.start() in taken:
            continue
        named = _named(text, year)
        start = named[0] if named else year.start()
        found.append(DateAt(start, year.end(), int(year[0]), is_sure=True, has_day=named is not None))
    return found + _digits_only(text)


def find(text: str) -> list[Span]:
    """Give the birth dates of a text as it came, in order and not overlapping."""
    folded = fold(text)
    spans: list[Span] = []
    last = -1
    for at, is_birth in sorted(births(folded.text), key=lambda one: (one[0].start, -one[0].end)):
        if is_birth and at.start >= last:
            start, end = folded.back(at.start, at.end)
            spans.append(Span(start=start, end=end, kind="birth_date"))
            last = at.end
    return spans


def _is_birth(text: str, at: DateAt) -> bool:
    cue = date_cue(text, at.start, at.end)
    if cue:
        return cue == BIRTH
    return at.is_sure and FIRST_YEAR <= at.year <= LAST_YEAR and _TIME.match(text, at.end) is None


def _numeric_at(match: re.Match[str]) -> DateAt | None:
    day = _numeric(match)
    if day is not None:
        return DateAt(match.start(), match.end(), day.year, is_sure=match[2].strip() != "")
    if len(match[5]) != 2 or len(match[1]) > 2 or match[2].strip() != match[4].strip() or not match[2].strip():  # noqa: PLR2004
        return None
    year = int(match[5]) + (1900 if int(match[5]) > _PIVOT else 2000)
    if _day(year, int(match[3]), int(match[1])) is None:
        return None
    return DateAt(match.start(), match.end(), year, is_sure=int(match[5]) > _PIVOT)


def _numeric(match: re.Match[str]) -> datetime.date | None:
    """Read year-month-day, day-month-year, or month-day-year where nothing else fits; years of four digits only."""
    first, middle, last = match[1], match[3], match[5]
    if match[2].strip() != match[4].strip() or len(first) + len(last) < 5 or len(first) == len(last):  # noqa: PLR2004 a year of four digits and a day
        return None
    if len(first) == 4:  # noqa: PLR2004 a year
        return _day(int(first), int(middle), int(last))
    return _day(int(last), int(middle), int(first))


def _named(text: str, year: re.Match[str]) -> tuple[int, datetime.date] | None:
    """Read the day and month that stand before a year: where they begin, and the date."""
    low = max(0, year.start() - _WINDOW)
    before = text[low : year.start()]
    close = before.rstrip(" .,/-")[-3:]
    if close.isdigit() or not close[-1:].isalnum():
        return None
    for pattern, day_group, month_group in ((_DAY_MONTH, 1, 2), (_MONTH_DAY, 2, 1)):
        match = pattern.search(before)
        month = _MONTHS.get(words_folded(match[month_group])) if match else None
        if match and month:
            day = _day(int(year[0]), month, int(match[day_group]))
            return (low + match.start(), day) if day else None
    return None


def _digits_only(text: str) -> list[DateAt]:
    """Eight digits that a birth cue stands before: yyyymmdd or ddmmyyyy."""
    found = []
    for match in _COMPACT.finditer(text):
        digits = match[0]
        day = _day(int(digits[:4]), int(digits[4:6]), int(digits[6:])) or _day(
            int(digits[4:]), int(digits[2:4]), int(digits[:2])
        )
        if day and date_cue(text, match.start(), match.end(), words=3) == BIRTH:
            found.append(DateAt(match.start(), match.end(), day.year, is_sure=False))
    return found


def _day(year: int, month: int, day: int) -> datetime.date | None:
    """Make a date of a life's span; month and day change places where only that fits (American order)."""
    if not 1900 <= year <= 2100:  # noqa: PLR2004 a life's span
        return None
    if month > 12 >= day:  # noqa: PLR2004 months
        month, day = day, month
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
