"""SQL for a source, built as trees: no text is ever pasted into text.

Every column reference is quoted and qualified by its table's alias: to SQLite an unqualified quoted name that does
not exist is a string literal, and then a row filter keeps every row (T10). Literals have the column's declared type.
What differs between sources is a Dialect. Nothing here depends on a row's value or on the user's SQL text.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, assert_never

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Integrity, Unsupported
from gateway.sources.render.cell import Cell, Dialect, text_literal
from gateway.sources.render.duckdb import DUCKDB
from gateway.sources.render.mariadb import MARIADB
from gateway.sources.render.postgres import POSTGRES
from gateway.sources.render.references import (
    ROWS,
    cell_of,
    compared,
    literal,
    name_of,
    not_offered,
    reference,
    stored,
    table_named,
)
from gateway.sources.render.sqlite import SQLITE
from gateway.sources.table import Filter, Statement, Table
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import family_of
from gateway.terms.plan import Figure
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Operator, Or, Predicate, conjoin

_FOLLOWED: Final = "f"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column of a statement's answer, but for the last, which tells the witness from the rows."""

    column: str
    """The table's column that it comes from; empty for count(*)."""
    made: exp.Expr
    witness: exp.Expr


__all__ = [
    "DUCKDB",
    "MARIADB",
    "POSTGRES",
    "SQLITE",
    "Dialect",
    "comparable",
    "condition",
    "edge",
    "groups",
    "halves_sums",
    "is_number",
    "newest",
    "offers",
    "parts",
    "rows",
]

