"""Which of a query's conditions a source may evaluate before it sends rows (attacks A1, A2, B3).

A condition is offered if it compares columns that the asker sees unmasked with literals, and nothing else. What a
source leaves out would be left out by the query too: that runs unchanged on what comes. So a pre-filter may leave a
conjunct away, in a branch of an OR too, and never adds one. A predicate on a masked column would compare what is
stored, not what is shown, and time and errors would tell of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from gateway.errors import Integrity
from gateway.planning.scans.literals import value_of
from gateway.planning.sites import Site, column_decision
from gateway.terms.dataset import Column
from gateway.terms.policy import Level
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Operator, Or, Predicate, columns_of, conjoin

MAX_VALUES: Final = 200
"""Literals, and tests for null, that one scan gives to its source: writing them costs up to a millisecond each."""

_OPERATORS: Final[Mapping[type[exp.Expr], Operator]] = MappingProxyType(
    {exp.EQ: "=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
)
_TURNED: Final[Mapping[Operator, Operator]] = MappingProxyType({"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="})


@dataclasses.dataclass(frozen=True, slots=True)
class Offered:
    """A condition that a source may evaluate."""

    predicate: Predicate
    rejects_null: bool
    """It is not true of a row that an outer join filled with nulls."""
    values: int
    """Literals and tests for null in it."""


def is_shown(site: Site, name: str) -> bool:
    """Whether the asker sees the column's own values, row by row."""
    decided = column_decision(site, name)
    return decided.mask.name == "keep" and decided.level is not Level.AGGREGATED


@dataclasses.dataclass(frozen=True, slots=True)
class Conditions:
    """What one mention's own SELECT asks of its rows, as far as a source may know of it."""

    pushed: Predicate | None
    """What WHERE and ON say about its shown columns."""
    where: Predicate | None
    """All that WHERE says."""
    is_whole: bool
    """There is no WHERE, or `where` is all of it."""


def conditions_of(site: Site) -> Conditions:
    """Read from the query as the user wrote it: before anything is rewritten for the engine.

    Raises:
        Integrity: the decision does not cover a column.
    """
    select = site.scope.expression
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    asked = list(parts_of(where.this, exp.And)) if where is not None else []
    read = [_read(part, site) for part in asked]
    known = [offered for offered in read if offered is not None]
    implied = [_implied(part, site) for part, offered in zip(asked, read, strict=True) if offered is None]
    is_known = 0 < len(known) == len(read) and sum(offered.values for offered in known) <= MAX_VALUES
    whole = conjoin(*(offered.predicate for offered in known)) if is_known else None
    left, kept = MAX_VALUES, []
    for offered in _of_select(site, [*known, *(offered for offered in implied if offered is not None)]):
        if offered.values <= left:
            left -= offered.values
            kept.append(offered.predicate)
    return Conditions(
        pushed=checked(site, conjoin(*kept)),
        where=checked(site, whole),
        is_whole=where is None or whole is not None,
    )


def checked(site: Site, predicate: Predicate | None) -> Predicate | None:
    """The predicate, held against the decision a second time.

    Raises:
        Integrity: it reads a column that the asker sees masked, or not at all.
    """
    for name in columns_of(predicate) if predicate is not None else ():
        if not is_shown(site, name):
            raise Integrity(f"a predicate on {site.dataset.name}.{name}, which is masked, is not pushed", code="plan")
    return predicate


