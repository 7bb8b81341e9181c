"""A policy's constant as a value of a column's type."""

from __future__ import annotations

import datetime
import decimal

import pyarrow as pa

from gateway.terms.mask_spec.parameters import Parameter
from gateway.terms.mask_spec.spec import family_of


def constant_of(value: Parameter | None, kind: pa.DataType) -> pa.Scalar | None:
    """The value in a column's type: a date as `2020-01-31`; None: the type has no such value."""
    try:
        match family_of(kind), value:
            case "boolean", bool():
                return pa.scalar(value, kind)
            case "string", str():
                return pa.scalar(value, kind)
            case "date", str():
                return pa.scalar(datetime.date.fromisoformat(value), kind)
            case (("integer" | "decimal" | "float"), (int() | decimal.Decimal())) if not isinstance(value, bool):
                return _number(decimal.Decimal(value), kind)
            case _:
                return None
    except (pa.ArrowException, ValueError, OverflowError):
        return None


def _number(value: decimal.Decimal, kind: pa.DataType) -> pa.Scalar | None:
    if family_of(kind) == "decimal":
        return pa.scalar(value, kind)
    if family_of(kind) == "float":
        return pa.scalar(float(value), kind)
    return pa.scalar(int(value), kind) if value == value.to_integral_value() else None
