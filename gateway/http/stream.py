"""The one bridge from synchronous rooms to the asynchronous server.

One thread reads one answer into a queue of a few chunks; the server takes them out. A client that stops reading
stops the thread at the full queue, and for longer than the patience given, ends the answer (THREATS T15). A client
that leaves closes the generator, and that closes the body at once.
"""

from __future__ import annotations

import asyncio
import enum
import queue
import threading
from collections.abc import AsyncGenerator
from typing import Final

from gateway.errors import Exhausted, GatewayError, Integrity
from gateway.running import Body

QUEUE_CHUNKS: Final = 4
PATIENCE_SECONDS: Final = 10.0
"""A reader that takes nothing for so long loses its answer: it pins production's snapshot."""
_POLL_SECONDS: Final = 0.5


class _Mark(enum.Enum):
    READ = enum.auto()
    """Every chunk was read; none may be under way when the outcome is written."""
    FINISHED = enum.auto()
    """The outcome is durable."""


class _Feed:
    """A thread that reads a body into a bounded queue."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._queue: queue.Queue[bytes | _Mark | GatewayError] = queue.Queue(QUEUE_CHUNKS)
        self._cancelled = threading.Event()
        self._delivered = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="answer", daemon=True)
        self._thread.start()

    async def next(self) -> bytes | _Mark:
        """The next chunk or mark; raises what ended the answer."""
        while True:
            try:
                taken = self._queue.get_nowait()
            except queue.Empty:
                await self._ready.wait()
                self._ready.clear()
                continue
            if isinstance(taken, GatewayError):
                raise taken
            return taken

    def delivered(self) -> None:
        """Say that every chunk left this process."""
        self._delivered.set()

    def cancel(self) -> None:
        """End the answer now. Closing kills a child and writes an entry: not on the event loop's thread."""
        self._cancelled.set()
        if self._thread.is_alive():
            threading.Thread(target=self._body.close, name="close-answer", daemon=True).start()

    def _run(self) -> None:
        last: _Mark | GatewayError = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        try:
            with self._body as body:
                last = self._read(body)
        except GatewayError as error:
            last = error
        finally:
            self._put(last)

    def _read(self, body: Body) -> _Mark | GatewayError:
        stalled = Exhausted("the answer was not read", code="stalled", fix="read faster, or ask for an extract")
        for chunk in body:
            if chunk and not self._put(chunk):
                return stalled
        if not self._put(_Mark.READ) or not self._delivered.wait(PATIENCE_SECONDS):
            return stalled
        body.finish()
        return _Mark.FINISHED

    def _put(self, item: bytes | _Mark | GatewayError) -> bool:
        waited = 0.0
        while waited < PATIENCE_SECONDS and not self._cancelled.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                waited += _POLL_SECONDS
                continue
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._ready.set)
            return True
        return False


async def begin(body: Body) -> AsyncGenerator[bytes]:
    """Read the first chunk, so that an early failure still gets its own status; then hand on the whole.

    Raises:
        GatewayError: nothing was sent yet.
    """
    feed = _Feed(body)
    try:
        first = await feed.next()
    except BaseException:
        feed.cancel()
        raise
    return _send(feed, first)


async def _send(feed: _Feed, taken: bytes | _Mark) -> AsyncGenerator[bytes]:
    """Chunks to the end. An error here breaks the connection: a status was already sent."""
    try:
        while isinstance(taken, bytes):
            yield taken
            taken = await feed.next()
        # NOTE: the server waits for its write buffer before it takes the next chunk; after this empty one
        # (and with a high-water mark of 0, see http/server.py) every byte is the kernel's.
        yield b""
        feed.delivered()
        await feed.next()
    finally:
        feed.cancel()
