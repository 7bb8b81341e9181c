"""Expressions that the engine computes otherwise than PostgreSQL, written so that both agree.

tests/vectors/query/meaning.yaml holds what was compared. Where PostgreSQL raises an error, the engine is made to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from gateway.errors import Invalid
from gateway.planning.engine.types import FLOATS, FRACTIONS, kind_of

MAX_ADDED_NODES: Final = 20_000
"""Nodes that repeated operands may add to a tree; each level of nesting may double them."""

_PARTS_OF_SECOND: Final = {"SECOND": 1_000_000, "SECONDS": 1_000_000, "MILLISECOND": 1_000, "MILLISECONDS": 1_000}
_PARTIAL: Final = (exp.Filter, exp.Window)
_NOT_TYPED: Final = (exp.DType.UNKNOWN, exp.DType.NULL)


class _Budget:
    """Counts what is repeated."""

    def __init__(self) -> None:
        self._left = MAX_ADDED_NODES

    def again(self, node: exp.Expr) -> exp.Expr:
        """A copy of an operand that is used once more."""
        self._left -= sum(1 for _ in node.walk())
        if self._left < 0:
            raise Invalid("the query repeats too much when it is written out", code="size", fix="use a subquery")
        return _grouped(node.copy())


def faithful(nodes: Sequence[exp.Expr]) -> None:
    """Rewrite a tree in place.

    Args:
        nodes: all of it, outer ones first; their types MUST be annotated, by METADATA.

    Raises:
        Invalid: `size`, if functions are nested so that their operands repeat too often.
    """
    budget = _Budget()
    for node in reversed(nodes):  # inner ones first: what is repeated has been rewritten
        rule = _RULES.get(type(node))
        if rule is not None:
            rule(node, budget)


def _divide(node: exp.Expr, _: _Budget) -> None:
    """Whole numbers to the engine can be numerics to PostgreSQL: `extract(year …) / 10`, `sum(bigint) / 2`."""
    left, right = node.this, node.args["expression"]
    is_fraction = kind_of(left) in FRACTIONS or kind_of(right) in FRACTIONS
    if is_fraction and not any(isinstance(side, exp.Literal) and not side.is_int for side in (left, right)):
        node.set("this", _cast(left, exp.DType.DOUBLE))


def _round(node: exp.Expr, _: _Budget) -> None:
    if kind_of(node.this) in FLOATS and not node.args.get("decimals"):
        node.replace(exp.Anonymous(this="round_even", expressions=[node.this, exp.Literal.number(0)]))


def _extract(node: exp.Expr, _: _Budget) -> None:
    """Seconds with their fractions."""
    micros = _PARTS_OF_SECOND.get(node.this.name.upper())
    if micros:
        part = exp.Extract(this=exp.var("MICROSECOND"), expression=node.expression)
        node.replace(exp.Paren(this=exp.Div(this=_cast(part, exp.DType.DOUBLE), expression=exp.Literal.number(micros))))


def _concat(node: exp.Expr, _: _Budget) -> None:
    for side in list(node.expressions):
        if kind_of(side) is exp.DType.BOOLEAN:
            words = [
                exp.If(this=exp.Boolean(this=value), true=exp.Literal.string("ft"[value])) for value in (True, False)
            ]
            side.replace(exp.Case(this=side.copy(), ifs=words))
        elif kind_of(side) in FLOATS:
            side.replace(_float_text(side.copy()))


def _join_texts(node: exp.Expr, _: _Budget) -> None:
    for name in ("this", "expression"):
        if kind_of(node.args[name]) in FLOATS:
            node.set(name, _float_text(node.args[name]))


def _cast_text(node: exp.Expr, _: _Budget) -> None:
    """`varchar(n)` cuts; a floating number is written without a final `.0`."""
    to = node.args["to"]
    if to.this not in exp.DataType.TEXT_TYPES:
        return
    parent, length = node.parent, to.expressions
    to.set("expressions", None)
    found = _float_text(node.this) if kind_of(node.this) in FLOATS and isinstance(node, exp.Cast) else node.copy()
    if length:
        found = exp.Left(this=found, expression=length[0].this)
    if parent is not None and found is not node:
        node.replace(found)


def _float_text(node: exp.Expr) -> exp.Expr:
    text = _cast(node, exp.DType.TEXT)
    return exp.Anonymous(this="regexp_replace", expressions=[text, exp.Literal.string("\\.0$"), exp.Literal.string("")])


def _substring(node: exp.Expr, budget: _Budget) -> None:
    """Characters before the first are counted, and not there; a negative length is an error."""
    start, length = node.args.get("start"), node.args.get("length")
    if start is None or (_is_at_least(start, 1) and (length is None or _is_at_least(length, 0))):
        return
    first = _case((_less(start, 1), exp.Literal.number(1)), default=budget.again(start))
    if length is not None:
        skipped = _case(
            (_less(budget.again(start), 1), exp.Sub(this=budget.again(start), expression=_one())), default=_zero()
        )
        left = exp.Add(this=budget.again(length), expression=skipped)
        node.set(
            "length",
            _case(
                (_less(length, 0), _failure(exp.DType.BIGINT)),
                (_less(exp.Paren(this=left), 0), _zero()),
                default=budget.again(left),
            ),
        )
    node.set("start", first)


def _root(node: exp.Expr, budget: _Budget) -> None:
    _refuse_where(node, _less(budget.again(node.this), 0))


def _logarithm(node: exp.Expr, budget: _Budget) -> None:
    number = node.args.get("expression") or node.this
    _refuse_where(node, exp.LTE(this=budget.again(number), expression=_zero()))


def _power(node: exp.Expr, budget: _Budget) -> None:
    base, exponent = node.this, node.expression
    if _is_at_least(exponent, 0):
        return
    zero = exp.And(this=_equals_zero(budget.again(base)), expression=_less(budget.again(exponent), 0))
    whole = exp.EQ(this=budget.again(exponent), expression=exp.Trunc(this=budget.again(exponent)))
    fraction = exp.And(this=_less(budget.again(base), 0), expression=exp.Not(this=exp.Paren(this=whole)))
    _refuse_where(node, exp.Or(this=exp.Paren(this=zero), expression=exp.Paren(this=fraction)))


def _refuse_where(node: exp.Expr, condition: exp.Expr) -> None:
    """The function's value, but an error where PostgreSQL raises one: the engine gives NaN and infinities."""
    node.replace(_case((condition, _failure(exp.DType.DOUBLE)), default=node.copy()))


