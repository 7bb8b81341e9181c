"""What does I/O, as small Protocols that rooms and PEP take as arguments: synchronous, for several threads."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from gateway.catalog_ports import SchemaReader
from gateway.terms.audit import Conditions, Entry, EntryFilter, FoundEntry
from gateway.terms.dataset import Column, Dataset
from gateway.terms.document import PolicyFiles
from gateway.terms.extract import DatasetVersion, Job, JobState, Seal
from gateway.terms.identity import Credentials, JobTicket, Principal, StoredToken
from gateway.terms.key import Key, KeyScope
from gateway.terms.log import Checkpoint, LogRow, TileId
from gateway.terms.model import ModelVersion
from gateway.terms.plan import GroupedScan, GuardedScan, Scan, Snapshot
from gateway.terms.policy import Grant
from gateway.terms.predicate import Predicate
from gateway.terms.proposal import Proposal, ProposalKind, Verdict
from gateway.terms.streams import RawStream, Tally


class Clock(Protocol):
    """Time, read once per request and passed down."""

    def now(self) -> datetime.datetime:
        """Aware, UTC."""


class Entropy(Protocol):
    """Unpredictable bytes."""

    def draw(self, count: int) -> bytes:
        """`count` random bytes."""


class Authenticator(Protocol):
    """One way to prove who one is."""

    def authenticate(self, credentials: Credentials | JobTicket, *, now: datetime.datetime) -> Principal:
        """The principal.

        Raises:
            Unauthenticated: unknown, malformed, expired or revoked: one text for all four.
            Unavailable: the store of credentials did not answer.
        """


class PredicateParser(Protocol):
    """Reads a row filter's SQL text into the closed tree."""

    def __call__(self, text: str, *, columns: Mapping[str, Column]) -> Predicate:
        """Values get the columns' declared types.

        Raises:
            Invalid: not a predicate of the closed tree, an unknown column, or a literal not of the column's type.
        """


class GrantReader(Protocol):
    """Dynamic grants: approved requests, from the control database."""

    def current(self, *, now: datetime.datetime) -> Sequence[Grant]:
        """Those neither revoked nor expired."""


class Source(Protocol):
    """A production database, read only. Each adapter passes tests/conformance/."""

    @property
    def consistency(self) -> Snapshot:
        """What several scans of one session have in common: `exported` or `per-scan`."""

    @property
    def aggregates_near_data(self) -> bool:
        """Whether it may be asked for groups in place of rows: its operator's choice."""

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        """Reads that belong to one access, till `deadline` (of `time.monotonic()`). Opens nothing before the first row.

        The receipt is the access entry's, a plain name, else refused; production's own log shows it where it can carry
        a name (PostgreSQL's application_name, a comment in the statement elsewhere).
        """

    def check(self) -> Sequence[str]:
        """What an operator should know: findings in words, none when all is well. Reads no row."""


class SourceSession(SchemaReader, Protocol):
    """Scans of one access, for several threads. MUST be closed, which ends each at its origin within a second."""

    def scan(self, scan: Scan) -> RawStream:
        """Rows of `columns` then `aux_columns`, in the declared types, that satisfy row filter and follow. Lazy.

        Both are evaluated in the source and again, byte-exactly, on each batch; rows that the second rejects are
        dropped and counted in the tally. Rows that `pushed` is not true of need not come.

        Raises:
            Unavailable: cannot connect or the connection broke; the text names the source, never a value or a URL.
            Integrity: table or column is missing or of another type than declared, or a value does not fit.
        """

    def group(self, guarded: GuardedScan) -> RawStream:
        """Stage 1 of a guarded aggregate, one row per (dimensions…, subject) without null subjects; errors as in scan.

        Columns: the dimensions, `__subject`, `__rows` int64 (count(*)), then per measured column c, in scan order:
        `__count_c` int64 and `__sum_c` (decimal128(38, scale) for decimals, int64 for integers, FIXED_POINT of floats).
        """

    def aggregate(self, grouped: GroupedScan) -> RawStream:
        """Parts of groups, keys then figures, of the rows that scan would give and `filter` keeps; errors as there."""

    def newest(self, scan: Scan) -> datetime.datetime | None:
        """The largest timestamp or date, as its midnight, UTC, of the scan's one column; None without any. As scan."""

    def drift(self, dataset: Dataset) -> Sequence[str]:
        """Where the table is other than the dataset says, in words; none when all is well. Reads no row."""

    def close(self) -> None:
        """End everything; a second call does nothing."""


