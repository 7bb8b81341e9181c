"""Comparisons of rows, written out by column: the engine takes NULL inside of a row for a value."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from gateway.errors import Invalid, Unsupported
from gateway.query.limits import too_large

MAX_ROW_NODES: Final = 20_000
"""Nodes that the columns of compared rows may add to a tree: `(a, b) IN (…)` repeats a and b for each row."""

_EQUAL: Final[Mapping[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.EQ,
    exp.NullSafeEQ: exp.NullSafeEQ,
    exp.NullSafeNEQ: exp.NullSafeEQ,
}
_NEGATED: Final = (exp.NEQ, exp.NullSafeNEQ)
_STRICT: Final[Mapping[type[exp.Expr], type[exp.Expr]]] = {
    exp.LT: exp.LT,
    exp.LTE: exp.LT,
    exp.GT: exp.GT,
    exp.GTE: exp.GT,
}
_PAIRED: Final = (*_EQUAL, *_STRICT)
_COMPARED: Final = (*_PAIRED, exp.In, exp.Is, exp.Between)


def compare_by_column(nodes: Sequence[exp.Expr]) -> bool:
    """Turn `(a, b) = (c, d)` into `a = c AND b = d`, and likewise the other comparisons and IN over lists of rows.

    IN over a subquery stays: there the engine agrees. Returns whether the tree has changed.

    Raises:
        Invalid: `syntax` for rows of different lengths, `size` for too much to write out.
        Unsupported: a row compared with something else, or in IS NULL or BETWEEN.
    """
    left = MAX_ROW_NODES
    for row in reversed(nodes):  # inner ones first: what is repeated has been written out
        parent = row.parent
        if parent is None or not isinstance(row, exp.Tuple):
            continue
        if row.arg_key == "this" and isinstance(parent, _COMPARED):
            written = _written_out(parent)
            if written is None:
                continue
            left -= sum(1 for _ in written.walk())
            if left < 0:
                raise too_large("compared rows", MAX_ROW_NODES)
            parent.replace(exp.Paren(this=written))
        elif row.arg_key == "expression" and isinstance(parent, _PAIRED):
            _pairs(parent.this, row)  # the left side is no row
    return left < MAX_ROW_NODES


def _written_out(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.In):
        if node.args.get("query") is not None:
            return None
        return _joined(exp.Or, [_equal(exp.EQ, _pairs(node.this, other)) for other in node.expressions])
    if isinstance(node, exp.Is | exp.Between):
        raise Unsupported("a row is not offered here", code="row", fix="write the condition for each column")
    pairs = _pairs(node.this, node.expression)
    if type(node) in _EQUAL:
        equal = _equal(_EQUAL[type(node)], pairs)
        return exp.Not(this=exp.Paren(this=equal)) if isinstance(node, _NEGATED) else equal
    return _before(type(node), pairs)


def _pairs(left: exp.Expr, right: exp.Expr) -> list[tuple[exp.Expr, exp.Expr]]:
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
        raise Unsupported(
            "a row compared with something else is not offered", code="row", fix="compare each column by itself"
        )
    if any(isinstance(part, exp.Tuple) for part in (*left.expressions, *right.expressions)):
        raise Unsupported("a row inside of a row is not offered", code="row", fix="compare each column by itself")
    if len(left.expressions) != len(right.expressions):
        raise Invalid("rows of different lengths cannot be compared", code="syntax")
    return list(zip(left.expressions, right.expressions, strict=True))


def _equal(kind: type[exp.Expr], pairs: Iterable[tuple[exp.Expr, exp.Expr]]) -> exp.Expr:
    return _joined(exp.And, [kind(this=_operand(left), expression=_operand(right)) for left, right in pairs])


def _before(kind: type[exp.Expr], pairs: list[tuple[exp.Expr, exp.Expr]]) -> exp.Expr:
    """The first columns that differ decide: `a < c OR (a = c AND b <= d)`."""
    *first, (left, right) = pairs
    found: exp.Expr = kind(this=_operand(left), expression=_operand(right))
    for left, right in reversed(first):
        equal = exp.EQ(this=_operand(left), expression=_operand(right))
        less = _STRICT[kind](this=_operand(left), expression=_operand(right))
        found = exp.Or(this=less, expression=exp.Paren(this=exp.And(this=equal, expression=_grouped(found))))
    return found


def _operand(node: exp.Expr) -> exp.Expr:
    copy = node.copy()
    return exp.Paren(this=copy) if isinstance(copy, exp.Binary | exp.Connector | exp.Not | exp.Between) else copy


def _grouped(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node) if isinstance(node, exp.Or) else node


def _joined(kind: type[exp.Expr], parts: list[exp.Expr]) -> exp.Expr:
    grouped = [exp.Paren(this=part) if isinstance(part, exp.And) and kind is exp.Or else part for part in parts]
    return functools.reduce(lambda left, right: kind(this=left, expression=right), grouped)