def parts_of(node: exp.Expr, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The parts of a chain of AND, or of OR, parentheses taken off."""
    pending = [node]
    while pending:
        part = pending.pop().unnest()
        if isinstance(part, kind):
            pending += [part.args["expression"], part.this]
        else:
            yield part


def _of_select(site: Site, of_where: Sequence[Offered]) -> Iterator[Offered]:
    """What a source may evaluate of WHERE, which is read already, and of ON."""
    select = site.scope.expression
    if not isinstance(select, exp.Select):
        return
    joins: list[exp.Join] = select.args.get("joins") or []
    is_filled = _is_filled(site, joins)
    yield from (offered for offered in of_where if offered.rejects_null or not is_filled)
    has_outer = any(join.side for join in joins)
    for join in joins:
        on = join.args.get("on")
        if on is not None and (not has_outer or (join.side == "LEFT" and join.this is site.table)):
            yield from _conjuncts(on, site)


def _is_filled(site: Site, joins: list[exp.Join]) -> bool:
    """Whether an outer join of this SELECT makes rows in which the mention's columns are null."""
    is_joined = all(join.this is not site.table for join in joins)
    for join in joins:
        if join.this is site.table:
            is_joined = True
            if join.side in ("LEFT", "FULL"):
                return True
        elif is_joined and join.side in ("RIGHT", "FULL"):
            return True
    return False


def _conjuncts(condition: exp.Expr, site: Site) -> Iterator[Offered]:
    for part in parts_of(condition, exp.And):
        offered = _read(part, site)
        if offered is not None:
            yield offered


def _implied(node: exp.Expr, site: Site) -> Offered | None:
    """What an OR says of this mention although its branches say other things too; less than the OR itself.

    A branch that says nothing lets every row through, and so does the OR.
    """
    if not isinstance(node, exp.Or):
        return None
    branches = [list(_conjuncts(branch, site)) for branch in parts_of(node, exp.Or)]
    if not all(branches):
        return None
    return Offered(
        either(tuple(_all_of(branch) for branch in branches)),
        all(any(part.rejects_null for part in branch) for branch in branches),
        sum(part.values for branch in branches for part in branch),
    )


def _all_of(parts: Sequence[Offered]) -> Predicate:
    predicates = tuple(part.predicate for part in parts)
    return predicates[0] if len(predicates) == 1 else And(predicates)


def _read(node: exp.Expr, site: Site) -> Offered | None:
    node = node.unnest()
    if type(node) in _OPERATORS:
        return _compare(node, site)
    match node:
        case exp.And() | exp.Or():
            return _joined(node, site)
        case exp.In():
            return _one_of(node, site)
        case exp.Between():
            return _between(node, site)
        case exp.Is():
            return _null(node, site, is_negated=bool(node.args.get("negate")))
        case exp.Not() if isinstance(inner := node.this.unnest(), exp.Is) and not inner.args.get("negate"):
            return _null(inner, site, is_negated=True)
        case _:
            return None


def _joined(node: exp.Expr, site: Site) -> Offered | None:
    """All parts, or it says nothing."""
    kind = type(node)
    read = [_read(part, site) for part in parts_of(node, kind)]
    parts = [part for part in read if part is not None]
    if len(parts) != len(read):
        return None
    predicates = tuple(part.predicate for part in parts)
    test: Callable[[Iterator[bool]], bool] = any if kind is exp.And else all
    return Offered(
        And(predicates) if kind is exp.And else either(predicates),
        test(part.rejects_null for part in parts),
        sum(part.values for part in parts),
    )


def either(parts: tuple[Predicate, ...]) -> Predicate:
    """Joined by OR; as one list where all ask for equality of one column."""
    values = [
        value
        for part in parts
        if isinstance(part, OneOf) or (isinstance(part, Compare) and part.operator == "=")
        for value in (part.values if isinstance(part, OneOf) else (part.value,))
    ]
    columns = {name for part in parts for name in columns_of(part)}
    is_list = len(columns) == 1 and all(
        isinstance(part, OneOf) or (isinstance(part, Compare) and part.operator == "=") for part in parts
    )
    return OneOf(columns.pop(), tuple(dict.fromkeys(values))) if is_list else Or(parts)


def _compare(node: exp.Expr, site: Site) -> Offered | None:
    left, right, operator = node.this.unnest(), node.args["expression"].unnest(), _OPERATORS[type(node)]
    if not isinstance(left, exp.Column):
        left, right, operator = right, left, _TURNED[operator]
    return _compared(left, operator, right, site)


def _compared(left: exp.Expr, operator: Operator, right: exp.Expr, site: Site) -> Offered | None:
    column = _column(left, site)
    value = value_of(right, column=column, operator=operator) if column is not None else None
    if column is None or value is None:
        return None
    return Offered(Compare(column.name, operator, value), rejects_null=True, values=1)


def _one_of(node: exp.In, site: Site) -> Offered | None:
    column = _column(node.this.unnest(), site)
    if column is None or not node.expressions or node.args.get("query") or len(node.expressions) > MAX_VALUES:
        return None
    read = [value_of(item, column=column, operator="=") for item in node.expressions]
    values = tuple(dict.fromkeys(value for value in read if value is not None))
    if None in read:
        return None
    return Offered(OneOf(column.name, values), rejects_null=True, values=len(values))


def _between(node: exp.Between, site: Site) -> Offered | None:
    if node.args.get("symmetric"):
        return None
    low = _compared(node.this.unnest(), ">=", node.args["low"], site)
    high = _compared(node.this.unnest(), "<=", node.args["high"], site)
    if low is None or high is None:
        return None
    return Offered(And((low.predicate, high.predicate)), rejects_null=True, values=2)


def _null(node: exp.Is, site: Site, *, is_negated: bool) -> Offered | None:
    column = _column(node.this.unnest(), site)
    if column is None or not isinstance(node.expression, exp.Null):
        return None
    null = IsNull(column.name)
    return Offered(Not(null) if is_negated else null, rejects_null=is_negated, values=1)


def _column(node: exp.Expr, site: Site) -> Column | None:
    """The catalog's column, if it is one of this mention that the asker sees unmasked."""
    if not isinstance(node, exp.Column) or node.table != site.alias or not is_shown(site, node.name):
        return None
    return site.dataset.columns.get(node.name)
