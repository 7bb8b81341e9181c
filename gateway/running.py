"""An answer on its way, and the watch over all of them.

Decision, access entry and scan are three moments. What held at the access entry is asked again every few seconds
while rows flow, by the database's clock; an answer whose grant, credential, bundle or lease is gone ends (T17).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import hashlib
import hmac
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from types import MappingProxyType
from typing import Self

from gateway.errors import Denied, Exhausted, GatewayError, Unavailable
from gateway.ports import AuditLog, Clock, Source, SourceSession, Standing
from gateway.terms.audit import Conditions, OutcomeEntry, Result
from gateway.terms.plan import Output, Plan, Snapshot
from gateway.terms.policy import Decision
from gateway.terms.request import Receipt
from gateway.terms.streams import AnswerStream, Tally


class Body:
    """The bytes of one answer; writes exactly one outcome entry, whatever happens.

    Iterate to the end, then `finish` once the bytes have left. MUST be closed; a second close does nothing.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        *,
        receipt: Receipt,
        access_index: int,
        tally: Tally,
        log: AuditLog,
        clock: Clock,
    ) -> None:
        self._chunks = chunks
        self._receipt = receipt
        self._access_index = access_index
        self._tally = tally
        self._log = log
        self._clock = clock
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._is_read = False
        self._is_ended = False
        self._stopped: GatewayError | None = None
        self._on_end: list[Callable[[], None]] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """The next chunk.

        Raises:
            GatewayError: what ended the answer; the body so far does not pass for a whole one.
        """
        if self._is_ended:
            raise self._stopped or Unavailable("this answer has ended", code="ended")
        code = "internal"
        going_on = False
        try:
            chunk = next(self._chunks, None)
            if self._stopped is not None:
                raise self._stopped
            going_on = True
        except GatewayError as error:
            told = copy.copy(self._stopped or error)  # one error may stop many answers
            told.receipt = self._receipt.id
            code = told.code
            raise told from None
        finally:
            if not going_on:
                self._fail(code)
        if chunk is None:
            self._is_read = True
            raise StopIteration
        self._digest.update(chunk)
        return chunk

    def finish(self) -> None:
        """Write the outcome `ok`. Call when the last byte has left this process.

        Raises:
            Unavailable: the outcome could not be made durable; the log will say `unknown`.
        """
        if not self._is_read:
            raise AssertionError("an answer is finished after its last chunk")
        self._end("ok", code="")

    def on_end(self, act: Callable[[], None]) -> None:
        """Do this once when the answer has ended, before its outcome is written."""
        self._on_end.append(act)

    def stop(self, error: GatewayError, *, abort: Callable[[], None]) -> None:
        """End it from another thread: the reader gets `error` in place of the next chunk."""
        self._stopped = error
        abort()

    @property
    def stopped(self) -> GatewayError | None:
        """What `stop` was given: nothing more of it may leave."""
        return self._stopped

    def give_up(self, error: GatewayError) -> None:
        """End it here for a reason that lies with its reader; what stopped it before counts more."""
        self._fail((self._stopped or error).code)

    def close(self) -> None:
        """End it here; an answer that nothing stopped and that was not read to its end is `cut`."""
        if self._stopped is not None:
            self._fail(self._stopped.code)
        else:
            self._end("cut", code="cut")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fail(self, code: str) -> None:
        self._end("exhausted" if code.startswith(Exhausted.kind) else "failed", code=code)

    def _end(self, result: Result, *, code: str) -> None:
        with self._lock:
            if self._is_ended:
                return
            self._is_ended = True
        with contextlib.ExitStack() as stack:
            stack.callback(self._write_outcome, result, code)  # the last to run, whatever the others do
            stack.callback(self._leave)
            for act in self._on_end:
                stack.callback(act)

    def _leave(self) -> None:
        """End what makes the chunks where it stands, so that its folders and descriptors go now."""
        if isinstance(self._chunks, Generator):
            with contextlib.suppress(ValueError):  # at work in another thread, where it is about to fail by itself
                self._chunks.close()

    def _write_outcome(self, result: Result, code: str) -> None:
        nonce = bytes.fromhex(self._receipt.nonce)
        body_hmac = hmac.digest(nonce, self._digest.digest(), "sha256").hex() if result == "ok" else ""
        self._log.append(
            OutcomeEntry(
                receipt=self._receipt.id,
                time=self._clock.now(),
                access_index=self._access_index,
                result=result,
                rows=self._tally.delivered_rows,
                body_hmac=body_hmac,
                code=code,
                suppressed_rows=self._tally.rejected_rows,
                subjects={dataset: text() for dataset, text in sorted(self._tally.subjects.items())},
            )
        )


