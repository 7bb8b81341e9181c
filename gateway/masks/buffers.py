"""Arrow buffers as numpy arrays and back, so that nothing but released values comes along.

Whatever is built here has offset 0, buffers of exactly its own length, zero bytes under its nulls and zero
bits behind its bitmap's end: a sliced or reused buffer of a source never leaves with its neighbours in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity

Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


def allocate(size: int) -> Bytes:
    """Writable, uninitialized bytes from Arrow's pool, which keeps its pages: fresh ones cost 1.5 ns a row."""
    return np.frombuffer(pa.allocate_buffer(size), np.uint8)


def validity(array: pa.Array) -> Mask | None:
    """True where there is a value; None when there is one everywhere."""
    if array.null_count == 0:
        return None
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def values(array: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A read-only view of a fixed-width array's values; what lies under nulls is whatever the source left there."""
    kind = np.dtype(dtype)
    return np.frombuffer(array.buffers()[1] or b"", kind, len(array), array.offset * kind.itemsize)


def fixed(numbers: npt.NDArray[Any], kind: pa.DataType, *, valid: Mask | None) -> pa.Array:
    """A fixed-width array on `numbers`, one row per value, which it takes over and zeroes under nulls."""
    if valid is not None:
        numbers[~valid] = 0
    return pa.Array.from_buffers(kind, len(numbers), [bitmap(valid), pa.py_buffer(numbers)], _nulls(valid))


def text_parts(array: pa.Array) -> tuple[npt.NDArray[Any], Bytes]:
    """The n + 1 offsets and the whole body of a string or binary array.

    Raises:
        Integrity: offsets that fall or that point outside the body, which would be read as if they were rows.
    """
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    kind = np.dtype(np.int64 if wide else np.int32)
    if len(array) == 0:
        return np.zeros(1, kind), np.zeros(0, np.uint8)
    _, places, content = array.buffers()
    offsets = np.frombuffer(places, kind, len(array) + 1, array.offset * kind.itemsize)
    body = np.frombuffer(content, np.uint8) if content else np.zeros(0, np.uint8)
    if offsets[0] < 0 or offsets[-1] > body.size or (offsets[1:] < offsets[:-1]).any():
        raise Integrity("an array's offsets do not lie within its body", code="masks.offsets")
    return offsets, body


def text(offsets: npt.NDArray[Any], body: Bytes, *, kind: pa.DataType, valid: Mask | None = None) -> pa.Array:
    """A string or binary array on offsets and body, which it takes over; the first offset is 0, the last the end."""
    content = [bitmap(valid), pa.py_buffer(offsets), pa.py_buffer(body)]
    return pa.Array.from_buffers(kind, len(offsets) - 1, content, _nulls(valid))


def cut(offsets: npt.NDArray[Any], body: Bytes) -> tuple[npt.NDArray[Any], Bytes]:
    """Offsets from 0, and a copy of the bytes between the first and the last."""
    first, last = int(offsets[0]), int(offsets[-1])
    content = allocate(last - first)
    content[:] = body[first:last]
    return offsets - first, content


def from_zero(column: pa.Array) -> pa.Array:
    """The same texts, in a copy where Arrow would take other rows' bytes for theirs.

    NOTE: pc.ascii_lower and pc.ascii_upper (pyarrow 26) read an array that has offset 0, but whose first value does not
    begin at the body's first byte, as if it did; a cast of a slice is one.
    """
    if column.offset or not len(column):
        return column
    offsets, body = text_parts(column)
    return text(*cut(offsets, body), kind=column.type, valid=validity(column)) if offsets[0] else column


def equal_width(rows: npt.NDArray[Any]) -> pa.Array:
    """A matrix's rows as one binary value each."""
    count, width = len(rows), rows.dtype.itemsize * rows.shape[1]
    offsets = np.arange(count + 1, dtype=np.int64) * width
    return pa.Array.from_buffers(pa.large_binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(rows)], 0)


def bitmap(valid: Mask | None) -> pa.Buffer | None:
    """Packed bits; those behind the end are zero, where a slice of a source's bitmap shows its neighbours' nulls."""
    return None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _nulls(valid: Mask | None) -> int:
    return 0 if valid is None else int(valid.size - np.count_nonzero(valid))
