"""The one condition that a source evaluates for a user: a registered cell, `dimension = literal AND …`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

import pyarrow as pa
from sqlglot import exp

from gateway.terms.dataset import Column
from gateway.terms.predicate import And, Compare, OneOf, Predicate, Scalar


class NotACellError(Exception):
    """The condition is not AND of `dimension = literal` and `dimension IN (literals)`."""


def read_cell(condition: exp.Expr, *, alias: str, dimensions: Mapping[str, Column]) -> Predicate:
    """The condition as a predicate with values of the dimensions' types.

    Args:
        condition: of a WHERE; every column qualified.
        alias: whose columns the dimensions are.

    Raises:
        NotACellError: it is something else, or a literal is not of its dimension's type.
    """
    parts = tuple(_part(node, alias, dimensions) for node in _conjuncts(condition))
    return parts[0] if len(parts) == 1 else And(parts)


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    pending = [condition]
    while pending:
        node = pending.pop().unnest()
        if isinstance(node, exp.And):
            pending += [node.right, node.left]
        else:
            yield node


def _part(node: exp.Expr, alias: str, dimensions: Mapping[str, Column]) -> Predicate:
    match node:
        case exp.EQ():
            left, right = node.left.unnest(), node.right.unnest()
            if not isinstance(left, exp.Column):
                left, right = right, left
            column = _dimension(left, alias, dimensions)
            return Compare(column.name, "=", _value(right, column))
        case exp.In() if node.expressions and not node.args.get("query"):
            column = _dimension(node.this.unnest(), alias, dimensions)
            return OneOf(column.name, tuple(_value(item.unnest(), column) for item in node.expressions))
        case _:
            raise NotACellError


def _dimension(node: exp.Expr, alias: str, dimensions: Mapping[str, Column]) -> Column:
    if not isinstance(node, exp.Column) or node.table != alias or node.name not in dimensions:
        raise NotACellError
    return dimensions[node.name]


def _value(node: exp.Expr, column: Column) -> Scalar:
    """The literal as Arrow reads it into the column's type: exactly or not at all."""
    sign = ""
    if isinstance(node, exp.Neg):
        sign, node = "-", node.this
    elif isinstance(node, exp.Cast) and node.this.is_string and not pa.types.is_string(column.type):
        node = node.this  # DATE '2024-01-01'
    if isinstance(node, exp.Boolean) and not sign:
        quoted, text = False, "true" if node.this else "false"
    elif isinstance(node, exp.Literal) and not (sign and node.is_string):
        quoted, text = bool(node.is_string), sign + node.name
    else:
        raise NotACellError
    if quoted != (pa.types.is_string(column.type) or pa.types.is_temporal(column.type)):
        raise NotACellError
    if isinstance(node, exp.Boolean) != pa.types.is_boolean(column.type):
        raise NotACellError
    return cast_text(text, column.type)


def cast_text(text: str, kind: pa.DataType) -> Scalar:
    """What Arrow reads into the type, exactly.

    Raises:
        NotACellError: it cannot.
    """
    # A moment without an offset is UTC, as everywhere in the gateway.
    for spelled in (text, f"{text}+00:00") if pa.types.is_timestamp(kind) and kind.tz else (text,):
        try:
            value: Scalar = pa.array([spelled], pa.string()).cast(kind)[0].as_py()
        except pa.ArrowInvalid:
            continue
        return value.astimezone(datetime.UTC) if isinstance(value, datetime.datetime) and value.tzinfo else value
    raise NotACellError
