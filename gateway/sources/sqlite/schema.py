"""What a SQLite file says is in it.

SQLite has few types; the word that a column is declared with says what the catalog would declare: `DATE`, `BOOLEAN`,
`DECIMAL(12,2)`. A TEXT stays a text, though its values may spell dates.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa

from gateway.sources.described import Draft, Drafts, queries_of
from gateway.sources.sqlite.affinity import affinity
from gateway.terms.source_schema import SourceSchema

Ask = Callable[[str], list[tuple[object, ...]]]
Attempt = Callable[[str, Sequence[str]], list[tuple[object, ...]]]

_MAX_DIGITS: Final = 38
_REFUSED: Final = {
    "virtual": "a virtual table: its rows are made by a module",
    "shadow": "a virtual table keeps its own rows here",
}
_DIGITS: Final = re.compile(r"\(\s*(\d{1,4})\s*(?:,\s*(\d{1,4})\s*)?\)")
_EXACT: Final = ("DEC", "NUM")
_INEXACT: Final = (*_EXACT, "MONEY", "CURRENCY")


def described(ask: Ask, attempt: Attempt, *, source: str) -> SourceSchema:
    """All tables and views. `attempt` gives nothing where asking fails."""
    drafts, queries = Drafts(source), queries_of("gateway.sources.sqlite")
    names: list[str] = []
    for name, kind, made_by in _texts(ask(queries["tables"])):
        names.append(name)
        is_view = kind == "view"
        draft = Draft(name=(name,), kind="view" if is_view else "table", refused=_REFUSED.get(kind, ""))
        draft.definition = made_by if is_view else ""
        drafts.add(name, draft)
        for column, declared, is_filled in attempt(queries["view_columns"], [name]) if is_view else ():
            _add(drafts, name, str(column), str(declared), is_nullable=not is_filled)
    keys: dict[str, list[tuple[int, str]]] = {}
    for table, column, declared, is_filled, place in ask(queries["columns"]):
        _add(drafts, str(table), str(column), str(declared), is_nullable=not is_filled)
        if place:
            keys.setdefault(str(table), []).append((int(str(place)), str(column)))
    for name, placed in keys.items():
        drafts.add_key(name, [column for _, column in sorted(placed)], is_primary=True)
    _add_unique(drafts, _texts(ask(queries["unique"])))
    _add_references(drafts, _texts(ask(queries["references"])), names=names)
    if ask(queries["has_statistics"]) != [(0,)]:
        for table, rows in ask(queries["statistics"]):
            if (found := drafts.get(str(table))) is not None:
                found.row_estimate = int(str(rows))
    return drafts.schema(dialect="sqlite", default_schema="")


def natural(declared: str) -> pa.DataType | None:
    """The type that a catalog declares for a column of this word; None: it is not read."""
    word = declared.strip().upper()
    match affinity(word):
        case "integer":
            return pa.int64()
        case "text":
            return pa.string()
        case "real":
            return pa.float64()
        case "blob":
            return None
        case _:
            return _numeric(word)


def _numeric(word: str) -> pa.DataType:
    """What SQLite takes for a number if it looks like one: dates and moments among it, which never do."""
    if word.startswith(("BOOL", "BIT")):
        return pa.bool_()
    if word.startswith(("DATETIME", "TIMESTAMP")):
        return pa.timestamp("us", "UTC")
    if word == "DATE":
        return pa.date32()
    digits = _DIGITS.search(word) if word.startswith(_EXACT) else None
    if digits is not None:
        precision, scale = int(digits[1]), int(digits[2] or 0)
        if max(scale, 1) <= precision <= _MAX_DIGITS:
            return pa.decimal128(precision, scale)
    return pa.float64() if word.startswith(_INEXACT) else None


def _add(drafts: Drafts, table: str, name: str, declared: str, *, is_nullable: bool) -> None:
    drafts.add_column(table, name, spelled=declared, kind=natural(declared), is_nullable=is_nullable)


def _add_unique(drafts: Drafts, rows: Sequence[tuple[str, ...]]) -> None:
    for (table, _), group in itertools.groupby(rows, key=lambda row: row[:2]):
        columns = [row[2] for row in group]
        if all(columns):  # an expression has no name
            drafts.add_key(table, columns, is_primary=False)


def _add_references(drafts: Drafts, rows: Sequence[tuple[str, ...]], *, names: Sequence[str]) -> None:
    """A foreign key that names no columns means the primary key; its table may be spelled in another case."""
    spelled = {name.lower(): name for name in names}
    for (table, _, there), group in itertools.groupby(rows, key=lambda row: row[:3]):
        pairs = list(group)
        whole = spelled.get(there.lower(), there)
        found = drafts.get(whole)
        named = tuple(row[4] for row in pairs)
        columns = named if all(named) else (found.primary_key if found is not None else ())
        if len(columns) == len(pairs):
            drafts.add_reference(table, [row[3] for row in pairs], table=(whole,), there=columns)


def _texts(rows: Sequence[tuple[object, ...]]) -> list[tuple[str, ...]]:
    return [tuple(str(value) for value in row) for row in rows]
