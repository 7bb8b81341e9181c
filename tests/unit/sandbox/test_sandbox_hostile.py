"""What passes the check of a child's bytes, and what of its memory is left."""

from __future__ import annotations

import datetime
import decimal
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Unsupported
from gateway.isolation.wire import Malformed
from gateway.sandbox.hostile import MAX_BATCH_ROWS, MAX_DEPTH, read_batch, read_schema

STALE = b"STALESTALESTALE!"


def through(batch: pa.RecordBatch) -> pa.RecordBatch:
    names = tuple(batch.schema.names)
    sent, answer = read_schema(batch.schema.serialize(), names=names)
    return read_batch(batch.serialize(), sent=sent, answer=answer)


def one(array: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([array], names=["x"])


def bitmap(valid: list[bool]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())


VALID = [True, False, True]
STALE_ARRAYS = {
    "int64": pa.Array.from_buffers(pa.int64(), 3, [bitmap(VALID), pa.py_buffer(STALE[:8] * 3)]),
    "decimal": pa.Array.from_buffers(
        pa.decimal128(38, 2), 3, [bitmap(VALID), pa.py_buffer(bytes(16) + STALE + bytes(16))]
    ),
    "text under a null": pa.Array.from_buffers(
        pa.string(),
        3,
        [bitmap(VALID), pa.py_buffer(struct.pack("<4i", 0, 1, 17, 18)), pa.py_buffer(b"a" + STALE + b"b")],
    ),
    "text before the first offset": pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(struct.pack("<2i", 16, 17)), pa.py_buffer(STALE + b"b" + STALE)]
    ),
    "large binary": pa.Array.from_buffers(
        pa.large_binary(),
        3,
        [bitmap(VALID), pa.py_buffer(struct.pack("<4q", 0, 1, 17, 18)), pa.py_buffer(b"a" + STALE + b"b")],
    ),
    "list under a null": pa.Array.from_buffers(
        pa.list_(pa.int64()),
        3,
        [bitmap(VALID), pa.py_buffer(struct.pack("<4i", 0, 1, 3, 4))],
        children=[pa.array([1, *struct.unpack("<2q", STALE), 2])],
    ),
    "list behind the last offset": pa.Array.from_buffers(
        pa.list_(pa.string()),
        1,
        [None, pa.py_buffer(struct.pack("<2i", 0, 1))],
        children=[pa.array(["a", STALE.decode()])],
    ),
    "map under a null": pa.Array.from_buffers(
        pa.map_(pa.string(), pa.string()),
        3,
        [bitmap(VALID), pa.py_buffer(struct.pack("<4i", 0, 1, 2, 3))],
        children=[
            pa.StructArray.from_arrays(
                [pa.array(["k", STALE.decode(), "k"]), pa.array(["v", "v", "w"])], ["key", "value"]
            )
        ],
    ),
    "struct under a null": pa.Array.from_buffers(
        pa.struct([("a", pa.string())]), 3, [bitmap(VALID)], children=[pa.array(["a", STALE.decode(), "b"])]
    ),
}


@pytest.mark.parametrize("name", STALE_ARRAYS)
def test_memory_that_a_child_did_not_clear_does_not_leave(name: str) -> None:
    array = STALE_ARRAYS[name]
    assert STALE[:8] in one(array).serialize().to_pybytes(), "the vector holds what it is about"
    if name == "int64":
        array = pa.Array.from_buffers(pa.int64(), 3, [bitmap([False] * 3), array.buffers()[1]])
    copied = through(one(array))
    assert STALE[:8] not in copied.serialize().to_pybytes()
    assert copied.column(0).to_pylist() == array.to_pylist()


def test_bits_behind_the_last_row_do_not_leave() -> None:
    copied = through(one(pa.Array.from_buffers(pa.bool_(), 3, [None, pa.py_buffer(b"\xff")])))
    assert copied.column(0).buffers()[1].to_pybytes()[:1] == b"\x07"


@pytest.mark.parametrize("kind", [pa.string(), pa.binary(), pa.large_string()])
def test_text_beside_the_rows_does_not_leave(kind: pa.DataType) -> None:
    column = pa.array([STALE.decode(), "b", STALE.decode()], kind).slice(1, 1)
    copied = through(one(column))
    assert STALE[:8] not in copied.serialize().to_pybytes()
    assert STALE[:8] not in b"".join(b.to_pybytes() for b in copied.column(0).buffers() if b is not None)


