"""Card numbers: FF1 over the account's digits, the issuer's six as the tweak, the check digit worked out again."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.masks.buffers import Bytes, Mask
from gateway.masks.ff1.columns import Cipher, Places, put, taken
from gateway.masks.ff1.keys import ff1_key
from gateway.masks.ff1.symbols import DIGITS
from gateway.masks.fpe.texts import Shapes, back, groups, reformatted
from gateway.masks.kernel import MaskInputs

_BIN: Final = 6
_SHORTEST, _LONGEST = 13, 19
"""Digits of a card number (ISO/IEC 7812-1)."""
_ZERO: Final = np.uint8(ord("0"))


def pan(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """A number of the same length whose check digit is right. A null stays null.

    A text that is not 13 to 19 digits, or whose check digit is wrong, does not fit.
    """
    return reformatted(column, inputs, _Cards(inputs, reverse=False))


def pan_back(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """The numbers, from what `pan` made of them."""
    return reformatted(column, back(inputs), _Cards(inputs, reverse=True))


class _Cards:
    def __init__(self, inputs: MaskInputs, *, reverse: bool) -> None:
        self._head = _BIN if inputs.text("keep") == "bin6" else 0
        self._cipher = Cipher(ff1_key(inputs), DIGITS, tweak_bytes=self._head, reverse=reverse)

    def crypt(self, body: Bytes, offsets: Places, rows: slice) -> Mask:  # noqa: ARG002 - all rows are treated alike
        """Between the issuer's digits and the check digit."""
        shapes = Shapes(body, offsets, DIGITS)
        lengths = np.diff(offsets)
        fits: Mask = (shapes.counts == lengths) & (lengths >= _SHORTEST) & (lengths <= _LONGEST)
        for length, which in groups(lengths, fits):
            fits[which] = self._crypt_length(body, offsets[:-1][which], length)
        return fits

    def _crypt_length(self, body: Bytes, starts: Places, length: int) -> Mask:
        """Which have the right check digit; they are changed."""
        copy = taken(body, starts, length)
        cards = copy[: len(starts) * length].reshape(-1, length)
        right = luhn(cards) == 0
        if not right.all():
            starts = starts[right]
            copy = taken(body, starts, length)
            cards = copy[: len(starts) * length].reshape(-1, length)
        tweaks = np.zeros((len(cards), 16), np.uint8)
        tweaks[:, : self._head] = cards[:, : self._head]
        own = tweaks.view(np.uint64) if self._head else None
        places = np.arange(len(cards), dtype=np.int64) * length + self._head
        self._cipher.crypt(copy, places, length - self._head - 1, tweaks=own)
        cards[:, -1] = _ZERO
        cards[:, -1] += (10 - luhn(cards)) % 10
        put(body, starts, cards.reshape(-1), length)
        return np.asarray(right)


def luhn(cards: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What the digits of each row sum up to by Luhn's rule, modulo 10: 0 for a right check digit."""
    digits = np.ascontiguousarray(cards.T) - _ZERO
    digits[-2::-2] = digits[-2::-2] * 2 - 9 * (digits[-2::-2] > 4).view(np.uint8)  # noqa: PLR2004 - two digits' sum
    return np.asarray(digits.sum(axis=0, dtype=np.uint8) % 10)
