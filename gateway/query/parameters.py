"""Values of `$1` and `:name`: they enter the tree as literals, and no text is made of them before it is checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from gateway.errors import Invalid
from gateway.query.limits import QueryLimits, check_text, too_large
from gateway.terms.request import Parameters, Scalar

MAX_PARAMETERS: Final = 1_000
MAX_DIGITS: Final = 64
"""Of a number, as in a text."""
_SAFE: Final = re.compile(r"[A-Za-z0-9_]{1,63}")
"""Names that an error may repeat."""

_ORDINALS: Final = (exp.Ordered, exp.Group, exp.Rollup, exp.Cube, exp.GroupingSets)
"""A number there would be the place of an output."""

IS_PARAMETER: Final = "parameter"
"""Marks what stands for a value, whatever it looks like: NULL, TRUE and a minus sign are values too."""


def check_parameters(parameters: Parameters, *, sql: str, limits: QueryLimits) -> None:
    """Hold names and values to the limits of a text; they count as part of it.

    Raises:
        Invalid: `size` for too many or too long ones, `parameter` for a number that SQL cannot write.
    """
    if len(parameters) > MAX_PARAMETERS:
        raise too_large("parameters", MAX_PARAMETERS)
    values = _named(parameters)
    texts = [text for pair in values.items() for text in pair if isinstance(text, str)]
    for text in texts:
        check_text(text, limits=limits)
    if len(sql.encode()) + sum(len(text.encode()) for text in texts) > limits.max_bytes:
        raise too_large("bytes", limits.max_bytes)
    for name, value in values.items():
        if not isinstance(value, str | int | float | None):
            raise _refused(name, "is no single value", fix="send a text, a number, true, false or null")
        if isinstance(value, float) and not math.isfinite(value):
            raise _refused(name, "is not a number")
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            raise _refused(name, f"has more than {MAX_DIGITS} digits")


def fill(nodes: Iterable[exp.Expr], parameters: Parameters) -> None:
    """Put each value in its place in a tree, as a literal of its type; a text takes the type of what it meets.

    Raises:
        Invalid: `parameter`: one has no value, a value has no place, or numbers and names are mixed.
    """
    values = _named(parameters)
    unused = set(values)
    for node in _placeholders(nodes):
        name = _name(node)
        if name not in values:
            raise _refused(name, "has no value", fix="send its value in `parameters`")
        if isinstance(node.parent, _ORDINALS) or isinstance(node.parent and node.parent.parent, exp.Distinct):
            raise _refused(name, "cannot say what rows are ordered or grouped by", fix="write the column")
        node.replace(_literal(values[name]))
        unused.discard(name)
    if unused:
        raise _refused(min(unused), "is not in the query")


def _named(parameters: Parameters) -> Mapping[str, Scalar]:
    if isinstance(parameters, Mapping):
        return parameters
    return {str(place): value for place, value in enumerate(parameters, start=1)}


def _placeholders(nodes: Iterable[exp.Expr]) -> Sequence[exp.Expr]:
    """Those with a number or a name, where a value can stand; whatever is left over is refused by the grammar."""
    found = [node for node in nodes if isinstance(node, exp.Placeholder | exp.Parameter)]
    return [node for node in found if _name(node) and node.arg_key != "alias"]


def _name(node: exp.Expr) -> str:
    this = node.this
    if (isinstance(this, exp.Literal) and this.is_int) or isinstance(this, exp.Var):
        return str(this.name)
    return this if isinstance(this, str) else ""


def _literal(value: Scalar) -> exp.Expr:
    node = _written(value)
    node.meta[IS_PARAMETER] = True
    return node


def _written(value: Scalar) -> exp.Expr:
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    number = exp.Literal.number(str(abs(value)))
    return exp.Paren(this=exp.Neg(this=number)) if math.copysign(1, value) < 0 else number


def _refused(name: str, what: str, *, fix: str = "") -> Invalid:
    shown = f" {name}" if _SAFE.fullmatch(name) else ""
    return Invalid(f"parameter{shown} {what}", code="parameter", fix=fix)
