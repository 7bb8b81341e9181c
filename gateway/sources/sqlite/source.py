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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import GatewayError, Integrity, Unsupported
from gateway.ports import SourceSession
from gateway.sources import render
from gateway.sources.convert import BATCH_ROWS, coalesced, declared, shifted
from gateway.sources.evaluate import KeySet, RowCheck
from gateway.sources.merge import Groups
from gateway.sources.reading import Batches, Reading, newest_of, stream
from gateway.sources.render import SQLITE, is_number
from gateway.sources.sqlite.session import Session
from gateway.sources.table import Filter, Table
from gateway.terms.dataset import Column
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
        listed = [pa.field(c.name, c.type) for c in scan.columns + scan.aux_columns]
        schema = pa.schema(listed or [pa.field("__row", pa.int8())])
        return self._stream(schema, lambda reading: self._rows(scan, schema, reading))

    def group(self, guarded: GuardedScan) -> RawStream:
        """See ports.SourceSession. Groups come in no order, all at the end; at most merge.MAX_GROUPS are held.

        A measured column that is no number has `__count_c` and no `__sum_c`.
        """
        schema = _group_schema(guarded)
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
            where = Filter(predicates=_given(scan.rows, scan.pushed), follow=scan.follow, followed=followed)
            cells = _Cells(list(table.columns), table=table, dataset=scan.dataset)
            statement = render.rows(table, columns=cells.names, where=where, dialect=SQLITE)
            for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
                batch = cells.passing(raw, check, self._tally)
                if batch.num_rows:
                    yield _shaped(cells.typed(batch), schema)

    def _groups(self, guarded: GuardedScan, schema: pa.Schema, reading: Reading) -> Batches:
        scan, predicate = guarded.scan, conjoin(guarded.scan.rows, guarded.filter)
        if scan.pushed is not None:
            raise Integrity(f"{scan.dataset}: a guarded scan takes no pushed predicate", code="plan")
        measured, wanted = _measured(guarded), [*guarded.dimensions, guarded.subject]
        groups = Groups(keys=schema.names[: len(wanted)], dataset=scan.dataset)
        with Session(self._path, source=self._name, check=reading.check) as session:
            table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
            check, followed = self._second(session, scan, predicate)
            where = Filter(_given(predicate), follow=scan.follow, followed=followed, present=guarded.subject)
            cells = _Cells(list(dict.fromkeys([*wanted, *check.columns])), table=table, dataset=scan.dataset)
            statement = render.groups(
                table, keys=cells.names, measured=[c.name for c in measured], where=where, dialect=SQLITE
            )
            for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
                batch = cells.passing(raw, check, self._tally, counts=True)
                keys = cells.typed(batch, only=wanted).columns
                figures = _figures(batch.columns[len(cells.names) :], measured, scan.dataset)
                groups.add(pa.RecordBatch.from_arrays([*keys, *figures], names=schema.names))
        yield from _whole(groups.whole(), schema, scan.dataset)

    def _second(self, session: Session, scan: Scan, predicate: Predicate | None) -> tuple[RowCheck, Table | None]:
        """The second evaluation, and the followed table; its keys are read here, in the scan's own snapshot."""
        follow = scan.follow
        if follow is None:
            return RowCheck(predicate), None
        if follow.source != scan.source:
            raise Unsupported(
                f"{scan.dataset}: its rows follow {follow.dataset}, which lies in another source", code="source"
            )
        kinds = {c.name: c.type for c in scan.columns + scan.aux_columns}
        if follow.column not in kinds:
            raise Integrity(f"{scan.dataset}: the scan does not carry {follow.column}, which it follows", code="plan")
        layout = session.layout(follow.table, dataset=follow.dataset)
        table = layout.table(layout.followed(follow, key=kinds[follow.column]))
        keys = _keys(session, follow, table)
        return RowCheck(predicate, follow_column=follow.column, keys=keys), table