def test_a_copy_shares_no_memory_with_what_came() -> None:
    payload = one(pa.array(["a", "b"])).serialize()
    sent, answer = read_schema(one(pa.array(["a"])).schema.serialize(), names=("x",))
    copied = read_batch(payload, sent=sent, answer=answer)
    begin, end = payload.address, payload.address + payload.size
    assert not [b for b in copied.column(0).buffers() if b is not None and begin <= b.address < end]


LEAF_VALUES = {
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(max_size=8),
    pa.binary(): st.binary(max_size=8),
    pa.decimal128(9, 2): st.decimals(-1000, 1000, places=2),
    pa.date32(): st.dates(),
    pa.time64("us"): st.times(),
    pa.timestamp("us", "UTC"): st.datetimes(timezones=st.just(datetime.UTC)),
}


def arrays(type_: pa.DataType, values: st.SearchStrategy[object]) -> st.SearchStrategy[pa.Array]:
    nullable = st.none() | values
    return st.one_of(
        st.lists(nullable, max_size=12).map(lambda v: pa.array(v, type_)),
        st.lists(st.none() | st.lists(nullable, max_size=3), max_size=6).map(lambda v: pa.array(v, pa.list_(type_))),
        st.lists(st.none() | st.fixed_dictionaries({"a": nullable}), max_size=6).map(
            lambda v: pa.array(v, pa.struct([("a", type_)]))
        ),
        st.lists(st.none() | st.lists(st.tuples(st.text(max_size=3), nullable), max_size=3), max_size=6).map(
            lambda v: pa.array(v, pa.map_(pa.string(), type_))
        ),
    )


@settings(max_examples=150, deadline=None)
@given(st.one_of([arrays(type_, values) for type_, values in LEAF_VALUES.items()]), st.integers(0, 3))
def test_values_pass_unchanged_also_from_a_slice(array: pa.Array, start: int) -> None:
    array = array.slice(start)
    copied = through(one(array))
    copied.validate(full=True)
    assert copied.column(0).to_pylist() == array.to_pylist()


def test_a_column_of_nothing_but_null_is_text() -> None:
    assert through(one(pa.nulls(3))).column(0).equals(pa.nulls(3, pa.string()))
    assert through(one(pa.array([[None], [], None]))).column(0).type == pa.list_(pa.string())


NESTED: pa.DataType = pa.int8()
for _ in range(MAX_DEPTH + 1):
    NESTED = pa.list_(NESTED)


@pytest.mark.parametrize(
    "type_",
    [
        pa.dictionary(pa.int8(), pa.string()),
        pa.uuid(),
        pa.json_(),
        pa.opaque(pa.binary(), "t", "v"),
        pa.sparse_union([pa.field("a", pa.int8())]),
        pa.month_day_nano_interval(),
        pa.duration("s"),
        pa.string_view(),
        pa.list_view(pa.int8()),
        pa.list_(pa.int8(), 2),
        pa.large_list(pa.int8()),
        pa.binary(4),
        pa.float16(),
        pa.date64(),
        pa.decimal256(40, 2),
        pa.timestamp("us", "Europe/Berlin"),
        pa.struct([]),
        pa.run_end_encoded(pa.int32(), pa.int8()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
        pa.map_(pa.string(), pa.uuid()),
        NESTED,
    ],
    ids=lambda type_: str(type_)[:30],
)
def test_other_types_are_refused(type_: pa.DataType) -> None:
    with pytest.raises(Unsupported):
        read_schema(pa.schema([("x", type_)]).serialize(), names=("x",))


def test_metadata_of_a_child_does_not_pass() -> None:
    field = pa.field(
        "evil", pa.struct([pa.field("a", pa.int8(), metadata={"k": "v"})]), metadata={"k": "v"}, nullable=False
    )
    _, answer = read_schema(pa.schema([field], metadata={"k": "v"}).serialize(), names=("x",))
    assert answer.equals(pa.schema([("x", pa.struct([("a", pa.int8())]))]), check_metadata=True)


def test_another_number_of_columns_is_refused() -> None:
    with pytest.raises(Malformed):
        read_schema(pa.schema([("a", pa.int8()), ("b", pa.int8())]).serialize(), names=("a",))


def offsets_that_lie(*offsets: int) -> pa.RecordBatch:
    buffers = [None, pa.py_buffer(struct.pack(f"<{len(offsets)}i", *offsets)), pa.py_buffer(b"abcdef")]
    return one(pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers))


