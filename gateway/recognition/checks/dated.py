"""National numbers that begin with a birth date. Written here because stdnum's ask the clock.

A number of somebody not yet born passes; years are taken in whichever century the number allows.
"""

from __future__ import annotations

import calendar
import re

from gateway.recognition.checks.card import has_luhn_digit

_SEPARATORS = str.maketrans("", "", " -+./")
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SWEDISH = re.compile(r"(?:19|20)?(\d{6})[-+ ]?(\d{4})")
_PESEL_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_PESEL_CENTURIES = {0: 1900, 1: 2000, 4: 1800}
_NORWEGIAN = ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
_HALF = 50
"""Two-digit years below it may be of this century."""
_LONG, _SHORT = 11, 10
_FIRST_LONG_RC = 54
"""Birth numbers have ten digits since 1954."""


def _digits(text: str, *lengths: int) -> str:
    """Give the digits without separators, or nothing where there is more or their number is another."""
    bare = text.translate(_SEPARATORS)
    return bare if len(bare) in lengths and bare.isascii() and bare.isdigit() else ""


def _is_day(year: int, month: int, day: int) -> bool:
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month]):  # noqa: PLR2004 months
        return False
    return month != 2 or day < 29 or calendar.isleap(year)  # noqa: PLR2004 leap days


def is_belgian(text: str) -> bool:
    """Rijksregisternummer: yymmdd, serial, MOD 97 (2 before it for births since 2000); month and day may be unknown."""
    digits = _digits(text, _LONG)
    if not digits or int(digits[2:4]) > 12 or digits == "0" * _LONG:  # noqa: PLR2004 months
        return False
    key = int(digits[9:])
    is_young = int(digits[:2]) < _HALF and key == 97 - int("2" + digits[:9]) % 97
    return is_young or key == 97 - int(digits[:9]) % 97


def is_danish(text: str) -> bool:
    """CPR: ddmmyy and a serial that tells the century; the check digit is no longer given."""
    digits = _digits(text, _SHORT)
    if not digits:
        return False
    year, serial = int(digits[4:6]), digits[6]
    if serial in "5678" and year >= 58:  # noqa: PLR2004 the register's table
        century = 1800
    else:
        century = 1900 if serial in "0123" or (serial in "49" and year >= 37) else 2000  # noqa: PLR2004 as above
    return _is_day(century + year, int(digits[2:4]), int(digits[:2]))


def is_swedish(text: str) -> bool:
    """Personnummer, with or without its century: date and Luhn; the day of a coordination number has 60 added."""
    match = _SWEDISH.fullmatch(text)
    if match is None:
        return False
    date = match[1]
    day = int(date[4:]) % 60
    if not any(_is_day(century + int(date[:2]), int(date[2:4]), day) for century in (1900, 2000)):
        return False
    return has_luhn_digit(date + match[2])


def is_norwegian(text: str) -> bool:
    """Fødselsnummer, D- and H-numbers: ddmmyy and two check digits."""
    digits = _digits(text, _LONG)
    if not digits or not all(
        sum(w * int(d) for w, d in zip(weights, digits, strict=False)) % 11 == 0 for weights in _NORWEGIAN
    ):
        return False
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    day, month = day - 40 * (day > 40), month - 40 * (month > 40)  # noqa: PLR2004 D- and H-numbers
    return any(_is_day(century + year, month, day) for century in (1900, 2000))


def is_pesel(text: str) -> bool:
    """PESEL: the month tells the century, the last digit is a weighted sum."""
    digits = _digits(text, _LONG)
    if not digits:
        return False
    century = _PESEL_CENTURIES.get(int(digits[2:4]) // 20)
    if century is None or not _is_day(century + int(digits[:2]), int(digits[2:4]) % 20, int(digits[4:6])):
        return False
    return (sum(w * int(d) for w, d in zip(_PESEL_WEIGHTS, digits, strict=False)) + int(digits[10])) % 10 == 0


def is_birth_number(text: str) -> bool:
    """Czech or Slovak rodné číslo: months of women + 50, of later series + 20; nine digits (to 1953) have no check."""
    digits = _digits(text, _SHORT, _SHORT - 1)
    if not digits:
        return False
    year = int(digits[:2])
    is_old = len(digits) < _SHORT
    if is_old and 53 < year < 80:  # noqa: PLR2004 nine digits end in 1953
        return False
    century = 1900 if is_old or year >= _FIRST_LONG_RC else 2000
    if not _is_day(century + year, int(digits[2:4]) % 50 % 20, int(digits[4:6])):
        return False
    return is_old or int(digits[:-1]) % 11 % 10 == int(digits[-1])
