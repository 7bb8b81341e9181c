"""Names that are ordinary words, or stand alone, told by the place where they stand.

They hold where none but names have capitals, and in texts that have both cases: the caller MUST see to that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from gateway.recognition.names import FIRST, PLACE
from gateway.recognition.names.tokens import (
    CAPITAL,
    COMMON,
    CUE,
    DEGREE,
    DETERMINER,
    INSTITUTION,
    JOINER,
    NAME,
    PARTICLE,
    STANDS,
    TITLE,
    UPPER,
    VERB,
    Tokens,
)

SPEAKS: Final = TITLE | CUE | VERB | INSTITUTION | DEGREE
"""What says something of a name beside it and is none."""
ORDINALS: Final = frozenset({"II", "III", "IV", "Jr", "JR", "Sr", "Junior", "Senior"})
"""After a family name."""
_NEVER_AGAIN: Final = STANDS | UPPER | PLACE | SPEAKS | PARTICLE | DETERMINER | JOINER
_MIN_REPEATED: Final = 3


def is_dotted(tokens: Tokens, number: int) -> bool:
    """A full stop follows: `Dr.`, `J.`."""
    return tokens.text[tokens.ends[number] : tokens.ends[number] + 1] == "."


def is_odd_name(tokens: Tokens, number: int) -> bool:
    """A name that may be a frequent word, where its capital says that it is none: `her maiden name is Key`."""
    bits = tokens.bits[number]
    return (
        bool(bits & NAME and bits & CAPITAL) and not bits & (UPPER | PLACE | SPEAKS) and not tokens.is_opening(number)
    )


def is_addressed(tokens: Tokens, number: int) -> bool:
    """`Ella: I see`, `Grace, can you`, `wait, Mark!`: a first name that speaks, or that somebody is called by."""
    bits = tokens.bits[number]
    if not bits & FIRST or not bits & CAPITAL or bits & (PLACE | SPEAKS | UPPER):
        return False
    after = tokens.text[tokens.ends[number] : tokens.ends[number] + 2]
    if number and tokens.gap(number) == ", " and after[:1] in {"!", "?"}:
        return True
    if bits & COMMON:
        return False
    heads_line = number == 0 or "\n" in tokens.gap(number)
    return (after == ": " and heads_line) or (after == ", " and tokens.is_opening(number))


def has_middle_letter(tokens: Tokens, number: int) -> bool:
    """A letter alone stands between this word and another: `peter l. schmidt`."""
    middle = number + 1
    if middle + 1 >= len(tokens) or len(tokens.words[middle]) > 1 or tokens.bits[middle] & JOINER:
        return False
    return tokens.is_joined(middle)


def repeated(tokens: Tokens, marks: bytearray, taken: set[str]) -> Iterator[int]:
    """A person's capitalised words where they stand again: `Anna Key called. We told Key …`.

    Args:
        tokens: the text's.
        marks: 1 for each word that stands for a person.
        taken: words of people that something else has found.
    """
    named = taken.union(itertools.compress(tokens.words, marks))
    for number, word in enumerate(tokens.words):
        if word not in named or marks[number] or len(word) < _MIN_REPEATED:
            continue
        bits = tokens.bits[number]
        if bits & CAPITAL and not bits & _NEVER_AGAIN and not (bits & COMMON and tokens.is_opening(number)):
            yield number