class KeyRing(Protocol):
    """Keys by scope; the only way to a key."""

    def derive(self, scope: KeyScope) -> Key:
        """The current epoch's key for a scope; the project's master is made at its first use.

        Raises:
            Unavailable: the key store cannot be read.
            Integrity: it is damaged, or the project's key was destroyed.
        """

    def epoch(self, project: str) -> int:
        """The project's current epoch, from 1."""


class Signer(Protocol):
    """Signs notes as C2SP signed-note with Ed25519."""

    @property
    def name(self) -> str:
        """The log's origin."""

    @property
    def verifier_key(self) -> str:
        """`name+hash+key`, public."""

    def sign(self, text: str) -> str:
        """The signed note over text, which MUST end in a newline."""


class AuditLog(Protocol):
    """Append-only. An entry is durable when append returns."""

    def append(self, entry: Entry, *, conditions: Conditions | None = None) -> int:
        """The entry's index.

        Raises:
            Unavailable: it could not be made durable, or the log's volume is within its reserve (access entries only):
                serve nothing.
            Denied: a condition no longer holds (code `denied.stale`): decide again, then serve nothing.
        """


class TokenStore(Protocol):
    """API tokens."""

    def add(self, token: StoredToken) -> None:
        """Store a new one."""

    def find(self, token_id: str) -> StoredToken | None:
        """By its public id, whatever its state."""

    def listed(self) -> Sequence[StoredToken]:
        """All, oldest first."""

    def revoke(self, token_id: str, *, now: datetime.datetime) -> bool:
        """At once, for every replica. False if there is no such token or it was revoked before."""


class BundleStore(Protocol):
    """The activated policy bundles."""

    def activate(self, files: PolicyFiles, *, by: str, now: datetime.datetime) -> None:
        """Make it the active one, in one transaction."""

    def active(self) -> PolicyFiles | None:
        """The active bundle's files; None before init."""

    def active_digest(self) -> str:
        """Its digest; empty before init."""


class LogTransaction(Protocol):
    """One batch under the head's lock. Leaves nothing behind unless its context ends without an error."""

    @property
    def size(self) -> int:
        """Entries in the log."""

    def tiles(self, ids: Sequence[TileId]) -> Mapping[TileId, bytes]:
        """Those of the tiles that exist."""

    def broken(self, conditions: Conditions) -> str:
        """Empty if all hold by the database's clock; else `digest`, `grant`, `credential` or `lease`."""

    def open_accesses(self) -> Sequence[tuple[int, str]]:
        """(index, receipt) of access entries without outcome whose instance's lease ran out."""

    def append(self, rows: Sequence[LogRow], *, tiles: Mapping[TileId, bytes], checkpoint: Checkpoint) -> None:
        """Write rows, changed tiles, checkpoint and the new size."""


class LogStore(Protocol):
    """The log's tables."""

    def writing(self) -> AbstractContextManager[LogTransaction]:
        """Lock the head; commit durably at the end, roll back on error.

        Raises:
            Unavailable: no lock within the timeout, disk full, read-only, database gone.
        """

    def checkpoint(self, *, size: int | None = None) -> Checkpoint | None:
        """The newest (or the one of that size); None in an empty log."""

    def tiles(self, ids: Sequence[TileId]) -> Mapping[TileId, bytes]:
        """Those of the tiles that exist."""

    def rows(self, *, first: int, count: int) -> Sequence[LogRow]:
        """By index; payload and salt are empty bytes after erasure."""

    def search(self, wanted: EntryFilter) -> Sequence[FoundEntry]:
        """Oldest first."""


class Instances(Protocol):
    """Leases of gateway processes, by the database's clock."""

    def begin(self, *, ttl_seconds: int) -> str:
        """A new instance's id, with a lease."""

    def renew(self, instance: str, *, ttl_seconds: int) -> bool:
        """False if the lease had run out: the instance MUST stop serving."""

    def end(self, instance: str) -> None:
        """Give the lease back."""


class ReleaseWindows(Protocol):
    """Pins what guarded answers of one dataset and window may be about (T5)."""

    def admit(self, dataset: str, *, cell: str, window_start: datetime.datetime) -> bool:
        """True if `cell`, a fingerprint of filter and row filter, came first in this window or equals what did."""


class Standing(Protocol):
    """Whether an access may still run."""

    def broken(self, conditions: Conditions) -> str:
        """Empty if all hold by the database's clock; else `digest`, `grant`, `credential` or `lease`.

        Raises:
            Unavailable: the database did not answer: stop.
        """


