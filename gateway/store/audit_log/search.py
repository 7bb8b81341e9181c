"""An auditor's question as one SQL statement. Every filter field is answered by an index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from gateway.errors import Invalid
from gateway.store.tables import audit_payload, audit_search, audit_search_column, audit_search_dataset
from gateway.terms.audit import EntryFilter, FoundEntry

MAX_ENTRIES: Final = 1000
_LISTED_KINDS: Final = ("access", "denial", "event")
"""An outcome is listed with its access, unless outcomes are asked for."""

_entry = audit_search.alias("entry")
_outcome = audit_search.alias("outcome")
_later = audit_search.alias("later")
_payload = audit_payload.alias("payload")
_outcome_payload = audit_payload.alias("outcome_payload")
_IS_LAST: Final = ~sa.exists().where(_later.c.access_index == _outcome.c.access_index, _later.c.idx > _outcome.c.idx)
"""An instance that outlived its lease adds its own outcome after `unknown`; the last one knows more."""


def search_statement(wanted: EntryFilter) -> sa.Select[Any]:
    """Columns: idx, time, kind, result, outcome_result, payload, outcome_payload; oldest first.

    Raises:
        Invalid: limit is not 1..1000, a time has no zone, or a bare column comes without its dataset.
    """
    if not 1 <= wanted.limit <= MAX_ENTRIES:
        raise Invalid(f"limit is 1..{MAX_ENTRIES}", code="limit", fix="page on with after=INDEX")
    joined = (
        _entry.outerjoin(_outcome, sa.and_(_outcome.c.access_index == _entry.c.idx, _IS_LAST))
        .outerjoin(_payload, _payload.c.idx == _entry.c.idx)
        .outerjoin(_outcome_payload, _outcome_payload.c.idx == _outcome.c.idx)
    )
    return (
        sa.select(
            _entry.c.idx,
            _entry.c.time,
            _entry.c.kind,
            _entry.c.result,
            _outcome.c.result.label("outcome_result"),
            _payload.c.payload,
            _outcome_payload.c.payload.label("outcome_payload"),
        )
        .select_from(joined)
        .where(*_on_entry(wanted), *_on_result(wanted), *_on_columns(wanted))
        .order_by(_entry.c.idx)
        .limit(wanted.limit)
    )


def found(row: sa.Row[Any]) -> FoundEntry:
    """One row of search_statement."""
    return FoundEntry(
        index=row.idx,
        time=row.time,
        kind=row.kind,
        payload=_parsed(row.payload),
        result=row.outcome_result if row.kind == "access" else row.result,
        outcome=_parsed(row.outcome_payload),
    )


def _parsed(payload: bytes | None) -> Mapping[str, object] | None:
    return json.loads(payload) if payload else None


def _on_entry(wanted: EntryFilter) -> Iterator[sa.ColumnElement[bool]]:
    yield _entry.c.idx > wanted.after
    yield _entry.c.kind.in_(_LISTED_KINDS) if wanted.kind is None else _entry.c.kind == wanted.kind
    for name in ("principal", "purpose", "receipt"):
        if (value := getattr(wanted, name)) is not None:
            yield _entry.c[name] == value
    if wanted.action is not None:
        yield sa.and_(_entry.c.action == wanted.action, _entry.c.kind == sa.literal_column("'event'"))
    if any(time is not None and time.tzinfo is None for time in (wanted.since, wanted.until)):
        raise Invalid("since and until need a time zone", code="time", fix="write 2026-11-01T00:00:00Z")
    if wanted.since is not None:
        yield _entry.c.time >= wanted.since
    if wanted.until is not None:
        yield _entry.c.time < wanted.until


def _on_result(wanted: EntryFilter) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.result is None:
        return
    ended = sa.select(_outcome.c.access_index).where(_outcome.c.result == wanted.result, _IS_LAST)
    yield sa.or_(_entry.c.result == wanted.result, _entry.c.idx.in_(ended))


def _on_columns(wanted: EntryFilter) -> Iterator[sa.ColumnElement[bool]]:
    """Dataset, column, level and grant must hold of one and the same column."""
    dataset, column = _named_column(wanted)
    on = audit_search_column.c
    asked = ((on.column_name, column), (on.level, wanted.level), (on.grant_id, wanted.grant), (on.dataset, dataset))
    given = [field == value for field, value in asked if value is not None]
    if column is not None or wanted.level is not None or wanted.grant is not None:
        if wanted.dataset is not None:
            given.append(on.dataset == wanted.dataset)
        yield _entry.c.idx.in_(sa.select(on.idx).where(*given))
    elif wanted.dataset is not None:
        read = audit_search_dataset.c
        yield _entry.c.idx.in_(sa.select(read.idx).where(read.dataset == wanted.dataset))


def _named_column(wanted: EntryFilter) -> tuple[str | None, str | None]:
    """(dataset, column) of a filter; the dataset may stand in either field."""
    if wanted.column is None:
        return wanted.dataset, None
    dataset, dot, column = wanted.column.rpartition(".")
    if dot:
        return dataset, column
    if wanted.dataset is None:
        raise Invalid("a bare column name needs its dataset", code="column", fix="write source.dataset.column")
    return wanted.dataset, column
