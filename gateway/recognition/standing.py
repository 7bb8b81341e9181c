"""Words that name no person, told before anything looks for people: they stay, whoever the row is (T14).

Towns and organisations of several words, towns after a word of place, what a school or hospital is called after;
parts of subjects' names that are ordinary words and are written as such.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.recognition.folding import words
from gateway.recognition.names import FIRST, LAST, PLACE
from gateway.recognition.names.lexicon import phrases
from gateway.recognition.names.tokens import (
    CAPITAL,
    COMMON,
    DETERMINER,
    INITIAL,
    INSTITUTION,
    JOINER,
    LISTED,
    NAME,
    NAMED,
    PARTICLE,
    STANDS,
    TITLE,
    UPPER,
    VERB,
    WORD,
    Tokens,
)

COMPANY: Final = re.compile(
    r"(?:,?\s+|,\s*)(?:GmbH|mbH|AG|KG|KGaA|OHG|UG|GbR|e\.\s?K|e\.\s?V|SE|SA|SAS|SARL|SCI|S\.\s?A|EURL|SpA|S\.?p\.?A|S\.?[rR]\.?[lL]|"
    r"SL|S\.\s?L|NV|BV|N\.V|B\.V|Ltd|LTD|Limited|LLC|LLP|PLC|plc|Inc|Corp|Oy|AB|A/S|ASA|s\.\s?r\.\s?o|a\.\s?s|spol\.|sp\.\s?z|"
    r"Kft|Zrt|Lda|& (?:Co|Sons|Söhne|Partner|Cie|Fils|Figli|Hijos|Zonen|syn)|Group|Holding|Bank|Banka|Versicherung)\b"
)
"""A legal form: what stands before it is a firm."""
_LOCATIVE: Final = words(
    "in at near from im nach aus bei a en dans chez vers depuis desde hacia presso te naar uit v ve z ze do w we em"
)
_OF: Final = words("de di of d' du del von van da")
"""Stands in names too: only after a word that is none."""
_KEPT: Final = CAPITAL | UPPER | WORD
_MOST_NAMED: Final = 3


def settle(tokens: Tokens) -> None:
    """Take from words that stay what else is known of them; after `look_up`, before claims and people."""
    heads, bits, flat = phrases(), tokens.bits, is_flat(tokens)
    for number, key in enumerate(tokens.keys):
        one = bits[number]
        if one & LISTED and one & WORD and not _is_told(tokens, number, flat=flat):
            bits[number] = one = one & ~LISTED
        if one & NAMED and not _is_in_name(tokens, number):
            _stand(tokens, number + 1, _end_of_named(tokens, number + 1))
        if not one & CAPITAL:
            continue
        if key in heads:
            _stand(tokens, number, _end_of_phrase(tokens, number, heads[key]))
        if one & PLACE and one & LAST and not one & FIRST and _is_located(tokens, number):
            _stand(tokens, number, number + 1)


def is_flat(tokens: Tokens) -> bool:
    """Do capitals say nothing here: a text in small letters but for its first word and codes, or in capitals."""
    bits = tokens.bits
    if not any(one & CAPITAL and not one & UPPER for one in bits[1:]):
        return True
    return 2 * sum(1 for one in bits if one & UPPER) > len(bits)


def drop_firms(tokens: Tokens, marks: bytearray) -> None:
    """Take the marks from words that a legal form follows."""
    first = marks.find(1)
    while first >= 0:
        past = marks.find(0, first)
        past = past if past >= 0 else len(marks)
        if COMPANY.match(tokens.text, tokens.ends[past - 1]):
            marks[first:past] = bytes(past - first)
        first = marks.find(1, past)


def _is_told(tokens: Tokens, number: int, *, flat: bool) -> bool:
    """Is a listed part that is an ordinary word meant as a name: `Betrag zu klein` is no Mr Klein."""
    bits = tokens.bits[number]
    if flat:
        return not bits & COMMON or _acts(tokens, number) or _is_beside_listed(tokens, number)
    if not bits & CAPITAL:
        return False
    return not tokens.is_opening(number) or not bits & COMMON or _acts(tokens, number)


def _is_beside_listed(tokens: Tokens, number: int) -> bool:
    return any(
        0 <= other < len(tokens)
        and tokens.is_joined(max(number, other))
        and tokens.bits[other] & LISTED
        and not tokens.bits[other] & (PARTICLE | DETERMINER | JOINER)
        for other in (number - 1, number + 1)
    )


def _acts(tokens: Tokens, number: int) -> bool:
    """What a verb of speaking or a genitive's ending follows is somebody."""
    after = number + 1
    if tokens.text[tokens.ends[number] : tokens.ends[number] + 2] in {"'s", "’s"}:
        return True
    return after < len(tokens) and tokens.gap(after) == " " and bool(tokens.bits[after] & VERB)


def _stand(tokens: Tokens, start: int, end: int) -> None:
    for number in range(start, end):
        tokens.bits[number] = tokens.bits[number] & _KEPT | PLACE | STANDS


def _end_of_phrase(tokens: Tokens, number: int, rests: tuple[tuple[str, ...], ...]) -> int:
    """Where the town or organisation that begins here ends; its beginning, where none does."""
    for rest in rests:
        end = number + 1 + len(rest)
        if (
            end <= len(tokens)
            and tuple(tokens.keys[number + 1 : end]) == rest
            and all(_is_beside(tokens, one) for one in range(number + 1, end))
            and tokens.bits[end - 1] & CAPITAL
        ):
            return end
    return number


def _is_beside(tokens: Tokens, number: int) -> bool:
    return tokens.gap(number) in {" ", "-", "\u00a0", " & "}


def _is_in_name(tokens: Tokens, number: int) -> bool:
    """`Pedro Iglesia Mora`, `PLAZA GARCIA`: a family is called as a building is."""
    before = tokens.bits[number - 1] if number and tokens.is_joined(number) else 0
    return bool(before & NAME and before & CAPITAL) or bool(
        tokens.bits[number] & LISTED and tokens.bits[number] & UPPER
    )


def _is_located(tokens: Tokens, number: int) -> bool:
    """A town after a word of place: `in Lincoln`, `agence de Lyon`."""
    before = number - 1
    if number == 0 or tokens.gap(number) not in {" ", ""}:
        return False
    after = tokens.bits[number + 1] if number + 1 < len(tokens) and tokens.is_joined(number + 1) else 0
    if after & CAPITAL and after & (NAME | INITIAL):
        return False
    key = tokens.keys[before]
    if key in _LOCATIVE:
        return not tokens.bits[before] & CAPITAL
    if key not in _OF or before == 0 or tokens.gap(before) != " ":
        return False
    return not tokens.bits[before - 1] & (CAPITAL | NAME | TITLE)


def _end_of_named(tokens: Tokens, start: int) -> int:
    """Where the words that a school, hospital or square is called after end."""
    end = start
    while end < len(tokens) and end - start < _MOST_NAMED and tokens.is_joined(end):
        bits = tokens.bits[end]
        is_inner = bool(bits & PARTICLE) and end + 1 < len(tokens) and bool(tokens.bits[end + 1] & CAPITAL)
        if not is_inner and (not bits & CAPITAL or bits & (TITLE | INITIAL | INSTITUTION)):
            break
        end += 1
    return end
