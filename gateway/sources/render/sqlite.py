"""What SQLite calls things, and how its storage classes become the declared types."""

from __future__ import annotations

import datetime
import decimal
from typing import Final, assert_never

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Unsupported
from gateway.sources.convert import ABSOLUTE_NOISE, FLOAT_DIGITS, MAX_VALUE_BYTES, RELATIVE_NOISE
from gateway.sources.render.cell import Cell, Dialect, binary, in_range, out_of_range, text_literal
from gateway.sources.table import Stored
from gateway.terms.mask_spec import family_of
from gateway.terms.plan import FIXED_POINT
from gateway.terms.predicate import Scalar

_MAX_SPELLED: Final = 100
"""No decimal and no moment takes as many bytes."""


def _sqlite_literal(value: Scalar, kind: pa.DataType) -> exp.Expr:
    match value:
        case bool():
            return exp.convert(int(value))
        case decimal.Decimal():
            return exp.convert(int(value.scaleb(kind.scale)))
        case datetime.datetime():
            moment = value.astimezone(datetime.UTC) if value.tzinfo else value
            return text_literal(moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds"))
        case datetime.date():
            return text_literal(value.isoformat())
        case str():
            return text_literal(value)
        case float() if abs(value) == float("inf"):
            return exp.Literal.number("9e999") if value > 0 else exp.Neg(this=exp.Literal.number("9e999"))
        case int() | float():
            return exp.convert(value)
        case _:
            assert_never(value)


def _sqlite_cell(stored: Stored, reference: exp.Column) -> Cell:
    column = stored.column
    match family_of(column.type):
        case "integer":
            misfit = _not_stored_as(reference, "integer")
            return Cell(
                delivered=reference, witness=exp.convert(0), compared=reference, addend=reference, misfit=misfit
            )
        case "boolean":
            return Cell(delivered=reference, witness=exp.convert(0), compared=reference)
        case "float":
            misfit = exp.or_(_not_stored_as(reference, "integer", "real"), out_of_range(reference))
            fixed = _sqlite_fixed(reference)
            return Cell(delivered=reference, witness=exp.convert(0.0), compared=reference, fixed=fixed, misfit=misfit)
        case "decimal" if stored.storage != "text" and column.type.precision <= FLOAT_DIGITS:
            return _sqlite_decimal(reference, column.type)
        case "decimal":
            return Cell(delivered=_sqlite_wide_decimal(reference, column.type), witness=text_literal(""), compared=None)
        case "string" | "date":
            return Cell(delivered=_sqlite_text(reference), witness=text_literal(""), compared=binary(reference))
        case "timestamp":
            moment = _sqlite_moment(reference)
            return Cell(delivered=moment, witness=text_literal(""), compared=binary(moment))
        case "binary" | None:
            raise Unsupported(f"column {column.name}: type {column.type} is not read from SQLite", code="source")
        case family:
            assert_never(family)


def _sampled(stored: Stored, reference: exp.Column, length: int) -> exp.Expr:
    """A value of another storage class is null: the driver would give up the whole answer for it."""
    match family_of(stored.column.type):
        case "integer" | "boolean":
            return exp.Case().when(exp.Not(this=_not_stored_as(reference, "integer")), reference)
        case "float":
            number = exp.Not(this=_not_stored_as(reference, "integer", "real"))
            return exp.Case().when(number, exp.Add(this=reference, expression=exp.convert(0.0)))
        case "decimal" if stored.storage != "text" and stored.column.type.precision <= FLOAT_DIGITS:
            number = exp.Not(this=_not_stored_as(reference, "integer", "real"))
            return exp.Case().when(number, exp.Add(this=reference, expression=exp.convert(0.0)))
        case "decimal" | "timestamp":
            is_short = exp.LT(this=_call("OCTET_LENGTH", reference), expression=exp.convert(_MAX_SPELLED))
            return exp.Case().when(is_short, _sqlite_cell(stored, reference).delivered)
        case _:
            # no cast: sqlglot takes a millisecond to write one, and there are thousands of columns
            text = exp.Paren(this=exp.DPipe(this=reference, expression=text_literal("")))
            is_long = exp.GT(this=_call("OCTET_LENGTH", reference), expression=exp.convert(length - 1))
            # a NUL ends what SUBSTR sees, so it is left out where it is not needed
            return exp.Case().when(is_long, _part(text, 1, length)).else_(text.copy())


def _not_stored_as(reference: exp.Column, *classes: str) -> exp.Expr:
    allowed = [text_literal(name) for name in (*classes, "null")]
    return exp.Not(this=exp.In(this=_call("TYPEOF", reference), expressions=allowed))


def _sqlite_fixed(reference: exp.Column) -> tuple[exp.Expr, exp.Expr]:
    """The whole part and the billionths beside it: both together leave 64 bits."""
    whole = exp.cast(reference, "BIGINT")
    part = exp.Paren(this=exp.Sub(this=reference, expression=whole))
    billionths = exp.Round(this=exp.Mul(this=part, expression=exp.convert(10.0**FIXED_POINT.scale)))
    return in_range(reference, whole), in_range(reference, exp.cast(billionths, "BIGINT"))


def _sqlite_decimal(reference: exp.Column, kind: pa.Decimal128Type) -> Cell:
    """Compared and summed as a whole number of the last digit: exact where float64 is not."""
    scaled = exp.Mul(this=reference, expression=exp.convert(10.0**kind.scale))
    units = exp.Cast(this=exp.Round(this=scaled), to=exp.DataType.build("BIGINT"))
    size = exp.Abs(this=scaled)
    noise = _call("MAX", exp.Mul(this=size, expression=exp.convert(RELATIVE_NOISE)), exp.convert(ABSOLUTE_NOISE))
    distance = exp.Abs(this=exp.Sub(this=scaled, expression=exp.Round(this=scaled)))
    misfit = exp.or_(
        _not_stored_as(reference, "integer", "real"),
        exp.GT(this=distance, expression=noise),
        exp.GTE(this=size, expression=exp.convert(10.0**kind.precision)),
    )
    return Cell(delivered=reference, witness=exp.convert(0.0), compared=units, addend=units, misfit=misfit)


def _sqlite_wide_decimal(reference: exp.Column, kind: pa.Decimal128Type) -> exp.Expr:
    """The text; but a float beyond its exact digits is passed as a text that is no number, and so fails."""
    is_real = exp.EQ(this=_call("TYPEOF", reference), expression=text_literal("real"))
    limit = exp.convert(10.0 ** (FLOAT_DIGITS - kind.scale))
    is_vague = exp.and_(is_real, exp.GTE(this=exp.Abs(this=reference), expression=limit))
    return exp.Case().when(is_vague, text_literal("inexact")).else_(_sqlite_text(reference))


def _sqlite_text(reference: exp.Column) -> exp.Expr:
    """The value as text; a longer one than MAX_VALUE_BYTES becomes a byte that is no text, and so fails."""
    is_long = exp.GT(this=_call("OCTET_LENGTH", reference), expression=exp.convert(MAX_VALUE_BYTES))
    return exp.Case().when(is_long, exp.HexString(this="FF")).else_(exp.cast(reference, "TEXT"))


def _sqlite_moment(reference: exp.Column) -> exp.Expr:
    """`YYYY-MM-DD HH:MM:SS.ffffff` of UTC, from the spellings of ISO 8601 that mean it; others fail when read.

    Only what differs from that form is rewritten, so that the common case costs one comparison.
    """
    plain = exp.and_(
        exp.EQ(this=exp.Length(this=reference), expression=exp.convert(26)),
        exp.EQ(this=_part(reference, 11, 1), expression=text_literal(" ")),
    )
    text = _call(
        "REPLACE",
        _call("RTRIM", _call("REPLACE", reference, text_literal("+00:00"), text_literal("")), text_literal("Z")),
        text_literal("T"),
        text_literal(" "),
    )
    length = exp.Length(this=text)
    seconds = exp.EQ(this=length, expression=exp.convert(19))
    fraction = exp.Between(this=length, low=exp.convert(20), high=exp.convert(26))
    spelled = (
        exp.Case()
        .when(plain, _sqlite_text(reference))
        .when(seconds, exp.DPipe(this=text, expression=text_literal(".000000")))
        .when(fraction, _part(exp.Paren(this=exp.DPipe(this=text, expression=text_literal("000000"))), 1, 26))
    )
    return spelled.else_(_sqlite_text(reference))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _part(text: exp.Expr, first: int, count: int) -> exp.Expr:
    return _call("SUBSTR", text, exp.convert(first), exp.convert(count))


SQLITE: Final = Dialect(name="sqlite", cell=_sqlite_cell, literal=_sqlite_literal, sampled=_sampled)
