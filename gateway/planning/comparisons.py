"""Comparisons after masks: a pseudonym is text, whatever its column was.

DuckDB would convert the text to the other side's type, row by row, and fail on the first pseudonym, quoting it.
So what asks for equality is compared as text: `customer_id = 42` is simply not true of any pseudonym. What asks for
an order or a number (`<`, `BETWEEN`, `+`, `sum`) has no answer on text and is refused before anything is read. Both are
decided from types alone, so nothing depends on a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.optimizer.scope import Scope
from sqlglot.schema import MappingSchema

from gateway.errors import Integrity, Invalid
from gateway.planning.engine import METADATA, data_type, faithful, kind_of
from gateway.trees import nodes_of

Types = Mapping[str, Mapping[str, str]]
"""Scan id to its released columns' DuckDB types."""

_EQUALITY: Final = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Nullif)
_ORDER: Final = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_NUMERIC: Final = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Pow, exp.Neg, exp.Abs, exp.Sum, exp.Avg, exp.Median),
    *(exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Round),
)
_CONCERNED: Final = frozenset(
    {exp.In, exp.Case, exp.Between, exp.Coalesce, exp.Greatest, exp.Least, *_EQUALITY, *_ORDER, *_NUMERIC}
)
_UNTYPED: Final = frozenset({exp.DType.UNKNOWN, exp.DType.NULL})


def align(tree: exp.Query, *, scopes: Iterable[Scope], types: Types) -> None:
    """Make comparisons of text with other types safe, and what the engine computes otherwise than PostgreSQL alike.

    The tree is changed in place.

    Sees through subqueries and CTEs. Comparisons of rows, `(a, b) = (c, d)`, are not looked into.

    Args:
        scopes: of the tree, inner ones first; their tables are the scans already.

    Raises:
        Invalid: `masked_column`, for an order or a calculation on text; it names the column.
    """
    kinds: dict[str, object] = {
        scan: {name: data_type(kind.partition("(")[0]) for name, kind in columns.items()}
        for scan, columns in types.items()
    }
    schema = MappingSchema(kinds, dialect="duckdb", normalize=False)
    try:
        annotator = TypeAnnotator(schema, expression_metadata=METADATA)
        for scope in scopes:
            annotator.annotate_scope(scope)
        annotator.annotate(tree, annotate_scope=False)
    except (SqlglotError, RecursionError):
        raise Invalid("the types of this query cannot be worked out", code="type", fix="split the query") from None
    nodes = nodes_of(tree)
    for node in nodes:
        if type(node) in _CONCERNED:
            _align(node)
    faithful(nodes)


def _align(node: exp.Expr) -> None:
    match node:
        case exp.In():
            _as_text((node.this, *node.expressions, *_selected(node.args.get("query"))))
        case exp.Case():
            if node.args.get("this"):
                _as_text((node.this, *(branch.this for branch in node.args["ifs"])))
            _as_text((*(branch.args["true"] for branch in node.args["ifs"]), *_operands(node, "default")))
        case exp.Between():
            _check_order((node.this, node.args["low"], node.args["high"]))
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            check = _as_text if isinstance(node, exp.Coalesce) else _check_order
            check((node.this, *node.expressions))
        case _ if isinstance(node, _EQUALITY):
            _as_text(_operands(node, "this", "expression"))
        case _ if isinstance(node, _ORDER):
            _check_order(_operands(node, "this", "expression"))
        case _ if isinstance(node, _NUMERIC):
            _check_number(node)


def _operands(node: exp.Expr, *names: str) -> Iterable[exp.Expr]:
    return [operand for name in names if isinstance(operand := node.args.get(name), exp.Expr)]


def _selected(query: exp.Expr | None) -> Iterable[exp.Expr]:
    """What the subquery of an IN selects: one expression in each arm of a set operation."""
    pending = [query.unnest()] if query is not None else []
    while pending:
        node = pending.pop()
        if isinstance(node, exp.SetOperation):
            pending += [node.left.unnest(), node.right.unnest()]
        elif isinstance(node, exp.Select) and len(node.selects) == 1:
            yield node.selects[0].unalias()


def _is_text(node: exp.Expr) -> bool:
    return kind_of(node) in exp.DataType.TEXT_TYPES


def _is_other(node: exp.Expr) -> bool:
    """Certainly of another type than text."""
    return kind_of(node) not in _UNTYPED and not _is_text(node)


def _is_value(node: exp.Expr) -> bool:
    """Text that is no literal: a literal takes the other side's type when the query is prepared, before any row."""
    return _is_text(node) and not isinstance(node, exp.Literal)


def _as_text(operands: Iterable[exp.Expr]) -> None:
    sides = tuple(operands)
    if any(_is_value(side) for side in sides):
        for side in sides:
            if _is_other(side):
                _cast_in_place(side)


def _cast_in_place(side: exp.Expr) -> None:
    """Put a cast around a node. A list is changed at its index: `replace` copies the list, which may be long."""
    parent, arg, index = side.parent, side.arg_key, side.index
    if parent is None or arg is None:
        raise Integrity("an operand stands outside of every expression")
    cast = exp.Cast(this=side, to=exp.DataType(this=exp.DType.TEXT))
    if index is None:
        parent.set(arg, cast)
    else:
        parent.args[arg][index] = cast
        cast.parent, cast.arg_key, cast.index = parent, arg, index


def _check_order(operands: Iterable[exp.Expr]) -> None:
    sides = tuple(operands)
    text = next((side for side in sides if _is_value(side)), None)
    if text is not None and any(_is_other(side) for side in sides):
        raise _masked(text, "it has no order")


def _check_number(node: exp.Expr) -> None:
    for side in node.iter_expressions():
        if _is_value(side):
            raise _masked(side, "one cannot calculate with it")


def _masked(side: exp.Expr, why: str) -> Invalid:
    column = side if isinstance(side, exp.Column) else side.find(exp.Column)
    name = column.name if column is not None else "a value"
    return Invalid(
        f"{name} is text here, a pseudonym if its column is masked: {why}",
        code="masked_column",
        fix="compare it for equality, group by it, count it or join on it",
    )
