"""Scans of one access, for sources whose sessions are connections (ports.SourceSession).

Each scan has a connection of its own, opened at the first `next`. A guarded scan groups, besides dimensions and
subject, by every column that a row filter reads: so each group passes or fails the second evaluation as a whole.
"""

from __future__ import annotations

import dataclasses
import datetime
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import pyarrow as pa

from gateway.errors import GatewayError, Integrity, Invalid, Unsupported
from gateway.sources import render
from gateway.sources.cells import Cells, followed_kind, given, row_schema, shaped
from gateway.sources.convert import BATCH_ROWS, coalesced
from gateway.sources.described.names import as_listed
from gateway.sources.described.sampling import Drawn, columns_of, typed
from gateway.sources.evaluate import KeySet, RowCheck
from gateway.sources.grouped import Merged, grouped_schema, has_extreme_moments, parts_of, rows_as_parts
from gateway.sources.merge import Groups, figures_of, group_schema, groups_as, measured_of
from gateway.sources.reading import Batches, Deadlines, Reading, newest_of
from gateway.sources.render import Dialect
from gateway.sources.table import Filter, Spelling, Statement, Table, with_known
from gateway.terms.dataset import Column, Dataset
from gateway.terms.plan import GroupedScan, GuardedScan, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Predicate, conjoin
from gateway.terms.source_schema import SchemaTable, SourceSchema
from gateway.terms.streams import RawStream, Tally

_DEADLINES: Final = Deadlines()


class Layout(Protocol):
    """A table's columns as the session has them."""

    @property
    def spelling(self) -> Spelling:
        """Names of all columns that the table has."""

    def table(self, columns: Sequence[Column]) -> Table:
        """The table with the columns, each held against its declaration."""

    def followed(self, follow: Follow, *, key: pa.DataType) -> list[Column]:
        """The columns that a follow reads."""


class Session(Protocol):
    """One connection, in one transaction."""

    @property
    def makes_groups_once(self) -> bool:
        """False: a statement is answered part by part, and a group may come with several of them."""

    @property
    def has_typed_moments(self) -> bool:
        """False: dates and moments are texts, and the largest text need not be the newest."""

    def layout(self, path: tuple[str, ...], *, dataset: str) -> Layout:
        """What the table looks like in this transaction."""

    def read(self, statement: Statement, *, table: Table, dataset: str) -> Iterator[pa.RecordBatch]:
        """The statement's rows."""

    def described(self) -> SourceSchema:
        """What is in the source."""

    def be_quick(self) -> None:
        """Wait for no writer longer than two seconds."""

    def sampled(self, drawn: Drawn) -> Iterator[pa.RecordBatch]:
        """At most `rows` rows, none twice: the columns as `drawn.statement` asks for them."""


class Line(Protocol):
    """A session that is not yet opened."""

    def begun(self, check: Callable[[], None]) -> AbstractContextManager[Session]:
        """Open it on enter, close it on exit."""

    def interrupt(self) -> None:
        """From any thread: make what runs in it return soon."""


