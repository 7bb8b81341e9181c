"""The text protocol's rows, as they may come: in any pieces, and damaged."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql.err import InternalError, MySQLError

from gateway.sources.mariadb.wire import MAX_ROW_BYTES, _Packets

Row = list[bytes | None]
END = b"\xfe\x00\x00\x02\x00"


def value(cell: bytes | None) -> bytes:
    if cell is None:
        return b"\xfb"
    if len(cell) < 251:
        return bytes([len(cell)]) + cell
    if len(cell) < 1 << 16:
        return b"\xfc" + len(cell).to_bytes(2, "little") + cell
    return b"\xfd" + len(cell).to_bytes(3, "little") + cell


def packets(*bodies: bytes, first: int = 3) -> bytes:
    framed = [
        len(body).to_bytes(3, "little") + bytes([(first + place) % 256]) + body for place, body in enumerate(bodies)
    ]
    return b"".join(framed)


class Pieces(io.RawIOBase):
    """A socket that delivers a few bytes at a time."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = io.BytesIO(data)
        self._sizes = iter(sizes)

    def read1(self, limit: int) -> bytes:
        return self._data.read(min(limit, next(self._sizes, limit)))


def read(data: bytes, *, columns: int, sizes: list[int] | None = None) -> list[Row]:
    found, source = _Packets(sequence=3), Pieces(data, sizes or [])
    rows: list[Row] = []
    while not found.is_ended:
        if not found.take(source):
            raise InternalError("cut")
        if found.has_rows:
            batch = found.cut(columns=columns)
            rows += [list(row) for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
    return rows


CELLS = st.none() | st.binary(max_size=8) | st.sampled_from([b"x" * n for n in (250, 251, 252, 255, 65_535, 65_536)])


@given(
    rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=300)),
    sizes=st.lists(st.integers(1, 5_000), max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_rows_come_as_they_were_sent_in_whatever_pieces(rows: list[Row], sizes: list[int]) -> None:
    sent = packets(*(b"".join(map(value, row)) for row in rows), END)
    assert read(sent, columns=len(rows[0]) if rows else 1, sizes=sizes) == rows


def test_more_rows_than_the_buffer_holds_come_whole() -> None:
    draw = random.Random(3)
    rows: list[Row] = [[draw.randbytes(draw.randrange(2_000)), None] for _ in range(6_000)]
    sent = packets(*(b"".join(map(value, row)) for row in rows), END)
    assert read(sent, columns=2) == rows


DAMAGED = {
    "a packet is missing": packets(b"\x01a") + packets(END, first=5),
    "a packet is empty": packets(b"", END),
    "a row is too long": (MAX_ROW_BYTES + 1).to_bytes(3, "little") + b"\x03" + b"x" * 100,
    "a value is longer than its row": packets(b"\x05a", END),
    "a row has more than its values": packets(b"\x01ab", END),
    "a length of eight bytes": packets(b"\x01a" + b"", b"\x00" + b"\xfe" * 9, END),
    "a length ends with the row": packets(b"\xfc\x01", END),
    "the stream ends before the end": packets(b"\x01a"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=list(DAMAGED))
def test_damaged_rows_are_an_error(data: bytes) -> None:
    with pytest.raises(MySQLError):
        read(data, columns=1)


def test_too_few_values_are_an_error() -> None:
    with pytest.raises(MySQLError):
        read(packets(b"\x01a", END), columns=2)


def test_an_error_in_place_of_a_row_is_raised() -> None:
    with pytest.raises(MySQLError) as caught:
        read(packets(b"\x01a", b"\xff\xb1\x07#HY000gone"), columns=1)
    assert caught.value.args[0] == 1969


@given(data=st.binary(max_size=200), columns=st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_rows_or_an_error(data: bytes, columns: int) -> None:
    try:
        read(packets(data, END), columns=columns)
    except MySQLError:
        return
