"""From bytes of a child to batches that encoders may trust (T3).

A compromised child may send offsets that point into the gateway's memory, types that run code or expand when
read, buffers that unpack to terabytes, and text that is not text. An honest one sends memory that it did not
clear: values of earlier queries in null slots and behind the last row. Nothing of either leaves this module:
what is not on the list is refused, what is gets checked value by value and copied into fresh memory.
"""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa

from gateway.errors import Unsupported
from gateway.isolation.wire import Malformed

MAX_BATCH_ROWS = 1 << 17
"""A child sends 16,384."""
MAX_BATCH_CELLS = 1 << 24
"""Values in a batch, nested ones too: a bit per value would let 64 MiB become 500 million texts."""
MAX_DEPTH = 16
"""Nested lists, structs and maps."""

_CONTINUATION, _METADATA = 0xFFFFFFFF, 8
"""How an encapsulated message begins: this mark, the metadata's size, the metadata."""

_LEAVES = frozenset(
    {pa.bool_(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary()}
    | {pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()}
    | {pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")}
    | {pa.timestamp(unit, tz) for unit in ("s", "ms", "us", "ns") for tz in (None, "UTC")}
)


def read_schema(payload: pa.Buffer, *, names: tuple[str, ...]) -> tuple[pa.Schema, pa.Schema]:
    """The child's schema (to read its batches with) and the answer's: checked types under the planned names.

    Raises:
        Malformed: not a schema, or not as many columns as planned.
        Unsupported: a type that answers do not have; the text names column and type and what to write instead.
    """
    try:
        sent = pa.ipc.read_schema(payload)
        if len(sent) != len(names):
            raise Malformed("another number of columns than planned")
        types = [_answer_type(type_, column=name) for name, type_ in zip(names, sent.types, strict=True)]
    except (pa.ArrowException, OSError, ValueError):  # a name that is no text is found by reading it
        raise Malformed("a schema that is none") from None
    return sent, pa.schema(list(zip(names, types, strict=True)))


def read_batch(payload: pa.Buffer, *, sent: pa.Schema, answer: pa.Schema) -> pa.RecordBatch:
    """One batch, checked in full and copied; no byte of the child's memory is left but the values themselves.

    Raises:
        Malformed: not a batch of that schema, compressed, too large, or a value that its type does not allow.
    """
    if _is_compressed(payload):
        raise Malformed("a compressed batch")
    try:
        batch = pa.ipc.read_record_batch(payload, sent)
        batch.validate()  # lengths of children first: what counts cells relies on them
        if batch.num_rows > MAX_BATCH_ROWS or sum(map(_cells, batch.columns)) > MAX_BATCH_CELLS:
            raise Malformed("a batch above its size")
        batch.validate(full=True)
        columns = [_copy(column, type_=field.type) for column, field in zip(batch.columns, answer, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=answer)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise Malformed("a batch that is none") from None


def _answer_type(type_: pa.DataType, *, column: str, depth: int = 0) -> pa.DataType:
    """The same type without metadata, extensions and the child's nullability."""
    if type_ in _LEAVES or pa.types.is_decimal128(type_):
        return type_
    if pa.types.is_null(type_):
        return pa.string()  # `SELECT NULL`: text, as in PostgreSQL
    if depth < MAX_DEPTH:
        inner = [_answer_type(each.type, column=column, depth=depth + 1) for each in _inner_fields(type_)]
        if pa.types.is_map(type_):
            return pa.map_(*inner)
        if pa.types.is_list(type_):
            return pa.list_(*inner)
        if pa.types.is_struct(type_) and inner:
            return pa.struct([pa.field(type_.field(i).name, each) for i, each in enumerate(inner)])
    raise Unsupported(f"column {column!r} has a type that answers do not carry: cast it to text or a plain type")


def _inner_fields(type_: pa.DataType) -> list[pa.Field]:
    if pa.types.is_map(type_):
        return [type_.key_field, type_.item_field]
    return [type_.field(i) for i in range(type_.num_fields)]


def _cells(array: pa.Array) -> int:
    """Values in an array and below it, whatever its offsets claim."""
    return len(array) + sum(_cells(child) for child in _children(array))


def _children(array: pa.Array) -> list[pa.Array]:
    if pa.types.is_struct(array.type):
        return [array.field(i) for i in range(array.type.num_fields)]
    if pa.types.is_map(array.type):
        return [array.keys, array.items]
    return [array.values] if pa.types.is_list(array.type) else []


def _copy(array: pa.Array, *, type_: pa.DataType) -> pa.Array:
    """The same values in fresh memory: null slots are zero, nothing stands outside of what the rows refer to.

    `take` writes every slot anew, zero where it is null, and copies only the text that valid slots refer to
    (tests/unit/sandbox/test_sandbox_hostile.py holds that for every type). Nested arrays are taken apart first,
    because a child's value below a null parent is still there. Where nothing is null, the rows refer to all that lies
    between the first and the last: that is copied in one piece, at a tenth of the cost.
    """
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), type_)
    if pa.types.is_struct(type_):
        children = [_copy(child, type_=type_.field(i).type) for i, child in enumerate(array.flatten())]
        return pa.StructArray.from_arrays(children, fields=list(type_), mask=_nulls(array))
    if pa.types.is_map(type_):
        keys = _copy(_elements(array, array.keys), type_=type_.key_type)
        items = _copy(_elements(array, array.items), type_=type_.item_type)
        return pa.MapArray.from_arrays(_offsets(array), keys, items, type=type_, mask=_nulls(array))
    if pa.types.is_list(type_):
        values = _copy(_elements(array, array.values), type_=type_.value_type)
        return pa.ListArray.from_arrays(_offsets(array), values, type=type_, mask=_nulls(array))
    if array.null_count == 0:
        return pa.concat_arrays([array])
    return array.take(pa.array(np.arange(len(array), dtype=np.int64)))


def _elements(array: pa.Array, values: pa.Array) -> pa.Array:
    """Those of a list's or map's values that a valid slot refers to, in order."""
    return pa.ListArray.from_arrays(array.offsets, values, mask=_nulls(array)).flatten()


def _offsets(array: pa.Array) -> pa.Array:
    """Where each list begins once those that are null hold nothing."""
    lengths = np.diff(array.offsets.to_numpy(zero_copy_only=False))
    lengths[array.is_null().to_numpy(zero_copy_only=False)] = 0
    return pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))


