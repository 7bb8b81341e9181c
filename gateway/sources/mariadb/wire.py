"""The text protocol, read many rows at a time.

The server spells every value as text, exactly. A driver that makes a Python object of each value reads some 30,000
rows a second, and one that knows Arrow rounds decimals to ten digits after the point; here a chunk of rows is cut into
columns by array operations. Connecting, signing in, TLS and errors are PyMySQL's.

Protocol: https://mariadb.com/kb/en/result-set-packets/ (a row is a packet; a packet is three bytes of length, one of
sequence, and a body; a value is its length, then its bytes).
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pymysql.connections import Connection, MySQLResult
from pymysql.constants import COMMAND
from pymysql.err import InternalError, raise_mysql_exception

CHUNK_BYTES: Final = 1 << 20
"""Rows are cut into columns whenever so many bytes have come; small enough to stay in a processor's cache."""
READ_BYTES: Final = 1 << 17
"""Asked of the socket at once."""
MAX_ROW_BYTES: Final = (1 << 24) - 2
"""A longer row would come in several packets: it is refused."""

_HEADER: Final = struct.Struct("<I")
_NULL, _TWO_BYTES, _THREE_BYTES = 0xFB, 0xFC, 0xFD
_END, _ERROR = 0xFE, 0xFF
_SHORTEST_ERROR: Final = 3
"""The mark, and two bytes of the error's number."""

Integers = npt.NDArray[np.int64]


class Wire(Connection):
    """A connection whose results come as Arrow batches of bytes."""

    # Declared here because PyMySQL's stubs list its public names only; its version is pinned.
    _sock: socket.socket | None
    _rfile: Any
    _read_timeout: float | None
    _current_timeout: float | None
    _next_seq_id: int
    _execute_command: Any
    _force_close: Any

    def batches(self, sql: str, *, deadline: float) -> Iterator[pa.RecordBatch]:
        """Run one query and yield its rows: every column binary, nulls as nulls. MUST be drained or disconnected.

        Raises:
            MySQLError: what the server says, or that the connection broke or does not keep to the protocol.
            TimeoutError: past the deadline.
        """
        self._read_timeout = _left(deadline)
        self._execute_command(COMMAND.COM_QUERY, sql)
        result: Any = MySQLResult(self)
        result.init_unbuffered_query()
        result.unbuffered_active = False  # the rows are read here, not by it
        packets = _Packets(sequence=self._next_seq_id)
        while not packets.is_ended:
            self._fill(packets, deadline=deadline)
            if packets.has_rows:
                yield packets.cut(columns=result.field_count)

    @property
    def number(self) -> int:
        """The server's number for this connection."""
        return int(self.thread_id())  # type: ignore[no-untyped-call]  # the stubs say no type

    @property
    def version(self) -> str:
        """The server's version, with its make."""
        return str(self.get_server_info())  # type: ignore[no-untyped-call]  # the stubs say no type

    def disconnect(self) -> None:
        """Break the connection, from any thread; a read that waits for it ends at once."""
        connected = self._sock
        if connected is not None:
            try:
                socket.socket.shutdown(connected, socket.SHUT_RDWR)  # under TLS too: nothing is said good-bye to
            except OSError:
                return  # it is broken already

    def drop(self) -> None:
        """Close the connection without a word to the server."""
        self._force_close()

    def _fill(self, packets: _Packets, *, deadline: float) -> None:
        """Read until a chunk or the end is there."""
        if self._sock is None:
            raise InternalError("the connection is closed")
        self._sock.settimeout(_left(deadline))
        self._current_timeout = None  # PyMySQL must set its own again
        while not packets.is_ended and (packets.held < CHUNK_BYTES or not packets.has_rows):
            if not packets.take(self._rfile):
                raise InternalError("the connection broke")


