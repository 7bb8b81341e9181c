"""The row's own values in a text: the name in all its forms, the others on their letters and digits alone.

`own` is told for a value in full only (a name: two parts, or a part and an initial). A single part of the row's name
is claimed only where it is no ordinary word, so that a letter sent to many spells nobody's name (T14).
Costs the same for any number of words: no pattern is built per row.
"""

from __future__ import annotations

import datetime
import functools
import operator
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from gateway.recognition import dates
from gateway.recognition.folding import fold, words_folded
from gateway.recognition.names import Role, collapsed, is_form, roles, within_one
from gateway.recognition.names.tokens import NAME, PARTICLE, STANDS, WORD, Tokens
from gateway.terms.recognition import KINDS, Kind


class Claim(NamedTuple):
    """A piece of a folded text that is to be removed."""

    start: int
    end: int
    kind: Kind
    own: str | None = None
    """The role whose value stands there in full."""
    is_checked: bool = True


_WORDS: Final = re.compile(r"[^\W\d_]+")
_DIGIT: Final = re.compile(r"\d")
_NUMBER: Final = re.compile(r"\d+")
_ASCII_SIGNS: Final = {code: None for code in range(128) if not chr(code).isalnum()}
_NOT_ALNUM: Final = re.compile(r"[\W_]+")
_ALNUM: Final = re.compile(r"[^\W_]+")
_PHONE_TAIL: Final = 8
_MIN_VALUE: Final = 5
_MIN_SINGLE: Final = 3
_MIN_TYPO: Final = 4
_MIN_TYPO_OF_NAME: Final = 5
_LONGEST_ENDING: Final = 4
_LINES: Final = re.compile(r"[,;\n]")
_STREETS: Final = ("strasse", "str")
_BETWEEN: Final = re.compile(r"[ ,.\u00a0-]{0,3}")
_APART: Final = re.compile(r"[\s,;.()/-]{1,4}")
_BEFORE_PHONE: Final = re.compile(r"[+(\d][\d ()./+-]{0,14}$")


def find(known: Mapping[str, str], tokens: Tokens, *, language: str) -> list[Claim]:
    """Give the claims of the row's values upon a folded text, in no order, overlapping where the values do."""
    found: list[Claim] = []
    text = tokens.text
    has_digits = _DIGIT.search(text) is not None
    compact: _Compact | None = None
    for role, value in known.items():
        if role == "name":
            found += _Name(value, language).claims(tokens)
        elif role == "email":
            found += _emails(value, text) if "@" in text else ()
        elif not has_digits and _DIGIT.search(value):
            continue
        elif role == "birth_date":
            found += _births(value, text)
        else:
            compact = compact or _Compact(text)
            found += _addresses(value, compact) if role == "address" else compact.claims(role, value)
    return found