class _Cells:
    """Turns the leading columns of what a statement delivers into their declared types."""

    def __init__(self, names: list[str], *, table: Table, dataset: str) -> None:
        self.names = names
        self._columns = [table.columns[name].column for name in names]
        self._dataset = dataset

    def typed(self, raw: pa.RecordBatch, *, only: Sequence[str] | None = None) -> pa.RecordBatch:
        """`only` these, in that order; a column may repeat."""
        wanted = self.names if only is None else only
        places = [self.names.index(name) for name in wanted]
        arrays = [declared(raw.column(p), column=self._columns[p], dataset=self._dataset) for p in places]
        return pa.RecordBatch.from_arrays(arrays, names=list(wanted)) if arrays else raw

    def passing(self, raw: pa.RecordBatch, check: RowCheck, tally: Tally, *, counts: bool = False) -> pa.RecordBatch:
        """The rows that pass a second time; `counts`: each stands for as many as its first figure says.

        Only what the check reads is converted here: a misfit in a row that nobody may see stays unseen.
        """
        if not check.columns:
            return raw
        kept = check.kept(self.typed(raw, only=check.columns))
        if not kept.false_count:
            return raw
        rejected = raw.filter(pc.invert(kept))
        tally.rejected_rows += pc.sum(rejected.column(len(self.names))).as_py() if counts else rejected.num_rows
        return raw.filter(kept)


def _given(*predicates: Predicate | None) -> tuple[Predicate, ...]:
    return tuple(p for p in predicates if p is not None)


def _shaped(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if schema.names == ["__row"]:
        return pa.RecordBatch.from_arrays([pa.array(np.zeros(batch.num_rows, np.int8))], schema=schema)
    return pa.RecordBatch.from_arrays([batch.column(name) for name in schema.names], schema=schema)


def _measured(guarded: GuardedScan) -> list[Column]:
    named = {m.column for m in guarded.measures}
    # By name: a column may stand in the list twice, and need not be hashable.
    return [c for name, c in {c.name: c for c in guarded.scan.columns}.items() if name in named]


def _group_schema(guarded: GuardedScan) -> pa.Schema:
    types = {c.name: c.type for c in guarded.scan.columns + guarded.scan.aux_columns}
    missing = [name for name in (*guarded.dimensions, guarded.subject) if name not in types]
    if missing:
        raise Integrity(f"{guarded.scan.dataset}: the guarded scan does not carry {missing[0]}", code="plan")
    fields = [pa.field(name, types[name]) for name in guarded.dimensions]
    fields += [pa.field("__subject", types[guarded.subject]), pa.field("__rows", pa.int64())]
    for column in _measured(guarded):
        fields.append(pa.field(f"__count_{column.name}", pa.int64()))
        if is_number(column):
            fields.append(pa.field(f"__sum_{column.name}", _sum_type(column.type)))
    return pa.schema(fields)


def _sum_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.decimal128(38, kind.scale)
    return pa.int64() if pa.types.is_integer(kind) else pa.float64()


def _figures(raw: Sequence[pa.Array], measured: Sequence[Column], dataset: str) -> list[pa.Array]:
    """count(*), then counts and sums: sums of integers as decimals, so that merging cannot wrap around."""
    figures = [raw[0]]
    place = 1
    for column in measured:
        figures.append(raw[place])
        place += 1
        if not is_number(column):
            continue
        total, misfits = raw[place : place + 2]
        place += 2
        if pc.any(pc.not_equal(misfits, 0)).as_py():
            raise Integrity(f"{dataset}.{column.name}: a value does not fit the declared type", code="source.value")
        kind = _sum_type(column.type)
        figures.append(
            total if pa.types.is_floating(kind) else shifted(total, pa.decimal128(38, getattr(kind, "scale", 0)))
        )
    return figures


def _whole(merged: pa.Table | None, schema: pa.Schema, dataset: str) -> Batches:
    if merged is None:
        return
    try:
        table = merged.cast(schema)
    except pa.ArrowException:
        raise Integrity(f"{dataset}: a sum does not fit 64 bits", code="source.value") from None
    yield from table.to_batches(max_chunksize=BATCH_ROWS)


def _keys(session: Session, follow: Follow, table: Table) -> KeySet:
    cells = _Cells(list(table.columns), table=table, dataset=follow.dataset)
    where = Filter((follow.predicate,), present=follow.key)
    statement = render.rows(table, columns=cells.names, where=where, dialect=SQLITE)
    keys = KeySet(table.columns[follow.key].column.type, dataset=follow.dataset)
    for raw in coalesced(session.read(statement, table=table, dataset=follow.dataset)):
        batch = cells.passing(raw, RowCheck(follow.predicate), Tally())
        keys.add(cells.typed(batch, only=[follow.key]).column(0))
    return keys


def _never() -> None:
    """Nothing ends a check early; it reads no row."""
