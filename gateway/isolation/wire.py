"""The gateway's end of a child's socket: every byte that comes from it is hostile."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Mapping

import pyarrow as pa

from gateway.isolation.frames import HEADER


class Malformed(Exception):
    """A child sent what its side of the protocol never sends. Its text says what, without bytes of it."""


class Ended(Exception):
    """The child is gone, at a frame's border or inside one."""


class Channel:
    """A socket of a child. Writing and reading may be different threads."""

    def __init__(self, end: socket.socket, *, max_bytes: Mapping[int, int]) -> None:
        """`max_bytes`: the kinds that a child may send, and how large each may be."""
        self._socket = end
        self._max_bytes = max_bytes
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
            Ended: the child is gone, or did not answer within the limit.
        """
        with self._reading:
            kind, size = HEADER.unpack(self._receive(HEADER.size))
            if size > self._max_bytes.get(kind, -1):
                raise Malformed("a frame of an unknown kind or above its size")
            return kind, self._receive(size)

    def has_answer(self, *, within: float) -> bool:
        """Whether something came, or the child ended, at most so many seconds from now."""
        with self._reading:
            try:
                came = select.poll()  # select() has no place for descriptors above 1023
                came.register(self._socket, select.POLLIN)
                return bool(came.poll(within * 1_000))
            except (OSError, ValueError):  # closed meanwhile: reading will tell
                return True

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