def tampered(array: pa.Array, old: bytes, new: bytes) -> pa.Buffer:
    payload = one(array).serialize().to_pybytes()
    assert payload.count(old) == 1
    return pa.py_buffer(payload.replace(old, new))


BAD_TEXT = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(struct.pack("<2i", 0, 2)), pa.py_buffer(b"\xff\xfe")]
)


@pytest.mark.parametrize(
    ("payload", "type_"),
    [
        (
            tampered(pa.array(["abcdef", "g"]), struct.pack("<3i", 0, 6, 7), struct.pack("<3i", 0, 6, 1 << 20)),
            pa.string(),
        ),
        (tampered(pa.array(["abcdef", "g"]), struct.pack("<3i", 0, 6, 7), struct.pack("<3i", 0, -6, 7)), pa.string()),
        (
            tampered(pa.array([[1, 2], [3]]), struct.pack("<3i", 0, 2, 3), struct.pack("<3i", 0, 2, 9999)),
            pa.list_(pa.int64()),
        ),
        (one(BAD_TEXT).serialize(), pa.string()),
        (pa.py_buffer(b""), pa.string()),
        (pa.py_buffer(b"\xff\xff\xff\xff"), pa.string()),
        (pa.py_buffer(bytes(64)), pa.string()),
        (pa.py_buffer(b"\xff\xff\xff\xff" + b"\x10\x00\x00\x00" + b"\xff" * 64), pa.string()),
        (one(pa.array(["a"])).serialize().slice(0, 40), pa.string()),
        (pa.schema([("x", pa.string())]).serialize(), pa.string()),
        (one(pa.nulls(MAX_BATCH_ROWS + 1)).serialize(), pa.null()),
    ],
    ids=[
        "offset beyond the data",
        "negative offset",
        "list offset beyond its values",
        "text that is not UTF-8",
        "nothing",
        "only a mark",
        "no mark",
        "lengths of noise",
        "cut",
        "a schema",
        "too many rows",
    ],
)
def test_a_lying_batch_is_refused(payload: pa.Buffer, type_: pa.DataType) -> None:
    sent, answer = read_schema(pa.schema([("x", type_)]).serialize(), names=("x",))
    with pytest.raises(Malformed):
        read_batch(payload, sent=sent, answer=answer)


def test_a_bit_per_value_does_not_become_a_flood() -> None:
    flood = pa.array([[True] * (1 << 24)], pa.list_(pa.bool_()))
    with pytest.raises(Malformed):
        through(one(flood))


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_batch_is_refused_before_it_is_unpacked(codec: str) -> None:
    batch = one(pa.array(["a" * 100_000]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    messages = list(pa.ipc.MessageReader.open_stream(sink.getvalue()))
    sent, answer = read_schema(batch.schema.serialize(), names=("x",))
    with pytest.raises(Malformed, match="compressed"):
        read_batch(messages[1].serialize(), sent=sent, answer=answer)


NOISY = pa.RecordBatch.from_arrays(
    [
        pa.array(["a", None, "ccc"]),
        pa.array([[1], None, [2, 3]]),
        pa.array([decimal.Decimal(1), None, None], pa.decimal128(5, 0)),
        pa.array([{"k": "v"}, None, {"k": None}]),
    ],
    names=["a", "b", "c", "d"],
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, NOISY.serialize().size - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_any_tampering_is_refused_or_yields_valid_values(changes: list[tuple[int, int]]) -> None:
    payload = bytearray(NOISY.serialize().to_pybytes())
    for position, byte in changes:
        payload[position] = byte
    sent, answer = read_schema(NOISY.schema.serialize(), names=("a", "b", "c", "d"))
    try:
        batch = read_batch(pa.py_buffer(bytes(payload)), sent=sent, answer=answer)
    except Malformed:
        return
    batch.validate(full=True)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, NOISY.schema.serialize().size - 1), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_any_tampered_schema_is_refused_or_of_known_types(changes: list[tuple[int, int]]) -> None:
    payload = bytearray(NOISY.schema.serialize().to_pybytes())
    for position, byte in changes:
        payload[position] = byte
    try:
        _, answer = read_schema(pa.py_buffer(bytes(payload)), names=("a", "b", "c", "d"))
    except (Malformed, Unsupported):
        return
    assert answer.names == ["a", "b", "c", "d"]
