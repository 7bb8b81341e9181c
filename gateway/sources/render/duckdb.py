"""What DuckDB calls things: of a database file and of Parquet files alike.

Texts compare in the collation "C", by their bytes, whatever collation their column declares. A column of a Parquet
table that its folders' names tell is a text, made of the declared type by a cast.
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
from gateway.terms.mask_spec import family_of
from gateway.terms.plan import FIXED_POINT
from gateway.terms.predicate import Scalar

FOLDER: Final = "folder"
"""Storage of a column that is told by folders' names: a text that was seen to spell a value of the declared type."""

_INTEGERS: Final = frozenset({"tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger"})
_FOLDER_TYPES: Final = {"integer": "BIGINT", "boolean": "BOOLEAN", "date": "DATE"}

_VARCHAR: Final = exp.DataType.build("VARCHAR", dialect="duckdb")


def _literal(value: Scalar, kind: pa.DataType) -> exp.Expr:
    match value:
        case bool():
            return exp.Boolean(this=value)
        case decimal.Decimal():
            return _cast(text_literal(format(value, "f")), f"DECIMAL({kind.precision:d}, {kind.scale:d})")
        case datetime.datetime() if kind.tz is not None:
            return _cast(text_literal(_spelled(value.astimezone(datetime.UTC))), "TIMESTAMPTZ")
        case datetime.datetime():
            return _cast(text_literal(_spelled(value)), "TIMESTAMP")
        case datetime.date():
            return _cast(text_literal(value.isoformat()), "DATE")
        case str():
            return text_literal(value)
        case float():
            return _cast(text_literal(repr(value)), "DOUBLE")
        case int():
            return _cast(text_literal(str(value)), "BIGINT")
        case _:
            assert_never(value)


def _spelled(moment: datetime.datetime) -> str:
    return moment.isoformat(sep=" ", timespec="microseconds")


def _cell(stored: Stored, reference: exp.Column) -> Cell:
    number = exp.convert(0)
    match stored.storage:
        case "decimal" | "boolean" | "date" | "timestamp" | "timestamp with time zone":
            addend = reference if stored.storage == "decimal" else None
            return Cell(delivered=reference, witness=number, compared=reference, addend=addend)
        case "float" | "double":
            wide = _cast(reference, "DOUBLE")
            # by its text: a cast of the number itself multiplies it first, and rounds twice
            exact = _cast(_cast(wide, "VARCHAR"), f"DECIMAL({FIXED_POINT.precision}, {FIXED_POINT.scale})")
            fixed, misfit = in_range(wide, exact), out_of_range(wide)
            return Cell(delivered=wide, witness=number, compared=wide, fixed=(fixed,), misfit=misfit)
        case "timestamp_s" | "timestamp_ms":
            moment = _cast(reference, "TIMESTAMP")
            return Cell(delivered=moment, witness=number, compared=moment)
        case "timestamp_ns":
            # delivered as it is: what has more digits than microseconds fails there, and is not cut
            return Cell(delivered=reference, witness=number, compared=_cast(reference, "TIMESTAMP"))
        case "varchar":
            return _text(_bounded(reference, "STRLEN"), reference)
        case "uuid" | "json" | "enum":
            text = _cast(reference, "VARCHAR")
            return _text(_bounded(text, "STRLEN"), text)
        case "blob":
            return Cell(delivered=_bounded(reference, "OCTET_LENGTH"), witness=number, compared=None)
        case "folder":
            return _folder(stored, reference)
        case storage if storage in _INTEGERS:
            return Cell(delivered=reference, witness=number, compared=reference, addend=reference)
        case _:
            raise Unsupported(f"column {stored.column.name}: type {stored.storage} is not read here", code="source")


def _sampled(stored: Stored, reference: exp.Column, length: int) -> exp.Expr:
    first, last = exp.convert(1), exp.convert(length)
    match stored.storage:
        case "varchar" | "uuid" | "json" | "enum":
            return _call("ARRAY_SLICE", exp.Cast(this=reference, to=_VARCHAR.copy()), first, last)
        case "blob":
            return _call("ARRAY_SLICE", reference, first, last)
        case "timestamp_ns":
            return _cast(reference, "TIMESTAMP")
        case _:
            return _cell(stored, reference).delivered


def _folder(stored: Stored, reference: exp.Column) -> Cell:
    family = family_of(stored.column.type)
    if family == "string":
        return _text(reference, reference)
    if family not in _FOLDER_TYPES:
        raise Unsupported(f"column {stored.column.name}: a folder's name tells no {family}", code="source")
    value = _cast(reference, _FOLDER_TYPES[family])
    addend = value if family == "integer" else None
    return Cell(delivered=value, witness=exp.convert(0), compared=value, addend=addend)


def _text(delivered: exp.Expr, compared: exp.Expr) -> Cell:
    # the same tree is selected and grouped by
    text = _bytewise(delivered)
    return Cell(delivered=text, witness=text_literal(""), compared=_bytewise(compared), grouped=text)


def _bounded(value: exp.Expr, length: str) -> exp.Expr:
    """The value; of a longer one than MAX_VALUE_BYTES so much that it is seen to be longer."""
    is_long = exp.GT(this=_call(length, value), expression=exp.convert(MAX_VALUE_BYTES))
    part = _call("ARRAY_SLICE", value, exp.convert(1), exp.convert(MAX_VALUE_BYTES + 1))
    return exp.Case().when(is_long, part).else_(value)


def _bytewise(text: exp.Expr) -> exp.Expr:
    return exp.Collate(this=exp.Paren(this=text), expression=exp.to_identifier("C", quoted=True))


def _cast(value: exp.Expr, kind: str) -> exp.Expr:
    return exp.cast(value, kind, dialect="duckdb")


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


DUCKDB: Final = Dialect(name="duckdb", cell=_cell, literal=_literal, sampled=_sampled, has_witness=False)
