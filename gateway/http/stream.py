"""The one bridge from synchronous rooms to the asynchronous server.

One thread reads one answer into a queue of a few chunks; the server takes them out. A client that stops reading
stops the thread at the full queue, and for longer than the patience given, ends the answer (THREATS T15). A client
that leaves closes the generator, and that closes the body at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import queue
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import Final

from gateway.errors import Exhausted, GatewayError, Integrity
from gateway.http.problems import note_unforeseen
from gateway.running import Body

QUEUE_CHUNKS: Final = 4
CHUNK_BYTES: Final = 32_768
"""Smaller ones are sent together."""
PATIENCE_SECONDS: Final = 10.0
"""A reader that takes nothing for so long loses its answer: it pins production's snapshot."""
_POLL_SECONDS: Final = 0.5


class _Feed:
    """A thread that reads a body into a bounded queue."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._queue: queue.Queue[bytes | _Mark] = queue.Queue(QUEUE_CHUNKS)
        self._last: _Mark | GatewayError | None = None
        """How it ended; beside the queue, for that may be full of what nobody reads."""
        self._cancelled = threading.Event()
        self._delivered = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="answer", daemon=True)
        self._thread.start()

    async def next(self) -> bytes | _Mark:
        """The next chunk or mark; raises what ended the answer. Once it was stopped, nothing queued goes out."""
        while True:
            last = self._last  # NOTE: before the queue is looked at: nothing is queued after it was set
            try:
                taken: bytes | _Mark | GatewayError | None = self._queue.get_nowait()
            except queue.Empty:
                taken = last
            taken = self._body.stopped or taken
            if isinstance(taken, GatewayError):
                raise taken
            if taken is not None:
                return taken
            await self._ready.wait()
            self._ready.clear()

    def delivered(self) -> None:
        """Say that every chunk left this process."""
        self._delivered.set()

    def cancel(self) -> None:
        """End the answer now, unless it was delivered. Closing writes an entry: not on the event loop's thread."""
        self._cancelled.set()
        if self._thread.is_alive() and not self._delivered.is_set():
            threading.Thread(target=self._body.close, name="close-answer", daemon=True).start()

    def _run(self) -> None:
        error: GatewayError = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        try:
            with self._body as body:
                if self._read(body):
                    body.finish()
                    return
            error = Exhausted("the answer was not read", code="stalled", fix="read faster, or ask for an extract")
        except GatewayError as ended:
            error = ended
        finally:
            if not self._delivered.is_set():
                self._put(error)

    def _read(self, body: Body) -> bool:
        """Whether every byte left this process."""
        return (
            all(self._put(chunk) for chunk in _joined(body))
            and self._put(None)
            and self._delivered.wait(PATIENCE_SECONDS)
        )

    def _put(self, item: bytes | _Mark) -> bool:
        """False: the reader left, or took nothing for too long, or the answer was stopped."""
        waited = 0.0
        while waited < PATIENCE_SECONDS and not self._cancelled.is_set() and self._body.stopped is None:
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                waited += _POLL_SECONDS
                continue
            self._wake()
            return True
        return False

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server stopped, nobody waits
            self._loop.call_soon_threadsafe(self._ready.set)


async def begin(body: Body, *, is_disconnected: Callable[[], Awaitable[bool]]) -> AsyncGenerator[bytes]:
    """Read the first chunk, so that an early failure still gets its own status; then hand on the whole.

    Args:
        is_disconnected: whether the client is known to have left.

    Raises:
        GatewayError: nothing was sent yet.
    """
    feed = _Feed(body)
    try:
        first = await feed.next()
    except BaseException:
        feed.cancel()
        raise
    return _send(feed, first, is_disconnected)


async def _send(feed: _Feed, chunk: bytes | None) -> AsyncGenerator[bytes]:
    """Chunks to the end. An error here breaks the connection: a status was already sent."""
    try:
        while chunk is not None:
            yield chunk
            chunk = await feed.next()
        # NOTE: the server waits for its write buffer before it takes the next chunk; after this empty one
        # (and with a high-water mark of 0, see http/server.py) every byte is the kernel's.
        yield b""
        feed.delivered()
    finally:
        feed.cancel()
