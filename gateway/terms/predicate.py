"""A closed tree of row predicates.

There is no cast, no function and no arithmetic: what a source evaluates and what the
gateway evaluates again on the batch must mean the same, byte for byte (THREATS T10).
Three-valued logic as in SQL: a row passes only where the predicate is true.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Iterator
from typing import Literal

Scalar = bool | int | float | decimal.Decimal | str | datetime.date | datetime.datetime
Operator = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclasses.dataclass(frozen=True, slots=True)
class Compare:
    """`column operator value`; the value has the column's declared type."""

    column: str
    operator: Operator
    value: Scalar


@dataclasses.dataclass(frozen=True, slots=True)
class OneOf:
    """`column IN (values)`; at least one value, none null."""

    column: str
    values: tuple[Scalar, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class IsNull:
    """`column IS NULL`."""

    column: str


@dataclasses.dataclass(frozen=True, slots=True)
class Not:
    """The negation; null stays null."""

    part: Predicate


@dataclasses.dataclass(frozen=True, slots=True)
class And:
    """All parts; at least one."""

    parts: tuple[Predicate, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Or:
    """Any part; at least one."""

    parts: tuple[Predicate, ...]


Predicate = Compare | OneOf | IsNull | Not | And | Or


def columns_of(predicate: Predicate) -> Iterator[str]:
    """Yield every column that the predicate reads, repeats included."""
    match predicate:
        case Compare(column) | OneOf(column) | IsNull(column):
            yield column
        case Not(part):
            yield from columns_of(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from columns_of(part)


def text_of(predicate: Predicate) -> str:
    """The predicate for a reader, as SQL writes it. It holds its literals."""
    match predicate:
        case Compare(column, operator, value):
            return f"{column} {operator} {_literal(value)}"
        case OneOf(column, values):
            return f"{column} IN ({', '.join(map(_literal, values))})"
        case IsNull(column):
            return f"{column} IS NULL"
        case Not(IsNull(column)):
            return f"{column} IS NOT NULL"
        case Not(part):
            return f"NOT ({text_of(part)})"
        case And(parts):
            return " AND ".join(f"({text_of(part)})" if isinstance(part, Or) else text_of(part) for part in parts)
        case Or(parts):
            return " OR ".join(f"({text_of(part)})" if isinstance(part, And) else text_of(part) for part in parts)


def _literal(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float | decimal.Decimal):
        return str(value)
    text = value if isinstance(value, str) else value.isoformat()
    return "'" + text.replace("'", "''") + "'"


def conjoin(*predicates: Predicate | None) -> Predicate | None:
    """Join by AND, leaving out None; None when nothing is left."""
    parts = tuple(p for p in predicates if p is not None)
    return And(parts) if len(parts) > 1 else (parts[0] if parts else None)
