"""IBANs in texts: any case, grouped by anything short, before or after a word without a space.

The country says how many characters belong to it, so the words after it are never swallowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from gateway.recognition.checks.iban import IBAN_LENGTHS, compact, is_iban
from gateway.recognition.shapes.draft import Piece

_SEPARATOR = r"[ \t\n\r.\-_/:]{0,3}"
_HEAD = re.compile(
    rf"([A-Za-z])(?={_SEPARATOR}([A-Za-z]){_SEPARATOR}[0-9OoIl]{_SEPARATOR}[0-9OoIl]{_SEPARATOR}[A-Za-z0-9])"
)
"""The country's letters; only the first is consumed, so that the next may begin right after it."""
_LETTER_FOR_DIGIT = re.compile(r"[OIL]")
_READ_AS_DIGITS = str.maketrans("OoIlL", "00111")
"""Letters that read as digits: an IBAN with them was copied by eye."""
_SLACK = 2
"""Characters too few or too many that still make a mistyped IBAN."""
_MIN_DIGITS = 10
"""One in a hundred runs of words and numbers has the right remainder; none of them is an IBAN with fewer."""


def find(text: str) -> Iterator[Piece]:
    """Give IBANs; a right shape with a wrong check digit or up to two characters off is given as not checked."""
    position = 0
    for head in _HEAD.finditer(text):
        country = f"{head[1]}{head[2]}".upper()
        if head.start() < position or country not in IBAN_LENGTHS:
            continue
        piece = _at(text, head.start(), country)
        if piece is not None:
            yield piece
            position = piece.end


def _at(text: str, start: int, country: str) -> Piece | None:
    whole = _body(IBAN_LENGTHS[country]).match(text, start)
    if whole:
        bare = compact(whole[0])
        is_valid = is_iban(bare) or (_LETTER_FOR_DIGIT.search(bare) is not None and is_iban(_digits_read(bare)))
        if is_valid and _count_digits(bare) >= _MIN_DIGITS:
            return Piece(start, whole.end(), "iban")
    return _mistyped(text, start, country)


def _digits_read(bare: str) -> str:
    return bare[:2] + bare[2:].translate(_READ_AS_DIGITS)


def _count_digits(bare: str) -> int:
    return sum(char.isdigit() for char in bare)


def _mistyped(text: str, start: int, country: str) -> Piece | None:
    """The shape alone, in one case: as many characters as the country's IBANs have, or nearly so."""
    match = _grouped(IBAN_LENGTHS[country]).match(text, start)
    if match is None:
        return None
    bare = compact(match[0])
    if _count_digits(bare) < _MIN_DIGITS or abs(len(bare) - IBAN_LENGTHS[country]) > _SLACK:
        return None
    return Piece(start, match.end(), "iban", is_checked=False)


@cache
def _body(length: int) -> re.Pattern[str]:
    """Exactly so many characters; bounded, and a separator is never a character, so one way to match."""
    return re.compile(rf"[A-Za-z0-9](?:{_SEPARATOR}[A-Za-z0-9]){{{length - 1}}}(?![0-9])")


@cache
def _grouped(length: int) -> re.Pattern[str]:
    """A run of capitals and digits (or small letters and digits) in one piece or in groups; words do not count."""
    rest = length + _SLACK - 4
    capitals = rf"[A-Z]{{2}}[ -]?[0-9]{{2}}(?:[ .\-]?[A-Z0-9]){{10,{rest}}}"
    small = rf"[a-z]{{2}}[0-9]{{2}}(?:[ -]?[a-z0-9]){{10,{rest}}}"
    return re.compile(rf"(?:{capitals}|{small})(?![A-Za-z0-9])")
