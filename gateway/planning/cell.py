"""One text for one registered cell of a release window, however its filter was spelled (T4, T5)."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Iterable
from typing import assert_never

from gateway.terms.plan import GuardedScan
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate, Scalar

Form = list[object]
"""A predicate as plain lists: JSON of it is canonical."""


def cell_text(guarded: GuardedScan) -> str:
    """The canonical text of filter, row filter and follow: equal iff the scans are about the same rows by definition.

    Sorted, typed and free of spelling: `x = 'a'` equals `x IN ('a', 'a')`; lists for one column are intersected.
    It holds literals: MUST be fingerprinted before it is stored or logged.
    """
    follow = guarded.scan.follow
    return _json(
        {
            "dataset": guarded.scan.dataset,
            "filter": _optional(guarded.filter),
            "rows": _optional(guarded.scan.rows),
            "follow": [follow.column, follow.dataset, follow.key, _form(follow.predicate)] if follow else None,
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _optional(predicate: Predicate | None) -> Form | None:
    return None if predicate is None else _form(predicate)


def _form(predicate: Predicate) -> Form:
    match predicate:
        case Compare(column, "=", value):
            return _one_of(column, (value,))
        case Compare(column, operator, value):
            return ["compare", column, operator, _value(value)]
        case OneOf(column, values):
            return _one_of(column, values)
        case IsNull(column):
            return ["null", column]
        case Not(part):
            return ["not", _form(part)]
        case And(parts):
            return _joined("and", _intersected(_parts(And, parts)))
        case Or(parts):
            return _joined("or", (_form(part) for part in _parts(Or, parts)))
        case _:
            assert_never(predicate)


def _parts(kind: type[And] | type[Or], parts: Iterable[Predicate]) -> Iterable[Predicate]:
    """AND in AND is one list, and so is OR in OR."""
    for part in parts:
        if isinstance(part, And | Or) and isinstance(part, kind):
            yield from _parts(kind, part.parts)
        else:
            yield part


def _intersected(parts: Iterable[Predicate]) -> Iterable[Form]:
    """Forms of an AND's parts; all lists of one column as their intersection, which may be empty."""
    lists: dict[str, set[str]] = {}
    for part in parts:
        form = _form(part)
        if form[0] == "in":
            column, values = str(form[1]), {_json(value) for value in _list(form[2])}
            lists[column] = lists[column] & values if column in lists else values
        else:
            yield form
    for column, values in lists.items():
        yield ["in", column, [json.loads(value) for value in sorted(values)]]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _joined(word: str, forms: Iterable[Form]) -> Form:
    unique = {_json(form): form for form in forms}
    ordered = [unique[text] for text in sorted(unique)]
    return ordered[0] if len(ordered) == 1 else [word, *ordered]


def _one_of(column: str, values: Iterable[Scalar]) -> Form:
    texts = sorted({_json(_value(value)) for value in values})
    return ["in", column, [json.loads(text) for text in texts]]


def _value(value: Scalar) -> list[str]:
    """Type and text; bool before int and datetime before date, whose subclasses they are."""
    match value:
        case bool():
            return ["bool", str(value)]
        case int():
            return ["int", str(value)]
        case float():
            return ["float", (value + 0.0).hex()]  # -0.0 is 0.0
        case decimal.Decimal():
            return ["decimal", _digits(value)]
        case str():
            return ["text", value]
        case datetime.datetime():
            return ["moment", (value.astimezone(datetime.UTC) if value.tzinfo else value).isoformat()]
        case datetime.date():
            return ["date", value.isoformat()]
        case _:
            assert_never(value)


def _digits(value: decimal.Decimal) -> str:
    """Without trailing zeros. Not by normalize(), which rounds to 28 digits: two filters would be one cell."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if value else "0"
