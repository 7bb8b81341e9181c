"""The second, byte-exact evaluation of row filters, on the batch.

A source's comparison may be laxer than it looks (collations, affinities, renamed columns; T10). What passes here
passes by the value itself: text by its UTF-8 bytes, decimals, dates and timestamps exactly, nulls as in SQL.
"""

from __future__ import annotations

import datetime
import decimal
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Exhausted, Integrity, Invalid
from gateway.terms.mask_spec import Family, family_of
from gateway.terms.predicate import (
    And,
    Compare,
    IsNull,
    Not,
    OneOf,
    Operator,
    Or,
    Predicate,
    Scalar,
    columns_of,
)

MAX_INTEGER_KEYS: Final = 5_000_000
"""Values of an integer key that a follow holds: 40 MB, 100 MB while they are sorted."""
MAX_OTHER_KEYS: Final = 1_000_000
"""Values of any other key: some 120 MB for texts of 20 bytes."""

_PENDING_KEYS: Final = 1 << 18

_PYTHON_TYPES: Final[Mapping[Family, tuple[type, ...]]] = MappingProxyType(
    {
        "boolean": (bool,),
        "integer": (int,),
        "float": (float, int),
        "decimal": (decimal.Decimal, int),
        "string": (str,),
        "date": (datetime.date,),
        "timestamp": (datetime.datetime,),
    }
)
_COMPARISONS: Final[Mapping[Operator, Callable[[pa.Array, pa.Scalar], pa.Array]]] = MappingProxyType(
    {
        "=": pc.equal,
        "<>": pc.not_equal,
        "<": pc.less,
        "<=": pc.less_equal,
        ">": pc.greater,
        ">=": pc.greater_equal,
    }
)


def typed(value: Scalar, *, column: str, kind: pa.DataType) -> pa.Scalar:
    """The value as a scalar of the column's type, nothing rounded, nothing converted.

    Raises:
        Invalid: it is not exactly a value of that type.
    """
    family = family_of(kind)
    wrong = Invalid(f"column {column}: the predicate's value is not exactly of type {kind}", code="predicate")
    if family is None or type(value) not in _PYTHON_TYPES.get(family, ()):
        raise wrong
    if isinstance(value, datetime.datetime) and (value.tzinfo is None) != (kind.tz is None):
        raise wrong
    try:
        scalar = pa.scalar(value, kind)
        exact = scalar.as_py() == value
    except (pa.ArrowException, OverflowError, UnicodeError, ValueError):
        raise wrong from None
    if not exact:
        raise wrong
    return scalar


def passes(predicate: Predicate, batch: pa.RecordBatch) -> pa.BooleanArray:
    """Where the predicate is true: one claim a row, never null.

    Raises:
        Integrity: the predicate reads a column that the batch does not carry.
        Invalid: a value is not of its column's type.
    """
    return pc.fill_null(_kleene(predicate, batch), False)  # noqa: FBT003 - pyarrow's signature


def _kleene(predicate: Predicate, batch: pa.RecordBatch) -> pa.BooleanArray:
    match predicate:
        case Compare(column, operator, value):
            cells = _cells(column, batch)
            return _COMPARISONS[operator](cells, typed(value, column=column, kind=cells.type))
        case OneOf(column, values):
            return _one_of(_cells(column, batch), values, column=column)
        case IsNull(column):
            return pc.is_null(_cells(column, batch))
        case Not(part):
            return pc.invert(_kleene(part, batch))
        case And(parts):
            return functools.reduce(pc.and_kleene, (_kleene(part, batch) for part in parts))
        case Or(parts):
            return functools.reduce(pc.or_kleene, (_kleene(part, batch) for part in parts))
        case _:
            assert_never(predicate)


def _cells(column: str, batch: pa.RecordBatch) -> pa.Array:
    if batch.schema.get_field_index(column) < 0:
        raise Integrity(f"the row filter reads {column}, which the scan does not carry", code="plan")
    return batch.column(column)