class RowAllowance(Protocol):
    """How many rows a principal may still take interactively (T6)."""

    def take(self, *, principal: str, datasets: Sequence[str], day: datetime.date, rows: int, allowance: int) -> bool:
        """Charge `rows` to every dataset, durably, before they leave. False, and nothing charged, if one is short."""

    def taken(self, *, principal: str, dataset: str, day: datetime.date) -> int:
        """Rows charged on that day."""


class Proposals(Protocol):
    """Proposals and verdicts. Both only grow."""

    def add(self, proposal: Proposal) -> None:
        """Store a new one."""

    def find(self, proposal: str) -> tuple[Proposal, Verdict | None] | None:
        """By id."""

    def listed(
        self, *, kind: ProposalKind | None = None, proposer: str | None = None
    ) -> Sequence[tuple[Proposal, Verdict | None]]:
        """Oldest first."""

    def decide(self, verdict: Verdict) -> None:
        """Store the verdict.

        Raises:
            Denied: there is one already, the proposal expired by the database's clock, or the digest differs.
        """

    def is_approved(self, proposal: str) -> bool:
        """Whether it is approved and not expired, by the database's clock."""


class JobQueue(Protocol):
    """Jobs, claimed by workers. Time is the database's."""

    def add(self, job: Job) -> None:
        """Store a new one."""

    def find(self, job: str) -> Job | None:
        """By id."""

    def listed(self, *, requester: str | None = None, state: JobState | None = None) -> Sequence[Job]:
        """Newest first."""

    def claim(self, *, lease_seconds: float) -> Job | None:
        """The oldest job that is queued, or running on a lease that ran out; its epoch goes up by one."""

    def is_claimed(self, ticket: JobTicket) -> bool:
        """Whether this claim is the newest, still runs, and its lease holds."""

    def renew(self, ticket: JobTicket, *, lease_seconds: float, rows: int) -> bool:
        """False: the claim is lost or the job was cancelled; the worker MUST stop."""

    def end(self, ticket: JobTicket, *, state: JobState, code: str, message: str, receipt: str) -> bool:
        """Failed or cancelled. False if the claim is lost."""

    def retry(self, ticket: JobTicket, *, delay_seconds: float, code: str, message: str, receipt: str) -> bool:
        """Give the claim back: the job is queued again after a while. False if the claim is lost."""

    def release(self, job: str) -> bool:
        """A waiting job was approved: queue it."""

    def refuse(self, job: str, *, code: str, message: str) -> bool:
        """A waiting job was not approved: it failed. False if it does not wait."""

    def cancel(self, job: str) -> bool:
        """False if it has ended."""


class Versions(Protocol):
    """Published dataset versions."""

    def publish(
        self, ticket: JobTicket, *, name: str, receipt: str, conditions: Conditions, seal: Seal
    ) -> DatasetVersion:
        """Publish exactly once: the fenced end of the job, the next number and the version are one transaction.

        Args:
            receipt: of the attempt's access entry; the job keeps it.
            conditions: asked again within it, by the database's clock.
            seal: makes the version of that number; its files MUST be durable when it returns.

        Raises:
            Denied: a condition no longer holds (code `denied.stale`).
            Unavailable: the claim is lost (code `unavailable.claim`), or the database did not answer.
        """

    def find(self, name: str, number: int) -> DatasetVersion | None:
        """By name and number."""

    def listed(self, *, name: str | None = None) -> Sequence[DatasetVersion]:
        """By name, newest first."""

    def of_job(self, job: str) -> DatasetVersion | None:
        """The version that a job became."""

    def unannounced(self) -> Sequence[DatasetVersion]:
        """Those whose publication is not yet in the log: the process ended between commit and entry."""

    def announced(self, name: str, number: int) -> None:
        """Its publication is in the log now."""

    def expired(self) -> Sequence[DatasetVersion]:
        """Those past their expiry, by the database's clock, whose files are still there."""

    def cleared(self, name: str, number: int) -> None:
        """Its files are gone; its manifest stays here."""


class Models(Protocol):
    """Registered model versions. Nothing is overwritten."""

    def add(self, model: ModelVersion) -> None:
        """Store a new one.

        Raises:
            Invalid: this version of this model is registered already.
        """

    def find(self, name: str, version: str) -> ModelVersion | None:
        """By name and version."""

    def listed(self, *, name: str | None = None, dataset: str | None = None) -> Sequence[ModelVersion]:
        """By name, newest first; `dataset`: trained on any version of it."""
