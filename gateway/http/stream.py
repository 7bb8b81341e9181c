"""The one bridge from synchronous rooms to the asynchronous server.

One thread reads one answer into a queue of a few chunks; the server takes them out. A client that stops reading
stops the thread at the full queue, and for longer than the patience given, ends the answer (THREATS T15). A client
that leaves closes the generator, and that closes the body at once; one that leaves before the first chunk is looked
for, for until then there is no generator, and production reads for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import Final

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable
from gateway.http.problems import note_unforeseen
from gateway.running import Body

QUEUE_CHUNKS: Final = 4
CHUNK_BYTES: Final = 32_768
"""Smaller ones are sent together."""
_POLL_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.1
"""How often it is asked whether a client still waits for its first chunk."""


_IDLE_SECONDS: Final = 1.0
"""A thread that had nothing to read for so long ends."""


class _Readers:
    """Threads that read bodies, one each, used again: the event loop stands still while a thread starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = 0
        """Threads that wait and are promised to nobody."""
        self._promised: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self, read: Callable[[], None]) -> None:
        """Run it in a thread, at once. It MUST NOT raise.

        Raises:
            RuntimeError: no thread can be started.
        """
        with self._lock:
            is_waited_for = self._idle > 0
            self._idle -= is_waited_for
        if not is_waited_for:
            threading.Thread(target=self._work, name="answer", daemon=True).start()
        self._promised.put(read)

    def _work(self) -> None:
        while True:
            try:
                read = self._promised.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle:
                        self._idle -= 1
                        return
                continue  # promised to one that is about to come
            read()
            del read  # it holds an answer
            with self._lock:
                self._idle += 1


_READERS: Final = _Readers()


class _Feed:
    """Reads a body, in a thread, into a bounded queue."""

    def __init__(self, body: Body, *, patience_seconds: float) -> None:
        self._body = body
        self._patience_seconds = patience_seconds
        self._queue: queue.Queue[bytes] = queue.Queue(QUEUE_CHUNKS)
        self._is_read = False
        """Every chunk was read and queued."""
        self._error: GatewayError | None = None
        """What ended it; beside the queue, for that may be full of what nobody reads."""
        self._cancelled = threading.Event()
        self._delivered = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._is_ended = False
        """The body is closed."""
        _READERS.run(self._run)

    async def next(self) -> bytes | None:
        """The next chunk; None after the last. Raises what ended the answer: then nothing queued goes out."""
        while True:
            is_read = self._is_read  # NOTE: before the queue is looked at: nothing is queued after it was set
            if error := self._body.stopped or self._error:
                raise error
            with contextlib.suppress(queue.Empty):
                return self._queue.get_nowait()
            if is_read:
                return None
            await self._ready.wait()
            self._ready.clear()

    def delivered(self) -> None:
        """Say that every chunk left this process."""
        self._delivered.set()

    def cancel(self) -> None:
        """End the answer now, unless it was delivered. Closing writes an entry: not on the event loop's thread."""
        self._cancelled.set()
        if not self._is_ended and not self._delivered.is_set():
            threading.Thread(target=self._body.close, name="close-answer", daemon=True).start()

    def _run(self) -> None:
        try:
            with self._body as body:
                self._read(body)
        except GatewayError as error:
            self._error = error
        except BaseException as error:  # noqa: BLE001 - the thread's border: Python would print a text that may hold a value
            note_unforeseen(error)
            self._error = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        finally:
            self._is_ended = True
            if self._error is not None:  # else whoever waited was told of the last chunk
                self._wake()

    def _read(self, body: Body) -> None:
        is_queued = all(self._put(chunk) for chunk in _joined(body))
        if is_queued:
            self._is_read = True
            self._wake()
        if is_queued and self._leaves():
            body.finish()
            return
        stalled = Exhausted("the answer was not read", code="stalled", fix="read faster, or ask for an extract")
        if not self._cancelled.is_set():  # one that left is `cut`, which is what closing says
            body.give_up(stalled)
        raise stalled

    def _put(self, item: bytes) -> bool:
        """False: the reader left, or took nothing for too long, or the answer was stopped."""
        waited = 0.0
        while waited < self._patience_seconds and not self._cancelled.is_set() and self._body.stopped is None:
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                waited += _POLL_SECONDS
                continue
            self._wake()
            return True
        return False

    def _leaves(self) -> bool:
        """Whether every chunk leaves this process; an answer may be stopped until it has."""
        waited = 0.0
        while waited < self._patience_seconds and not self._cancelled.is_set() and self._body.stopped is None:
            if self._delivered.wait(_POLL_SECONDS):
                return True
            waited += _POLL_SECONDS
        return self._delivered.is_set()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server stopped, nobody waits
            self._loop.call_soon_threadsafe(self._ready.set)


def _joined(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks of some size: each one costs a change of threads."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def begin(
    body: Body, *, is_disconnected: Callable[[], Awaitable[bool]], patience_seconds: float
) -> AsyncGenerator[bytes]:
    """Read the first chunk, so that an early failure still gets its own status; then hand on the whole.

    Args:
        is_disconnected: whether the client is known to have left.
        patience_seconds: a reader that takes nothing for so long loses its answer: it holds a child and a place.

    Raises:
        GatewayError: nothing was sent yet.
    """
    try:
        feed = _Feed(body, patience_seconds=patience_seconds)
    except BaseException:  # no thread left: the body must still end
        body.close()
        raise
    try:
        first = await _first(feed, is_disconnected)
    except BaseException:
        feed.cancel()
        raise
    return _send(feed, first, is_disconnected)


async def _first(feed: _Feed, is_disconnected: Callable[[], Awaitable[bool]]) -> bytes | None:
    """The first chunk, while its client waits for it."""
    chunk = asyncio.ensure_future(feed.next())
    try:
        while not (await asyncio.wait({chunk}, timeout=_LOOK_SECONDS))[0]:
            if await is_disconnected():
                raise Unavailable("the client left before its answer began", code="cancelled")
        return chunk.result()
    finally:
        chunk.cancel()


async def _send(
    feed: _Feed, chunk: bytes | None, is_disconnected: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes]:
    """Chunks to the end. An error here breaks the connection: a status was already sent."""
    try:
        while chunk is not None:
            yield chunk
            chunk = await feed.next()
        # NOTE: the server waits for its write buffer before it takes the next chunk; after this empty one
        # (and with a high-water mark of 0, see http/server.py) every byte is the kernel's.
        yield b""
        if not await is_disconnected():
            feed.delivered()
    finally:
        feed.cancel()
