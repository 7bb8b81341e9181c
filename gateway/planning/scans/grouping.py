"""Aggregates near the data (docs/decisions/0013): a SELECT that groups one dataset reads groups, not rows.

What is offered is what any source and the engine compute alike, and what can be put together from parts of a group
without rounding: counts, sums and averages of integers and of decimals of some size, least and greatest numbers and
times, by keys that are no floating-point numbers, over columns that the asker sees unmasked, with a WHERE that a source
can evaluate as it stands. The gateway writes the GROUP BY; the user's SELECT stays as it is, but for its aggregates,
which become those of the parts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
from sqlglot import exp
from sqlglot.optimizer.scope import find_all_in_scope

from gateway.errors import Integrity
from gateway.planning.guarded import aggregates_in, is_aggregate
from gateway.planning.order import SUM_DIGITS
from gateway.planning.scans.conditions import is_shown
from gateway.planning.sites import Site, catalog_column, column_decision, scan_of
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MaskUse, family_of
from gateway.terms.plan import Figure, GroupedScan, Partial
from gateway.terms.policy import ColumnDecision
from gateway.terms.predicate import Predicate, columns_of

_KEYS: Final = frozenset({"integer", "decimal", "date", "timestamp", "string", "boolean"})
"""Families whose equal values are the same, in every source."""
_ORDERED: Final = frozenset({"integer", "decimal", "date", "timestamp"})
_SPARE_DIGITS: Final = 28
"""Of the engine's 38 digits, those that ten thousand million values of a column leave."""
_WRAPPERS: Final = (exp.Filter, exp.WithinGroup, exp.IgnoreNulls)
_PREFIX: Final = "__figure_"
_Needed = tuple[Partial, str | None]


