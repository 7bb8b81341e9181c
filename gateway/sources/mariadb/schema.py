"""What a MariaDB or MySQL server says is in the database that the source's URL names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa

from gateway.sources.described import Draft, Drafts, queries_of
from gateway.sources.mariadb.layout import TRANSACTIONAL, Declared, natural
from gateway.sources.render.sampling import WHOLE, Chance, Part
from gateway.terms.source_schema import SourceSchema

Ask = Callable[[str], Sequence[tuple[object, ...]]]

QUERIES: Final = "gateway.sources.mariadb"
_VIEWS: Final = frozenset({"VIEW", "SYSTEM VIEW"})
_TABLES: Final = "BASE TABLE"
_NO_COMMENT: Final = ("VIEW", "View '")
"""What servers write there themselves; of a broken view it begins so."""
_MOST_LOOKED_AT: Final = 2_000_000
"""Rows of a table without a key of whole numbers that are looked at for a sample."""


def described(ask: Ask, *, source: str) -> SourceSchema:
    """All tables and views of the database. A broken view has no columns."""
    queries, drafts = queries_of(QUERIES), Drafts(source)
    database = str(ask(queries["database"])[0][0])
    for name, kind, engine, rows, comment in ask(queries["tables"]):
        drafts.add(name, _draft((database, str(name)), kind=str(kind), engine=str(engine), rows=rows))
        if (draft := drafts.get(name)) is not None and not str(comment).startswith(_NO_COMMENT):
            draft.comment = str(comment)
    for name, column, kind, whole, digits, octets, is_nullable, comment, privileges in ask(queries["columns"]):
        declared = Declared(
            type=str(kind).lower(),
            whole=str(whole).lower(),
            second_digits=int(str(digits)),
            octets=int(str(octets)),
        )
        drafts.add_column(
            name,
            str(column),
            spelled=declared.word,
            kind=_readable(declared, str(privileges)),
            is_nullable=is_nullable == "YES",
            comment=str(comment),
        )
    _add_keys(drafts, ask(queries["keys"]))
    for name, definition in ask(queries["definitions"]):
        if (draft := drafts.get(name)) is not None:
            draft.definition = str(definition)
    return drafts.schema(dialect="mysql", default_schema=database)


def _draft(name: tuple[str, str], *, kind: str, engine: str, rows: object) -> Draft:
    if kind in _VIEWS:
        return Draft(name=name, kind="view")
    refused = ""
    if kind != _TABLES:
        refused = "no ordinary table"
    elif engine.lower() not in TRANSACTIONAL:
        refused = "its storage engine keeps no snapshot; InnoDB does" if engine else "the server cannot open it"
    return Draft(name=name, row_estimate=int(str(rows)) if rows is not None else None, refused=refused)


def _readable(declared: Declared, privileges: str) -> pa.DataType | None:
    return natural(declared) if "select" in privileges.lower().split(",") else None


def _add_keys(drafts: Drafts, rows: Sequence[tuple[object, ...]]) -> None:
    for (table, key, schema, there), group in itertools.groupby(rows, key=lambda row: (row[0], row[1], row[3], row[4])):
        pairs = list(group)
        columns = [str(row[2]) for row in pairs]
        if there:
            drafts.add_reference(table, columns, table=(str(schema), str(there)), there=[str(row[5]) for row in pairs])
        else:
            drafts.add_key(table, columns, is_primary=key == "PRIMARY")


def part_of(row_estimate: int | None, *, rows: int) -> Part:
    """Of a table without a key of whole numbers: rows at random, of its first _MOST_LOOKED_AT."""
    if row_estimate is None:
        return WHOLE
    probability = rows / max(min(row_estimate, _MOST_LOOKED_AT), 1)
    return Chance(probability) if probability < 1 else WHOLE
