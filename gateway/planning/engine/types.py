"""Types as PostgreSQL gives them, where sqlglot's differ: whether `/` and `round` are exact depends on them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.optimizer.annotate_types import TypeAnnotator

FLOATS: Final = (exp.DType.FLOAT, exp.DType.DOUBLE)
FRACTIONS: Final = (*FLOATS, exp.DType.DECIMAL)
WHOLE: Final = (exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)

_Rule = Callable[[TypeAnnotator, exp.Expr], exp.Expr]


def _by_argument(**kinds: exp.DType) -> _Rule:
    """The type by the argument's: whole, decimal or floating; of any other kind it is kept."""

    def annotate(self: TypeAnnotator, node: exp.Expr) -> exp.Expr:
        kind = node.this.type.this if node.this is not None and node.this.type else exp.DType.UNKNOWN
        group = "whole" if kind in WHOLE else "decimal" if kind is exp.DType.DECIMAL else "other"
        self._set_type(node, kinds.get(kind.name.lower(), kinds.get(group, kind)))
        return node

    return annotate


def _literal(self: TypeAnnotator, node: exp.Expr) -> exp.Expr:
    kind = exp.DType.VARCHAR if node.is_string else exp.DType.INT if node.is_int else exp.DType.DECIMAL
    self._set_type(node, kind)
    return node


def _quotient(self: TypeAnnotator, node: exp.Expr) -> exp.Expr:
    kinds = [side.type.this if side.type else exp.DType.UNKNOWN for side in (node.this, node.args["expression"])]
    if exp.DType.UNKNOWN in kinds or exp.DType.INTERVAL in kinds:
        kind = kinds[0]
    else:
        kind = next((kind for kind in (*reversed(FRACTIONS[:2]), exp.DType.DECIMAL) if kind in kinds), exp.DType.BIGINT)
    self._set_type(node, kind)
    return node


_D, _F, _B = exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.BIGINT
_MEANS: Final = (exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
_ROUNDED: Final = (exp.Round, exp.Trunc, exp.Ceil, exp.Floor, exp.Sign)
_CURVES: Final = (exp.Sqrt, exp.Exp, exp.Ln, exp.Log, exp.Pow)

METADATA: Final[dict[type[exp.Expr], dict[str, Any]]] = {
    **DuckDB.EXPRESSION_METADATA,
    **{kind: {"annotator": _by_argument(whole=_D, decimal=_D)} for kind in _MEANS},
    **{kind: {"annotator": _by_argument(whole=_F, decimal=_D)} for kind in (*_ROUNDED, *_CURVES)},
    exp.Sum: {"annotator": _by_argument(whole=_B, bigint=_D, decimal=_D)},
    exp.Extract: {"returns": _D},
    exp.Literal: {"annotator": _literal},
    exp.Div: {"annotator": _quotient},
}
"""For sqlglot's `annotate_types`."""


def kind_of(node: exp.Expr) -> exp.DType:
    """The annotated type, without its parameters."""
    return node.type.this if node.type is not None else exp.DType.UNKNOWN


@functools.cache
def data_type(name: str) -> exp.DataType:
    """The engine's type of this name; there are few."""
    return exp.DataType.build(name, dialect="duckdb")
