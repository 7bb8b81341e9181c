"""SQLite files, read only.

Text contract: dates are `YYYY-MM-DD`; timestamps are ISO 8601 in UTC (`T` or a space, up to six digits of a second,
`Z`, `+00:00` or nothing); decimals are numbers; booleans are 0 and 1. Anything else is Integrity.

A guarded scan groups by window and, besides dimensions and subject, by every column that a row filter reads: so each
partial group passes or fails the second evaluation as a whole, and only then are groups merged, by typed value.
"""

from __future__ import annotations

import datetime
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from gateway.errors import GatewayError, Integrity, Unsupported
from gateway.ports import SourceSession
from gateway.sources import render
from gateway.sources.cells import Cells, followed_kind, given, row_schema, shaped
from gateway.sources.convert import coalesced
from gateway.sources.evaluate import KeySet, RowCheck
from gateway.sources.merge import Groups, figures_of, group_schema, groups_as, measured_of
from gateway.sources.reading import Batches, Reading, newest_of, stream
from gateway.sources.render import SQLITE
from gateway.sources.sqlite.session import Session
from gateway.sources.table import Filter, Table
from gateway.terms.plan import GuardedScan, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Predicate, conjoin
from gateway.terms.streams import RawStream, Tally


class SqliteSource:
    """A file, opened anew for every scan.

    A process MUST NOT have the file open with another SQLite library (Python's own sqlite3 is one) while it is read:
    POSIX locks are the process's, and closing one handle drops the other's.
    """

    consistency: Final = "per-scan"

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:  # noqa: ARG002 - the port's
        """See ports.Source. A file has no log of its own: the receipt goes nowhere."""
        return _Reads(self._name, self._path, deadline=deadline, tally=tally)

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        findings: list[str] = []
        try:
            with Session(self._path, source=self._name, check=_never) as session:
                if session.count_tables() == 0:
                    findings.append(f"source {self._name}: the database holds no table")
            if self._path.stat().st_mode & stat.S_IROTH:
                findings.append(f"source {self._name}: every user of this host can read the database file")
        except GatewayError as error:
            findings.append(error.message)
        return findings


class _Reads:
    """Scans of one access (ports.SourceSession); each opens the file for itself."""

    def __init__(self, name: str, path: Path, *, deadline: float, tally: Tally) -> None:
        self._name = name
        self._path = path
        self._deadline = deadline
        self._tally = tally
        self._lock = threading.Lock()
        self._opened: list[RawStream] = []
        self._is_closed = False

    def scan(self, scan: Scan) -> RawStream:
        """See ports.SourceSession.

        Raises:
            Unsupported: a filter on a decimal of more than 15 digits, or of one stored as text.
        """
        schema = row_schema(scan)
        return self._stream(schema, lambda reading: self._rows(scan, schema, reading))

    def group(self, guarded: GuardedScan) -> RawStream:
        """See ports.SourceSession. Groups come in no order, all at the end; at most merge.MAX_GROUPS are held.

        A measured column that is no number has `__count_c` and no `__sum_c`.
        """
        schema = group_schema(guarded)
        return self._stream(schema, lambda reading: self._groups(guarded, schema, reading))

    def newest(self, scan: Scan) -> datetime.datetime | None:
        """See ports.SourceSession."""
        with self.scan(scan) as rows:
            return newest_of(rows)

    def close(self) -> None:
        """See ports.SourceSession."""
        with self._lock:
            self._is_closed = True
            opened = list(self._opened)
        for each in opened:
            each.close()

    def _stream(self, schema: pa.Schema, produce: Callable[[Reading], Batches]) -> RawStream:
        opened = stream(schema, produce, source=self._name, deadline=self._deadline)
        with self._lock:
            self._opened.append(opened)
            is_closed = self._is_closed
        if is_closed:
            opened.close()
        return opened

    def _rows(self, scan: Scan, schema: pa.Schema, reading: Reading) -> Batches:
        with Session(self._path, source=self._name, check=reading.check) as session:
            table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
            check, followed = self._second(session, scan, scan.rows)
            where = Filter(predicates=given(scan.rows, scan.pushed), follow=scan.follow, followed=followed)
            cells = Cells(list(table.columns), table=table, dataset=scan.dataset)
            statement = render.rows(table, columns=cells.names, where=where, dialect=SQLITE)
            for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
                batch = cells.passing(raw, check, self._tally)
                if batch.num_rows:
                    yield shaped(cells.typed(batch), schema)

    def _groups(self, guarded: GuardedScan, schema: pa.Schema, reading: Reading) -> Batches:
        scan, predicate = guarded.scan, conjoin(guarded.scan.rows, guarded.filter)
        if scan.pushed is not None:
            raise Integrity(f"{scan.dataset}: a guarded scan takes no pushed predicate", code="plan")
        measured, wanted = measured_of(guarded), [*guarded.dimensions, guarded.subject]
        groups = Groups(keys=schema.names[: len(wanted)], dataset=scan.dataset)
        with Session(self._path, source=self._name, check=reading.check) as session:
            table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
            check, followed = self._second(session, scan, predicate)
            where = Filter(given(predicate), follow=scan.follow, followed=followed, present=guarded.subject)
            cells = Cells(list(dict.fromkeys([*wanted, *check.columns])), table=table, dataset=scan.dataset)
            statement = render.groups(
                table, keys=cells.names, measured=[c.name for c in measured], where=where, dialect=SQLITE
            )
            for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
                batch = cells.passing(raw, check, self._tally, counts=True)
                keys = cells.typed(batch, only=wanted).columns
                figures = figures_of(batch.columns[len(cells.names) :], measured, scan.dataset)
                groups.add(pa.RecordBatch.from_arrays([*keys, *figures], names=schema.names))
        yield from groups_as(schema, groups.whole(), dataset=scan.dataset)

    def _second(self, session: Session, scan: Scan, predicate: Predicate | None) -> tuple[RowCheck, Table | None]:
        """The second evaluation, and the followed table; its keys are read here, in the scan's own snapshot."""
        follow = scan.follow
        if follow is None:
            return RowCheck(predicate), None
        if follow.source != scan.source:
            raise Unsupported(
                f"{scan.dataset}: its rows follow {follow.dataset}, which lies in another source", code="source"
            )
        key = followed_kind(scan)
        layout = session.layout(follow.table, dataset=follow.dataset)
        table = layout.table(layout.followed(follow, key=key))
        keys = _keys(session, follow, table)
        return RowCheck(predicate, follow_column=follow.column, keys=keys), table


def _keys(session: Session, follow: Follow, table: Table) -> KeySet:
    cells = Cells(list(table.columns), table=table, dataset=follow.dataset)
    where = Filter((follow.predicate,), present=follow.key)
    statement = render.rows(table, columns=cells.names, where=where, dialect=SQLITE)
    keys = KeySet(table.columns[follow.key].column.type, dataset=follow.dataset)
    for raw in coalesced(session.read(statement, table=table, dataset=follow.dataset)):
        batch = cells.passing(raw, RowCheck(follow.predicate), Tally())
        keys.add(cells.typed(batch, only=[follow.key]).column(0))
    return keys


def _never() -> None:
    """Nothing ends a check early; it reads no row."""
