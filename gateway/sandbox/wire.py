"""The gateway's end of a child's socket: every byte that comes from it is hostile.

The layout is in `child/frames.py`: fixed structs, so that there is no parser for a child to attack.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import socket
import struct
import threading
from typing import Final

import pyarrow as pa

from gateway.sandbox.child.frames import (
    BATCH,
    HEADER,
    MAX_FRAME_BYTES,
    READY,
    SCHEMA,
    STATUSES,
    TRAILER,
    TRAILER_LAYOUT,
)

MAX_SCHEMA_BYTES: Final = 1 << 20
MAX_REPORT_BYTES: Final = 64 << 10
MAX_BYTES: Final = {
    READY: MAX_REPORT_BYTES,
    SCHEMA: MAX_SCHEMA_BYTES,
    BATCH: MAX_FRAME_BYTES,
    TRAILER: TRAILER_LAYOUT.size,
}
"""Kinds that a child may send, and how large each may be."""


class Malformed(Exception):
    """A child sent what its side of the protocol never sends. Its text says what, without bytes of it."""


class Ended(Exception):
    """The child is gone, at a frame's border or inside one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """How a child says its query ended."""

    status: str
    rows: int
    sha256: bytes


class Channel:
    """A socket of a child. Writing (a feeder) and reading (the answer) may be different threads."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        # NOTE: held for the whole of a read or write. Closing waits for them: else a descriptor that another query
        # got in the meantime would be read or written.
        self._reading, self._writing = threading.Lock(), threading.Lock()

    def write(self, kind: int, payload: bytes | pa.Buffer) -> None:
        """Send one frame; blocks while the child does not read.

        Raises:
            Ended: the child is gone.
        """
        view = memoryview(payload)
        with self._writing:
            try:
                self._socket.sendall(HEADER.pack(kind, view.nbytes))
                self._socket.sendall(view)
            except OSError:
                raise Ended from None

    def read(self) -> tuple[int, pa.Buffer]:
        """The next frame's kind and payload.

        Raises:
            Malformed: a kind that children do not send, or a length above its maximum.
            Ended: the child is gone, or (readiness only) did not answer in time.
        """
        with self._reading:
            kind, size = HEADER.unpack(self._receive(HEADER.size))
            if size > MAX_BYTES.get(kind, -1):
                raise Malformed("a frame of an unknown kind or above its size")
            return kind, self._receive(size)

    def limit(self, seconds: float | None) -> None:
        """Give up a read or write after this long; None: never."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        """Wake whoever reads or writes, then give the descriptor back."""
        with contextlib.suppress(OSError):  # the child closed its end first
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._reading, self._writing:
            self._socket.close()

    def _receive(self, size: int) -> pa.Buffer:
        buffer = pa.allocate_buffer(size)
        view, done = memoryview(buffer), 0
        while done < size:
            try:
                count = self._socket.recv_into(view[done:], 0, socket.MSG_WAITALL)
            except OSError:
                raise Ended from None
            if count == 0:
                raise Ended
            done += count
        return buffer


def trailer(payload: bytes | pa.Buffer) -> Trailer:
    """Read a trailer.

    Raises:
        Malformed: of another size, or a status outside the closed set.
    """
    try:
        status, rows, digest = TRAILER_LAYOUT.unpack(payload)
        return Trailer(status=STATUSES[status], rows=rows, sha256=digest)
    except (struct.error, IndexError):
        raise Malformed("a trailer that is none") from None


class Received:
    """What came so far, to be held against the trailer."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._rows = 0

    def add(self, payload: pa.Buffer, *, rows: int = 0) -> None:
        """Count a schema or batch frame."""
        self._digest.update(payload)
        self._rows += rows

    def equals(self, claimed: Trailer) -> bool:
        """Whether it is all that the child says it sent."""
        return claimed.rows == self._rows and claimed.sha256 == self._digest.digest()
