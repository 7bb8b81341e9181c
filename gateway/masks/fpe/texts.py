"""Texts that are changed in place: what they share, and the characters between which nothing changes."""

from __future__ import annotations

import dataclasses
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.masks.buffers import Bytes, Mask, allocate, text, text_parts, validity
from gateway.masks.canon import canonical_texts
from gateway.masks.ff1.columns import Places
from gateway.masks.ff1.symbols import SLACK, Symbols
from gateway.masks.kernel import MaskInputs
from gateway.masks.unfit import finished

SEPARATORS: Final = b" -/.()+_:"
"""May stand between symbols, and stay where they are."""

_PIECE: Final = 16_384
"""Rows at once: what is worked out about each character of them stays below a megabyte."""
_IS_SEPARATOR: Final = np.isin(np.arange(256, dtype=np.uint8), np.frombuffer(SEPARATORS, np.uint8))


class Format(Protocol):
    """What a format does to texts."""

    def crypt(self, body: Bytes, offsets: Places, rows: slice) -> Mask:
        """Change the texts between these offsets in place, each keeping its length.

        Args:
            body: has SLACK bytes behind the last text.
            offsets: one more than texts.
            rows: which of the column's values (those that are not null) these are.

        Returns:
            Which texts have the format; the others may be left as they are, and never leave.
        """


def reformatted(column: pa.Array, inputs: MaskInputs, format_: Format) -> pa.Array:
    """The column's canonical texts through a format; `on_bad` says what becomes of those without it."""
    valid = validity(column)
    given = column if valid is None else column.drop_null()
    texts, fits = canonical_texts(given, inputs.canon)
    places, source = text_parts(texts)
    offsets = places - places[0]
    size = int(offsets[-1])
    body = allocate(size + SLACK)
    body[:size] = source[places[0] : places[-1]]
    body[size:] = 0
    for start in range(0, len(given), _PIECE):
        rows = slice(start, min(start + _PIECE, len(given)))
        fits[rows] &= format_.crypt(body, offsets[start : rows.stop + 1], rows)
    made = text(offsets, body[:size], kind=pa.string())
    return finished(made if fits.all() else made.filter(pa.array(fits)), fits, given, inputs, valid=valid)


def back(inputs: MaskInputs) -> MaskInputs:
    """Inputs for the way back: what is no masked value of the format becomes null."""
    return dataclasses.replace(inputs, parameters={**inputs.parameters, "on_bad": "null"})


class Shapes:
    """Texts as symbols and what stands between them."""

    def __init__(self, body: Bytes, offsets: Places, symbols: Symbols) -> None:
        first, last = int(offsets[0]), int(offsets[-1])
        self._content = body[first:last]
        self._known = symbols.known(self._content)
        self.is_plain = bool(self._known.all())
        if self.is_plain:
            self.body: Bytes = body
            self.starts: Places = offsets[:-1]
            self.counts: npt.NDArray[np.int32] = np.diff(offsets)
            self.is_clean: Mask = np.ones(len(self.counts), np.bool_)
            return
        inner = offsets - first
        self._total, (self.starts, ends) = _counted(self._known, inner)
        self.counts = ends - self.starts
        self.body = allocate(self._total + SLACK)
        self.body[: self._total] = self._content[self._known]
        self.body[self._total :] = 0
        _, (foreign, foreign_ends) = _counted(~(self._known | _IS_SEPARATOR[self._content]), inner)
        self.is_clean = foreign == foreign_ends

    def restore(self) -> None:
        """Put the symbols back between what is there."""
        if not self.is_plain:
            self._content[self._known] = self.body[: self._total]


def groups(sizes: npt.NDArray[np.int32], fits: Mask) -> list[tuple[int, npt.NDArray[np.intp] | slice]]:
    """Each size of the rows that fit, with its rows."""
    if len(sizes) and fits.all() and (sizes == sizes[0]).all():
        return [(int(sizes[0]), slice(None))]
    return [(size, np.flatnonzero(fits & (sizes == size))) for size in np.unique(sizes[fits]).tolist()]


def _counted(marks: Mask, offsets: Places) -> tuple[int, tuple[Places, Places]]:
    """How many marks there are, and how many lie before each text's begin and end."""
    before = np.zeros(marks.size + 1, np.int32)
    np.cumsum(marks, out=before[1:])
    return int(before[-1]), (before[offsets[:-1]], before[offsets[1:]])
