"""Appending. One thread commits whatever waits, as one transaction: entries, tiles, checkpoint, head.

    lock the head → the stored tree, against its checkpoint → conditions of accesses → append → sign → commit

Callers wait for the commit, so what `append` returned from is durable. Processes share one database without a
sequencer: each batch takes up the tree where the last one, anybody's, left it. A checkpoint is signed only over a tree
that extends the newest one. Whatever fails, nothing of the batch is in the log and every caller hears so.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Final

from gateway.audit.entry import SALT_BYTES, encode
from gateway.audit.note import Tree, Verifier, checkpoint_text, open_checkpoint
from gateway.audit.tree import Frontier, leaf_hash
from gateway.errors import Denied, GatewayError, Integrity, Unavailable
from gateway.ports import Clock, Entropy, LogStore, LogTransaction, Signer
from gateway.terms.audit import AccessEntry, Conditions, Entry, OutcomeEntry
from gateway.terms.log import Checkpoint, LogRow, TileId

MAX_BATCH: Final = 512
"""Entries per transaction: bounds how long the head is locked."""


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    """What one caller waits for."""

    row: LogRow | None
    """Not numbered yet. None: close abandoned accesses."""
    conditions: Conditions | None = None
    answer: Future[int] = dataclasses.field(default_factory=Future)
    """The entry's index, or how many accesses were closed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """The tree's right edge, and the note that states it."""

    note: str
    frontier: Frontier


class MerkleLog:
    """The audit log (ports.AuditLog) of one process; any number of them may share a store.

    MUST be closed: closing commits what still waits.
    """

    def __init__(
        self, store: LogStore, *, signer: Signer, clock: Clock, entropy: Entropy, has_space: Callable[[], bool]
    ) -> None:
        """Begin; nothing is read before the first entry.

        Args:
            has_space: False while the log's volume is within its reserve (T18).
        """
        self._store = store
        self._signer = signer
        self._verifier = Verifier.parse(signer.verifier_key)
        self._clock = clock
        self._entropy = entropy
        self._has_space = has_space
        self._edge: _Edge | None = None
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._is_closed = False
        self._committer = threading.Thread(target=self._run, name="audit-committer", daemon=True)
        self._committer.start()

    def append(self, entry: Entry, *, conditions: Conditions | None = None) -> int:
        """The entry's index, once it is durable.

        Raises:
            Unavailable: it is not in the log; or, for an access only, the volume is within its reserve.
            Denied: a condition no longer holds (`denied.stale`): decide again.
            Integrity: the stored log contradicts its own checkpoint; nothing is appended until that is mended.
            Invalid: the entry holds something that is no plain value.
        """
        if isinstance(entry, AccessEntry) and not self._has_space():
            raise Unavailable("the audit log's volume is within its reserve: nothing is read", code="log_space")
        row = encode(entry, salt=self._entropy.draw(SALT_BYTES))
        return self._submit(_Request(row=row, conditions=conditions))

    def settle_abandoned(self) -> int:
        """Give `unknown` as outcome to accesses whose instance's lease ran out; returns how many.

        Whoever reads the log assumes that they were served.
        """
        return sum(iter(lambda: self._submit(_Request(row=None)), 0))

    def close(self) -> None:
        """Commit what waits and refuse what comes; a second call does nothing."""
        with self._gate:
            if not self._is_closed:
                self._is_closed = True
                self._waiting.put(None)
        self._committer.join()

    def _submit(self, request: _Request) -> int:
        with self._gate:
            if self._is_closed:
                raise _closed()
            self._waiting.put(request)
        return request.answer.result()

    def _run(self) -> None:
        try:
            while batch := self._take():
                self._commit(batch)
        finally:  # an error that nobody foresaw ends this thread: callers must hear of it, not wait
            self._refuse()

    def _take(self) -> list[_Request]:
        """What waits, at least one; empty once the log is closed and all is committed."""
        batch: list[_Request] = []
        request = self._waiting.get()
        with contextlib.suppress(queue.Empty):
            while request is not None:
                batch.append(request)
                if len(batch) == MAX_BATCH:
                    return batch
                request = self._waiting.get_nowait()
            if batch:
                self._waiting.put(None)  # the end is met again after this batch
        return batch

    def _refuse(self) -> None:
        with self._gate:
            self._is_closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                request = self._waiting.get_nowait()
                if request is not None:
                    request.answer.set_exception(_closed())

    def _commit(self, batch: Sequence[_Request]) -> None:
        answers: Sequence[int | GatewayError] = [_closed() for _ in batch]
        try:
            answers = self._write(batch)
        except GatewayError as error:
            answers = [copy.copy(error) for _ in batch]  # threads must not share one traceback
        finally:
            for request, answer in zip(batch, answers, strict=True):
                if isinstance(answer, int):
                    request.answer.set_result(answer)
                else:
                    request.answer.set_exception(answer)

    def _write(self, batch: Sequence[_Request]) -> Sequence[int | GatewayError]:
        """One transaction; an answer for each request, valid because the commit came first."""
        edge, self._edge = self._edge, None  # if anything fails, the next batch reads the stored edge
        with self._store.writing() as transaction:
            edge = self._at_head(transaction, edge)
            rows, answers = self._numbered(batch, transaction)
            if rows:
                edge = self._extend(edge.frontier, rows, transaction)
        self._edge = edge
        return answers

    def _at_head(self, transaction: LogTransaction, known: _Edge | None) -> _Edge:
        """The edge of the stored tree; signed by us before, or we sign nothing on top of it."""
        newest = self._store.checkpoint()  # the head is locked: it stays the newest
        if newest is None and transaction.size == 0:
            return _Edge(note="", frontier=Frontier())
        if newest is None or newest.size != transaction.size:
            raise _damaged("the head and the newest checkpoint differ in size")
        if known is not None and known.note == newest.note:
            return known
        stated = open_checkpoint(newest.note, verifier=self._verifier)
        frontier = Frontier.load(transaction.size, transaction.tiles)
        if (stated.size, stated.root) != (frontier.size, frontier.root()):
            raise _damaged("the tiles do not give the newest checkpoint's root")
        return _Edge(note=newest.note, frontier=frontier)

    def _numbered(
        self, batch: Sequence[_Request], transaction: LogTransaction
    ) -> tuple[list[LogRow], list[int | GatewayError]]:
        """Rows to append, and each request's answer. An access whose condition broke is left out (T17)."""
        rows: list[LogRow] = []
        answers: list[int | GatewayError] = []
        abandoned = self._abandoned(transaction)
        for request in batch:
            index = transaction.size + len(rows)
            if request.row is None:
                closing = list(itertools.islice(abandoned, MAX_BATCH))
                rows += [dataclasses.replace(row, index=index + at) for at, row in enumerate(closing)]
                answers.append(len(closing))
            elif request.conditions is not None and (broken := transaction.broken(request.conditions)):
                answers.append(_stale(broken))
            else:
                rows.append(dataclasses.replace(request.row, index=index))
                answers.append(index)
        return rows, answers

    def _abandoned(self, transaction: LogTransaction) -> Iterator[LogRow]:
        """Outcomes for abandoned accesses, each once per batch however often it is asked for."""
        now = self._clock.now()
        for access_index, receipt in transaction.open_accesses():
            outcome = OutcomeEntry(
                receipt=receipt,
                time=now,
                access_index=access_index,
                result="unknown",
                rows=0,
                body_hmac="",
                code="unavailable.lease",
            )
            yield encode(outcome, salt=self._entropy.draw(SALT_BYTES))

    def _extend(self, frontier: Frontier, rows: Sequence[LogRow], transaction: LogTransaction) -> _Edge:
        """Append to tree and store, with one signed checkpoint for all."""
        tiles: dict[TileId, bytes] = {}
        for row in rows:
            tiles.update(frontier.append(leaf_hash(row.leaf)))
        tiles.update(frontier.partial_tiles())
        tree = Tree(origin=self._signer.name, size=frontier.size, root=frontier.root())
        note = self._signer.sign(checkpoint_text(tree))
        transaction.append(rows, tiles=tiles, checkpoint=Checkpoint(size=tree.size, note=note))
        return _Edge(note=note, frontier=frontier)


def _closed() -> Unavailable:
    return Unavailable("the audit log is closed", code="log")


def _damaged(problem: str) -> Integrity:
    return Integrity(
        f"the audit log contradicts itself: {problem}",
        code="log",
        fix="run `gateway audit verify`, restore what it names from a backup",
    )


def _stale(condition: str) -> GatewayError:
    if condition == "lease":
        return Unavailable("this gateway process lost its lease", code="lease", fix="ask again")
    moved = {
        "digest": "another policy bundle was activated",
        "grant": "a dynamic grant was revoked or expired",
        "credential": "the credential was revoked or expired",
        "key": "the project's key was destroyed",
    }[condition]
    return Denied("what was decided no longer holds", code="stale", reasons=(moved,), fix="ask again")
