"""Frames between gateway and child: kind, length, payload. `gateway/sandbox/wire.py` is the gateway's end.

The child trusts the gateway, not the other way round: what a Channel of this module sends is hostile on arrival.
"""

from __future__ import annotations

import socket
import struct

import pyarrow as pa

HEADER = struct.Struct(">BI")
"""Kind, length of the payload in bytes."""
READY, QUERY, SCHEMA, BATCH, END, TRAILER = range(1, 7)
TRAILER_LAYOUT = struct.Struct(">BQ32s")
"""Index in STATUSES, rows, SHA-256 over the payloads of all schema and batch frames."""
MAX_FRAME_BYTES = 64 << 20
STATUSES = (
    "ok",
    "statement",
    "conversion",
    "range",
    "division",
    "input",
    "types",
    "unsupported",
    "memory",
    "wide_row",
    "engine",
)
"""How a query ended: a closed set, so that no text of the engine leaves the child."""


class Cut(OSError):
    """The other side ended inside a conversation."""


class Channel:
    """A connected socket that carries frames."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)

    def read(self) -> tuple[int, pa.Buffer]:
        """The next frame's kind and payload.

        Raises:
            Cut: the gateway closed its end.
        """
        kind, size = HEADER.unpack(self._receive(HEADER.size))
        return kind, self._receive(size)

    def write(self, kind: int, payload: bytes | pa.Buffer) -> None:
        """Send one frame; blocks while the gateway does not read."""
        view = memoryview(payload)
        self._socket.sendall(HEADER.pack(kind, view.nbytes))
        self._socket.sendall(view)

    def _receive(self, size: int) -> pa.Buffer:
        buffer = pa.allocate_buffer(size)
        view, done = memoryview(buffer), 0
        while done < size:
            count = self._socket.recv_into(view[done:], 0, socket.MSG_WAITALL)
            if count == 0:
                raise Cut
            done += count
        return buffer
