"""The bridge from a thread to the event loop, over bodies that a test makes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

import pytest

from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Unavailable
from gateway.http import stream
from gateway.running import Body
from gateway.terms.streams import Tally
from tests.unit.test_running import RECEIPT, Book, Fixed

BIG = b"x" * stream.CHUNK_BYTES


def body_of(book: Book, chunks: Iterator[bytes]) -> Body:
    return Body(chunks, receipt=RECEIPT, access_index=0, tally=Tally(), log=book, clock=Fixed())


async def here() -> bool:
    return False


async def gone() -> bool:
    return True


async def begin(
    body: Body, *, is_disconnected: Callable[[], Awaitable[bool]] = here, patience_seconds: float = 10
) -> AsyncGenerator[bytes]:
    return await stream.begin(body, is_disconnected=is_disconnected, patience_seconds=patience_seconds)


async def read(body: Body, *, is_disconnected: Callable[[], Awaitable[bool]] = here) -> bytes:
    return b"".join([chunk async for chunk in await begin(body, is_disconnected=is_disconnected)])


def until_told(book: Book, *, seconds: float = 8) -> list[tuple[str, str]]:
    end = time.monotonic() + seconds
    while not book.entries:
        assert time.monotonic() < end
        time.sleep(0.01)
    return book.told


def test_bytes_arrive_in_order_and_the_outcome_is_ok() -> None:
    book, sent = Book(), [bytes([n]) * (20_000 * n) for n in range(1, 12)]
    assert asyncio.run(read(body_of(book, iter(sent)))) == b"".join(sent)
    assert until_told(book) == [("ok", "")]


def test_an_empty_body_is_a_body() -> None:
    book = Book()
    assert asyncio.run(read(body_of(book, iter([])))) == b""
    assert until_told(book) == [("ok", "")]


def test_an_error_before_the_first_byte_is_raised_at_once() -> None:
    def failing() -> Iterator[bytes]:
        raise Unavailable("down", code="source")
        yield b""

    book = Book()
    with pytest.raises(Unavailable):
        asyncio.run(read(body_of(book, failing())))
    assert until_told(book) == [("failed", "unavailable.source")]


def test_an_error_after_some_bytes_ends_the_generator_with_it() -> None:
    def failing() -> Iterator[bytes]:
        yield BIG
        time.sleep(0.1)  # the first chunk is under way
        raise Exhausted("too much", code="memory")

    book, got = Book(), []

    async def take() -> None:
        async for chunk in await begin(body_of(book, failing())):
            got.append(chunk)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(Exhausted):
        asyncio.run(take())
    assert b"".join(got) == BIG
    assert until_told(book) == [("exhausted", "exhausted.memory")]


def test_a_foreign_error_becomes_our_own_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Iterator[bytes]:
        raise KeyError("a value")
        yield b""

    book = Book()
    with pytest.raises(Integrity) as raised:
        asyncio.run(read(body_of(book, failing())))
    assert raised.value.code == "integrity.internal"
    assert "KeyError" in caplog.text
    assert "a value" not in caplog.text + str(raised.value)
    assert until_told(book) == [("failed", "internal")]


def test_a_client_that_is_known_to_have_left_is_never_ok() -> None:
    book = Book()
    asyncio.run(read(body_of(book, iter([b"a"])), is_disconnected=gone))
    assert until_told(book) == [("cut", "cut")]


def test_a_client_that_leaves_before_the_first_chunk_is_noticed() -> None:
    """Until then nothing is sent, so nothing fails: it must be asked for."""
    left, book = threading.Event(), Book()

    def endless() -> Iterator[bytes]:
        left.wait(10)
        yield b""

    body = body_of(book, endless())
    body.on_end(left.set)
    begun = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        asyncio.run(read(body, is_disconnected=gone))
    assert caught.value.code == "unavailable.cancelled"
    assert until_told(book) == [("cut", "cut")]
    assert time.monotonic() - begun < 1


def test_a_generator_that_is_closed_cuts_the_answer() -> None:
    book = Book()

    async def leave() -> None:
        chunks = await begin(body_of(book, iter([BIG] * 50)))
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(leave())
    assert until_told(book) == [("cut", "cut")]


def test_no_more_is_read_ahead_than_the_queue_holds() -> None:
    made = []

    def counting() -> Iterator[bytes]:
        for number in range(50):
            made.append(number)
            yield BIG

    async def slow() -> int:
        chunks = await begin(body_of(Book(), counting()))
        await asyncio.sleep(0.3)
        ahead = len(made)
        await anext(chunks)
        await chunks.aclose()
        return ahead

    assert asyncio.run(slow()) <= stream.QUEUE_CHUNKS + 2  # one handed over, one in hand


@pytest.mark.parametrize("chunks", [50, 2], ids=["still reading", "all read"])
def test_a_reader_that_takes_nothing_loses_its_answer(chunks: int) -> None:
    book = Book()

    async def stall() -> None:
        taken = await begin(body_of(book, iter([BIG] * chunks)), patience_seconds=0.5)
        await anext(taken)
        await asyncio.to_thread(until_told, book)
        async for _ in taken:
            pass

    with pytest.raises(GatewayError):
        asyncio.run(stall())
    assert book.told == [("exhausted", "exhausted.stalled")]


@pytest.mark.parametrize("chunks", [50, 2], ids=["still reading", "all read"])
def test_a_stopped_answer_ends_although_its_reader_takes_nothing(chunks: int) -> None:
    """And nothing that was queued before goes out after."""
    book, got = Book(), []

    async def stop() -> None:
        body = body_of(book, iter([BIG] * chunks))
        taken = await begin(body)
        await anext(taken)
        body.stop(Denied("withdrawn", code="stale"), abort=lambda: None)
        await asyncio.to_thread(until_told, book, seconds=2)
        async for chunk in taken:
            got.append(chunk)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(Denied):
        asyncio.run(stop())
    assert book.told == [("failed", "denied.stale")]
    assert not got


def test_an_answer_is_read_by_a_thread_that_read_one_before() -> None:
    """The event loop stands still while a thread starts."""
    readers = set()

    def telling() -> Iterator[bytes]:
        readers.add(threading.get_ident())
        yield b"a"

    for at in range(6):
        book = Book()
        asyncio.run(read(body_of(book, telling())))
        assert until_told(book) == [("ok", "")]
        time.sleep(0.1)  # its thread is free soon after the outcome
        if at == 0:
            known = {thread.ident for thread in threading.enumerate() if thread.name == "answer"}
    assert readers <= known


def test_answers_at_once_have_a_thread_each() -> None:
    together = threading.Barrier(8)

    def meeting() -> Iterator[bytes]:
        together.wait(5)
        yield b"a"

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(read(body_of(Book(), meeting())) for _ in range(8)))

    assert asyncio.run(all_of_them()) == [b"a"] * 8
