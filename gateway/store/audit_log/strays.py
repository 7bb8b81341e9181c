"""Rows of the log's tables that no entry accounts for. Every query here should find nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

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
)

_LISTED: Final = 20
"""Rows named per table: enough to see what happened."""
_LEVELS: Final = 8
"""Tiles of 8 levels hold 2^64 entries."""
_TILE_BITS: Final = 8
_PER_ENTRY: Final = (audit_entry, audit_payload, audit_search, audit_search_column, audit_search_dataset, audit_open)

Stray = tuple[str, str]
"""Table, and what is wrong."""


def strays_in(connection: sa.Connection) -> list[Stray]:
    """All of them, up to 20 per table."""
    sizes = connection.execute(sa.select(audit_head.c.id, audit_head.c.size)).all()
    if [row.id for row in sizes] != [1] or not isinstance(sizes[0].size, int):
        return [("audit_head", "must hold exactly one row, with id 1 and a number")]
    size = sizes[0].size
    return [
        *_outside(connection, size),
        *_tiles_outside(connection, size),
        *_head_off_checkpoint(connection, size),
        *_open_off_outcomes(connection),
    ]


def _outside(connection: sa.Connection, size: int) -> Iterator[Stray]:
    for table in _PER_ENTRY:
        outside = sa.select(table.c.idx).where(sa.or_(table.c.idx < 0, table.c.idx >= size)).distinct().limit(_LISTED)
        for idx in connection.scalars(outside):
            yield table.name, f"row {idx} lies outside the log's {size} entries"


def _tiles_outside(connection: sa.Connection, size: int) -> Iterator[Stray]:
    level, number = audit_tile.c.level, audit_tile.c.number
    tiles = [-(-size >> _TILE_BITS * (at + 1)) for at in range(_LEVELS)]  # rounded up: a partial tile is one too
    beyond = [sa.and_(level == at, number >= count) for at, count in enumerate(tiles)]
    strange = sa.or_(level < 0, level >= _LEVELS, number < 0, *beyond)
    for row in connection.execute(sa.select(level, number).where(strange).limit(_LISTED)):
        yield "audit_tile", f"tile ({row.level}, {row.number}) lies outside a tree of {size} entries"


def _head_off_checkpoint(connection: sa.Connection, size: int) -> Iterator[Stray]:
    newest = connection.scalar(sa.select(sa.func.max(audit_checkpoint.c.size)))
    if (newest or 0) != size:
        yield "audit_head", f"says {size} entries, the newest checkpoint says {newest or 0}"
    for odd in connection.scalars(sa.select(audit_checkpoint.c.size).where(audit_checkpoint.c.size < 1).limit(_LISTED)):
        yield "audit_checkpoint", f"row {odd} has no size of a log"


def _open_off_outcomes(connection: sa.Connection) -> Iterator[Stray]:
    """audit_open holds exactly the accesses that have no outcome; the search rows are verified from the payloads."""
    access, outcome = audit_search.alias("access"), audit_search.alias("outcome")
    ended = sa.exists().where(outcome.c.access_index == access.c.idx)
    same = sa.and_(
        audit_open.c.idx == access.c.idx,
        audit_open.c.receipt == access.c.receipt,
        audit_open.c.instance == access.c.instance,
    )
    running = sa.and_(access.c.kind == "access", ~ended)
    missing = sa.select(access.c.idx).where(running, ~sa.exists().where(same)).limit(_LISTED)
    extra = sa.select(audit_open.c.idx).where(~sa.exists().where(same, running)).limit(_LISTED)
    for idx in connection.scalars(missing):
        yield "audit_open", f"access {idx} has no outcome and no true row here: nobody would close it"
    for idx in connection.scalars(extra):
        yield "audit_open", f"row {idx} is not an access without outcome"
