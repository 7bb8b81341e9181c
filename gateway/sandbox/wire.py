"""The gateway's end of a child's socket: every byte that comes from it is hostile.

The layout is in `child/frames.py`: fixed structs, so that there is no parser for a child to attack.
"""

from __future__ import annotations

import dataclasses
import hashlib
import socket
import struct
from typing import Final

import pyarrow as pa

from gateway.isolation import wire
from gateway.isolation.frames import READY
from gateway.isolation.process import MAX_REPORT_BYTES
from gateway.isolation.wire import Malformed
from gateway.sandbox.child.frames import BATCH, MAX_FRAME_BYTES, SCHEMA, STATUSES, TRAILER, TRAILER_LAYOUT

MAX_SCHEMA_BYTES: Final = 1 << 20
MAX_BYTES: Final = {
    READY: MAX_REPORT_BYTES,
    SCHEMA: MAX_SCHEMA_BYTES,
    BATCH: MAX_FRAME_BYTES,
    TRAILER: TRAILER_LAYOUT.size,
}
"""Kinds that a child may send, and how large each may be."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """How a child says its query ended."""

    status: str
    rows: int
    sha256: bytes


class Channel(wire.Channel):
    """A socket of a child. Writing (a feeder) and reading (the answer) may be different threads."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(end, max_bytes=MAX_BYTES)


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
