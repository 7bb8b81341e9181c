"""What MariaDB and MySQL call things.

Text is compared by the bytes of its UTF-8: their collations take `acme`, `ACME` and `äcme` for one, and most of them
leave out trailing spaces (T10). Every value is delivered as text, which the server spells exactly.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Mapping
from types import MappingProxyType
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

LONG: Final = "long "
"""Begins the storage of a column whose values may be longer than MAX_VALUE_BYTES."""
WIDE: Final = "wide "
"""Begins the storage of a column whose values may be longer than WIDE_OCTETS."""
WIDE_OCTETS: Final = 1024
"""As the column stores it; its UTF-8 takes up to four times as much."""
_SIX_DIGITS: Final = 6
_MISSING_DIGITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        f"{name}({digits})": ("" if digits else ".") + "0" * (_SIX_DIGITS - digits)
        for name in ("datetime", "timestamp")
        for digits in range(_SIX_DIGITS)
    }
)
"""What a moment that is stored to fewer digits lacks to microseconds."""
_UTF8: Final = exp.DataType(this=exp.DataType.Type.CHARACTER_SET, kind=exp.var("utf8mb4"))
_OCTETS: Final = exp.DataType.build("BINARY")
_UNSIGNED: Final = exp.DataType(this=exp.DataType.Type.UBIGINT)
_TEXT: Final = text_literal("")
_LARGEST: Final = 2**63 - 1


def _literal(value: Scalar, kind: pa.DataType) -> exp.Expr:
    match value:
        case bool():
            return exp.convert(int(value))
        case decimal.Decimal():
            return _number(format(value, "f"))
        case datetime.datetime():
            moment = value.astimezone(datetime.UTC) if value.tzinfo else value
            return text_literal(moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds"))
        case datetime.date():
            return text_literal(value.isoformat())
        case str():
            return text_literal(value)
        case float() if math.isinf(value):
            raise Unsupported("a row filter compares with an infinity, which MariaDB cannot store", code="source")
        case int() | float() if pa.types.is_floating(kind):
            # Without an exponent it would be a decimal.
            return _number(text if "e" in (text := repr(float(value))) else f"{text}e0")
        case int() | float():
            return exp.convert(value)
        case _:
            assert_never(value)


def _number(text: str) -> exp.Expr:
    number = exp.Literal.number(text.removeprefix("-"))
    return exp.Neg(this=number) if text.startswith("-") else number


def _cell(stored: Stored, reference: exp.Column) -> Cell:
    column = stored.column
    match family_of(column.type):
        case "integer":
            number = _integer(reference, stored.storage)
            misfit = exp.GT(this=reference, expression=exp.convert(_LARGEST)) if "unsigned" in stored.storage else None
            return Cell(delivered=number, witness=_TEXT, compared=number, addend=number, misfit=misfit, grouped=number)
        case "boolean":
            number = _integer(reference, stored.storage)
            return Cell(delivered=number, witness=_TEXT, compared=number, grouped=number)
        case "float":
            # A FLOAT would be spelled with six digits.
            number = exp.cast(reference, "DOUBLE") if stored.storage == "float" else reference
            fixed = in_range(number, exp.cast(number, f"DECIMAL({FIXED_POINT.precision}, {FIXED_POINT.scale})"))
            return Cell(
                delivered=number,
                witness=_TEXT,
                compared=number,
                fixed=(fixed,),
                misfit=out_of_range(number),
                grouped=number,
            )
        case "decimal":
            return Cell(delivered=reference, witness=_TEXT, compared=reference, addend=reference, grouped=reference)
        case "string":
            octets = exp.Cast(this=exp.Cast(this=reference, to=_UTF8.copy()), to=_OCTETS.copy())
            delivered = _bounded(reference, octets) if stored.storage.startswith(LONG) else reference
            return Cell(delivered=delivered, witness=_TEXT, compared=octets, grouped=_key(octets, stored.storage))
        case "date":
            return Cell(delivered=reference, witness=_TEXT, compared=reference, grouped=reference)
        case "timestamp":
            return Cell(delivered=_moment(reference, stored), witness=_TEXT, compared=reference, grouped=reference)
        case "binary":
            return Cell(delivered=reference, witness=exp.HexString(this=""), compared=None, grouped=reference)
        case None:
            raise Unsupported(f"column {column.name}: type {column.type} is not read from MariaDB", code="source")
        case family:
            assert_never(family)


def _sampled(stored: Stored, reference: exp.Column, length: int) -> exp.Expr:
    if family_of(stored.column.type) in {"string", "binary"}:
        return exp.Anonymous(this="LEFT", expressions=[reference, exp.convert(length)])
    return _cell(stored, reference).delivered


def _integer(reference: exp.Column, storage: str) -> exp.Expr:
    """Bits would come as bytes."""
    return exp.Cast(this=reference, to=_UNSIGNED.copy()) if storage == "bit" else reference


def _bounded(reference: exp.Column, octets: exp.Expr) -> exp.Expr:
    """The value's bytes; a longer one than MAX_VALUE_BYTES becomes a byte that is no text, and so fails."""
    length = exp.Anonymous(this="OCTET_LENGTH", expressions=[reference])
    is_long = exp.GT(this=length, expression=exp.convert(MAX_VALUE_BYTES))
    return exp.Case().when(is_long, exp.HexString(this="FF")).else_(octets)


def _key(octets: exp.Expr, storage: str) -> exp.Expr:
    """Sorting looks at max_sort_length bytes of a text only, so a longer one is told apart by its digest."""
    if not storage.startswith((LONG, WIDE)):
        return octets
    return exp.SHA2(this=octets, length=exp.convert(256))


def _moment(reference: exp.Column, stored: Stored) -> exp.Expr:
    missing = _MISSING_DIGITS.get(stored.storage)
    if missing is None:
        return reference
    # Not a cast to more digits: it would make NULL of the zero date.
    return exp.Concat(expressions=[reference, text_literal(missing)], safe=False, coalesce=False)


MARIADB: Final = Dialect(
    name="mysql", cell=_cell, literal=_literal, sampled=_sampled, has_witness=False, sums_as_text=True
)