def _nulls(array: pa.Array) -> pa.Array | None:
    return array.is_null() if array.null_count else None


def _is_compressed(payload: pa.Buffer) -> bool:
    """Whether a message's header asks the reader to unpack its buffers.

    Arrow would allocate whatever size the message claims, and offers no switch. So its flatbuffer is looked at
    before Arrow is: Message.header is its field 2, RecordBatch.compression field 3.
    Source: Arrow columnar format, Message.fbs; flatbuffers "Internals" (tables, vtables).
    """
    view = memoryview(payload)
    try:
        if struct.unpack_from("<I", view, 0)[0] != _CONTINUATION:
            raise Malformed("a message of an old format")
        table = _METADATA + struct.unpack_from("<I", view, _METADATA)[0]
        header = _field(view, table=table, index=2)
        if header is None:
            raise Malformed("a message without header")
        header += struct.unpack_from("<I", view, header)[0]
        return _field(view, table=header, index=3) is not None
    except struct.error:
        raise Malformed("a message that is none") from None


def _field(view: memoryview, *, table: int, index: int) -> int | None:
    """Where a field of a flatbuffer table stands; None if it has its default."""
    vtable = table - struct.unpack_from("<i", view, table)[0]
    if vtable < 0:
        raise Malformed("a message that is none")
    size = struct.unpack_from("<H", view, vtable)[0]
    slot = 4 + 2 * index
    offset = struct.unpack_from("<H", view, vtable + slot)[0] if slot < size else 0
    return table + offset if offset else None
