"""The two ends: a value as it is, and no value at all."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.masks.buffers import bitmap, cut, fixed, text, text_parts, validity, values
from gateway.masks.kernel import MaskInputs

_USUAL_ROWS: Final = 65_536
_MAX_WIDTH: Final = 64
"""Of texts that are copied as blocks: as wide as any pseudonym."""
_UNCHECKED: Final = pc.TakeOptions(boundscheck=False)


def keep(column: pa.Array, _inputs: MaskInputs, /) -> pa.Array:
    """Copy the values, and only them.

    A copy even where a view would do: buffers of a slice carry neighbouring rows, and Arrow lets
    a source leave the old value under a null.
    """
    kind, valid = column.type, validity(column)
    if pa.types.is_boolean(kind):
        return _booleans(column)
    if not pa.types.is_primitive(kind) and not pa.types.is_decimal(kind):
        clean = column if valid is None else pc.fill_null(column, pa.scalar(b"", pa.binary()).cast(kind))
        return text(*cut(*text_parts(clean)), kind=kind, valid=valid)
    rows = values(column, np.dtype((np.uint8, (kind.bit_width // 8,))))
    return fixed(rows.copy(), kind, valid=valid)


class Entries:
    """Values that rows are filled with by their place. Texts of one width are copied as blocks."""

    def __init__(self, entries: pa.Array) -> None:
        self._entries = entries
        self._width = _width_of(entries)
        self._blocks: pa.Array | None = None
        if self._width:
            _, body = cut(*text_parts(entries))
            self._blocks = pa.Array.from_buffers(pa.binary(self._width), len(entries), [None, pa.py_buffer(body)])

    def at(self, places: pa.Array) -> pa.Array:
        """A copy of the entry at each place; a null place gives a null.

        Raises:
            pa.ArrowException: a place beyond the entries.
        """
        count = len(places)
        if self._blocks is None or places.null_count or not 0 < count <= _USUAL_ROWS:
            return keep(self._entries.take(places), MaskInputs())
        kind = places.type.bit_width // 8
        if values(places, f"u{kind}").max() >= len(self._entries):  # a negative one is a large one
            raise pa.ArrowIndexError("a place beyond the entries")
        taken = pc.call_function("array_take", [self._blocks, places], _UNCHECKED)
        body = np.frombuffer(taken.buffers()[1], np.uint8, count * self._width)
        return text(_offsets(self._width)[: count + 1], body, kind=self._entries.type)


def _width_of(entries: pa.Array) -> int:
    """Bytes of each text, if all have as many; else 0."""
    if not pa.types.is_string(entries.type) or not len(entries) or entries.null_count:
        return 0
    offsets, _ = text_parts(entries)
    width = int(offsets[1] - offsets[0])
    return width if width <= _MAX_WIDTH and (np.diff(offsets) == width).all() else 0


@functools.cache
def _offsets(width: int) -> npt.NDArray[np.int32]:
    """Those of every batch up to the usual size, which therefore share them: new pages would cost 2 ns a row."""
    offsets = np.arange(0, (_USUAL_ROWS + 1) * width, width, dtype=np.int32)
    offsets.setflags(write=False)
    return offsets


def redact(column: pa.Array, _inputs: MaskInputs, /) -> pa.Array:
    """Null in every row, so that not even the places of nulls are told."""
    return pa.nulls(len(column), column.type)


def _booleans(column: pa.Array) -> pa.Array:
    valid = validity(column)
    bits = np.asarray(pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False), np.bool_)
    return pa.Array.from_buffers(pa.bool_(), len(column), [bitmap(valid), bitmap(bits)], column.null_count)