class Reads:
    """See ports.SourceSession. At the deadline every scan is ended, though nobody asks for its next row (T15)."""

    def __init__(
        self,
        connect: Callable[[], Line],
        *,
        source: str,
        dialect: Dialect,
        deadline: float,
        tally: Tally,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`at_end` is called when all scans have ended; it may be called again."""
        self._connect = connect
        self._source = source
        self._dialect = dialect
        self._deadline = deadline
        self._tally = tally
        self._at_end = at_end
        self._lock = threading.Lock()
        self._opened: list[Reading] = []
        self._watch: object | None = None
        self._is_closed = False

    def scan(self, scan: Scan) -> RawStream:
        """See ports.SourceSession."""
        schema = row_schema(scan)
        if not scan.is_read:
            return RawStream(schema, iter(()))
        return self._stream(schema, lambda session: self._rows(scan, schema, session))

    def group(self, guarded: GuardedScan) -> RawStream:
        """See ports.SourceSession. A measured column that is no number has `__count_c` and no `__sum_c`."""
        schema = group_schema(guarded)
        return self._stream(schema, lambda session: self._groups(guarded, schema, session))

    def aggregate(self, grouped: GroupedScan) -> RawStream:
        """See ports.SourceSession."""
        schema = grouped_schema(grouped)
        if not grouped.scan.is_read:
            return RawStream(schema, iter(()))
        return self._stream(schema, lambda session: self._aggregated(grouped, schema, session))

    def newest(self, scan: Scan) -> datetime.datetime | None:
        """See ports.SourceSession. A source of typed moments sends one per combination of what the row filter reads."""
        (column,) = scan.columns
        schema = pa.schema([pa.field(column.name, column.type)])
        with self._stream(schema, lambda session: self._newest(scan, session)) as values:
            return newest_of(values)

    def drift(self, dataset: Dataset) -> list[str]:
        """See ports.SourceSession."""
        try:
            with self._connect().begun(lambda: None) as session:
                layout = session.layout(dataset.table, dataset=dataset.name)
                found = [text for column in dataset.columns.values() if (text := _misfit(layout, column))]
                unlisted = layout.spelling.others(dataset.columns)
        except GatewayError as error:
            return [error.message]
        return found + [
            f"{dataset.name}.{name}: the table has it and the catalog does not: nobody reads it until it is classified"
            for name in unlisted
        ]

    def describe(self) -> SourceSchema:
        """See catalog_ports.SchemaReader."""
        found: list[SourceSchema] = []

        def described(session: Session) -> Batches:
            found.append(as_listed(session.described()))
            yield from ()

        with self._stream(pa.schema([]), described) as nothing:
            list(nothing)
        return found[0]

    def sample(self, table: SchemaTable, *, rows: int) -> RawStream:
        """See catalog_ports.SchemaReader."""
        dataset = ".".join([self._source, *table.name])
        if rows <= 0:
            raise Invalid(f"{dataset}: a sample is of one row at least", code="source")
        if table.refused:
            raise Unsupported(f"{dataset}: {table.refused}", code="source")
        schema = pa.schema([pa.field(c.name, c.type) for c in columns_of(table)])
        if not schema.names:
            return RawStream(schema, iter(()))
        return self._stream(schema, lambda session: self._sampled(table, rows, session, dataset=dataset))

    def close(self) -> None:
        """See ports.SourceSession."""
        with self._lock:
            self._is_closed = True
            opened, self._opened = self._opened, []
            watch, self._watch = self._watch, None
        if watch is not None:
            _DEADLINES.forget(watch)
        for each in opened:
            each.close()
        self._at_end()

    def _expire(self) -> None:
        with self._lock:
            opened = list(self._opened)
        for each in opened:
            each.expire()
        self._at_end()

    def _stream(self, schema: pa.Schema, produce: Callable[[Session], Batches]) -> RawStream:
        line = self._connect()

        def batches(reading: Reading) -> Batches:
            self._limit()
            with line.begun(reading.check) as session:
                yield from produce(session)

        reading = Reading(batches, source=self._source, deadline=self._deadline, interrupt=line.interrupt)
        with self._lock:
            is_closed = self._is_closed
            if not is_closed:
                self._opened.append(reading)
        if is_closed:
            reading.close()
        return RawStream(schema, reading, close=reading.close)

    def _limit(self) -> None:
        with self._lock:
            if self._watch is None and not self._is_closed:
                self._watch = _DEADLINES.watch(self._deadline, self._expire)

    def _rows(self, scan: Scan, schema: pa.Schema, session: Session) -> Batches:
        table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
        table = dataclasses.replace(with_known(table, scan, session), texts=scan.texts)
        check, followed = self._second(session, scan, scan.rows)
        pushed = render.comparable(scan.pushed, table=table, dialect=self._dialect)
        where = Filter(predicates=given(scan.rows, pushed), follow=scan.follow, followed=followed)
        cells = Cells(list(table.columns), table=table, dataset=scan.dataset)
        statement = render.rows(table, columns=cells.names, where=where, dialect=self._dialect)
        for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
            batch = cells.passing(raw, check, self._tally)
            if batch.num_rows:
                yield shaped(cells.typed(batch), schema)

    def _sampled(self, table: SchemaTable, rows: int, session: Session, *, dataset: str) -> Batches:
        session.be_quick()
        columns = columns_of(table)
        drawn = Drawn(
            table=session.layout(table.name, dataset=dataset).table(columns),
            columns=tuple(column.name for column in columns),
            rows=rows,
            dataset=dataset,
            primary_key=table.primary_key,
            row_estimate=table.row_estimate,
            dialect=self._dialect,
        )
        yield from typed(session.sampled(drawn), columns, dataset=dataset)

    def _newest(self, scan: Scan, session: Session) -> Batches:
        if not session.has_typed_moments:
            yield from self._rows(scan, row_schema(scan), session)
            return
        table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
        check, followed = self._second(session, scan, scan.rows)
        where = Filter(predicates=given(scan.rows, scan.pushed), follow=scan.follow, followed=followed)
        (column,) = scan.columns
        cells = Cells([*check.columns, column.name], table=table, dataset=scan.dataset)
        statement = render.newest(table, keys=check.columns, column=column.name, where=where, dialect=self._dialect)
        for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
            batch = cells.passing(raw, check, self._tally, counts=True)
            yield cells.typed(batch, only=[column.name])

    def _groups(self, guarded: GuardedScan, schema: pa.Schema, session: Session) -> Batches:
        scan, predicate = guarded.scan, conjoin(guarded.scan.rows, guarded.filter)
        if scan.pushed is not None:
            raise Integrity(f"{scan.dataset}: a guarded scan takes no pushed predicate", code="plan")
        measured, wanted = measured_of(guarded), [*guarded.dimensions, guarded.subject]
        table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
        check, followed = self._second(session, scan, predicate)
        where = Filter(given(predicate), follow=scan.follow, followed=followed, present=guarded.subject)
        cells = Cells(list(dict.fromkeys([*wanted, *check.columns])), table=table, dataset=scan.dataset)
        names = [c.name for c in measured]
        statement = render.groups(table, keys=cells.names, measured=names, where=where, dialect=self._dialect)
        groups = Groups(keys=schema.names[: len(wanted)], dataset=scan.dataset)
        is_whole = session.makes_groups_once and set(check.columns) <= set(wanted)
        for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
            batch = cells.passing(raw, check, self._tally, counts=True)
            keys = cells.typed(batch, only=wanted).columns
            raw_figures = batch.columns[len(cells.names) :]
            figures = figures_of(raw_figures, measured, scan.dataset, has_halves=render.halves_sums(self._dialect))
            partial = pa.RecordBatch.from_arrays([*keys, *figures], names=schema.names)
            if is_whole:  # the source made each group once: nothing to merge, nothing to hold
                yield from groups_as(schema, pa.Table.from_batches([partial]), dataset=scan.dataset)
            else:
                groups.add(partial)
        yield from groups_as(schema, groups.whole(), dataset=scan.dataset)

    def _aggregated(self, grouped: GroupedScan, schema: pa.Schema, session: Session) -> Batches:
        """Groups as the source makes them; rows, where it cannot make them exactly or there are too many to merge."""
        scan, dialect = grouped.scan, self._dialect
        if scan.pushed is not None:
            raise Integrity(f"{scan.dataset}: a grouped scan takes no pushed predicate", code="plan")
        table = session.layout(scan.table, dataset=scan.dataset).table(scan.columns + scan.aux_columns)
        check, followed = self._second(session, scan, scan.rows)
        asked = render.comparable(grouped.filter, table=table, dialect=dialect)
        where = Filter(given(scan.rows, asked), follow=scan.follow, followed=followed)
        if (
            asked == grouped.filter
            and render.offers(table, figures=grouped.figures, dialect=dialect)
            and (session.has_typed_moments or not has_extreme_moments(grouped))
        ):
            keys = list(dict.fromkeys([*grouped.keys, *check.columns]))
            statement = render.parts(table, keys=keys, figures=grouped.figures, where=where, dialect=dialect)
            cells = Cells(keys, table=table, dataset=scan.dataset)
            if (yield from self._parts(grouped, session, statement, cells=cells, check=check)):
                return
        cells = Cells(list(table.columns), table=table, dataset=scan.dataset)
        statement = render.rows(table, columns=cells.names, where=where, dialect=dialect)
        for raw in coalesced(session.read(statement, table=table, dataset=scan.dataset)):
            batch = cells.passing(raw, check, self._tally)
            yield rows_as_parts(cells.typed(batch), grouped, schema=schema)

    def _parts(
        self, grouped: GroupedScan, session: Session, statement: Statement, *, cells: Cells, check: RowCheck
    ) -> Generator[pa.RecordBatch, None, bool]:
        """Groups besides by every column that a row filter reads, as in `_groups`. False: too many, and none came."""
        schema, merged = grouped_schema(grouped), Merged(grouped)
        is_whole = session.makes_groups_once and set(check.columns) <= set(grouped.keys)
        for raw in coalesced(session.read(statement, table=cells.table, dataset=grouped.scan.dataset)):
            batch = cells.passing(raw, check, self._tally, counts=True)
            keys = cells.typed(batch, only=grouped.keys).columns if grouped.keys else []
            halved = render.halves_sums(self._dialect)
            parts = parts_of(batch.columns[len(cells.names) :], grouped, keys=keys, schema=schema, halved=halved)
            if is_whole:
                yield parts
            else:
                merged.add(parts)
        whole = merged.whole()
        if whole is not None:
            yield from whole.to_batches(max_chunksize=BATCH_ROWS)
        return not merged.is_over

    def _second(self, session: Session, scan: Scan, predicate: Predicate | None) -> tuple[RowCheck, Table | None]:
        """The second evaluation, and the followed table; its keys are read here, in the scan's own snapshot."""
        follow = scan.follow
        if follow is None:
            return RowCheck(predicate), None
        if follow.source != scan.source:
            raise Unsupported(
                f"{scan.dataset}: its rows follow {follow.dataset}, which lies in another source", code="source"
            )
        layout = session.layout(follow.table, dataset=follow.dataset)
        table = layout.table(layout.followed(follow, key=followed_kind(scan)))
        keys = self._keys(session, follow, table)
        return RowCheck(predicate, follow_column=follow.column, keys=keys), table

    def _keys(self, session: Session, follow: Follow, table: Table) -> KeySet:
        cells = Cells(list(table.columns), table=table, dataset=follow.dataset)
        where = Filter((follow.predicate,), present=follow.key)
        statement = render.rows(table, columns=cells.names, where=where, dialect=self._dialect)
        keys = KeySet(table.columns[follow.key].column.type, dataset=follow.dataset)
        for raw in coalesced(session.read(statement, table=table, dataset=follow.dataset)):
            batch = cells.passing(raw, RowCheck(follow.predicate), Tally())
            keys.add(cells.typed(batch, only=[follow.key]).column(0))
        return keys


def _misfit(layout: Layout, column: Column) -> str:
    try:
        layout.table([column])
    except GatewayError as error:
        return error.message
    return ""