class _Name:
    """The parts of one person's name, ready to be compared; a set of parts is a number with a bit for each."""

    __slots__ = ("_exact", "_language", "_parts")

    def __init__(self, name: str, language: str) -> None:
        self._language = language
        folded = [words_folded(word) for word in _WORDS.findall(name if name.isascii() else fold(name).text)]
        self._parts = [part for part in dict.fromkeys(folded) if len(part) > 1 and part not in _titles()]
        self._exact = {part: 1 << number for number, part in enumerate(self._parts)}
        if len(self._parts) > 1:
            first, last, both = self._parts[0], self._parts[-1], 1 | 1 << (len(self._parts) - 1)
            self._exact[first + last] = self._exact[last + first] = both

    def claims(self, tokens: Tokens) -> Iterator[Claim]:
        """Runs of the name's parts and initials; a part alone where it is no ordinary word."""
        hits = self._hits(tokens) if self._parts else {}
        past = 0
        for number in list(hits):
            if number >= past:
                start, past = self._run(number, hits, tokens)
                found = self._claim(start, past, hits, tokens)
                if found:
                    yield found

    def _hits(self, tokens: Tokens) -> dict[int, int]:
        """The parts that a word stands for, by the word's number, in order."""
        exact, hits = self._exact, dict[int, int]()
        for number, (key, bits) in enumerate(zip(tokens.keys, tokens.bits, strict=True)):
            if bits & STANDS:
                continue
            if key in exact:
                hits[number] = exact[key]
            elif not bits & WORD and len(key) >= _MIN_SINGLE:
                hit = self._hyphened(key) if "-" in key else self._form_of(key, bits)
                if hit:
                    hits[number] = hit
        return hits

    def _hyphened(self, key: str) -> int:
        halves = [self._exact.get(half, 0) for half in key.split("-")]
        return functools.reduce(operator.or_, halves) if all(halves) else 0

    def _form_of(self, key: str, bits: int) -> int:
        """A declined form, another spelling or a typing error of a part; the word MUST be no ordinary one."""
        for number, part in enumerate(self._parts):
            if len(part) < _MIN_SINGLE or not -1 <= len(key) - len(part) <= _LONGEST_ENDING:
                continue
            if key[0] != part[0] and key[1:3] != part[1:3] and key[:2] != part[1::-1]:
                continue
            if is_form(key, part, self._language) or _is_typo(key, part, bits):
                return 1 << number
        return 0

    def _run(self, number: int, hits: dict[int, int], tokens: Tokens) -> tuple[int, int]:
        """The run of parts, initials and particles around a part, as numbers of words."""
        start = number
        while start and _is_near(start, tokens) and self._extends(start - 1, hits, tokens):
            start -= 1
        end = last = number + 1
        while end < len(tokens.keys) and _is_near(end, tokens):
            if end in hits or self._extends(end, hits, tokens):
                last = end + 1
            elif not tokens.bits[end] & PARTICLE:
                break
            end += 1
        return start, last

    def _extends(self, number: int, hits: dict[int, int], tokens: Tokens) -> bool:
        """Beside a part: an initial, or a form of another part though it is an ordinary word."""
        key = tokens.keys[number]
        if len(key) < _MIN_SINGLE:
            return self._is_initial(number, tokens)
        for place, part in enumerate(self._parts):
            if len(part) >= _MIN_SINGLE and tokens.bits[number] & WORD and is_form(key, part, self._language):
                hits[number] = 1 << place
                return True
        return False

    def _is_initial(self, number: int, tokens: Tokens) -> bool:
        key, end = tokens.keys[number], tokens.ends[number]
        is_written = tokens.words[number].isupper() or tokens.text[end : end + 1] == "."  # `k` alone is a Czech word
        return len(key) == 1 and is_written and any(part[0] == key for part in self._parts)

    def _claim(self, start: int, end: int, hits: Mapping[int, int], tokens: Tokens) -> Claim | None:
        numbers = [number for number in range(start, end) if number in hits]
        held = functools.reduce(operator.or_, [hits[number] for number in numbers])
        initials = [tokens.keys[number] for number in range(start, end) if number not in hits]
        others = {part[0] for number, part in enumerate(self._parts) if not held >> number & 1}
        if held.bit_count() > 1 or any(one in others for one in initials):
            return Claim(tokens.starts[start], tokens.ends[end - 1], "person", "name")
        hit = numbers[0]
        if tokens.bits[hit] & WORD or len(tokens.keys[hit]) < _MIN_SINGLE:
            return None
        return Claim(tokens.starts[hit], tokens.ends[hit], "person")


@functools.cache
def _titles() -> frozenset[str]:
    return frozenset(word for word, role in roles("").items() if role & (Role.TITLE | Role.DEGREE))


def _is_typo(key: str, part: str, bits: int) -> bool:
    least = _MIN_TYPO_OF_NAME if bits & NAME else _MIN_TYPO
    return min(len(key), len(part)) >= least and within_one(collapsed(key), collapsed(part))


def _is_near(number: int, tokens: Tokens) -> bool:
    return number > 0 and _BETWEEN.fullmatch(tokens.gap(number)) is not None


def _emails(value: str, text: str) -> Iterator[Claim]:
    wanted, low = value.strip().lower(), text.lower()
    if "@" not in wanted or "@" not in low or len(low) != len(text):
        return
    start = low.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (start and (low[start - 1].isalnum() or low[start - 1] in "._-+")) and not low[end : end + 1].isalnum():
            yield Claim(start, end, "email", "email")
        start = low.find(wanted, end)


def _place_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Words and numbers of an address, a street's ending cut off."""
    for match in _ALNUM.finditer(text):
        word = words_folded(match.group())
        for ending in _STREETS:
            if word.endswith(ending):
                word = word.removesuffix(ending) or "str"
                break
        yield word, match.start(), match.end()


