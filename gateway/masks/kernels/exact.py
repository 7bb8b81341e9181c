"""Integers and decimals as whole numbers of their smallest unit, so that what masks calculate is exact.

64-bit units are mapped all at once. A value whose units or whose result does not fit 64 bits costs about a
microsecond of its own and slows no other (THREATS T13). A result that the column's type cannot hold becomes null:
it must not wrap around, and an error would tell that such a value is there.
"""

from __future__ import annotations

import abc
import bisect
import dataclasses
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Mask, allocate, fixed, validity, values
from gateway.terms.mask_spec import family_of

Units = npt.NDArray[np.int64]
INT64: Final = np.iinfo(np.int64)
ROWS: Final = 8192
"""Rows a chunk: every scratch array stays in a core's own cache, where fresh pages would cost ten times the sums."""


class Rule(abc.ABC):
    """A function from whole numbers to whole numbers."""

    @abc.abstractmethod
    def many(self, units: Units) -> tuple[Units, Mask]:
        """The results, and where they are right; the others are asked one by one."""

    @abc.abstractmethod
    def one(self, units: int) -> int | None:
        """The result; None: there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Floor(Rule):
    """The greatest multiple of `step` that is not above."""

    step: int

    def many(self, units: Units) -> tuple[Units, Mask]:  # noqa: D102 - as Rule says
        if self.step > INT64.max:
            return units, np.zeros(len(units), np.bool_)
        floors = units // np.int64(self.step) * np.int64(self.step)
        return floors, floors <= units  # near the smallest 64-bit number it wraps around to above

    def one(self, units: int) -> int | None:  # noqa: D102
        return units // self.step * self.step


@dataclasses.dataclass(frozen=True, slots=True)
class Nearest(Rule):
    """The nearest multiple of `step`; of two, the even one."""

    step: int

    def many(self, units: Units) -> tuple[Units, Mask]:  # noqa: D102 - as Rule says
        if self.step > INT64.max:
            return units, np.zeros(len(units), np.bool_)
        step = np.int64(self.step)
        quotients = units // step
        floors = quotients * step
        above = units - floors
        below = step - above
        up = (above > below) | ((above == below) & ((quotients & 1) == 1))
        is_right = (floors <= units) & ~(up & (floors > INT64.max - self.step))
        floors += up * step
        return floors, is_right

    def one(self, units: int) -> int | None:  # noqa: D102
        quotient, rest = divmod(units, self.step)
        up = 2 * rest > self.step or (2 * rest == self.step and quotient % 2 == 1)
        return (quotient + up) * self.step


@dataclasses.dataclass(frozen=True, slots=True)
class Clip(Rule):
    """At least `low` and at most `high`."""

    low: int | None
    high: int | None

    def many(self, units: Units) -> tuple[Units, Mask]:  # noqa: D102
        low = INT64.min if self.low is None else self.low
        high = INT64.max if self.high is None else self.high
        if low > INT64.max or high < INT64.min:
            return units, np.zeros(len(units), np.bool_)
        return np.clip(units, max(low, INT64.min), min(high, INT64.max)), np.ones(len(units), np.bool_)

    def one(self, units: int) -> int | None:  # noqa: D102
        at_least = units if self.low is None else max(units, self.low)
        return at_least if self.high is None else min(at_least, self.high)


@dataclasses.dataclass(frozen=True, slots=True)
class Edges(Rule):
    """The greatest of the rising `edges` that is not above; none below the first."""

    edges: tuple[int, ...]

    def many(self, units: Units) -> tuple[Units, Mask]:  # noqa: D102
        first = bisect.bisect_left(self.edges, INT64.min)
        known = np.array(self.edges[first : bisect.bisect_right(self.edges, INT64.max)], np.int64)
        places = np.searchsorted(known, units, side="right")
        return np.append(np.int64(0), known)[places], places > 0

    def one(self, units: int) -> int | None:  # noqa: D102
        place = bisect.bisect_right(self.edges, units)
        return self.edges[place - 1] if place else None


def mapped(column: pa.Array, rule: Callable[[int], Rule]) -> pa.Array:
    """Put each value of a column of integers or decimals through a rule.

    Args:
        column: integers of any width, or decimals of scale 0 and more.
        rule: of the scale; its numbers are units of 10^-scale.

    Raises:
        Integrity: another type, or decimals of a scale below 0.
    """
    kind = column.type
    match family_of(kind):
        case "integer":
            return _integers(column, rule(0))
        case "decimal" if kind.scale >= 0:
            small = kind.bit_width < 128  # noqa: PLR2004 - decimal32 and decimal64 have no words of 64 bits
            wide = column.cast(pa.decimal128(kind.precision, kind.scale)) if small else column
            result = _decimals(wide, rule(kind.scale))
            return result.cast(kind) if small else result
        case _:
            raise Integrity("the mask takes integers, and decimals of scale 0 and more", code="masks.type")


def present(column: pa.Array) -> Mask:
    """True where there is a value."""
    valid = validity(column)
    return np.ones(len(column), np.bool_) if valid is None else valid


def masked(numbers: npt.NDArray[Any], kind: pa.DataType, valid: Mask) -> pa.Array:
    """A fixed-width array on numbers, which it takes over."""
    return fixed(numbers, kind, valid=None if valid.all() else valid)


def by_chunk(column: pa.Array, kind: npt.DTypeLike, work: Callable[[Any, Any, Mask], None]) -> pa.Array:
    """An array of the column's type that `work` fills, some thousand rows at a time: their scratch stays in a cache.

    Args:
        column: of fixed width.
        kind: of its values in numpy.
        work: is given values, a place for as many results, and where there are values, which it narrows.
    """
    given, valid = values(column, kind), present(column)
    results = allocate(given.nbytes).view(given.dtype if given.ndim == 1 else np.int64).reshape(given.shape)
    for start in range(0, len(given), ROWS):
        rows = slice(start, start + ROWS)
        work(given[rows], results[rows], valid[rows])
    return masked(results, column.type, valid)


def _integers(column: pa.Array, rule: Rule) -> pa.Array:
    kind = np.dtype(column.type.to_pandas_dtype())
    low, high = (int(end) for end in (np.iinfo(kind).min, np.iinfo(kind).max))

    def work(given: npt.NDArray[Any], results: npt.NDArray[Any], valid: Mask) -> None:
        units, right = rule.many(given.astype(np.int64, copy=False))
        if kind == np.uint64:
            right = right & (given <= np.uint64(INT64.max))
        results[:] = units
        others = np.flatnonzero(valid & ~right).tolist() if not right.all() else []
        if low > INT64.min:
            valid &= units >= low
        if high < INT64.max:
            valid &= units <= high
        for row in others:
            result = rule.one(int(given[row]))
            valid[row] = result is not None and low <= result <= high
            results[row] = result if valid[row] else 0

    return by_chunk(column, kind, work)


def _decimals(column: pa.Array, rule: Rule) -> pa.Array:
    """decimal128 and decimal256, little-endian words of 64 bits."""
    width = column.type.bit_width // 8
    limit = 10**column.type.precision - 1

    def work(words: npt.NDArray[Any], results: npt.NDArray[Any], valid: Mask) -> None:
        low = np.ascontiguousarray(words[:, 0])
        units, right = rule.many(low)
        signs = low >> 63
        for word in range(1, width // 8):
            right &= words[:, word] == signs
        results[:, 0] = units
        units_signs = units >> 63
        for word in range(1, width // 8):
            results[:, word] = units_signs
        others = np.flatnonzero(valid & ~right).tolist() if not right.all() else []
        if limit < INT64.max:
            valid &= (units >= -limit) & (units <= limit)
        for row in others:
            result = rule.one(int.from_bytes(words[row].tobytes(), "little", signed=True))
            valid[row] = result is not None and -limit <= result <= limit
            content = (result if result is not None and valid[row] else 0).to_bytes(width, "little", signed=True)
            results[row] = np.frombuffer(content, np.int64)

    return by_chunk(column, np.dtype((np.int64, (width // 8,))), work)
