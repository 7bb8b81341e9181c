"""Frames between gateway and child: kind, length, payload. This is the child's end; `wire` is the gateway's.

The child trusts the gateway, not the other way round: what a Channel of this module sends is hostile on arrival.
"""

from __future__ import annotations

import socket
import struct

import pyarrow as pa

HEADER = struct.Struct(">BI")
"""Kind, length of the payload in bytes."""
READY = 1
"""The first frame of every child: its report. Further kinds are each room's own."""


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
