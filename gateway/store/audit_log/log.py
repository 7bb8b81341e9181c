"""The audit log's tables: appended to under the head's lock, read in snapshots, searched.

Nothing here understands the tree; gateway.audit does, over ports.LogStore and the two methods that verification adds.
"""

from __future__ import annotations

import datetime
import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.errors import Integrity
from gateway.store.audit_log.search import found, search_statement
from gateway.store.audit_log.strays import strays_in
from gateway.store.database import database_time, heading, reading
from gateway.store.standing import Checks
from gateway.store.tables import (
    audit_checkpoint,
    audit_entry,
    audit_head,
    audit_open,
    audit_payload,
    audit_search,
    audit_search_column,
    audit_search_dataset,
    audit_tile,
    gateway_instance,
)
from gateway.terms.audit import ColumnAccess, Conditions, EntryFilter, FoundEntry
from gateway.terms.log import Checkpoint, LogRow, TileId

_NO_TIME: Final = datetime.datetime.fromtimestamp(0, datetime.UTC)
"""Of an entry whose search row is gone: equal to no entry's time."""


class SqlLogStore:
    """ports.LogStore and ports.Standing, and what audit.verify_log reads besides."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[SqlLogTransaction]:
        """Lock the head; commit durably at the end, roll back on error."""
        with heading(self._engine) as (connection, size):
            yield SqlLogTransaction(connection, size)

    def checkpoint(self, *, size: int | None = None) -> Checkpoint | None:
        """The newest (or the one of that size); None in an empty log."""
        wanted = _NEWEST
        if size is not None:
            wanted = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note).where(audit_checkpoint.c.size == size)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else Checkpoint(size=row.size, note=str(row.note))

    def checkpoints(self, *, after: int, until: int) -> Sequence[tuple[int, Checkpoint]]:
        """Those of sizes in (after, until], in order, each with the size that it says came before it."""
        between = sa.select(audit_checkpoint).where(audit_checkpoint.c.size > after, audit_checkpoint.c.size <= until)
        with reading(self._engine) as connection:
            rows = connection.execute(between.order_by(audit_checkpoint.c.size)).all()
        return [(row.previous, Checkpoint(size=row.size, note=str(row.note))) for row in rows]

    def tiles(self, ids: Sequence[TileId]) -> Mapping[TileId, bytes]:
        """Those of the tiles that exist."""
        with _typed(), reading(self._engine) as connection:
            return _tiles(connection, ids)

    def rows(self, *, first: int, count: int) -> Sequence[LogRow]:
        """By index; payload and salt are empty bytes after erasure.

        Raises:
            Integrity: a value is not of its column's type: somebody else wrote it.
        """
        with _typed(), reading(self._engine) as connection:
            return _rows(connection, first, first + count)

    def search(self, wanted: EntryFilter) -> Sequence[FoundEntry]:
        """Oldest first.

        Raises:
            Invalid: limit is not 1..1000, a time has no zone, or a bare column comes without its dataset.
        """
        statement = search_statement(wanted)
        with reading(self._engine) as connection:
            return [found(row) for row in connection.execute(statement)]

    def broken(self, conditions: Conditions) -> str:
        """Empty if all hold by the database's clock; else `digest`, `grant`, `credential` or `lease`."""
        with reading(self._engine) as connection:
            return Checks(connection).broken(conditions)

    def strays(self) -> Sequence[tuple[str, str]]:
        """(table, what) for rows that belong to no entry, and for head and open rows that contradict the others.

        One snapshot, so a running log has none.
        """
        with reading(self._engine) as connection:
            return strays_in(connection)


class SqlLogTransaction:
    """ports.LogTransaction."""

    def __init__(self, connection: sa.Connection, size: int) -> None:
        self._connection = connection
        self._size = size
        self._checks = Checks(connection)

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self._size

    def tiles(self, ids: Sequence[TileId]) -> Mapping[TileId, bytes]:
        """Those of the tiles that exist."""
        return _tiles(self._connection, ids)

    def broken(self, conditions: Conditions) -> str:
        """Empty if all hold by the database's clock; else `digest`, `grant`, `credential` or `lease`."""
        return self._checks.broken(conditions)

    def open_accesses(self) -> Sequence[tuple[int, str]]:
        """(index, receipt) of access entries without outcome whose instance's lease ran out."""
        leased = sa.exists().where(
            gateway_instance.c.id == audit_open.c.instance, gateway_instance.c.lease_until > database_time()
        )
        abandoned = sa.select(audit_open.c.idx, audit_open.c.receipt).where(~leased).order_by(audit_open.c.idx)
        return [(row.idx, row.receipt) for row in self._connection.execute(abandoned)]

    def append(self, rows: Sequence[LogRow], *, tiles: Mapping[TileId, bytes], checkpoint: Checkpoint) -> None:
        """Write rows, changed tiles, checkpoint and the new size."""
        for table, values in _values(rows).items():
            self._connection.execute(_insert(table), values)
        self._close(rows)
        self._write_tiles(tiles)
        head = {"size": checkpoint.size, "previous": self._size, "note": checkpoint.note}
        self._connection.execute(_insert(audit_checkpoint), head)
        self._connection.execute(audit_head.update(), {"size": checkpoint.size})

    def _close(self, rows: Sequence[LogRow]) -> None:
        closed = [row.access_index for row in rows if row.access_index is not None]
        if closed:
            self._connection.execute(_CLOSE, {"closed": closed})

    def _write_tiles(self, tiles: Mapping[TileId, bytes]) -> None:
        self._connection.execute(
            _tile_upsert(self._connection.dialect.name),
            [{"level": level, "number": number, "hashes": hashes} for (level, number), hashes in tiles.items()],
        )