REMEMBERED: Final = 256
"""Statements kept: writing one costs more than reading a small table."""
_OPERATORS: Final[Mapping[Operator, type[exp.Binary]]] = MappingProxyType(
    {"=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """What a statement is made from; equal when it is spelled alike."""

    spelled: str
    table: Table = dataclasses.field(compare=False)
    columns: tuple[str, ...] = dataclasses.field(compare=False)
    measured: tuple[str, ...] = dataclasses.field(compare=False)
    where: Filter = dataclasses.field(compare=False)
    dialect: Dialect = dataclasses.field(compare=False)
    figures: tuple[Figure, ...] = dataclasses.field(compare=False, default=())


def _asked(table: Table, columns: Sequence[str], measured: Sequence[str], where: Filter, dialect: Dialect) -> _Asked:
    spelled = repr((table, tuple(columns), tuple(measured), where, dialect.name))
    return _Asked(spelled, table, tuple(columns), tuple(measured), where, dialect)


def rows(table: Table, *, columns: Sequence[str], where: Filter, dialect: Dialect) -> Statement:
    """The columns of the rows, then 0; before them one witness row of typed values, then 1.

    Drivers that guess a column's type from the first rows learn it from the witness; for others (Dialect.has_witness)
    there is neither witness nor marker. A table with a rowid takes two parameters, the first and the last rowid of a
    window.
    """
    return _rows(_asked(table, columns, (), where, dialect))


@functools.lru_cache(maxsize=REMEMBERED)
def _rows(asked: _Asked) -> Statement:
    table, where, dialect = asked.table, asked.where, asked.dialect
    cells = [cell_of(table, name, dialect) for name in asked.columns]
    outputs = [
        Output(column=name, made=c.sent or c.delivered, witness=c.witness)
        for name, c in zip(asked.columns, cells, strict=True)
    ]
    if not outputs:
        # A batch without columns would forget how many rows it has.
        outputs = [Output(column="", made=exp.convert(0), witness=exp.convert(0))]
    return _statement(outputs, lambda select: _where(select, table, where, dialect), dialect)


def groups(table: Table, *, keys: Sequence[str], measured: Sequence[str], where: Filter, dialect: Dialect) -> Statement:
    """Per group: keys, count(*), then for each measured column its count and, if it is a number, its sum and misfits.

    A sum is one column, or two where it is of a floating-point number and `halves_sums`: whole parts, then billionths.

    Misfits is 1 if a value was not one of the declared type, else 0. Witness and window as in `rows`.
    """
    return _groups(_asked(table, keys, measured, where, dialect))


@functools.lru_cache(maxsize=REMEMBERED)
def _groups(asked: _Asked) -> Statement:
    table, where, dialect = asked.table, asked.where, asked.dialect
    by = [cell_of(table, name, dialect) for name in asked.columns]
    outputs = [
        Output(column=name, made=c.delivered, witness=c.witness) for name, c in zip(asked.columns, by, strict=True)
    ]
    outputs.append(Output(column="", made=exp.Count(this=exp.Star()), witness=exp.convert(0)))
    for name in asked.measured:
        outputs += _figures(table, name, dialect)
    grouped = [c.key for c in by]
    return _statement(outputs, lambda select: _where(select, table, where, dialect).group_by(*grouped), dialect)


def _figures(table: Table, name: str, dialect: Dialect) -> list[Output]:
    count = Output(column=name, made=exp.Count(this=reference(table, name)), witness=exp.convert(0))
    column = stored(table, name).column
    if not is_number(column):
        return [count]
    cell = cell_of(table, name, dialect)
    addends = cell.fixed if cell.addend is None else (cell.addend,)
    if not addends:
        raise not_offered(column, "summed")
    return [count, *_sums(name, addends, dialect), _misfits(name, cell)]


def _sums(name: str, addends: Iterable[exp.Expr], dialect: Dialect) -> list[Output]:
    total = text_literal("") if dialect.sums_as_text else exp.convert(0)
    return [Output(column=name, made=exp.Sum(this=addend), witness=total) for addend in addends]


def _misfits(name: str, cell: Cell) -> Output:
    misfit: exp.Expr = exp.convert(0)
    if cell.misfit is not None:
        misfit = exp.Case().when(cell.misfit, exp.convert(1)).else_(misfit)
    return Output(column=name, made=exp.Max(this=misfit), witness=exp.convert(0))


def parts(
    table: Table, *, keys: Sequence[str], figures: Sequence[Figure], where: Filter, dialect: Dialect
) -> Statement:
    """Per group: keys, count(*), then the figures behind it; all but counts have their misfits beside them.

    A sum is one column, or two where `halves_sums`. Witness and window as in `rows`.
    """
    spelled = repr((table, tuple(keys), tuple(figures), where, dialect.name, "parts"))
    return _parts(_Asked(spelled, table, tuple(keys), (), where, dialect, tuple(figures)))


@functools.lru_cache(maxsize=REMEMBERED)
def _parts(asked: _Asked) -> Statement:
    table, where, dialect = asked.table, asked.where, asked.dialect
    by = [cell_of(table, name, dialect) for name in asked.columns]
    outputs = [
        Output(column=name, made=c.delivered, witness=c.witness) for name, c in zip(asked.columns, by, strict=True)
    ]
    outputs.append(Output(column="", made=exp.Count(this=exp.Star()), witness=exp.convert(0)))
    for figure in asked.figures:
        outputs += _part(table, figure, dialect) if figure.column is not None else []
    grouped = [c.key for c in by]
    return _statement(outputs, lambda select: _where(select, table, where, dialect).group_by(*grouped), dialect)


def _part(table: Table, figure: Figure, dialect: Dialect) -> list[Output]:
    name = figure.column or ""
    cell = cell_of(table, name, dialect)
    if figure.partial == "count":
        return [Output(column=name, made=exp.Count(this=reference(table, name)), witness=exp.convert(0))]
    if figure.partial != "sum":
        extreme = exp.Min if figure.partial == "min" else exp.Max
        return [Output(column=name, made=extreme(this=cell.delivered), witness=cell.witness), _misfits(name, cell)]
    if cell.addend is None:
        raise not_offered(stored(table, name).column, "summed")
    addends = _halves(cell.addend) if halves_sums(dialect) else [cell.addend]
    return [*_sums(name, addends, dialect), _misfits(name, cell)]


def halves_sums(dialect: Dialect) -> bool:
    """Whether sums of integers leave 64 bits with an error, so that their upper and lower halves are summed."""
    return dialect is SQLITE


def _halves(addend: exp.Expr) -> list[exp.Expr]:
    term = exp.Paren(this=addend)
    return [
        exp.BitwiseRightShift(this=term, expression=exp.convert(32)),
        exp.BitwiseAnd(this=term.copy(), expression=exp.convert((1 << 32) - 1)),
    ]


def offers(table: Table, *, figures: Sequence[Figure], dialect: Dialect) -> bool:
    """Whether the source makes these figures exactly."""
    summed = [figure.column or "" for figure in figures if figure.partial == "sum"]
    return all(cell_of(table, name, dialect).addend is not None for name in summed)


def comparable(predicate: Predicate | None, *, table: Table, dialect: Dialect) -> Predicate | None:
    """What this source can evaluate of a pre-filter: some parts of an AND, else all or nothing."""
    if isinstance(predicate, And):
        return conjoin(*(comparable(part, table=table, dialect=dialect) for part in predicate.parts))
    try:
        return predicate if predicate is None or condition(predicate, table=table, dialect=dialect) else None
    except Unsupported:
        return None


def newest(table: Table, *, keys: Sequence[str], column: str, where: Filter, dialect: Dialect) -> Statement:
    """Per combination of keys: the keys, then the largest value of the column, null if all are, then count(*).

    Without keys there is one row and no count: an index may know its answer.
    """
    return _newest(_asked(table, keys, (column,), where, dialect))


@functools.lru_cache(maxsize=REMEMBERED)
def _newest(asked: _Asked) -> Statement:
    table, where, dialect = asked.table, asked.where, asked.dialect
    by = [cell_of(table, name, dialect) for name in asked.columns]
    outputs = [
        Output(column=name, made=c.delivered, witness=c.witness) for name, c in zip(asked.columns, by, strict=True)
    ]
    (column,) = asked.measured
    cell = cell_of(table, column, dialect)
    outputs.append(Output(column=column, made=exp.Max(this=cell.delivered), witness=cell.witness))
    if by:
        outputs.append(Output(column="", made=exp.Count(this=exp.Star()), witness=exp.convert(0)))
    grouped = [c.key for c in by]
    return _statement(outputs, lambda select: _where(select, table, where, dialect).group_by(*grouped), dialect)


def edge(table: Table, *, last: bool, dialect: Dialect) -> str:
    """The table's smallest or largest rowid; null if it is empty."""
    return _edge(table.path, table.rowid or "", last, dialect.name)


@functools.lru_cache(maxsize=REMEMBERED)
def _edge(path: tuple[str, ...], name: str, last: bool, dialect: str) -> str:  # noqa: FBT001 - a cache's key
    rowid = exp.column(name_of(name), table=name_of(ROWS))
    extreme = exp.Max(this=rowid) if last else exp.Min(this=rowid)
    return exp.select(extreme).from_(table_named(Table(path=path, columns={}), ROWS)).sql(dialect)


def is_number(column: Column) -> bool:
    """Whether it is summed: by its declared type."""
    return family_of(column.type) in {"integer", "decimal", "float"}


def condition(predicate: Predicate, *, table: Table, dialect: Dialect, alias: str = ROWS) -> exp.Expr:
    """The predicate as the source evaluates it; every part stands in parentheses.

    Raises:
        Invalid: a value is not of its column's type.
        Integrity: the predicate reads a column that the table was not checked for.
        Unsupported: the column's type cannot be compared in this source.
    """
    inner = functools.partial(condition, table=table, dialect=dialect, alias=alias)
    made: exp.Expr
    match predicate:
        case Compare(column, operator, value):
            made = _OPERATORS[operator](
                this=compared(table, column, dialect, alias), expression=literal(table, column, value, dialect)
            )
        case OneOf(column, values):
            options = [literal(table, column, value, dialect) for value in values]
            made = exp.In(this=compared(table, column, dialect, alias), expressions=options)
        case IsNull(column):
            made = exp.Is(this=reference(table, column, alias), expression=exp.Null())
        case Not(part):
            made = exp.Not(this=inner(part))
        case And(parts):
            made = exp.and_(*map(inner, parts))
        case Or(parts):
            made = exp.or_(*map(inner, parts))
        case _:
            assert_never(predicate)
    return exp.Paren(this=made)


def _where(select: exp.Select, table: Table, where: Filter, dialect: Dialect) -> exp.Select:
    found = select.from_(table_named(table, ROWS))
    for predicate in where.predicates:
        found = found.where(condition(predicate, table=table, dialect=dialect))
    if where.follow is not None:
        found = found.where(_is_followed(where.follow, table, where.followed, dialect))
    if where.present is not None:
        found = found.where(exp.Not(this=exp.Is(this=reference(table, where.present), expression=exp.Null())))
    if table.rowid is not None:
        rowid = exp.column(name_of(table.rowid), table=name_of(ROWS))
        found = found.where(exp.Between(this=rowid, low=exp.Placeholder(), high=exp.Placeholder()))
    return found


def _is_followed(follow: Follow, table: Table, followed: Table | None, dialect: Dialect) -> exp.Expr:
    """A semi-join. EXISTS rather than IN: by a key's index it costs nothing for a window that reads few rows."""
    if followed is None:
        raise Integrity(f"{follow.dataset}: the followed table was not checked", code="plan")
    same = exp.EQ(
        this=compared(followed, follow.key, dialect, _FOLLOWED), expression=compared(table, follow.column, dialect)
    )
    kept = condition(follow.predicate, table=followed, dialect=dialect, alias=_FOLLOWED)
    return exp.Exists(this=exp.select(exp.convert(1)).from_(table_named(followed, _FOLLOWED)).where(same, kept))


def _statement(outputs: Sequence[Output], rest: Callable[[exp.Select], exp.Select], dialect: Dialect) -> Statement:
    made = [o.made for o in outputs]
    if dialect.has_witness:
        witness = exp.select(*(o.witness for o in outputs), exp.convert(1))
        sql = exp.union(witness, rest(exp.select(*made, exp.convert(0))), distinct=False).sql(dialect.name)
    else:
        sql = rest(exp.select(*made)).sql(dialect.name)
    return Statement(
        sql=sql,
        columns=tuple(o.column for o in outputs),
        kinds=tuple(_kind(o.witness) for o in outputs),
    )


def _kind(witness: exp.Expr) -> pa.DataType:
    if witness.is_string:
        return pa.string()
    if isinstance(witness, exp.HexString):
        return pa.binary()
    return pa.int64() if witness.is_int else pa.float64()
