"""What PostgreSQL calls things. Its types are the catalog's, so values are passed on as they are.

CHAR(n) is read without its pad spaces, as PostgreSQL itself compares it. Texts compare in the collation "C":
by their bytes.
"""

from __future__ import annotations

import datetime
import decimal
from typing import Final, assert_never

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Unsupported
from gateway.sources.convert import MAX_VALUE_BYTES
from gateway.sources.render.cell import Cell, Dialect, in_range, out_of_range, text_literal
from gateway.sources.table import Stored
from gateway.terms.plan import FIXED_POINT
from gateway.terms.predicate import Scalar

SHORT_TEXT: Final = "short text"
"""Storage of a varchar(n) that cannot be longer than MAX_VALUE_BYTES."""
LONG_TEXT: Final = "text"
"""Storage of other texts."""
SPELLED: Final = "spelled"
"""Storage of what becomes a text by its type's own output: char(n), uuid, json, jsonb, enumerations."""
ANY_NUMERIC: Final = "numeric"
"""Storage of a numeric that its type does not bound: each value is looked at."""
BOUND_NUMERIC: Final = "bound numeric"
"""Storage of a numeric(p, s) that fits the declared type; NaN fits every such type."""

_TEXT: Final = exp.DataType.build("TEXT", dialect="postgres")


def _postgres_literal(value: Scalar, kind: pa.DataType) -> exp.Expr:
    match value:
        case bool():
            return exp.Boolean(this=value)
        case decimal.Decimal():
            return _typed(format(value, "f"), "DECIMAL")
        case datetime.datetime() if kind.tz is not None:
            return _typed(value.astimezone(datetime.UTC).isoformat(sep=" ", timespec="microseconds"), "TIMESTAMPTZ")
        case datetime.datetime():
            return _typed(value.isoformat(sep=" ", timespec="microseconds"), "TIMESTAMP")
        case datetime.date():
            return _typed(value.isoformat(), "DATE")
        case str():
            return text_literal(value)
        case float():
            return _typed(repr(value), "DOUBLE PRECISION")
        case int():
            return _typed(str(value), "BIGINT")
        case _:
            assert_never(value)


def _typed(text: str, kind: str) -> exp.Expr:
    """A literal of one type: read by its bare spelling, a large or negative number would be of another."""
    return exp.cast(text_literal(text), kind, dialect="postgres")


def _postgres_cell(stored: Stored, reference: exp.Column) -> Cell:
    column, number = stored.column, exp.convert(0)
    match stored.storage:
        case "int2" | "int4" | "int8":
            return Cell(delivered=reference, witness=number, compared=reference, addend=reference)
        case "float4" | "float8":
            wide = exp.cast(reference, "DOUBLE PRECISION", dialect="postgres")
            misfit = out_of_range(wide)
            return Cell(
                delivered=reference, witness=number, compared=reference, fixed=(_billionths(wide),), misfit=misfit
            )
        case "bool" | "date" | "timestamp" | "timestamptz":
            return Cell(delivered=reference, witness=number, compared=reference)
        case "numeric" | "bound numeric":
            # the driver takes six times as long to spell a numeric as the server does
            spelled = exp.cast(reference, "TEXT", dialect="postgres")
            misfit = _misfit(stored.storage, reference, column.type)
            return Cell(
                delivered=reference,
                witness=number,
                compared=reference,
                addend=reference,
                misfit=misfit,
                sent=spelled,
            )
        case "short text" | "text" | "spelled":
            return _text(stored.storage, reference)
        case "bytea":
            return Cell(delivered=_bounded(reference), witness=number, compared=None)
        case _:
            raise Unsupported(f"column {column.name}: type {stored.storage} is not read from PostgreSQL", code="source")


def _billionths(number: exp.Expr) -> exp.Expr:
    """By its text: a cast to numeric keeps 15 digits."""
    exact = exp.cast(exp.cast(number, "TEXT", dialect="postgres"), "DECIMAL", dialect="postgres")
    return in_range(number, _call("ROUND", exact, exp.convert(FIXED_POINT.scale)))


def _misfit(storage: str, reference: exp.Column, kind: pa.Decimal128Type) -> exp.Expr:
    if storage == BOUND_NUMERIC:
        return exp.EQ(this=reference, expression=_typed("NaN", "DECIMAL"))
    limit = _typed("1" + "0" * (kind.precision - kind.scale), "DECIMAL")
    rounded = _call("ROUND", reference, exp.convert(kind.scale))
    fits = exp.and_(exp.LT(this=exp.Abs(this=reference), expression=limit), exp.EQ(this=reference, expression=rounded))
    return exp.Not(this=exp.Paren(this=fits))  # NaN and infinities are not below the limit


def _sampled(stored: Stored, reference: exp.Column, length: int) -> exp.Expr:
    cell = _postgres_cell(stored, reference)
    match stored.storage:
        case "short text" | "text" | "spelled":
            text = exp.Cast(this=reference, to=_TEXT.copy())
            return _call("SUBSTR", text, exp.convert(1), exp.convert(length))
        case "bytea":
            return _call("SUBSTR", reference, exp.convert(1), exp.convert(length))
        case _:
            return cell.sent or cell.delivered


def _text(storage: str, reference: exp.Column) -> Cell:
    compared: exp.Expr = reference
    delivered: exp.Expr = reference
    match storage:
        case "short text":
            pass
        case "text":
            delivered = _bounded(reference)
        case _:
            compared = exp.cast(reference, "TEXT", dialect="postgres")
            delivered = _call("LEFT", compared, exp.convert(MAX_VALUE_BYTES + 1))
    # the same tree is selected and grouped by, or PostgreSQL would not know the one by the other
    delivered = _bytewise(delivered)
    return Cell(delivered=delivered, witness=text_literal(""), compared=_bytewise(compared), grouped=delivered)


def _bounded(reference: exp.Column) -> exp.Expr:
    """The value; of a longer one than MAX_VALUE_BYTES so much that it is seen to be longer."""
    is_long = exp.GT(this=_call("OCTET_LENGTH", reference), expression=exp.convert(MAX_VALUE_BYTES))
    part = _call("SUBSTR", reference, exp.convert(1), exp.convert(MAX_VALUE_BYTES + 1))
    return exp.Case().when(is_long, part).else_(reference)


def _bytewise(text: exp.Expr) -> exp.Expr:
    return exp.Collate(this=text, expression=exp.to_identifier("C", quoted=True))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


POSTGRES: Final = Dialect(
    name="postgres", cell=_postgres_cell, literal=_postgres_literal, sampled=_sampled, has_witness=False
)