class OpenedAnswer:
    """What an answer holds open; closing before it came closes it on arrival. Called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self._is_closed = False

    def hold(self, answer: AnswerStream) -> None:
        """This is it."""
        self.also(answer.close)

    def also(self, close: Callable[[], None]) -> None:
        """Close this as well, before what was held earlier."""
        with self._lock:
            self._closers.append(close)
            is_closed = self._is_closed
        if is_closed:
            close()

    def close(self) -> None:
        """End the query, now or on arrival."""
        with self._lock:
            self._is_closed = True
            closers = list(self._closers)
        with contextlib.ExitStack() as stack:
            for close in closers:
                stack.callback(close)


class SourceSessions:
    """One session for each source that an access reads, opened when first asked for. Used by one thread."""

    def __init__(self, sources: Mapping[str, Source], *, receipt: str, deadline: float, tally: Tally) -> None:
        self._sources = sources
        self._receipt = receipt
        self._deadline = deadline
        self._tally = tally
        self._open: dict[str, SourceSession] = {}

    def of(self, name: str) -> SourceSession:
        """The source's session.

        Raises:
            Unavailable: settings bind no connection to this source.
        """
        if name not in self._open:
            source = self._sources.get(name)
            if source is None:
                raise Unavailable(f"source {name} has no connection", code="source", fix="see GATEWAY_SOURCES")
            self._open[name] = source.session(receipt=self._receipt, deadline=self._deadline, tally=self._tally)
        return self._open[name]

    def close(self) -> None:
        """End them all, from any thread."""
        with contextlib.ExitStack() as stack:
            for session in list(self._open.values()):
                stack.callback(session.close)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a door sends on: facts for the headers, then the body."""

    receipt: Receipt
    decision: Decision
    plan: Plan = dataclasses.field(repr=False)
    """Its SQL holds the query's literals."""
    media_type: str
    body: Body
    conditions: Conditions
    """What held at the access entry, and MUST still hold where the answer takes effect later."""
    access_index: int
    """Stays inside."""
    key_epoch: int
    """Of the project's keys, for all of it."""
    found: Mapping[str, datetime.datetime]
    """Filled while the body is read: see `watermarks`."""

    @property
    def snapshot(self) -> Snapshot:
        """What its scans have in common."""
        return self.plan.snapshot

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What its columns are made of."""
        return self.plan.outputs

    @property
    def plan_text(self) -> str:
        """For HMACs only."""
        return self.plan.sql

    def watermarks(self) -> Mapping[str, datetime.datetime]:
        """The newest row by dataset, of an extract whose body was read."""
        return MappingProxyType(dict(self.found))

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, the same at every door."""
        counts = ", ".join(f"{level}={count}" for level, count in reversed(list(self.decision.counts().items())))
        return MappingProxyType(
            {
                "Gateway-Receipt": self.receipt.id,
                "Gateway-Receipt-Nonce": self.receipt.nonce,
                "Gateway-Decision": f"{counts}, digest={self.decision.digest[:16]}",
                "Gateway-Snapshot": self.snapshot,
            }
        )


class RunningAnswers:
    """Every answer of this process that has begun and not ended."""

    def __init__(self, standing: Standing, *, withdraw: Callable[[str], None]) -> None:
        """`withdraw` is told each principal whose right is gone: its idle children must go too."""
        self._standing = standing
        self._withdraw = withdraw
        self._lock = threading.Lock()
        self._open: dict[str, tuple[str, Body, Conditions, Callable[[], None]]] = {}

    def add(
        self, receipt: str, *, principal: str, body: Body, conditions: Conditions, abort: Callable[[], None]
    ) -> None:
        """Watch it until it ends. `abort` MUST make a blocked read of its body return soon."""
        with self._lock:
            self._open[receipt] = (principal, body, conditions, abort)
        body.on_end(lambda: self._forget(receipt))

    def recheck(self) -> int:
        """Ask for each whether it may go on; end those that may not. Returns how many ended.

        A database that does not answer ends them all.
        """
        with self._lock:
            running = list(self._open.values())
        ended = 0
        for principal, body, conditions, abort in running:
            error = self._verdict(conditions)
            if error is not None:
                body.stop(error, abort=abort)
                ended += 1
            if isinstance(error, Denied):
                self._withdraw(principal)
        return ended

    def stop_all(self, error: GatewayError) -> None:
        """End every one: the process stops, or its lease is lost."""
        with self._lock:
            running = list(self._open.values())
        for _, body, _, abort in running:
            body.stop(error, abort=abort)

    def _verdict(self, conditions: Conditions) -> GatewayError | None:
        try:
            broken = self._standing.broken(conditions)
        except Unavailable as error:
            return error
        if broken == "lease":
            return Unavailable("this gateway process lost its lease", code="lease", fix="ask again")
        if broken:
            return Denied(f"the {broken} that allowed this was withdrawn", code="stale", fix="ask again")
        return None

    def _forget(self, receipt: str) -> None:
        with self._lock:
            self._open.pop(receipt, None)