def _correlation(node: exp.Expr, _: _Budget) -> None:
    """Without any variation it is unknown, not NaN."""
    whole = node
    while isinstance(whole.parent, _PARTIAL) and whole.arg_key == "this":
        whole = whole.parent
    nan = _cast(exp.Literal.string("NaN"), exp.DType.DOUBLE)
    whole.replace(exp.Nullif(this=whole.copy(), expression=nan))


def _time_zone(node: exp.Expr, _: _Budget) -> None:
    if kind_of(node.this) is exp.DType.DATE:
        node.set("this", _cast(node.this, exp.DType.TIMESTAMPTZ))


def _set_operation(node: exp.Expr, _: _Budget) -> None:
    """A text literal takes the type of the other side."""
    if not isinstance(node, exp.SetOperation):
        return
    for pair in zip(node.left.selects, node.right.selects, strict=False):
        for side, other in (pair, reversed(pair)):
            term = side.unalias()
            kind = other.type
            if kind is None or kind.this in _NOT_TYPED or kind.this in exp.DataType.TEXT_TYPES:
                continue
            if isinstance(term, exp.Literal) and term.is_string:
                typed = exp.Cast(this=term.copy(), to=kind.copy())
                typed.type = side.type = kind
                term.replace(typed)


def _case(*branches: tuple[exp.Expr, exp.Expr], default: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition, true=value) for condition, value in branches], default=default)


def _failure(kind: exp.DType) -> exp.Expr:
    """Raises `input` where it is evaluated, and only there."""
    minus_one = exp.Neg(this=exp.Literal.number(1))
    return _cast(exp.Anonymous(this="chr", expressions=[minus_one]), kind)


def _cast(node: exp.Expr, kind: exp.DType) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType(this=kind))


def _less(node: exp.Expr, number: int) -> exp.Expr:
    return exp.LT(this=_grouped(node), expression=exp.Literal.number(number))


def _equals_zero(node: exp.Expr) -> exp.Expr:
    return exp.EQ(this=node, expression=_zero())


def _zero() -> exp.Expr:
    return exp.Literal.number(0)


def _one() -> exp.Expr:
    return exp.Literal.number(1)


def _grouped(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node) if isinstance(node, exp.Binary | exp.Connector | exp.Not | exp.Between) else node


def _is_at_least(node: exp.Expr, number: int) -> bool:
    return isinstance(node, exp.Literal) and node.is_int and int(node.name) >= number


_RULES: Final[Mapping[type[exp.Expr], Callable[[exp.Expr, _Budget], None]]] = {
    exp.Div: _divide,
    exp.Round: _round,
    exp.Extract: _extract,
    exp.Concat: _concat,
    exp.ConcatWs: _concat,
    exp.DPipe: _join_texts,
    exp.Cast: _cast_text,
    exp.TryCast: _cast_text,
    exp.Substring: _substring,
    exp.Sqrt: _root,
    exp.Ln: _logarithm,
    exp.Log: _logarithm,
    exp.Pow: _power,
    exp.Corr: _correlation,
    exp.AtTimeZone: _time_zone,
    exp.Union: _set_operation,
    exp.Except: _set_operation,
    exp.Intersect: _set_operation,
}
