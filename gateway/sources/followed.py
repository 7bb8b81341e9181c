"""The types of a followed table's columns: a follow does not carry them, its predicate's values do."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterator
from typing import assert_never

import pyarrow as pa

from gateway.errors import Unsupported
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate, Scalar


def kind_of(value: Scalar, declared_type: str) -> pa.DataType:
    """The type of the column that a value is compared with; `declared_type` is the source's own, `DECIMAL(12,2)`.

    Raises:
        Unsupported: a decimal, and the source does not say how many digits.
    """
    match value:
        case bool():
            return pa.bool_()
        case int():
            return pa.int64()
        case float():
            return pa.float64()
        case str():
            return pa.string()
        case datetime.datetime():
            return pa.timestamp("us", "UTC") if value.tzinfo else pa.timestamp("us")
        case datetime.date():
            return pa.date32()
        case decimal.Decimal():
            digits = re.search(r"\((\d+)\s*,\s*(\d+)\)", declared_type)
            if digits is None:
                raise Unsupported("a followed row filter on a decimal needs a column of DECIMAL(p, s)", code="source")
            return pa.decimal128(int(digits[1]), int(digits[2]))
        case _:
            assert_never(value)


def values_of(predicate: Predicate) -> Iterator[tuple[str, Scalar]]:
    """Yield each column that is compared, with one of the values; repeats included."""
    match predicate:
        case Compare(column, _, value):
            yield column, value
        case OneOf(column, values):
            yield column, values[0]
        case IsNull():
            return
        case Not(part):
            yield from values_of(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from values_of(part)
        case _:
            assert_never(predicate)
