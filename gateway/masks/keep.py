"""The two ends: a value as it is, and no value at all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.masks.buffers import bitmap, cut, fixed, text, text_parts, validity, values
from gateway.masks.kernel import MaskInputs


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


def redact(column: pa.Array, _inputs: MaskInputs, /) -> pa.Array:
    """Null in every row, so that not even the places of nulls are told."""
    return pa.nulls(len(column), column.type)


def _booleans(column: pa.Array) -> pa.Array:
    valid = validity(column)
    bits = np.asarray(pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False), np.bool_)
    return pa.Array.from_buffers(pa.bool_(), len(column), [bitmap(valid), bitmap(bits)], column.null_count)
