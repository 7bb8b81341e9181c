"""People whom no row knows: by title, cue, list of names, shape and signature. Rules of letters, no phrases.

What is removed depends on the text, its language and the list of all subjects' names, never on whose row it is (T14).
A name that is an ordinary word (Klein, Rose, Winter) needs more than itself: a title, a cue, a first name beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from gateway.recognition import telling
from gateway.recognition.names import FIRST, LAST, PLACE
from gateway.recognition.names.tokens import (
    CAPITAL,
    CLOSING,
    COMMON,
    COPULA,
    CUE,
    DEGREE,
    DETERMINER,
    INITIAL,
    INSTITUTION,
    JOINER,
    LISTED,
    NAME,
    PARTICLE,
    TITLE,
    UPPER,
    VERB,
    WORD,
    Tokens,
)
from gateway.recognition.standing import COMPANY, drop_firms, is_flat
from gateway.recognition.telling import SPEAKS

_INTERESTING: Final = NAME | TITLE | DEGREE | CUE | VERB | LISTED | INITIAL | CLOSING
_MOST_PARTS: Final = 4
_MOST_STEPS: Final = 12
"""Titles, initials and particles in a row that are looked at: a text of nothing else costs no more than its length."""
_MIN_LOWER: Final = 4
_TITLE_GAP: Final = 3
_MIN_UNKNOWN: Final = 3


class People:
    """The words of one text that stand for people."""

    __slots__ = ("_is_flat", "has_capital_nouns", "marks", "named", "tokens")

    def __init__(self, tokens: Tokens, *, has_capital_nouns: bool) -> None:
        """Look at the words whose bits are not 0; the others are taken by something else that is removed."""
        self.tokens = tokens
        self.has_capital_nouns = has_capital_nouns
        self.marks = bytearray(len(tokens))
        self._is_flat = False
        self.named: set[str] = set()
        """Words of people that something else has taken; the same word elsewhere is one too."""

    def find(self) -> None:
        """Mark every word that stands for a person; what adheres to them is marked by `add`."""
        bits = self.tokens.bits
        self._is_flat = is_flat(self.tokens)
        for number, one in enumerate(bits):
            if not one & _INTERESTING or self.marks[number]:
                continue
            if one & TITLE or (one & DEGREE and telling.is_dotted(self.tokens, number)):
                self._after_title(number)
            elif one & CUE:
                self._after_cue(number)
            if one & LISTED and not self._is_filler(number):
                self.marks[number] = 1
            if one & NAME:
                self._by_list(number)
            if one & INITIAL:
                self._by_initial(number)
            if one & VERB:
                self._before_verb(number)
            if one & CLOSING:
                self._after_closing(number)

    @property
    def _has_telling_capitals(self) -> bool:
        return not self._is_flat and not self.has_capital_nouns

    def spans(self) -> list[tuple[int, int]]:
        """Neighbouring marked words as one span each, in characters of the folded text."""
        tokens, found = self.tokens, list[tuple[int, int]]()
        if 1 not in self.marks:
            return found
        for number, mark in enumerate(self.marks):
            if not mark:
                continue
            start, end = tokens.starts[number], tokens.ends[number]
            goes_on = bool(found and number and self.marks[number - 1])
            if goes_on and (tokens.is_joined(number) or self._is_reversed(number)):
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found

    def add(self, numbers: Iterable[int]) -> None:
        """Mark words that something else found, and what adheres to them."""
        for number in numbers:
            self.marks[number] = 1
        self._spread()
        if self._has_telling_capitals and (self.named or 1 in self.marks):
            for number in telling.repeated(self.tokens, self.marks, self.named):
                self.marks[number] = 1
        drop_firms(self.tokens, self.marks)

    def unknown(self) -> list[int]:
        """Capitalised words that nothing explains: what a language model, or strict mode, is for."""
        tokens = self.tokens
        return [
            number
            for number, bits in enumerate(tokens.bits)
            if bits & CAPITAL
            and not self.marks[number]
            and not bits & (PLACE | INITIAL | SPEAKS | COMMON)
            and not (bits & WORD and (not bits & NAME or tokens.is_opening(number)))
            and not (bits & UPPER and not bits & NAME)
            and len(tokens.words[number]) >= _MIN_UNKNOWN
        ]

    def unexplained(self, *, has_all_words: bool = False) -> list[int]:
        """The unknown words whose capital says something: no sentence's or line's first word, or two side by side.

        Args:
            has_all_words: the language's words are known so well that an unknown first word is likely a name too.
        """
        tokens, unknown = self.tokens, set(self.unknown())
        if has_all_words:
            return sorted(unknown)
        return [
            number
            for number in sorted(unknown)
            if not tokens.is_opening(number)
            or (number + 1 in unknown and tokens.is_joined(number + 1) and not self.has_capital_nouns)
        ]

    def _is_filler(self, number: int) -> bool:
        """A listed part that is a particle or a frequent short word, in lower case: `van`, `an`."""
        bits = self.tokens.bits[number]
        return bool(
            bits & (PARTICLE | DETERMINER | JOINER) or (bits & COMMON and not bits & CAPITAL and self._is_short(number))
        )

    def _is_short(self, number: int) -> bool:
        return len(self.tokens.words[number]) < _MIN_LOWER

    def _is_open(self, number: int) -> bool:
        """A capitalised word that is a name or unknown, and nothing else."""
        bits = self.tokens.bits[number]
        if not bits & CAPITAL or bits & (INITIAL | SPEAKS) or (bits & PLACE and not bits & NAME):
            return False
        return not bits & WORD or bool(bits & NAME and not bits & COMMON)

    def _is_plain_name(self, number: int) -> bool:
        """A name that is no word of the language, whatever its case."""
        bits = self.tokens.bits[number]
        return bool(bits & NAME) and not bits & (WORD | PLACE | SPEAKS)

    def _mark(self, start: int, end: int) -> None:
        for number in range(start, end):
            self.marks[number] = 1

    def _after_title(self, number: int) -> None:
        start = self._past(number + 1, TITLE | DEGREE, self._follows)
        if start < len(self.tokens) and self._follows(start) and self._fits_title(start):
            self._mark(start, self._end_of_name(start))

    def _follows(self, number: int) -> bool:
        gap = self.tokens.gap(number)
        return len(gap) <= _TITLE_GAP and "\n" not in gap and gap.strip(" .\u00a0") == ""

    def _fits_title(self, number: int) -> bool:
        bits, word = self.tokens.bits[number], self.tokens.words[number]
        if bits & (CUE | VERB) and not bits & NAME:
            return False
        if bits & INITIAL or (bits & PARTICLE and not bits & CAPITAL):
            after = self._past_particles(number)
            return after < len(self.tokens) and bool(self.tokens.bits[after] & CAPITAL or self._is_plain_name(after))
        if bits & CAPITAL and not self._is_flat:
            return not bits & COMMON or bool(bits & NAME)
        return (not bits & WORD or bool(bits & NAME and not bits & COMMON)) and len(word) >= _MIN_UNKNOWN

    def _past_particles(self, number: int) -> int:
        """The first word from here on that is no particle or initial."""
        return self._past(number, PARTICLE | INITIAL, self.tokens.is_joined)

    def _past(self, number: int, bits: int, is_near: Callable[[int], bool]) -> int:
        """The first word from here on without these bits, or far from the one before; some further at most."""
        last = min(number + _MOST_STEPS, len(self.tokens))
        while number < last and self.tokens.bits[number] & bits and is_near(number):
            number += 1
        return number

    def _end_of_name(self, start: int) -> int:
        """The end of the name that begins here: at most four words, particles and initials between them."""
        tokens, number, parts = self.tokens, start, 0
        last = min(start + _MOST_STEPS, len(tokens))
        while number < last and parts < _MOST_PARTS and (number == start or tokens.is_joined(number)):
            bits = tokens.bits[number]
            if bits & PARTICLE and not bits & INITIAL and number + 1 < len(tokens):
                after = self._past_particles(number + 1)
                if after >= len(tokens) or not (self._is_open(after) or self._is_plain_name(after)):
                    break
            elif not (bits & INITIAL or number == start or self._continues(number)):
                break
            parts += not bits & (PARTICLE | INITIAL)
            number += 1
        return max(number, start + 1)

    def _continues(self, number: int) -> bool:
        tokens = self.tokens
        if self._is_open(number) and not (self._is_flat and not tokens.bits[number] & NAME):
            return True
        after_first = bool(tokens.bits[number - 1] & FIRST) and bool(tokens.bits[number] & LAST)
        return (after_first and bool(tokens.bits[number] & CAPITAL)) or (self._is_flat and self._is_plain_name(number))

    def _after_cue(self, number: int) -> None:
        start = number + 1
        is_told = start < len(self.tokens) and self.tokens.bits[start] & COPULA and self.tokens.gap(start) == " "
        start += bool(is_told)
        if start >= len(self.tokens) or not _CUE_GAP.fullmatch(self.tokens.gap(start)):
            return
        if self._fits_cue(start) or (is_told and self._is_odd_name(start)):
            self._mark(start, self._end_of_name(start))

    def _is_odd_name(self, number: int) -> bool:
        return self._has_telling_capitals and telling.is_odd_name(self.tokens, number)

    def _fits_cue(self, number: int) -> bool:
        bits = self.tokens.bits[number]
        if bits & CAPITAL and bits & (INITIAL | PARTICLE) and number + 1 < len(self.tokens):
            return self._is_open(number + 1)
        if self._is_open(number) and (bits & NAME or self._is_flat or not bits & UPPER):
            return not bits & PLACE
        if self._is_plain_name(number):
            return not self._is_short(number)
        return bool(bits & FIRST and bits & CAPITAL) and not self._is_flat and not bits & SPEAKS

    def _by_list(self, number: int) -> None:
        """A listed name: with another beside it, or alone where it is no ordinary word."""
        tokens = self.tokens
        if self._has_telling_capitals and telling.is_addressed(tokens, number):
            self.marks[number] = 1
        if self._is_pair(number, number + 1):
            self._mark(number, number + 2)
            return
        if telling.has_middle_letter(tokens, number) and self._is_pair(number, number + 2):
            self._mark(number, number + 3)
            return
        after = self._past_particles(number + 1)
        is_parted = after > number + 1 and after < len(tokens) and bool(tokens.bits[number] & FIRST)
        if is_parted and self._is_pair(number, after) and tokens.bits[number] & tokens.bits[after] & CAPITAL:
            self._mark(number, after + 1)
            return
        bits = tokens.bits[number]
        if bits & (COMMON | PLACE | SPEAKS) or self._is_short(number):
            return
        is_rare = self._is_flat and not bits & WORD and len(tokens.words[number]) > _MIN_LOWER
        if is_rare or (bits & CAPITAL and self._stands_alone(number)):
            self.marks[number] = 1

    def _stands_alone(self, number: int) -> bool:
        """A capitalised listed name without a partner: is it a person all the same."""
        tokens, before = self.tokens, self.tokens.bits[number - 1] if number else 0
        if before & INSTITUTION and tokens.is_joined(number):
            return False
        if not tokens.bits[number] & WORD:
            return True
        return not tokens.is_opening(number) and not before & DETERMINER and not tokens.bits[number] & UPPER

    def _is_pair(self, number: int, after: int) -> bool:
        """First and last name side by side, in either order, in any case; one of the two is no frequent word."""
        tokens = self.tokens
        if after >= len(tokens) or not (tokens.is_joined(after) or self._is_reversed(after)):
            return False
        one, other = tokens.bits[number], tokens.bits[after]
        if not (other & NAME and (one & FIRST or other & FIRST)) or (one | other) & SPEAKS:
            return False
        if one & CAPITAL and other & CAPITAL and not self._is_flat:
            is_plain = bool(one & FIRST and other & LAST) and not self.has_capital_nouns
            return (is_plain or not (one & COMMON and other & COMMON)) and not (one & PLACE and other & PLACE)
        return not (one | other) & COMMON and not (one & WORD and other & WORD) and not (one | other) & PLACE

    def _is_reversed(self, number: int) -> bool:
        """`Novák, Jan`: a comma between two capitalised words."""
        return self.tokens.gap(number) in {", ", ","} and bool(
            self.tokens.bits[number] & CAPITAL and self.tokens.bits[number - 1] & CAPITAL
        )

    def _by_initial(self, number: int) -> None:
        """`J. Smith`, `A.-M. Dupont`, `Smith J.`."""
        tokens, after = self.tokens, self._past_particles(number + 1)
        if not telling.is_dotted(self.tokens, number):
            return
        if after < len(tokens) and tokens.is_joined(after) and self._is_after_initial(after):
            self._mark(number, self._end_of_name(after))
        elif (
            number
            and tokens.gap(number) in {" ", ", "}
            and self._is_open(number - 1)
            and tokens.bits[number - 1] & NAME
        ):
            self._mark(number - 1, number + 1)

    def _is_after_initial(self, number: int) -> bool:
        """A capitalised name, even one that is a frequent word: `N. Black`."""
        bits = self.tokens.bits[number]
        return self._is_open(number) or bool(bits & LAST and bits & CAPITAL and not bits & (PLACE | SPEAKS))

    def _before_verb(self, number: int) -> None:
        """An unknown capitalised word that speaks, calls or asks."""
        before = number - 1
        if number == 0 or self.tokens.gap(number) != " " or not self._is_open(before):
            return
        bits = self.tokens.bits[before]
        if (
            not bits & UPPER
            and (bits & NAME or not bits & (WORD | PLACE))
            and not (before and self.tokens.bits[before - 1] & DETERMINER)
        ):
            self.marks[before] = 1

    def _after_closing(self, number: int) -> None:
        """The name below a letter's closing words."""
        tokens, after = self.tokens, self._past(number + 1, TITLE | DEGREE | DETERMINER, self._signs_off)
        if after < len(tokens) and self._signs_off(after) and self._signs(after):
            self._mark(after, self._end_of_name(after))

    def _signs_off(self, number: int) -> bool:
        return _CLOSING_GAP.fullmatch(self.tokens.gap(number)) is not None

    def _signs(self, number: int) -> bool:
        bits = self.tokens.bits[number]
        if self._is_open(number) or (bits & INITIAL and number + 1 < len(self.tokens) and self._is_open(number + 1)):
            return True
        return bool(bits & NAME) and bool(bits & CAPITAL or not bits & WORD) and not bits & PLACE

    def _spread(self) -> None:
        """Take unknown capitalised neighbours, initials and particles of a person into the name."""
        tokens = self.tokens
        if 1 not in self.marks:
            return
        marks, count = self.marks, len(self.marks)
        number = marks.find(1) + 1
        while 0 < number < count:
            if not marks[number] and self._adheres(number):
                marks[number] = 1
            number = marks.find(1, number) + 1
        for number in range(1, count - 1):
            if marks[number - 1] != marks[number + 1] and tokens.bits[number] & JOINER:
                self._join(number)
        for number in range(count - 2, -1, -1):
            if marks[number + 1] and not marks[number] and tokens.is_joined(number + 1):
                bits = tokens.bits[number]
                is_part = self._is_open(number) or bits & INITIAL or (bits & FIRST and self._is_odd_name(number))
                if is_part and not (bits & UPPER and not bits & NAME):
                    self.marks[number] = 1

    def _join(self, number: int) -> None:
        """`Anna and Xyz`: what is joined to a person by a small word, and unknown, is one too."""
        tokens, other = self.tokens, number + 1 if self.marks[number - 1] else number - 1
        bits = tokens.bits[other]
        if tokens.gap(number) == tokens.gap(number + 1) == " " and (
            (self._is_open(other) and not bits & (UPPER | WORD | PLACE)) or self._is_odd_name(other)
        ):
            self.marks[other] = 1

    def _adheres(self, number: int) -> bool:
        tokens, bits = self.tokens, self.tokens.bits[number]
        if not tokens.is_joined(number) or COMPANY.match(tokens.text, tokens.ends[number - 1]):
            return False
        if bits & INITIAL:
            return tokens.text[tokens.ends[number] : tokens.ends[number] + 1] in {".", ",", ""}
        if bits & PARTICLE:
            return number + 1 < len(tokens) and tokens.is_joined(number + 1) and self._is_open(number + 1)
        if self._is_flat and not bits & NAME:
            return (
                bool(tokens.bits[number - 1] & FIRST)
                and not bits & (WORD | PLACE | SPEAKS)
                and not self._is_short(number)
            )
        return self._is_open(number) or self._after_first(number) or tokens.words[number] in telling.ORDINALS

    def _after_first(self, number: int) -> bool:
        bits = self.tokens.bits[number]
        if not bits & CAPITAL or not self.tokens.bits[number - 1] & FIRST or bits & (TITLE | VERB | DEGREE):
            return False
        # Where only names have capitals, one after a first name is a name, be it a word or not.
        return bool(bits & LAST) or not (self.has_capital_nouns or bits & (UPPER | COMMON))


_CLOSING_GAP: Final = re.compile(r"[\s,.!:;-]{1,6}")
_CUE_GAP: Final = re.compile(r"[ \u00a0]{1,2}|:[ \t\n]{0,8}|\.:? ?| [-–:] |[,(] ?| \(|/ ?|\n")