class _Packets:
    """Bytes as they come, and where the rows in them begin."""

    def __init__(self, *, sequence: int) -> None:
        self._buffer = bytearray(2 * CHUNK_BYTES)
        self._sequence = sequence
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._next = 0
        self.held = 0
        """Bytes in the buffer."""
        self.is_ended = False

    @property
    def has_rows(self) -> bool:
        """Whether a whole row is there."""
        return bool(self._starts)

    def take(self, file: Any) -> int:  # noqa: ANN401 - io's buffered reader, which PyMySQL makes
        """Read once; returns how many bytes came, none at the stream's end."""
        # Not readinto1: with something in its buffer it still waits for more (CPython 3.11).
        came: bytes = file.read1(READ_BYTES)
        count = len(came)
        if self.held + count > len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        self._buffer[self.held : self.held + count] = came
        self.held += count
        self._find()
        return count

    def _find(self) -> None:
        """Note the rows that are whole by now; stop at the packet that ends them."""
        place, sequence, unpack = self._next, self._sequence, _HEADER.unpack_from
        while place + 4 < self.held:
            (header,) = unpack(self._buffer, place)
            start, end = place + 4, place + 4 + (header & 0xFFFFFF)
            if header >> 24 != sequence or not start < end <= start + MAX_ROW_BYTES:
                raise InternalError("a packet is out of order, or a row is too long")
            if end > self.held:
                break
            sequence, place = (sequence + 1) & 0xFF, end
            if self._buffer[start] >= _END:
                self._finish(bytes(self._buffer[start:end]))
                break
            self._starts.append(start)
            self._ends.append(end)
        self._next, self._sequence = place, sequence

    def _finish(self, packet: bytes) -> None:
        if packet[0] == _ERROR and len(packet) < _SHORTEST_ERROR:
            raise InternalError("an error packet is too short")
        if packet[0] == _ERROR:
            raise_mysql_exception(packet)
        self.is_ended = True

    def cut(self, *, columns: int) -> pa.RecordBatch:
        """The rows, each column's bytes copied out of the buffer; the buffer is free for more."""
        arrays = _columns(np.frombuffer(self._buffer, np.uint8, self.held), self._starts, self._ends, count=columns)
        rest = self.held - self._next
        self._buffer[:rest] = self._buffer[self._next : self.held]
        self._starts, self._ends, self._next, self.held = [], [], 0, rest
        return pa.RecordBatch.from_arrays(arrays, names=[str(place) for place in range(columns)])


def _columns(data: npt.NDArray[np.uint8], starts: list[int], ends: list[int], *, count: int) -> list[pa.Array]:
    place, last = np.array(starts, np.int64), np.array(ends, np.int64)
    arrays = []
    for _ in range(count):
        begin, length, is_null = _values(data, place, last)
        place = begin + length
        if (place > last).any():
            raise InternalError("a value is longer than its row")
        arrays.append(_copied(data, begin, place, is_null))
    if (place != last).any():
        raise InternalError("a row is longer than its values")
    return arrays


def _values(
    data: npt.NDArray[np.uint8], place: Integers, last: Integers
) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """Where each row's next value begins, how long it is, and whether it is null."""
    if (place >= last).any():
        raise InternalError("a row has too few values")
    length = data[place].astype(np.int64)
    begin, is_null, is_long = place + 1, length == _NULL, length > _NULL
    if is_long.any():
        at, kind = place[is_long], length[is_long]
        if (kind > _THREE_BYTES).any() or (at + 3 >= last[is_long]).any():
            raise InternalError("a value's length cannot be read")
        third = np.where(kind == _THREE_BYTES, data[at + 3], 0).astype(np.int64)
        length[is_long] = data[at + 1] | (data[at + 2].astype(np.int64) << 8) | (third << 16)
        begin[is_long] += kind - _TWO_BYTES + 2
    length[is_null] = 0
    return begin, length, is_null


def _copied(data: npt.NDArray[np.uint8], begin: Integers, end: Integers, is_null: npt.NDArray[np.bool_]) -> pa.Array:
    """The values as an array of their own.

    Values and the gaps between them are taken for one array over the buffer; then the gaps are left out.
    """
    edges = np.empty(2 * len(begin) + 1, np.int32)
    edges[0:-1:2], edges[1::2], edges[-1] = begin, end, end[-1]
    both = pa.Array.from_buffers(pa.binary(), 2 * len(begin), [None, pa.py_buffer(edges), pa.py_buffer(data)])
    wanted = np.arange(0, 2 * len(begin), 2, dtype=np.int32)
    return both.take(pa.array(wanted, mask=is_null if is_null.any() else None))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