# Statements are built once: building one costs more than SQLite takes to run it.
_CLOSE: Final = audit_open.delete().where(audit_open.c.idx.in_(sa.bindparam("closed", expanding=True)))
_NEWEST: Final = (
    sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note).order_by(audit_checkpoint.c.size.desc()).limit(1)
)


@functools.cache
def _insert(table: sa.Table) -> sa.Insert:
    return table.insert()


@functools.cache
def _tile_upsert(dialect: str) -> sa.Executable:
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(audit_tile)
    return insert.on_conflict_do_update(
        index_elements=[audit_tile.c.level, audit_tile.c.number], set_={"hashes": insert.excluded.hashes}
    )


@contextmanager
def _typed() -> Iterator[None]:
    """SQLite keeps a value of any type in any column; one that cannot be converted was not written by us."""
    try:
        yield
    except (TypeError, ValueError, OverflowError):
        raise Integrity("control database: a value in the log is not of its column's type", code="log") from None


def _values(rows: Sequence[LogRow]) -> Mapping[sa.Table, list[dict[str, object]]]:
    """What each table gets; tables without a row are left out."""
    values: defaultdict[sa.Table, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        values[audit_entry].append({"idx": row.index, "leaf": row.leaf})
        values[audit_payload].append({"idx": row.index, "salt": row.salt, "payload": row.payload})
        values[audit_search].append(
            {
                "idx": row.index,
                "kind": row.kind,
                "receipt": row.receipt,
                "time": row.time,
                "principal": row.principal,
                "purpose": row.purpose,
                "action": row.action,
                "code": row.code,
                "result": row.result,
                "access_index": row.access_index,
                "instance": row.instance,
            }
        )
        if row.kind == "access":
            values[audit_open].append({"idx": row.index, "receipt": row.receipt, "instance": row.instance})
        values[audit_search_dataset].extend({"idx": row.index, "dataset": dataset} for dataset in row.datasets)
        values[audit_search_column].extend(
            {
                "idx": row.index,
                "dataset": column.dataset,
                "column_name": column.column,
                "level": column.level,
                "grant_id": column.grant,
            }
            for column in row.columns
        )
    return {table: listed for table, listed in values.items() if listed}


def _tiles(connection: sa.Connection, ids: Sequence[TileId]) -> Mapping[TileId, bytes]:
    wanted = sa.select(audit_tile).where(sa.tuple_(audit_tile.c.level, audit_tile.c.number).in_(ids))
    return {(row.level, row.number): row.hashes for row in connection.execute(wanted)}


def _rows(connection: sa.Connection, first: int, end: int) -> list[LogRow]:
    joined = audit_entry.outerjoin(audit_payload, audit_payload.c.idx == audit_entry.c.idx).outerjoin(
        audit_search, audit_search.c.idx == audit_entry.c.idx
    )
    fields = [column for column in audit_search.c if column.name != "idx"]
    entries = (
        sa.select(audit_entry.c.idx, audit_entry.c.leaf, audit_payload.c.salt, audit_payload.c.payload, *fields)
        .select_from(joined)
        .where(audit_entry.c.idx >= first, audit_entry.c.idx < end)
        .order_by(audit_entry.c.idx)
    )
    columns, datasets = _columns(connection, first, end), _datasets(connection, first, end)
    return [
        _row(values, columns=columns.get(values[0], ()), datasets=datasets.get(values[0], ()))
        for values in connection.execute(entries).all()
    ]


def _columns(connection: sa.Connection, first: int, end: int) -> Mapping[int, tuple[ColumnAccess, ...]]:
    """Sorted as audit derives them; in Python, for PostgreSQL's collation sorts otherwise."""
    table = audit_search_column
    grouped = defaultdict(list)
    for idx, *column in connection.execute(sa.select(table).where(table.c.idx >= first, table.c.idx < end)).all():
        grouped[idx].append(tuple(column))
    return {
        idx: tuple(
            ColumnAccess(dataset=dataset, column=column, level=level, grant=grant)
            for dataset, column, level, grant in sorted(listed)
        )
        for idx, listed in grouped.items()
    }


def _datasets(connection: sa.Connection, first: int, end: int) -> Mapping[int, tuple[str, ...]]:
    table = audit_search_dataset
    grouped = defaultdict(list)
    for idx, dataset in connection.execute(sa.select(table).where(table.c.idx >= first, table.c.idx < end)).all():
        grouped[idx].append(dataset)
    return {idx: tuple(sorted(listed)) for idx, listed in grouped.items()}


def _row(values: Sequence[Any], *, columns: tuple[ColumnAccess, ...], datasets: tuple[str, ...]) -> LogRow:
    idx, leaf, salt, payload, kind, receipt, time, *texts, result, access_index, instance = values
    principal, purpose, action, code = (text or "" for text in texts)
    return LogRow(
        index=idx,
        leaf=leaf,
        salt=salt or b"",
        payload=payload or b"",
        kind=kind or "",
        receipt=receipt or "",
        time=time or _NO_TIME,
        principal=principal,
        purpose=purpose,
        action=action,
        code=code,
        result=result,
        access_index=access_index,
        instance=instance or "",
        columns=columns,
        datasets=datasets,
    )