def _addresses(value: str, compact: _Compact) -> Iterator[Claim]:
    """Runs of the address's own words and numbers, in any order: a number and a word at least."""
    if not compact.holds_any(_NUMBER.findall(value)) or not compact.holds_any(_WORDS.findall(value)):
        return
    text = compact.whole
    wanted: dict[str, set[int]] = {}
    for number, line in enumerate(_LINES.split(fold(value).text)):
        for word, _, _ in _place_words(line):
            wanted.setdefault(word, set()).add(number)
    run: list[tuple[str, int, int]] = []
    for one in (*_place_words(text), ("", len(text), len(text))):
        is_near = not run or _APART.fullmatch(text[run[-1][2] : one[1]]) is not None
        if one[0] in wanted and is_near:
            run.append(one)
            continue
        if run and (found := _address(run, wanted)):
            yield found
        run = [one] if one[0] in wanted else []


def _address(run: list[tuple[str, int, int]], wanted: Mapping[str, set[int]]) -> Claim | None:
    """An address, where a number and a word of one of its lines stand side by side: a town and a number are none."""
    words = {word for word, _, _ in run}
    numbered = {line for word in words if word[0].isdigit() for line in wanted[word]}
    worded = {line for word in words if not word[0].isdigit() and len(word) >= _MIN_SINGLE for line in wanted[word]}
    if not numbered & worded:
        return None
    return Claim(run[0][1], run[-1][2], "address", "address" if len(words) == len(wanted) else None)


def _births(value: str, text: str) -> Iterator[Claim]:
    """The birth date in any spelling, day and month in either order, the year with two digits too."""
    day = dates.parse(value)
    if day is None or f"{day.year % 100:02d}" not in text:
        return
    for at in dates.scan(text):
        if _is_same_day(text[at.start : at.end], day):
            yield Claim(at.start, at.end, "birth_date", "birth_date")


def _is_same_day(piece: str, day: datetime.date) -> bool:
    read = dates.parse(piece)
    if read is not None:
        return read.year == day.year and {read.month, read.day} == {day.month, day.day}
    numbers = [int(one) for one in re.findall(r"\d+", piece)]
    return len(numbers) == 3 and numbers[2] == day.year % 100 and set(numbers[:2]) == {day.month, day.day}  # noqa: PLR2004


class _Compact:
    """A text's letters and digits alone, folded, with the way back."""

    __slots__ = ("_at", "_text", "whole")

    def __init__(self, whole: str) -> None:
        self.whole = whole
        self._text = compacted(whole)
        self._at: list[int] = []

    def holds_any(self, words: list[str]) -> bool:
        """Say whether the beginning of any of the words stands here: a cheap no before a dear look."""
        return any(compacted(word[:_MIN_SINGLE]) in self._text for word in words)

    def claims(self, role: str, value: str) -> Iterator[Claim]:
        """Every place where the value stands, whatever is between its letters and digits."""
        wanted = compacted(value if value.isascii() else fold(value).text)
        kind: Kind = next((one for one in KINDS if one == role), "identifier")
        sought = wanted[-_PHONE_TAIL:] if role == "phone" else wanted
        start = self._text.find(sought) if len(sought) >= _MIN_VALUE else -1
        while start >= 0:
            begin, end = self._back(start, start + len(sought))
            if role == "phone":
                yield Claim(self._phone_start(begin), end, kind, role)
            elif self._is_apart(begin, end):
                yield Claim(begin, end, kind, role)
            start = self._text.find(sought, start + len(sought))

    def _phone_start(self, begin: int) -> int:
        before = _BEFORE_PHONE.search(self.whole[max(0, begin - 16) : begin])
        return begin - len(before.group()) if before else begin

    def _is_apart(self, begin: int, end: int) -> bool:
        whole = self.whole
        return not (begin and whole[begin - 1].isalnum()) and not whole[end : end + 1].isalnum()

    def _back(self, start: int, end: int) -> tuple[int, int]:
        if not self._at and self.whole.isascii():
            self._at = [index for index, char in enumerate(self.whole) if char.isalnum()]
        elif not self._at:
            for index, char in enumerate(self.whole):
                if char.isalnum():
                    self._at += [index] * len(words_folded(char))
        return self._at[start], self._at[end - 1] + 1


def compacted(text: str) -> str:
    """Give the letters and digits of a folded text alone, without case and accents; remembers nothing."""
    if text.isascii():
        return text.translate(_ASCII_SIGNS).lower()
    return words_folded.__wrapped__(_NOT_ALNUM.sub("", text))
