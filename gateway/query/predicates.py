"""Row filters of policies, as SQL text, into the closed tree of terms/predicate.py."""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Invalid
from gateway.query import grammar
from gateway.query.limits import QueryLimits, check_text, check_tree
from gateway.query.parsing import balanced, chain
from gateway.query.reader import read_condition
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import family_of
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Operator, Or, Predicate, Scalar

LIMITS: Final = QueryLimits(max_bytes=16_384, max_nodes=2_000, max_depth=50, max_output_columns=0, max_scans=0)
"""A row filter is short; a long list of values belongs into a column."""

_OPERATORS: Final[Mapping[type[exp.Expr], Operator]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_TURNED: Final[Mapping[Operator, Operator]] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TYPE_WORDS: Final = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ)

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,38}", re.ASCII)
_TICKS: Final = {"s": 1_000_000, "ms": 1_000}


def parse_predicate(text: str, *, columns: Mapping[str, Column]) -> Predicate:
    """Read `region IN ('DE', 'FR') AND opened_on >= '2020-01-01'`: PostgreSQL's syntax, nothing but comparisons.

    Offered: AND, OR, NOT, the six comparisons of a column with a literal, IN over literals, IS [NOT] NULL, and
    BETWEEN. Literals become values of the column's declared type, exactly or not at all.

    Raises:
        Invalid: anything else, an unknown column, or a literal that is not of the column's type.
    """
    check_text(text, limits=LIMITS)
    tree = balanced(read_condition(text, limits=LIMITS))
    check_tree(tree, limits=LIMITS)
    return _predicate(tree, columns)


def _predicate(node: exp.Expr, columns: Mapping[str, Column]) -> Predicate:
    match node:
        case exp.Paren():
            return _predicate(node.this, columns)
        case exp.And():
            return And(tuple(_predicate(part, columns) for part in chain(node)))
        case exp.Or():
            return Or(tuple(_predicate(part, columns) for part in chain(node)))
        case exp.Not():
            return Not(_predicate(node.this, columns))
        case exp.Is():
            return _is_null(node, columns)
        case exp.In():
            return _one_of(node, columns)
        case exp.Between():
            return _between(node, columns)
        case _ if type(node) in _OPERATORS:
            return _compare(node, columns)
        case _:
            raise _wrong("a filter compares columns with literals: =, <>, <, <=, >, >=, IN, BETWEEN, IS NULL")


def _wrong(message: str) -> Invalid:
    return Invalid(message, code="predicate")


def _column(node: exp.Expr, columns: Mapping[str, Column]) -> Column:
    if not isinstance(node, exp.Column) or node.table or not isinstance(node.this, exp.Identifier):
        raise _wrong("a comparison has a column on one side and a literal on the other")
    name = node.name if node.this.quoted else node.name.lower()
    if name not in columns:
        raise _wrong(f"unknown column {grammar.plain(name)}".rstrip())
    return columns[name]


def _compare(node: exp.Expr, columns: Mapping[str, Column]) -> Predicate:
    left, right, operator = node.this, node.args["expression"], _OPERATORS[type(node)]
    if not isinstance(left, exp.Column):
        left, right, operator = right, left, _TURNED[operator]
    column = _column(left, columns)
    return Compare(column.name, operator, _value(right, column))


def _is_null(node: exp.Is, columns: Mapping[str, Column]) -> Predicate:
    if not isinstance(node.expression, exp.Null):
        raise _wrong("IS takes NULL only: compare with = TRUE or = FALSE")
    null = IsNull(_column(node.this, columns).name)
    return Not(null) if node.args.get("negate") else null


def _one_of(node: exp.In, columns: Mapping[str, Column]) -> Predicate:
    column = _column(node.this, columns)
    if not node.expressions:
        raise _wrong("IN takes a list of literals")
    return OneOf(column.name, tuple(_value(item, column) for item in node.expressions))


def _between(node: exp.Between, columns: Mapping[str, Column]) -> Predicate:
    if node.args.get("symmetric"):
        raise _wrong("BETWEEN SYMMETRIC is not offered: put the lower value first")
    column = _column(node.this, columns)
    low, high = _value(node.args["low"], column), _value(node.args["high"], column)
    return And((Compare(column.name, ">=", low), Compare(column.name, "<=", high)))


def _value(node: exp.Expr, column: Column) -> Scalar:
    """The literal's value; `DATE '…'` and `TIMESTAMP '…'` are the same as the bare text."""
    sign = ""
    if isinstance(node, exp.Neg):
        sign, node = "-", node.this
    if isinstance(node, exp.Cast) and node.to.this in _TYPE_WORDS and node.this.is_string:
        node = node.this
    if isinstance(node, exp.Boolean) and not sign:
        return _typed(bool(node.this), column=column)
    if isinstance(node, exp.Literal) and not (sign and node.is_string):
        return _typed(sign + node.name, column=column, quoted=bool(node.is_string))
    raise _wrong(f"column {column.name} can be compared with literals only")


def _typed(literal: str | bool, *, column: Column, quoted: bool = False) -> Scalar:  # noqa: FBT001  # TRUE is a literal
    """The literal as a value of the column's type.

    A moment without an offset is UTC where the column has a time zone.

    Raises:
        Invalid: the literal is not one of that type, or the type would have to round or cut it.
    """
    family = family_of(column.type)
    value: Scalar | None
    if isinstance(literal, bool):
        value = literal if family == "boolean" else None
    elif quoted:
        value = _from_text(literal, column.type) if family in ("string", "date", "timestamp") else None
    else:
        value = _from_number(literal, column.type) if family in ("integer", "decimal", "float") else None
    if value is None:
        raise Invalid(f"a literal for column {column.name} is no {column.type}", code="predicate")
    return value


def _from_text(literal: str, kind: pa.DataType) -> Scalar | None:
    if pa.types.is_date32(kind):
        return _date(literal)
    if pa.types.is_timestamp(kind):
        return _moment(literal, kind)
    return literal


def _date(literal: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(literal) if _DATE.fullmatch(literal) else None
    except ValueError:
        return None


def _moment(literal: str, kind: pa.TimestampType) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(f"{literal} 00:00" if _DATE.fullmatch(literal) else literal)
    except ValueError:
        return None
    if not (_MOMENT.fullmatch(literal) or _DATE.fullmatch(literal)) or moment.microsecond % _TICKS.get(kind.unit, 1):
        return None
    if kind.tz is None:
        return None if moment.tzinfo else moment
    return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _from_number(literal: str, kind: pa.DataType) -> Scalar | None:
    if pa.types.is_floating(kind):
        number = float(literal)
        return number if math.isfinite(number) else None
    if pa.types.is_decimal(kind):
        return _decimal(decimal.Decimal(literal), kind)
    try:
        return int(pa.scalar(int(literal), kind).as_py()) if _WHOLE.fullmatch(literal) else None
    except (pa.ArrowInvalid, OverflowError):
        return None


def _decimal(number: decimal.Decimal, kind: pa.Decimal128Type) -> decimal.Decimal | None:
    """With exactly the type's scale; None if a digit would be lost on either end."""
    with decimal.localcontext(decimal.Context(prec=kind.precision, traps=[decimal.Inexact, decimal.InvalidOperation])):
        try:
            return number.quantize(decimal.Decimal(1).scaleb(-kind.scale))
        except (decimal.Inexact, decimal.InvalidOperation):
            return None
