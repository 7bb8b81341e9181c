"""Characters of an alphabet as numbers and back, for rows that lie at even distances in a buffer."""

from __future__ import annotations

import dataclasses
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from gateway.masks.buffers import Bytes, Mask
from gateway.masks.ff1.algorithm import Numbers

SLACK: Final = 8
"""Bytes that a buffer has behind its last row: words are read past a row's end, and cut."""
WORD: Final = 8
ALPHABETS: Final = {
    "digits": b"0123456789",
    "lower": b"abcdefghijklmnopqrstuvwxyz",
    "upper": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "digits_lower": b"0123456789abcdefghijklmnopqrstuvwxyz",
    "digits_upper": b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "digits_letters": b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}
"""In the order of their symbols' numbers."""

_FOREIGN: Final = 255
_FOUR_DIGITS: Final = np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), np.uint32)
_TEN_THOUSAND: Final = np.uint64(10_000)
_EIGHT_DIGITS: Final = np.uint64(10**8)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of one width in a buffer with SLACK behind the last one."""

    body: Bytes
    start: int
    stride: int
    count: int

    def at(self, position: int, kind: npt.DTypeLike) -> npt.NDArray[np.uint64]:
        """Each row's value of a type at a position; a view."""
        return np.ndarray((self.count,), kind, self.body.data, self.start + position, (self.stride,))


class Symbols(Protocol):
    """An alphabet."""

    radix: int

    def known(self, characters: Bytes) -> Mask:
        """Which characters are symbols."""

    def read(self, rows: Rows, position: int, width: int) -> Numbers:
        """Each row's symbols from a position on, as one number; all MUST be known."""

    def write(self, numbers: Numbers, rows: Rows, position: int, width: int) -> None:
        """The other way. Numbers MUST be below radix ** width; they are overwritten."""


class Digits:
    """0 to 9, eight at once. ASCII only: what Unicode calls a digit besides is none."""

    radix = 10

    def known(self, characters: Bytes) -> Mask:
        """Which characters are digits."""
        return np.asarray((characters - np.uint8(ord("0"))) < self.radix)

    def read(self, rows: Rows, position: int, width: int) -> Numbers:
        """By words of eight digits (Lemire's fold): pairs, fours, eights."""
        numbers = _folded(rows, position, (width - 1) % WORD + 1)
        for start in range((width - 1) % WORD + 1, width, WORD):
            numbers *= _EIGHT_DIGITS
            numbers += _folded(rows, position + start, WORD)
        return numbers

    def write(self, numbers: Numbers, rows: Rows, position: int, width: int) -> None:
        """By words of eight digits, the last ones first."""
        words = -(-width // WORD)
        digits = np.empty((len(numbers), words), np.uint64)
        for word in range(words - 1, 0, -1):
            upper = numbers // _EIGHT_DIGITS
            digits[:, word] = _spelled(numbers - upper * _EIGHT_DIGITS)
            numbers = upper
        digits[:, 0] = _spelled(numbers)
        kind, skipped = np.dtype(f"V{width}"), words * WORD - width
        if width == WORD:
            kind = np.dtype(np.uint64)
        rows.at(position, kind)[:] = np.ndarray((len(digits),), kind, digits.data, skipped, (words * WORD,))


class Letters:
    """Any alphabet of ASCII characters, one symbol after the other."""

    def __init__(self, alphabet: bytes) -> None:
        self.radix = len(alphabet)
        self._characters = np.frombuffer(alphabet, np.uint8)
        self._numbers = np.full(256, _FOREIGN, np.uint8)
        self._numbers[self._characters] = np.arange(self.radix)

    def known(self, characters: Bytes) -> Mask:
        """Which characters are symbols."""
        return np.asarray(self._numbers[characters] != _FOREIGN)

    def read(self, rows: Rows, position: int, width: int) -> Numbers:
        """By Horner's rule."""
        numbers = np.zeros(rows.count, np.uint64)
        for place in range(position, position + width):
            numbers *= np.uint64(self.radix)
            numbers += self._numbers[rows.at(place, np.uint8).astype(np.intp)]
        return numbers

    def write(self, numbers: Numbers, rows: Rows, position: int, width: int) -> None:
        """The last symbol first."""
        for place in range(position + width - 1, position - 1, -1):
            upper = numbers // np.uint64(self.radix)
            rows.at(place, np.uint8)[:] = self._characters[(numbers - upper * np.uint64(self.radix)).astype(np.intp)]
            numbers = upper


DIGITS: Final = Digits()


def symbols_of(alphabet: str) -> Symbols:
    """The alphabet of this name."""
    return DIGITS if alphabet == "digits" else Letters(ALPHABETS[alphabet])


def _folded(rows: Rows, position: int, width: int) -> Numbers:
    """Up to eight digits at a position."""
    words = rows.at(position, np.uint64).copy()
    if width < WORD:
        words <<= np.uint64(8 * (WORD - width))  # what follows goes; zeros come in front
    words &= np.uint64(0x0F0F_0F0F_0F0F_0F0F)
    words *= np.uint64(2561)
    words >>= np.uint64(8)
    words &= np.uint64(0x00FF_00FF_00FF_00FF)
    words *= np.uint64(6_553_601)
    words >>= np.uint64(16)
    words &= np.uint64(0x0000_FFFF_0000_FFFF)
    words *= np.uint64(42_949_672_960_001)
    words >>= np.uint64(32)
    return words


def _spelled(numbers: Numbers) -> Numbers:
    """Numbers below 10^8 as eight characters each."""
    upper = numbers // _TEN_THOUSAND
    pairs = np.empty((len(numbers), 2), np.uint32)
    np.take(_FOUR_DIGITS, upper.view(np.int64), out=pairs[:, 0], mode="clip")
    np.take(_FOUR_DIGITS, (numbers - upper * _TEN_THOUSAND).view(np.int64), out=pairs[:, 1], mode="clip")
    return pairs.view(np.uint64).reshape(-1)
