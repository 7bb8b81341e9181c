"""What a PostgreSQL database says is in it, and how much of a table a sample reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from psycopg import sql

from gateway.errors import GatewayError
from gateway.sources.described import MAX_COLUMNS, Draft, Drafts, queries_of
from gateway.sources.postgres.layout import Attribute
from gateway.sources.render.sampling import WHOLE, Part, Share
from gateway.terms.source_schema import SourceSchema

Ask = Callable[[str], list[dict[str, Any]]]
"""Runs a question to the server's catalog."""

_QUERIES: Final = "gateway.sources.postgres"
_MAX_DIGITS: Final = 38
_ANY_NUMERIC: Final = pa.decimal128(_MAX_DIGITS, 10)
"""Of a numeric without bounds: a value of more digits does not fit."""
_REFUSED: Final = {
    "f": "a foreign table: bind the server that holds its rows as a source of its own",
    "m": "a materialized view: its rows are read from the tables that it is made of",
}
_FORBIDDEN: Final = "the gateway's role may not read it"
_MAX_BLOCKED: Final = 10
"""Views whose definition a writer keeps from us, before the rest is left."""

_SMALL_PAGES: Final = 1024
"""A table of no more is read whole (8 MiB), so that single rows can be chosen, not pages."""
_PROBED_PAGES: Final = 32


def described(ask: Ask, attempt: Ask, *, source: str, default_schema: str) -> SourceSchema:
    """Everything but system schemas. `attempt` asks what may fail, without harm to what is asked after it."""
    drafts, views = Drafts(source), list[int]()
    queries = queries_of(_QUERIES)
    for row in ask(queries["tables"]):
        drafts.add(row["id"], _draft(row))
        if row["kind"] in {"v", "m"}:
            views.append(row["id"])
    columns = sql.SQL(queries["columns"]).format(limit=sql.Literal(MAX_COLUMNS + 1))
    for row in ask(columns.as_string()):
        kind = natural(Attribute(type=row["type"], modifier=row["modifier"], is_readable=row["is_readable"]))
        drafts.add_column(
            row["id"],
            row["name"],
            spelled=row["spelled"],
            kind=kind,
            is_nullable=row["is_nullable"],
            comment=row["comment"],
        )
    _add_keys(drafts, ask)
    for view, definition in _definitions(views, attempt):
        if (draft := drafts.get(view)) is not None:
            draft.definition = definition
    return drafts.schema(dialect="postgres", default_schema=default_schema)


def _draft(row: Mapping[str, Any]) -> Draft:
    kind, rows = row["kind"], row["rows"]
    return Draft(
        name=(row["schema"], row["name"]),
        kind="view" if kind in {"v", "m"} else "table",
        comment=row["comment"],
        row_estimate=int(rows) if kind != "v" and rows >= 0 else None,
        refused=_REFUSED.get(kind, "") or ("" if row["is_readable"] else _FORBIDDEN),
    )


def natural(found: Attribute) -> pa.DataType | None:
    """The type that a catalog declares for a column; None: it is not read, or the role may not."""
    if not found.is_readable:
        return None
    if found.type != "numeric" or found.values.natural is not None:
        return found.values.natural
    if found.digits is None:
        return _ANY_NUMERIC
    precision, scale = found.digits
    precision, scale = max(precision - min(scale, 0), scale), max(scale, 0)  # numeric(5,-2), numeric(2,4)
    return pa.decimal128(precision, scale) if precision <= _MAX_DIGITS else None


def _add_keys(drafts: Drafts, ask: Ask) -> None:
    queries = queries_of(_QUERIES)
    for (table, _, is_primary), rows in itertools.groupby(
        ask(queries["keys"]), key=lambda row: (row["id"], row["key"], row["is_primary"])
    ):
        drafts.add_key(table, [row["name"] for row in rows], is_primary=is_primary)
    for _, group in itertools.groupby(ask(queries["references"]), key=lambda row: row["key"]):
        pairs = list(group)
        drafts.add_reference(
            pairs[0]["id"],
            [row["name"] for row in pairs],
            table=(pairs[0]["there_schema"], pairs[0]["there_table"]),
            there=[row["there"] for row in pairs],
        )


def _definitions(views: Sequence[int], attempt: Ask) -> Iterator[tuple[int, str]]:
    """Of all at once; where that fails, by halves: one that a writer blocks, or that is gone, costs only itself."""
    pending, blocked = [list(views)] if views else [], 0
    while pending and blocked < _MAX_BLOCKED:
        some = pending.pop()
        asked = sql.SQL(queries_of(_QUERIES)["definitions"]).format(views=sql.Literal(some))
        try:
            found = attempt(asked.as_string())
        except GatewayError:
            if len(some) == 1:
                blocked += 1
            else:
                pending += [some[: len(some) // 2], some[len(some) // 2 :]]
            continue
        yield from ((row["id"], row["definition"]) for row in found)


def size_of(schema: str, table: str) -> str:
    """The question how many pages a table has, its partitions' among them."""
    query = sql.SQL(queries_of(_QUERIES)["size"])
    return query.format(schema=sql.Literal(schema), table=sql.Literal(table)).as_string()


def probe_of(pages: float) -> Share:
    """A few pages, all over the table, whose rows are counted: statistics may be old, or missing."""
    return Share(percent=min(100.0, 100 * _PROBED_PAGES / max(pages, 1)), by_page=True)


def part_of(pages: float, *, probe: Share, counted: int, rows: int) -> Part:
    """The part of a table that holds about so many rows, by what a probe counted."""
    percent = probe.percent * rows / max(counted, 1)
    if percent >= 100 or counted == 0:  # noqa: PLR2004 - of a hundred
        return WHOLE
    return Share(percent=percent, by_page=pages > _SMALL_PAGES)
