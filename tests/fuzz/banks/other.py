"""For each person another bank, which looks the same to that person.

It moves identifiers by a bijection per domain, moves generalized values within their class, and changes redacted
cells, columns that are not granted and rows that a filter hides as it likes, also into what no type holds. The order
of rows is other in every table.
"""

from __future__ import annotations

import datetime
import decimal
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from gateway.terms.policy import ColumnDecision, DatasetDecision
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate, columns_of
from tests import bank
from tests.fuzz.banks.people import Sight
from tests.fuzz.banks.served import ODD, ODDS, SERVED, SUBJECTS
from tests.fuzz.banks.tables import TYPED


class OtherWorld:
    """What another bank holds that looks the same to one person, and the way back."""

    def __init__(self, first: bank.Tables, sight: Sight, *, seed: int) -> None:
        self._draw = random.Random(f"other {seed}")
        self._first = first
        self._sight = sight
        self._forward = self._bijections()
        self.back: Mapping[str, Mapping[Any, Any]] = {
            domain: {new: old for old, new in pairs.items()} for domain, pairs in self._forward.items()
        }
        """Domain → this world's value → the first world's."""
        self.tables = self._changed()

    def _bijections(self) -> dict[str, dict[Any, Any]]:
        values: dict[str, set[Any]] = {}
        for name, (_, columns) in self._sight.items():
            for column in columns.values():
                if _is_moved(column):
                    rows = self._first[_table(name)]
                    values.setdefault(column.domain or "", set()).update(row[column.column] for row in rows)
        forward: dict[str, dict[Any, Any]] = {}
        for domain, known in sorted(values.items()):
            ordered = sorted((value for value in known if value is not None), key=str)
            others = [self._stranger(value, number) for number, value in enumerate(ordered)]
            self._draw.shuffle(others)
            forward[domain] = dict(zip(ordered, others, strict=True))
        return forward

    def _stranger(self, value: Any, number: int) -> Any:
        if isinstance(value, int):
            return self._draw.choice([900_000_000, -7_000_000, 2**62, 11]) + number * 31
        return f"{self._draw.choice(_ODD_TEXTS)}ZQX-OTHER-{number:06d}"

    def _changed(self) -> bank.Tables:
        hidden = {name: list(self._hidden(name)) for name in self._first}
        self._hidden_ids = self._new_ids([is_hidden for name in SUBJECTS for is_hidden in hidden.get(name, ())])
        tables: bank.Tables = {}
        for name in self._first:
            rows = [
                other
                for row, is_hidden in zip(self._first[name], hidden[name], strict=True)
                for other in (self._behind(name, row) if is_hidden else (self._seen(name, row),))
            ]
            self._draw.shuffle(rows)
            tables[name] = rows
        return tables

    def _hidden(self, name: str) -> Iterator[bool]:
        """Of each row, whether a filter hides it."""
        decision = self._decision(name)
        rows = self._first[name]
        if decision is None or (decision.rows is None and decision.follow is None):
            yield from (False for _ in rows)
            return
        follow = decision.follow
        kept = {
            row[follow.key] for row in self._first[_table(follow.dataset)] if _holds(follow.predicate, row)
        } if follow else set()  # fmt: skip
        for row in rows:
            is_kept = (decision.rows is None or _holds(decision.rows, row)) and (
                not follow or row[follow.column] in kept
            )
            yield not is_kept

    def _new_ids(self, hidden: list[bool]) -> list[int]:
        """Of customers that a filter hides: nobody else's."""
        return [3_000_000_000 + self._draw.randrange(10**9) for is_hidden in hidden if is_hidden]

    def _decision(self, name: str) -> DatasetDecision | None:
        return next((decision for dataset, (decision, _) in self._sight.items() if _table(dataset) == name), None)

    def _columns(self, name: str) -> Mapping[str, ColumnDecision]:
        return next((columns for dataset, (_, columns) in self._sight.items() if _table(dataset) == name), {})

    def _seen(self, name: str, row: bank.Row) -> bank.Row:
        """A row that the person sees, with cells that look the same."""
        columns = self._columns(name)
        return {
            column: self._moved(name, value, columns[column]) if column in columns else self._free(name, column, value)
            for column, value in row.items()
        }

    def _moved(self, name: str, value: Any, column: ColumnDecision) -> Any:
        match column.mask.name:
            case _ if _is_moved(column):
                return None if value is None else self._forward[column.domain or ""][value]
            case "redact":
                return self._free(name, column.column, value)
            case "truncate_date" if column.column == ODD and isinstance(value, str):
                return self._draw.choice(ODDS.get(name) or [f"ZQX-NO-DATE-{self._draw.randrange(1, 10**9)}"])
            case "truncate_date" | "bucket":
                return bank._moved(value, column, {}, self._draw)
            case _:
                return value

    def _free(self, name: str, column: str, value: Any) -> Any:
        """Anything: the gateway never reads it. Not even of its column's type, where the source lets it."""
        if (kind := _type_of(name, column)) is not None:
            return self._typed(kind, wild=_wild_of(name, column))
        return self._draw.choice([None, 5, -1.5, f"ZQX-FREE-{self._draw.randrange(10**9):09d}", "", value])

    def _behind(self, name: str, row: bank.Row) -> Iterator[bank.Row]:
        """A row that a filter hides: gone, changed, or several."""
        decision = self._decision(name)
        for _ in range(self._draw.choice([0, 0, 1, 1, 1, 2])):
            other = {column: self._wild(name, column, value) for column, value in row.items()}
            if decision is not None and decision.rows is not None:
                other |= self._refused(name, decision.rows)
                if name in SUBJECTS:
                    other["customer_id"] = self._draw.choice(self._hidden_ids)
            if decision is not None and decision.follow is not None:
                other[decision.follow.column] = self._draw.choice([*self._hidden_ids, None])
            yield other

    def _wild(self, name: str, column: str, value: Any) -> Any:
        """Anything, also what the column's declared type does not hold."""
        draw = self._draw
        if (kind := _type_of(name, column)) is not None:
            return draw.choice([value, self._typed(kind, wild=_wild_of(name, column))])
        match value:
            case decimal.Decimal():
                return draw.choice([decimal.Decimal(draw.randrange(10**7)) / 100, 1e300, "ZQX-MISFIT", None])
            case datetime.date():
                return draw.choice([value, "ZQX-MISFIT", "0000-00-00", None, datetime.date(2031, 5, 5)])
            case _:
                return draw.choice([value, f"ZQX-WILD-{draw.randrange(10**9):09d}", None, 2**63 - 1])

    def _typed(self, kind: pa.DataType, *, wild: Sequence[object] = ()) -> Any:
        draw = self._draw
        if draw.random() < 0.2:
            return None
        if wild:
            return draw.choice(wild)
        if pa.types.is_decimal(kind):
            return decimal.Decimal(draw.randrange(-(10**9), 10**9)) / 100
        if pa.types.is_timestamp(kind):
            return bank._moment(draw)
        if pa.types.is_date(kind):
            return datetime.date(1900, 1, 1) + datetime.timedelta(days=draw.randrange(90_000))
        if pa.types.is_boolean(kind):
            return draw.random() < 0.5
        if pa.types.is_floating(kind):
            return draw.choice([float("nan"), float("inf"), -0.0, 1e300, 5e-324, draw.random()])
        return draw.randrange(-(2**63), 2**63) if pa.types.is_integer(kind) else f"ZQX-WILD-{draw.randrange(10**9):09d}"

    def _refused(self, name: str, rows: Predicate) -> bank.Row:
        """The filter's columns of some row that it refuses."""
        known = self._draw.choice([row for row in self._first[name] if not _holds(rows, row)])
        return {column: known[column] for column in columns_of(rows)}