def _one_of(cells: pa.Array, values: tuple[Scalar, ...], *, column: str) -> pa.BooleanArray:
    wanted = pa.array([typed(value, column=column, kind=cells.type).as_py() for value in values], cells.type)
    if pa.types.is_floating(cells.type):
        # is_in hashes, and hashes tell -0.0 from 0.0; SQL does not.
        cells, wanted = pc.add(cells, 0.0), pc.add(wanted, 0.0)
    # is_in calls a null false; under a NOT it must stay null.
    return pc.if_else(pc.is_valid(cells), pc.is_in(cells, value_set=wanted), pa.scalar(None, pa.bool_()))


class KeySet:
    """The values that a follow lets through, read by the gateway itself and compared by value.

    Bounded: MAX_INTEGER_KEYS, or MAX_OTHER_KEYS for other types.
    """

    def __init__(self, kind: pa.DataType, *, dataset: str) -> None:
        self._dataset = dataset
        self._is_integer = pa.types.is_integer(kind)
        self._integers: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._pending: list[npt.NDArray[np.int64]] = []
        self._pending_keys = 0
        self._others: set[object] = set()

    def add(self, keys: pa.Array) -> None:
        """Take more keys in; nulls match nothing and are left out.

        Raises:
            Exhausted: too many keys to hold.
        """
        keys = keys.drop_null()
        if self._is_integer:
            self._pending.append(keys.to_numpy(zero_copy_only=False).astype(np.int64))
            self._pending_keys += len(keys)
            # Sorted in when as many wait as are held, so that the work stays near linear.
            waits_long = self._pending_keys > max(_PENDING_KEYS, len(self._integers))
            if waits_long or self._pending_keys + len(self._integers) > MAX_INTEGER_KEYS:
                self._settle()
        else:
            self._others.update(keys.to_pylist())
            self._bound(len(self._others), MAX_OTHER_KEYS)

    def _settle(self) -> None:
        merged = np.concatenate([self._integers, *self._pending])
        merged.sort()
        self._integers = merged[np.diff(merged, prepend=merged[:1] - 1) != 0]
        self._pending, self._pending_keys = [], 0
        self._bound(len(self._integers), MAX_INTEGER_KEYS)

    def _bound(self, count: int, limit: int) -> None:
        if count > limit:
            raise Exhausted(
                f"{self._dataset}: rows are kept by the rows of another dataset, which has more than {limit} keys",
                code="memory",
                fix="ask for a grant whose row filter keeps fewer, or that needs none",
            )

    def holds(self, column: pa.Array) -> pa.BooleanArray:
        """Where the column's value is among the keys: never null."""
        if not self._is_integer:
            return pa.array([value is not None and value in self._others for value in column.to_pylist()], pa.bool_())
        if self._pending:
            self._settle()
        cells = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
        places = np.searchsorted(self._integers, cells)
        found = np.zeros(len(cells), bool)
        inside = places < len(self._integers)
        found[inside] = self._integers[places[inside]] == cells[inside]
        return pc.and_(pa.array(found), column.is_valid())


class RowCheck:
    """The second evaluation of one scan: its predicate, and the membership of a follow."""

    def __init__(self, predicate: Predicate | None, *, follow_column: str = "", keys: KeySet | None = None) -> None:
        self._predicate = predicate
        self._follow_column = follow_column
        self._keys = keys

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads, each once."""
        read = columns_of(self._predicate) if self._predicate is not None else ()
        return tuple(dict.fromkeys([*read, *([self._follow_column] if self._keys is not None else [])]))

    def kept(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """One claim a row, never null; the batch MUST carry `columns` in their declared types."""
        kept = pa.array(np.ones(batch.num_rows, bool))
        if self._predicate is not None:
            kept = pc.and_(kept, passes(self._predicate, batch))
        if self._keys is not None:
            kept = pc.and_(kept, self._keys.holds(_cells(self._follow_column, batch)))
        return kept
