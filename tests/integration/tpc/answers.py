"""Are two answers to one text the same? Numbers to six digits; the order where the text's ORDER BY decides it."""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence

import sqlglot
from sqlglot import exp

Row = Sequence[object]
DIGITS = 1e-6


def differences(sql: str, *, ours: list[Row], theirs: list[Row]) -> list[str]:
    """What a reader should look at; empty: the answers are the same."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows instead of {len(theirs)}"]
    places, limit = _order(sql)
    keys = [[[row[place] for place in places] for row in rows] for rows in (ours, theirs)]
    found = [f"order of row {n}: {a} / {b}" for n, (a, b) in enumerate(zip(*keys, strict=True)) if not _same(a, b)]
    if places and limit == len(theirs):  # which of those that tie with the last row came in is not decided
        last = keys[1][-1] if keys[1] else []
        ours, theirs = ([row for row in rows if not _same([row[p] for p in places], last)] for rows in (ours, theirs))
    pairs = zip(sorted(ours, key=_sortable), sorted(theirs, key=_sortable), strict=True)
    return (found + [f"row: {a} / {b}" for a, b in pairs if not _same(a, b)])[:5]


def _order(sql: str) -> tuple[list[int], int | None]:
    """Places of the output columns that ORDER BY begins with, as far as they are outputs; and the LIMIT."""
    tree = sqlglot.parse_one(sql, read="postgres")
    order, limit = tree.args.get("order"), tree.args.get("limit")
    names = [selection.alias_or_name for selection in tree.selects]  # type: ignore[attr-defined]  # it is a query
    places: list[int] = []
    for item in order.expressions if order else ():
        key = item.this
        if isinstance(key, exp.Literal):
            places.append(int(key.name) - 1)
        elif isinstance(key, exp.Column) and names.count(key.name) == 1:
            places.append(names.index(key.name))
        else:
            break
    return places, int(limit.expression.name) if limit else None


def _sortable(row: Row) -> tuple[list[str], list[float]]:
    exact = [("" if value is None or _is_fraction(value) else repr(value)) for value in row]
    return exact, [round(float(value), 2) if _is_fraction(value) else 0.0 for value in row]  # type: ignore[arg-type]


def _is_fraction(value: object) -> bool:
    return isinstance(value, float | decimal.Decimal)


def _same(left: Row, right: Row) -> bool:
    return len(left) == len(right) and all(map(_same_value, left, right))


def _same_value(left: object, right: object) -> bool:
    if isinstance(left, int | float | decimal.Decimal) and isinstance(right, int | float | decimal.Decimal):
        return math.isclose(float(left), float(right), rel_tol=DIGITS, abs_tol=DIGITS)
    return left == right