_ODD_TEXTS = ("", "ü", "'; --", "NULL ", "%_", 'a"b\\', "1e5", "\u202e", "long " * 40, "\t")


def _type_of(table: str, column: str) -> pa.DataType | None:
    """Where the source holds values of one type in a column."""
    if table in SERVED:
        return SERVED[table].columns[column][0]
    return TYPED[table].field(column).type if table in TYPED else None


def _wild_of(table: str, column: str) -> Sequence[object]:
    return SERVED[table].wild.get(column, ()) if table in SERVED else ()


def _is_moved(column: ColumnDecision) -> bool:
    return column.mask.name == "pseudonym" or column.use == "subject"


def _table(dataset: str) -> str:
    return dataset.partition(".")[2]


def _holds(predicate: Predicate, row: bank.Row) -> bool:
    """Of rows whose filtered cells are not null."""
    match predicate:
        case Compare(column, operator, value):
            return {
                "=": row[column] == value,
                "<>": row[column] != value,
                ">=": row[column] >= value,  # type: ignore[operator]
                ">": row[column] > value,  # type: ignore[operator]
                "<=": row[column] <= value,  # type: ignore[operator]
                "<": row[column] < value,  # type: ignore[operator]
            }[operator]
        case OneOf(column, values):
            return row[column] in values
        case IsNull(column):
            return row[column] is None
        case Not(part):
            return not _holds(part, row)
        case And(parts):
            return all(_holds(part, row) for part in parts)
        case Or(parts):
            return any(_holds(part, row) for part in parts)
