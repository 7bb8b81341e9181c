"""Any text of one alphabet, with separators that stay where they are: FF1 over all its symbols."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gateway.masks.buffers import Bytes, Mask, validity
from gateway.masks.ff1.algorithm import Numbers
from gateway.masks.ff1.columns import Cipher, Places
from gateway.masks.ff1.keys import SUBJECT_TWEAK, ff1_key, subject_tweaks
from gateway.masks.ff1.symbols import symbols_of
from gateway.masks.fpe.texts import Shapes, back, groups, reformatted
from gateway.masks.kernel import MaskInputs


def fpe(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """A text of the same length and shape, of the same alphabet. A null stays null.

    Two texts that differ in separators only get results that differ in them only. A text with another character, of
    fewer symbols than `min_length` or than FF1 takes, or of more, does not fit, as does a row without a subject
    where each subject has its own tweak.
    """
    return reformatted(column, inputs, _Symbols(column, inputs, reverse=False))


def fpe_back(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """The texts, in their canonical form, from what `fpe` made of them."""
    return reformatted(column, back(inputs), _Symbols(column, inputs, reverse=True))


class _Symbols:
    """All symbols of a text."""

    def __init__(self, column: pa.Array, inputs: MaskInputs, *, reverse: bool) -> None:
        by_subject = inputs.text("tweak") == "subject"
        symbols = symbols_of(inputs.text("alphabet"))
        width = SUBJECT_TWEAK if by_subject else 0
        self._cipher = Cipher(ff1_key(inputs), symbols, tweak_bytes=width, reverse=reverse)
        self._shortest = max(self._cipher.shortest, inputs.whole("min_length"))
        self._tweaks: Numbers | None = None
        self._known: Mask | None = None
        if by_subject:
            beside, valid = inputs.beside("subject"), validity(column)
            subjects = beside.column if valid is None else beside.column.filter(pa.array(valid))
            self._tweaks, self._known = subject_tweaks(subjects, inputs, canon=beside.canon)

    def crypt(self, body: Bytes, offsets: Places, rows: slice) -> Mask:
        """Each text's symbols as one value."""
        shapes = Shapes(body, offsets, self._cipher.symbols)
        fits = shapes.is_clean & (shapes.counts >= self._shortest) & (shapes.counts <= self._cipher.longest)
        if self._known is not None:
            fits &= self._known[rows]
        tweaks = None if self._tweaks is None else self._tweaks[rows]
        for length, which in groups(shapes.counts, fits):
            own = None if tweaks is None else tweaks[which]
            self._cipher.crypt(shapes.body, shapes.starts[which], length, tweaks=own)
        shapes.restore()
        return np.asarray(fits)
