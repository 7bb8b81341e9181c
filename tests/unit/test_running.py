from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Callable, Iterator

import pytest

from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Unavailable
from gateway.running import Body, RunningAnswers
from gateway.terms.audit import Conditions, Entry
from gateway.terms.request import Receipt
from gateway.terms.streams import Tally

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
RECEIPT = Receipt(id="r_1", nonce="ab" * 32)
CONDITIONS = Conditions(digest="d", dynamic_grants=(), credential_id="c", instance="i")


class Fixed:
    def now(self) -> datetime.datetime:
        return NOW


class Book:
    """A log that keeps its entries in memory (ports.AuditLog)."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.before: Callable[[], object] = lambda: None

    def append(self, entry: Entry, *, conditions: Conditions | None = None) -> int:
        self.before()
        self.entries.append(entry)
        return len(self.entries) - 1

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(entry.result, entry.code) for entry in self.entries]  # type: ignore[union-attr]  # outcomes only


class Says:
    """What holds, as a test says (ports.Standing)."""

    def __init__(self, broken: str | GatewayError = "") -> None:
        self._broken = broken

    def broken(self, conditions: Conditions) -> str:
        if isinstance(self._broken, GatewayError):
            raise self._broken
        return self._broken


def body_of(book: Book, chunks: Iterator[bytes], *, tally: Tally | None = None) -> Body:
    return Body(chunks, receipt=RECEIPT, access_index=7, tally=tally or Tally(), log=book, clock=Fixed())


def failing(error: BaseException) -> Iterator[bytes]:
    yield b"a"
    raise error


def test_a_body_read_and_finished_is_ok_with_the_hmac_of_its_bytes() -> None:
    book, tally = Book(), Tally()
    tally.delivered_rows, tally.rejected_rows = 5, 2
    with body_of(book, iter([b"a", b"", b"bc"]), tally=tally) as body:
        assert b"".join(body) == b"abc"
        body.finish()
    (entry,) = book.entries
    expected = hmac.digest(bytes.fromhex(RECEIPT.nonce), hashlib.sha256(b"abc").digest(), "sha256").hex()
    assert (entry.result, entry.code, entry.body_hmac) == ("ok", "", expected)
    assert (entry.rows, entry.suppressed_rows, entry.access_index, entry.receipt) == (5, 2, 7, "r_1")


def test_a_body_read_but_not_finished_is_cut() -> None:
    book = Book()
    with body_of(book, iter([b"a"])) as body:
        assert list(body) == [b"a"]
    assert book.told == [("cut", "cut")]
    assert book.entries[0].body_hmac == ""


def test_a_body_left_in_the_middle_is_cut() -> None:
    book = Book()
    with body_of(book, iter([b"a", b"b"])) as body:
        next(body)
    assert book.told == [("cut", "cut")]


def test_a_body_cannot_be_finished_before_its_end() -> None:
    book = Book()
    body = body_of(book, iter([b"a", b"b"]))
    next(body)
    with pytest.raises(AssertionError):
        body.finish()
    body.close()
    assert book.told == [("cut", "cut")]


ENDINGS = (
    (Exhausted("x", code="memory"), ("exhausted", "exhausted.memory")),
    (Integrity("x", code="source.file"), ("failed", "integrity.source.file")),
    (Denied("x", code="stale"), ("failed", "denied.stale")),
)


@pytest.mark.parametrize(("error", "told"), ENDINGS, ids=str)
def test_an_error_of_the_answer_is_its_outcome(error: GatewayError, told: tuple[str, str]) -> None:
    book = Book()
    with body_of(book, failing(error)) as body, pytest.raises(GatewayError) as raised:
        list(body)
    assert book.told == [told]
    assert (raised.value.code, raised.value.receipt) == (error.code, "r_1")


def test_a_foreign_error_is_a_failed_outcome_without_its_text() -> None:
    book = Book()
    with body_of(book, failing(KeyError("a value"))) as body, pytest.raises(KeyError):
        list(body)
    assert book.told == [("failed", "internal")]
    assert "a value" not in repr(book.entries)


def test_one_outcome_is_written_however_often_it_ends() -> None:
    book = Book()
    body = body_of(book, iter([]))
    list(body)
    body.finish()
    body.finish()
    body.close()
    body.give_up(Exhausted("x", code="stalled"))
    assert book.told == [("ok", "")]


def test_what_stopped_an_answer_is_what_its_reader_gets() -> None:
    book, aborted = Book(), []
    body = body_of(book, iter([b"a", b"b"]))
    next(body)
    body.stop(Denied("withdrawn", code="stale"), abort=lambda: aborted.append(1))
    with pytest.raises(Denied):
        next(body)
    assert (book.told, aborted) == ([("failed", "denied.stale")], [1])


def test_the_end_of_the_rows_does_not_hide_that_it_was_stopped() -> None:
    book = Book()
    body = body_of(book, iter([]))
    body.stop(Unavailable("lost", code="lease"), abort=lambda: None)
    with pytest.raises(Unavailable):
        next(body)
    assert book.told == [("failed", "unavailable.lease")]


@pytest.mark.parametrize("end", [Body.close, lambda body: body.give_up(Exhausted("slow", code="stalled"))])
def test_a_stopped_answer_that_nobody_reads_on_says_why_it_was_stopped(end: Callable[[Body], None]) -> None:
    book = Book()
    body = body_of(book, iter([b"a"]))
    body.stop(Denied("withdrawn", code="stale"), abort=lambda: None)
    end(body)
    assert book.told == [("failed", "denied.stale")]


def test_giving_up_on_a_reader_is_not_a_cut() -> None:
    book = Book()
    body = body_of(book, iter([b"a"]))
    body.give_up(Exhausted("slow", code="stalled"))
    assert book.told == [("exhausted", "exhausted.stalled")]


def test_what_must_be_done_at_the_end_is_done_before_the_outcome_is_written() -> None:
    book, done = Book(), []
    book.before = lambda: done.append("written")
    body = body_of(book, iter([]))
    body.on_end(lambda: done.append("freed"))
    body.close()
    assert done == ["freed", "written"]


def test_an_act_at_the_end_that_fails_keeps_no_other_from_being_done() -> None:
    book, done = Book(), []
    body = body_of(book, iter([]))
    body.on_end(lambda: done.append("first"))
    body.on_end(lambda: 1 / 0)
    body.on_end(lambda: done.append("last"))
    with pytest.raises(ZeroDivisionError):
        body.close()
    assert sorted(done) == ["first", "last"]
    assert book.told == [("cut", "cut")]


def test_an_ended_answer_gives_no_further_chunk() -> None:
    body = body_of(Book(), iter([b"a", b"b"]))
    next(body)
    body.close()
    with pytest.raises(Unavailable):
        next(body)


# The watch


def watched(
    broken: str | GatewayError, *, withdrawn: list[str] | None = None
) -> tuple[RunningAnswers, Body, Book, list[int]]:
    told = withdrawn if withdrawn is not None else []
    running, book, aborted = RunningAnswers(Says(broken), withdraw=told.append), Book(), []
    body = body_of(book, iter([b"a", b"b"]))
    running.add("r_1", principal="ana", body=body, conditions=CONDITIONS, abort=lambda: aborted.append(1))
    return running, body, book, aborted


def test_an_answer_whose_conditions_hold_goes_on() -> None:
    running, body, _, aborted = watched("")
    assert running.recheck() == 0
    assert next(body) == b"a"
    assert not aborted


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("digest", "denied.stale"),
        ("grant", "denied.stale"),
        ("credential", "denied.stale"),
        ("lease", "unavailable.lease"),
        (Unavailable("no answer", code="control"), "unavailable.control"),
    ],
)
def test_an_answer_whose_conditions_broke_ends(broken: str | GatewayError, code: str) -> None:
    running, body, book, aborted = watched(broken)
    assert running.recheck() == 1
    with pytest.raises(GatewayError):
        next(body)
    assert (book.told, aborted) == ([("failed", code)], [1])


@pytest.mark.parametrize(
    ("broken", "told"), [("", []), ("credential", ["ana"]), ("grant", ["ana"]), ("digest", ["ana"]), ("lease", [])]
)
def test_whose_right_is_gone_is_told_so_that_idle_children_go_too(broken: str, told: list[str]) -> None:
    withdrawn: list[str] = []
    running, *_ = watched(broken, withdrawn=withdrawn)
    running.recheck()
    assert withdrawn == told


def test_an_ended_answer_is_watched_no_longer() -> None:
    running, body, _, _ = watched("digest")
    body.close()
    assert running.recheck() == 0


def test_one_error_that_stops_all_tells_each_its_own_receipt() -> None:
    running, told = RunningAnswers(Says(), withdraw=lambda _: None), []
    bodies = []
    for name in ("r_1", "r_2"):
        receipt = Receipt(id=name, nonce=RECEIPT.nonce)
        body = Body(iter([b"a"]), receipt=receipt, access_index=0, tally=Tally(), log=Book(), clock=Fixed())
        running.add(name, principal="ana", body=body, conditions=CONDITIONS, abort=lambda: None)
        bodies.append(body)
    running.stop_all(Unavailable("stopping", code="stopping"))
    for body in bodies:
        with pytest.raises(Unavailable) as raised:
            next(body)
        told.append(raised.value)
    assert [error.receipt for error in told] == ["r_1", "r_2"]