class _NotOffered(Exception):
    """The SELECT is answered from rows."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """What one SELECT asks of one dataset."""

    keys: tuple[str, ...]
    needed: tuple[_Needed, ...]


def grouped(site: Site, select: exp.Select, *, filter_: Predicate | None) -> GroupedScan | None:
    """The scan by which the source groups for a SELECT; None: it is read row by row.

    Args:
        select: mentions the dataset under the site's alias; as the engine is going to see it, and not changed.
        filter_: the whole of its WHERE, if it has one.
    """
    if any(name.startswith(_PREFIX) for name in site.dataset.columns):
        return None
    try:
        return _scan(site, _wanted(site, select), filter_)
    except _NotOffered:
        return None


def regroup(site: Site, select: exp.Select, step: GroupedScan) -> None:
    """Let the SELECT compute its aggregates from the parts that the scan releases. Its WHERE is done.

    Raises:
        Integrity: it asks for what the scan does not bring.
    """
    names = {(figure.partial, figure.column): figure.name for figure in step.figures}
    for node in list(aggregates_in(select)):
        if not _is_count_of_values(node):
            node.replace(_whole(node, site, names))
    select.set("where", None)


def restate(site: Site, select: exp.Select) -> None:
    """Let a SELECT that could be grouped by its source, and is not, compute its averages as it would if it were.

    The engine's own average is the sum over the number of rows in one more or one less rounding, as it happens to see
    fit: by whether a sum of the column stands beside it.
    """
    for node in list(aggregates_in(select)):
        if isinstance(node, exp.Avg):
            total, count = exp.Sum(this=node.this.copy()), exp.Count(this=node.this.copy())
            node.replace(_mean(total, count, _column(site, node.this).type))


def _wanted(site: Site, select: exp.Select) -> _Wanted:
    _check_alone(site, select)
    keys = dict.fromkeys(_keys(site, select))
    needed: dict[_Needed, None] = {("rows", None): None}
    told_apart: dict[str, None] = {}
    for node in aggregates_in(select):
        if _is_count_of_values(node) and not isinstance(node.parent, _WRAPPERS):
            told_apart[_key(site, node.this.expressions[0])] = None
        else:
            needed |= dict.fromkeys(_needed(site, node))
    _check_rest(site, select, keys=frozenset(keys))
    return _Wanted(tuple(keys | told_apart), tuple(needed))


def _check_alone(site: Site, select: exp.Select) -> None:
    """One dataset, grouped, without windows; nothing in a subquery reads it."""
    if select.args.get("joins") or len(site.scope.selected_sources) != 1 or not is_aggregate(select):
        raise _NotOffered
    own = {id(column) for column in find_all_in_scope(select, exp.Column)}
    mentions = [column for column in select.find_all(exp.Column) if column.table == site.alias]
    if (
        next(find_all_in_scope(select, exp.Window), None) is not None
        or any(id(mention) not in own for mention in mentions)
        or not all(is_shown(site, name) for name in site.names)
    ):
        raise _NotOffered


def _keys(site: Site, select: exp.Select) -> Iterator[str]:
    group = select.args.get("group")
    if group is None:
        return
    if any(value for name, value in group.args.items() if name != "expressions"):
        raise _NotOffered
    for item in group.expressions:
        key = item.unnest()
        if isinstance(key, exp.Literal):
            place = int(key.name) if key.is_int else 0
            if not 1 <= place <= len(select.selects):
                raise _NotOffered
            key = select.selects[place - 1].unalias().unnest()
        yield _key(site, key)


def _key(site: Site, node: exp.Expr) -> str:
    column = _column(site, node)
    if family_of(column.type) not in _KEYS:
        raise _NotOffered
    return column.name


def _column(site: Site, node: object) -> Column:
    node = node.unnest() if isinstance(node, exp.Expr) else node
    if not isinstance(node, exp.Column) or node.table != site.alias:
        raise _NotOffered
    return catalog_column(site, node.name)


def _is_count_of_values(node: exp.AggFunc) -> bool:
    """count(DISTINCT column): what is counted becomes a key of the scan, and the engine counts it."""
    distinct = node.this
    return isinstance(node, exp.Count) and isinstance(distinct, exp.Distinct) and len(distinct.expressions) == 1


def _needed(site: Site, node: exp.AggFunc) -> tuple[_Needed, ...]:
    """The figures that make up one aggregate."""
    if isinstance(node.parent, _WRAPPERS) or node.args.get("expressions"):
        raise _NotOffered
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star | exp.Literal):
        return (("rows", None),)
    column = _column(site, node.this)
    family = family_of(column.type)
    match node:
        case exp.Count():
            return (("count", column.name),)
        case exp.Sum() if _adds_up(column.type):
            return (("sum", column.name),)
        case exp.Avg() if _adds_up(column.type):
            return (("sum", column.name), ("count", column.name))
        case exp.Min() if family in _ORDERED:
            return (("min", column.name),)
        case exp.Max() if family in _ORDERED:
            return (("max", column.name),)
        case _:
            raise _NotOffered


def _adds_up(kind: pa.DataType) -> bool:
    """Whether sums of it are exact, and fit 38 digits for any number of rows that there is."""
    if pa.types.is_decimal(kind):
        return bool(kind.precision <= SUM_DIGITS)
    return bool(pa.types.is_signed_integer(kind))


def _check_rest(site: Site, select: exp.Select, *, keys: frozenset[str]) -> None:
    """Whatever else reads the dataset reads keys."""
    where = select.args.get("where")
    read = [node for node in (where, *aggregates_in(select)) if node is not None]
    done = {id(column) for node in read for column in node.find_all(exp.Column)}
    for column in select.find_all(exp.Column):
        if column.table == site.alias and id(column) not in done and column.name not in keys:
            raise _NotOffered


def _scan(site: Site, wanted: _Wanted, filter_: Predicate | None) -> GroupedScan:
    figures = tuple(
        Figure(name=f"{_PREFIX}{place}", partial=partial, column=column)
        for place, (partial, column) in enumerate(wanted.needed, start=1)
    )
    measured = dict.fromkeys(figure.column for figure in figures if figure.column is not None)
    return GroupedScan(
        scan=scan_of(
            site,
            columns=dict.fromkeys((*wanted.keys, *measured)),
            further=tuple(columns_of(filter_)) if filter_ is not None else (),
        ),
        keys=wanted.keys,
        figures=figures,
        filter=filter_,
        columns=(
            *(catalog_column(site, name) for name in wanted.keys),
            *(_released(site, figure) for figure in figures),
        ),
        decisions=(
            *(column_decision(site, name) for name in wanted.keys),
            *(_decided(site, figure) for figure in figures),
        ),
    )


def _released(site: Site, figure: Figure) -> Column:
    if figure.column is None:
        return Column(name=figure.name, type=pa.int64(), classification="public")
    column = catalog_column(site, figure.column)
    kind = column.type
    match figure.partial:
        case "count":
            kind = pa.int64()
        case "sum":
            kind = pa.decimal128(38, kind.scale if pa.types.is_decimal(kind) else 0)
        case _:
            pass
    return dataclasses.replace(column, name=figure.name, type=kind)


def _decided(site: Site, figure: Figure) -> ColumnDecision:
    """A figure of a column is decided on as the column; the number of rows as the dataset."""
    if figure.column is not None:
        return dataclasses.replace(column_decision(site, figure.column), column=figure.name)
    return ColumnDecision(
        dataset=site.dataset.name,
        column=figure.name,
        level=site.decision.level,
        mask=MaskUse(name="keep", parameters={}),
        domain=None,
        canon=None,
        use="value",
        rule=site.decision.rule,
    )


def _whole(node: exp.AggFunc, site: Site, names: dict[_Needed, str]) -> exp.Expr:
    """The aggregate of the rows, from parts of groups, in the very type that the engine gives it."""
    try:
        parts = [
            exp.column(names[partial, column], table=site.alias, quoted=True) for partial, column in _needed(site, node)
        ]
    except (KeyError, _NotOffered):
        raise Integrity("an aggregate is asked for that the grouped scan does not bring", code="plan") from None
    match node:
        case exp.Count():
            return _counted(parts[0])
        case exp.Sum():
            return _summed(site, node, parts[0])
        case exp.Avg():
            return _mean(_summed(site, node, parts[0]), _counted(parts[1]), _column(site, node.this).type)
        case exp.Min():
            return exp.Min(this=parts[0])
        case _:
            return exp.Max(this=parts[0])


def _mean(total: exp.Expr, count: exp.Expr, kind: pa.DataType) -> exp.Expr:
    """Both as whole numbers, so that the quotient is rounded once, if they have fewer than 54 bits."""
    divisor: exp.Expr = exp.cast(count, "DOUBLE")
    if pa.types.is_decimal(kind) and 0 < kind.scale <= _SPARE_DIGITS - kind.precision:
        power = exp.Literal.number(10**kind.scale)
        total = exp.cast(exp.Mul(this=total, expression=power), "INT128")
        divisor = exp.Paren(this=exp.Mul(this=divisor, expression=power.copy()))
    quotient = exp.Div(this=exp.cast(total, "DOUBLE"), expression=divisor, typed=False, safe=False)
    return exp.Paren(this=quotient)


def _counted(part: exp.Expr) -> exp.Expr:
    """No part at all is no row."""
    return exp.cast(exp.Coalesce(this=exp.Sum(this=part), expressions=[exp.Literal.number(0)]), "BIGINT")


def _summed(site: Site, node: exp.AggFunc, part: exp.Expr) -> exp.Expr:
    """Sums of integers are wide integers in the engine, not decimals."""
    is_integer = family_of(_column(site, node.this).type) == "integer"
    return exp.Sum(this=exp.cast(part, "INT128") if is_integer else part)
