"""The steps of `EnforcementPoint.profile`: a catalog scan, which reads rows of tables that no policy knows yet.

 1. the operator of this host, and nobody else                           (a remote principal is refused)
 2. source, patterns and limits                                          (what fails from here to 7 is a denial entry)
 7. access entry durable: the schema of this source
 8. schema: tables, views, keys, comments                                sources
12. outcome entry
 7. second access entry durable: every table and column that is sampled
 8. a sample of one table after the other                                sources
 9. classes and counts; the sample goes into a process without key or network, and is forgotten       detection
12. outcome entry; then the proposal is made of what is left: counts, shares, keyed hashes

Nothing that leaves here holds a row's value. The key of the hashes is drawn for one scan and kept nowhere.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gateway.catalog.sampling import TableFacts, read_sample, rows_of, unsampled
from gateway.catalog.scanning import Beside, find_drift, name_tables, propose
from gateway.catalog.views import resolve_views
from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Invalid, Unavailable
from gateway.rooms import ActivePolicy, Limits, Rooms
from gateway.running import Body, OpenedAnswer, SourceSessions
from gateway.terms.audit import AccessEntry, Actor, ColumnAccess, Conditions, DenialEntry
from gateway.terms.dataset import Dataset
from gateway.terms.proposal_catalog import CatalogProposal, Progress
from gateway.terms.request import HostUser, ProfileRequest, Receipt
from gateway.terms.source_schema import SchemaTable, SourceSchema
from gateway.terms.streams import Tally

_SECRET_BYTES: Final = 32
_LOST: Final = 3
"""So many tables one after the other that cannot be reached: the source is gone, not the tables."""
_LEVEL: Final = "profiled"
"""Of a column in the access entry: its values were looked at by the gateway, and none of them left."""
_NOT_SAMPLED: Final = "the schema alone was read"
_HOST: Final = "operator:"
CANCELLED: Final = "unavailable.cancelled"
"""Of a scan that Watch.stop ended."""


class Watch:
    """Who waits for a scan: is told how far it is, and may end it from another thread."""

    def __init__(self, progress: Callable[[Progress], None] = lambda _: None) -> None:
        self.progress = progress
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """End it now, or as soon as it reads."""
        with self._lock:
            self._is_stopped = True
            end = self._end
        if end is not None:
            end()

    def check(self) -> None:
        """Before anything is opened.

        Raises:
            Unavailable: `unavailable.cancelled`.
        """
        if self._is_stopped:
            raise _cancelled()

    def reads(self, body: Body, opened: OpenedAnswer) -> None:
        """This is what reads."""

        def end() -> None:
            body.stop(_cancelled(), abort=opened.close)

        with self._lock:
            self._end = end
            is_stopped = self._is_stopped
        if is_stopped:
            end()


class Profiling:
    """Reads schemas and samples for classification."""

    def __init__(self, rooms: Rooms, *, limits: Limits) -> None:
        self._rooms = rooms
        self._limits = limits

    def profile(self, request: ProfileRequest, *, watch: Watch) -> CatalogProposal:
        """What a person may review: classes, domains, subjects, masks, and where the catalog files are behind.

        Raises:
            Unauthenticated: the credentials are none; counted, not logged.
            Denied: it is not the operator's own act on this host; a denial entry says so, as of all below.
            Invalid: no such source, or too many rows of a table.
            Exhausted: more tables, columns or seconds than a scan may take.
            Unavailable: the source, the log or the classifier did not answer, or it was cancelled.
        """
        return _Scan(self._rooms, self._limits, request, watch).run()


class _Scan:
    """One scan on its way."""

    def __init__(self, rooms: Rooms, limits: Limits, request: ProfileRequest, watch: Watch) -> None:
        self._rooms = rooms
        self._limits = limits.profile
        self._request = request
        self._watch = watch
        self._now = rooms.clock.now()
        self._deadline = time.monotonic() + self._limits.seconds
        self._receipts: list[str] = []
        self._actor = self._entered()  # 1

    def run(self) -> CatalogProposal:
        with self._denying():
            self._check_operator()
            self._check_request()  # 2
            policy = self._rooms.policy()
        described: list[SourceSchema] = []
        self._read(  # 7, 8, 12
            policy,
            shape="schema",
            columns=(),
            datasets=(self._request.source,),
            read=lambda sessions: self._describe(sessions, described),
        )
        (schema,) = described
        beside = Beside(schema=schema, datasets=self._beside(), canons=dict(self._request.canons))
        wanted = [table for table in schema.tables if table.kind == "table" and self._is_wanted(table.name)]
        facts = [unsampled(table, note=table.refused or _NOT_SAMPLED) for table in wanted]
        if self._rows:
            self._sample_all(facts, policy, schema)
        tables, domains = propose(facts, beside)
        views = [view for view in schema.tables if view.kind == "view" and self._is_wanted(view.name)]
        return CatalogProposal(
            source=self._request.source,
            at=self._now,
            receipts=tuple(self._receipts),
            is_sampled=bool(self._rows),
            tables=tables,
            domains=domains,
            views=resolve_views(schema, only=views),
            drift=find_drift(facts, tables, beside, wanted=self._wanted_datasets(beside)),
        )

    # Steps 1–7.

    @property
    def _rows(self) -> int:
        return self._limits.rows if self._request.rows is None else self._request.rows

    def _entered(self) -> Actor:
        """Step 1. A principal who came with a credential is known, and refused after it."""
        credentials = self._request.credentials
        if isinstance(credentials, HostUser):
            return credentials.actor
        principal = self._rooms.gate.enter(credentials, now=self._now)
        return Actor(
            principal=principal.id,
            environment=principal.environment,
            roles=tuple(sorted(principal.roles)),
            door=self._request.door,
        )

    def _check_operator(self) -> None:
        is_host = isinstance(self._request.credentials, HostUser)
        if not is_host or self._actor.door != "host" or not self._actor.principal.startswith(_HOST):
            raise Denied(
                "a catalog scan reads what no policy knows yet: it is the operator's, on the gateway's host",
                code="profile",
                fix="ask the operator for `gateway catalog scan SOURCE`",
            )

    def _check_request(self) -> None:
        """Step 2."""
        if self._request.source not in self._rooms.sources:
            known = ", ".join(sorted(self._rooms.sources)) or "none"
            raise Invalid("no such source", code="source", fix=f"sources are: {known}; see GATEWAY_SOURCES")
        if not 0 <= self._rows <= self._limits.rows:
            raise Invalid(f"a scan reads 0 to {self._limits.rows} rows of a table", code="rows", fix="--rows N")

    @contextlib.contextmanager
    def _denying(self) -> Iterator[None]:
        """Whatever fails in here becomes a denial entry, a bug too."""
        told: GatewayError = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        is_done = False
        try:
            yield
            is_done = True
        except GatewayError as error:
            told = error
            raise
        finally:
            if not is_done:
                told.receipt = self._new_receipt().id
                self._rooms.log.append(self._denial(told))

    def _denial(self, error: GatewayError) -> DenialEntry:
        return DenialEntry(
            receipt=error.receipt,
            time=self._now,
            actor=self._actor,
            purpose="",
            datasets=(),
            columns=(),
            code=error.code,
            reasons=(error.message,),
            shape="catalog scan",
            digest="",
        )

    def _read(
        self,
        policy: ActivePolicy,
        *,
        shape: str,
        columns: tuple[ColumnAccess, ...],
        datasets: tuple[str, ...],
        read: Callable[[SourceSessions], Iterator[bytes]],
    ) -> None:
        """Steps 7, 8 and 12: an access entry, what it allows, its outcome."""
        receipt = self._new_receipt()
        conditions = Conditions(
            digest=policy.pdp.digest,
            dynamic_grants=(),
            credential_id=self._actor.principal,
            instance=self._rooms.instance(),
        )
        entry = self._access(receipt, conditions, shape=shape, columns=columns, datasets=datasets)
        with self._denying():
            index = self._rooms.log.append(entry, conditions=conditions)  # 7
        self._receipts.append(receipt.id)
        opened, tally = OpenedAnswer(), Tally()
        sessions = SourceSessions(self._rooms.sources, receipt=receipt.id, deadline=self._deadline, tally=tally)
        opened.also(sessions.close)
        body = Body(
            read(sessions),
            receipt=receipt,
            access_index=index,
            tally=tally,
            log=self._rooms.log,
            clock=self._rooms.clock,
        )
        body.on_end(opened.close)
        self._rooms.running.add(
            receipt.id, principal=self._actor.principal, body=body, conditions=conditions, abort=opened.close
        )
        with body:
            self._watch.reads(body, opened)
            for _ in body:  # 8
                pass
            body.finish()  # 12

    def _access(
        self,
        receipt: Receipt,
        conditions: Conditions,
        *,
        shape: str,
        columns: tuple[ColumnAccess, ...],
        datasets: tuple[str, ...],
    ) -> AccessEntry:
        told = f"catalog scan of {self._request.source}: {shape}"
        return AccessEntry(
            receipt=receipt.id,
            time=self._rooms.clock.now(),
            actor=self._actor,
            purpose="",
            project="",
            columns=columns,
            datasets=datasets,
            digest=conditions.digest,
            dynamic_grants=(),
            shape=told,
            sql_hmac=hmac.digest(bytes.fromhex(receipt.nonce), told.encode(), "sha256").hex(),
            instance=conditions.instance,
        )

    def _new_receipt(self) -> Receipt:
        draw = self._rooms.entropy.draw
        return Receipt(id=f"r_{draw(16).hex()}", nonce=draw(32).hex())

    # Step 8 and 9.

    def _describe(self, sessions: SourceSessions, found: list[SourceSchema]) -> Iterator[bytes]:
        self._watch.check()
        found.append(sessions.of(self._request.source).describe())
        yield b""

    def _sample_all(self, facts: list[TableFacts], policy: ActivePolicy, schema: SourceSchema) -> None:
        """Replace what can be sampled by what is known of it then."""
        places = [number for number, known in enumerate(facts) if _is_readable(known.table)]
        tables = [facts[place].table for place in places]
        with self._denying():
            self._check_size(tables)
        labels = _labels(tables, schema, [d for d in policy.datasets.values() if d.source == schema.source])
        columns = tuple(
            ColumnAccess(dataset=label, column=column.name, level=_LEVEL, grant="")
            for table, label in zip(tables, labels, strict=True)
            for column in table.columns
            if column.type is not None
        )
        if tables:
            self._read(  # 7, 8, 12
                policy,
                shape=f"up to {self._rows} rows of each of {len(tables)} tables",
                columns=columns,
                datasets=tuple(sorted(set(labels))),
                read=lambda sessions: self._samples(sessions, facts, places, schema.dialect),
            )

    def _check_size(self, tables: Sequence[SchemaTable]) -> None:
        columns = sum(len(table.columns) for table in tables)
        for count, limit, what in (
            (len(tables), self._limits.tables, "tables"),
            (columns, self._limits.columns, "columns"),
        ):
            if count > limit:
                raise Exhausted(
                    f"a scan samples {limit:,} {what}, and these are {count:,}",
                    code=f"profile_{what}",
                    fix="scan a part after the other: --table 'SCHEMA.*'",
                )

    def _samples(
        self,
        sessions: SourceSessions,
        facts: list[TableFacts],
        places: Sequence[int],
        dialect: str,
    ) -> Iterator[bytes]:
        """One table after the other; one that cannot be read says so, and the others go on."""
        secret = self._rooms.entropy.draw(_SECRET_BYTES)
        lost = 0
        for done, place in enumerate(places):
            table = facts[place].table
            self._watch.check()
            self._watch.progress(Progress(done=done, total=len(places), table=".".join(table.name)))
            try:
                facts[place] = self._sampled(sessions, table, dialect=dialect, secret=secret)
                lost = 0
            except _Unread as failed:
                lost = lost + 1 if isinstance(failed.error, Unavailable) else 0
                if lost == _LOST or failed.error.code == "exhausted.time":
                    raise failed.error from None
                facts[place] = unsampled(table, note=f"not sampled: {failed.error.code}")
            yield b""
        self._watch.progress(Progress(done=len(places), total=len(places), table=""))

    def _sampled(self, sessions: SourceSessions, table: SchemaTable, *, dialect: str, secret: bytes) -> TableFacts:
        try:
            session = sessions.of(self._request.source)
            with session.sample(table, rows=rows_of(table, rows=self._rows)) as stream:  # 8
                sample = read_sample(table, stream, dialect=dialect, secret=secret)
        except GatewayError as error:
            raise _Unread(error) from None
        return sample.judged(self._rooms.detector.classify(sample.table))  # 9

    # What was asked for.

    def _is_wanted(self, name: tuple[str, ...]) -> bool:
        whole = (".".join(name).casefold(), name[-1].casefold())
        patterns = [pattern.casefold() for pattern in self._request.tables]
        return not patterns or any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns for text in whole)

    def _beside(self) -> dict[str, Dataset]:
        return {name: one for name, one in self._request.beside.items() if one.source == self._request.source}

    def _wanted_datasets(self, beside: Beside) -> frozenset[str]:
        return frozenset(name for name, dataset in beside.datasets.items() if self._is_wanted(dataset.table))


def _cancelled() -> Unavailable:
    return Unavailable("the scan was cancelled", code="cancelled", fix="scan again; the log has what was read")


class _Unread(Exception):
    """One table was not read."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(error.code)
        self.error = error


def _is_readable(table: SchemaTable) -> bool:
    return not table.refused and any(column.type is not None for column in table.columns)


def _labels(tables: Sequence[SchemaTable], schema: SourceSchema, datasets: Sequence[Dataset]) -> list[str]:
    """As an auditor asks for them: the active catalog's names, else those that are proposed, else source and table."""
    named = name_tables(tables, schema, datasets)
    return [named[n].dataset if n in named else f"{schema.source}.{'.'.join(t.name)}" for n, t in enumerate(tables)]
