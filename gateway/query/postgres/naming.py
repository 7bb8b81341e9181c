"""Output names as PostgreSQL gives them, from the tree before anything is rewritten (FigureColname, parse_target.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from gateway.query.functions import FUNCTIONS

UNNAMED: Final = "?column?"

_TYPE_NAMES: Final[Mapping[object, str]] = {
    exp.DType.BOOLEAN: "bool",
    exp.DType.SMALLINT: "int2",
    exp.DType.INT: "int4",
    exp.DType.BIGINT: "int8",
    exp.DType.DECIMAL: "numeric",
    exp.DType.FLOAT: "float4",
    exp.DType.DOUBLE: "float8",
    exp.DType.TIMESTAMPTZ: "timestamptz",
}
_FUNCTION_NAMES: Final[Mapping[type[exp.Expr], str]] = {
    **{function.node: function.name for function in reversed(FUNCTIONS)},
    exp.Trim: "btrim",
    exp.AtTimeZone: "timezone",
}
_WRAPPERS: Final = (exp.Paren, exp.Filter, exp.Window, exp.WithinGroup, exp.IgnoreNulls)


def output_name(selection: exp.Expr) -> str:
    """The name of one item of a select list; `?column?` where PostgreSQL has none."""
    if isinstance(selection, exp.Alias):
        return selection.alias
    return _strong(selection) or _weak(selection) or UNNAMED


def _strong(node: exp.Expr) -> str:
    """A name that also wins through a cast or CASE: a column's or a function's."""
    while isinstance(node, _WRAPPERS):
        node = node.this
    match node:
        case exp.Column():
            return node.name
        case exp.Subquery() if node.alias:
            return node.alias
        case exp.Subquery():
            return _strong(_first(node)) or _weak(_first(node)) if node.selects else ""
        case exp.Exists():
            return "exists"
        case exp.Cast():
            return _strong(node.this)
        case exp.Case():
            return _strong(node.args["default"]) if node.args.get("default") else ""
        case exp.And() | exp.Or() | exp.If():
            return ""
        case exp.Func() | exp.AtTimeZone():
            return _FUNCTION_NAMES.get(type(node), "")
        case _:
            return ""


def _first(node: exp.Subquery) -> exp.Expr:
    first = node.selects[0]
    return exp.column(first.alias) if isinstance(first, exp.Alias) else first


def _weak(node: exp.Expr) -> str:
    match node.unnest():
        case exp.Cast() as cast:
            return _TYPE_NAMES.get(cast.to.this) or str(cast.to.this.value).lower()
        case exp.Boolean():
            return "bool"
        case exp.Interval():
            return "interval"
        case exp.Case():
            return "case"
        case _:
            return ""
