"""Samples of a table: which part of it, and texts cut. Nothing in a statement depends on a row's value."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final, assert_never

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Unsupported
from gateway.sources.render.cell import Dialect
from gateway.sources.render.mariadb import MARIADB
from gateway.sources.render.references import ROWS, cell_of, name_of, reference, stored, table_named
from gateway.sources.table import Statement, Table
from gateway.terms.mask_spec import family_of
from gateway.terms.source_schema import MAX_SAMPLE_LENGTH

LOW: Final = "gateway_low"
HIGH: Final = "gateway_high"
_SEED: Final = 1
"""The same table gives the same sample."""
_MANY_TEXTS: Final = 64
_ROW_CHARACTERS: Final = _MANY_TEXTS * MAX_SAMPLE_LENGTH
"""Of all texts of a row together: where there are more than _MANY_TEXTS, each is cut sooner."""


@dataclasses.dataclass(frozen=True, slots=True)
class Whole:
    """From its beginning."""


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """PostgreSQL: some of its pages, or some of the rows of all of them."""

    percent: float
    by_page: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Chance:
    """Each row with this probability, from the beginning on."""

    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """What lies between two whole numbers, both included: two parameters, or the variables LOW and HIGH of MariaDB."""

    key: str
    """A column, or the table's rowid."""


@dataclasses.dataclass(frozen=True, slots=True)
class Skip:
    """What follows so many rows: a parameter."""


WHOLE: Final = Whole()
Part = Whole | Share | Chance | Window | Skip


def sample(table: Table, *, columns: Sequence[str], part: Part, limit: int, dialect: Dialect) -> Statement:
    """At most `limit` rows of a part of the table; with a witness before them where the dialect has one, no marker."""
    cut = length_of(table, columns) + 1
    witnesses = _witnesses(table, columns, dialect)
    made = [dialect.sampled(stored(table, name), reference(table, name), cut) for name in columns]
    rows = _of(part, _selected(made), table, dialect)
    if dialect.has_witness:
        witness = _selected([each.copy() for each in witnesses])
        both = exp.union(witness, rows, distinct=False, copy=False)
        sql = both.limit(limit + 1, copy=False).sql(dialect.name, copy=False)
    else:
        sql = rows.limit(limit, copy=False).sql(dialect.name, copy=False)
    return Statement(sql=sql, columns=tuple(columns), kinds=tuple(map(_kind, witnesses)))


def _witnesses(table: Table, columns: Sequence[str], dialect: Dialect) -> list[exp.Expr]:
    """One for each column; columns of one type have the same."""
    found: dict[tuple[str, str], exp.Expr] = {}
    kinds = [(str(stored(table, name).column.type), stored(table, name).storage) for name in columns]
    for kind, name in zip(kinds, columns, strict=True):
        if kind not in found:
            found[kind] = cell_of(table, name, dialect).witness
    return [found[kind] for kind in kinds]


def _selected(made: list[exp.Expr]) -> exp.Select:
    """Not copied at each step, as sqlglot does: of a very wide table that takes longer than to read it."""
    return exp.Select(expressions=made)


def edges(table: Table, *, key: str, dialect: Dialect) -> str:
    """The smallest key and the largest, each by an index of its own; nulls if there is no row."""
    column = exp.column(name_of(key), table=name_of(ROWS))
    found = [
        exp.Subquery(this=exp.select(function(this=column.copy())).from_(table_named(table, ROWS)))
        for function in (exp.Min, exp.Max)
    ]
    return exp.select(*found).sql(dialect.name)


def count(table: Table, dialect: Dialect, *, part: Part = WHOLE) -> str:
    """How many rows a small part of a table has, or one whose source knows without reading them."""
    return _of(part, exp.select(exp.Count(this=exp.Star())), table, dialect).sql(dialect.name)


def length_of(table: Table, columns: Sequence[str]) -> int:
    """Characters of a text that are sampled; bytes of a binary."""
    texts = sum(family_of(table.columns[name].column.type) in {"string", "binary"} for name in columns)
    return min(MAX_SAMPLE_LENGTH, _ROW_CHARACTERS // max(texts, 1))


def is_nameable(text: str) -> bool:
    """Whether a statement can name it."""
    try:
        name_of(text)
    except Unsupported:
        return False
    return True


def _of(part: Part, select: exp.Select, table: Table, dialect: Dialect) -> exp.Select:
    source = table_named(table, ROWS)
    match part:
        case Whole():
            return select.from_(source, copy=False)
        case Skip():
            return select.from_(source, copy=False).offset(exp.Placeholder(), copy=False)
        case Chance(probability):
            chance = exp.LT(this=exp.Rand(this=exp.convert(_SEED)), expression=exp.convert(probability))
            return select.from_(source, copy=False).where(chance, copy=False)
        case Share(percent, by_page):
            method = exp.var("SYSTEM" if by_page else "BERNOULLI")
            source.set("sample", exp.TableSample(method=method, percent=exp.convert(percent), seed=exp.convert(_SEED)))
            return select.from_(source, copy=False)
        case Window(key):
            column, low, high = (
                exp.column(name_of(key), table=name_of(ROWS)),
                _place(LOW, dialect),
                _place(HIGH, dialect),
            )
            return select.from_(source, copy=False).where(exp.Between(this=column, low=low, high=high), copy=False)
        case _:
            assert_never(part)


def _place(name: str, dialect: Dialect) -> exp.Expr:
    return exp.Parameter(this=exp.var(name)) if dialect is MARIADB else exp.Placeholder()


def _kind(witness: exp.Expr) -> pa.DataType:
    if witness.is_string:
        return pa.string()
    if isinstance(witness, exp.HexString):
        return pa.binary()
    return pa.int64() if witness.is_int else pa.float64()
