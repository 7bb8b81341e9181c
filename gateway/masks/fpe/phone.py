"""Telephone numbers: country and area kept by choice, the other digits through FF1, signs where they are."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.masks.buffers import Bytes, Mask
from gateway.masks.ff1.algorithm import Numbers
from gateway.masks.ff1.columns import Cipher, Places
from gateway.masks.ff1.keys import ff1_key
from gateway.masks.ff1.symbols import DIGITS
from gateway.masks.fpe.texts import Shapes, back, groups, reformatted
from gateway.masks.kernel import MaskInputs

_LONGEST: Final = 15
"""Digits of a number with its country (ITU-T E.164)."""
_TWEAK: Final = 8
"""Bytes: how many digits are kept, then they, then zeros."""
_PLUS: Final = ord("+")
_TWO_DIGITS: Final = frozenset(
    {20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67)}
    | {81, 82, 84, 86, *range(90, 96), 98}
)
_COUNTRY_DIGITS: Final = np.array(
    [1 if code // 10 in {1, 7} else 2 if code in _TWO_DIGITS else 3 for code in range(100)], np.int32
)
"""How many digits a country's code has, by the first two digits of the number (ITU-T E.164.D)."""


def phone(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """A number of the same shape. A null stays null.

    A country is known only where the number begins with `+`. A text with other characters than digits and signs, with
    a `+` elsewhere, with more than 15 digits, or with fewer than 6 behind those that are kept, does not fit.
    """
    return reformatted(column, inputs, _Numbers(inputs, reverse=False))


def phone_back(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """The numbers, from what `phone` made of them."""
    return reformatted(column, back(inputs), _Numbers(inputs, reverse=True))


class _Numbers:
    def __init__(self, inputs: MaskInputs, *, reverse: bool) -> None:
        self._keeps_country = inputs.flag("keep_country")
        self._kept_digits = inputs.whole("keep_digits")
        self._cipher = Cipher(ff1_key(inputs), DIGITS, tweak_bytes=_TWEAK, reverse=reverse)

    def crypt(self, body: Bytes, offsets: Places, rows: slice) -> Mask:  # noqa: ARG002 - all rows are treated alike
        """The digits behind those that are kept."""
        shapes = Shapes(body, offsets, DIGITS)
        international, plus_elsewhere = _plus(body, offsets)
        fits = shapes.is_clean & ~plus_elsewhere & (shapes.counts <= _LONGEST)
        kept = np.full(len(fits), self._kept_digits, np.int32)
        if self._keeps_country:
            known = np.flatnonzero(international & (shapes.counts >= self._cipher.shortest))
            kept[known] += _COUNTRY_DIGITS[_two_digits(shapes, known)]
        fits &= shapes.counts - kept >= self._cipher.shortest
        tweaks = _tweaks(shapes, kept, fits)
        for length, which in groups(shapes.counts - kept, fits):
            places = shapes.starts[which] + kept[which]
            self._cipher.crypt(shapes.body, places, length, tweaks=tweaks[which])
        shapes.restore()
        return np.asarray(fits)


def _plus(body: Bytes, offsets: Places) -> tuple[Mask, Mask]:
    """Which texts begin with a plus, and which have one elsewhere."""
    marks = body[offsets[0] : offsets[-1]] == _PLUS
    if not marks.any():
        none = np.zeros(len(offsets) - 1, np.bool_)
        return none, none
    before = np.zeros(marks.size + 1, np.int32)
    np.cumsum(marks, out=before[1:])
    inner = offsets - offsets[0]
    first = before[np.minimum(inner[:-1] + 1, inner[1:])] > before[inner[:-1]]
    return first, before[inner[1:]] - before[inner[:-1]] > first


def _two_digits(shapes: Shapes, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The number that the first two digits are."""
    starts = shapes.starts[rows]
    first, second = (shapes.body[starts + place].astype(np.intp) - ord("0") for place in (0, 1))
    return np.asarray(first * 10 + second)


def _tweaks(shapes: Shapes, kept: npt.NDArray[np.int32], fits: Mask) -> Numbers:
    """Two words a row."""
    tweaks = np.zeros((len(kept), 16), np.uint8)
    tweaks[:, 0] = kept
    for place in range(int(kept[fits].max(initial=0))):
        which = np.flatnonzero(fits & (kept > place))
        tweaks[which, 1 + place] = shapes.body[shapes.starts[which] + place]
    return tweaks.view(np.uint64)
