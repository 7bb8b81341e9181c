"""Coarser numbers of the same type: buckets, rounding, clipping.

A value whose result its type cannot hold (-5 in an int8 by steps of 1000) becomes null, as does a floating-point
value without a place in the order (NaN) or without units at that size.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Mask
from gateway.masks.kernel import MaskInputs
from gateway.masks.kernels.exact import Clip, Edges, Floor, Nearest, Rule, by_chunk, mapped
from gateway.terms.mask_spec import UNBOUNDED, family_of

MAX_NUMBER: Final = 2**63 - 1

_UNITS_OF_64: Final = 2.0**53
"""Beyond it a float64 has no units."""

Floats = npt.NDArray[np.float64]
OfFloats = Callable[[Floats, "np.dtype[Any]"], tuple[Floats, Mask]]
"""Of the numbers and their type: the results, and where there are any."""


def bucket(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Move numbers down: to a multiple of `step` (-1 by 10 is -10), or to the greatest of the rising `edges`.

    Below the first edge a value becomes null. Exact, also for decimals.
    """
    edges = inputs.parameters.get("edges") or ()
    if not edges:
        step = _positive(inputs, "step")
        return _coarser(column, lambda scale: Floor(_units(step, scale)), _to_multiple(step, np.floor))
    if not isinstance(edges, tuple) or inputs.parameters.get("step"):
        raise Integrity("bucket needs a step or edges", code="masks.parameters")
    known = tuple(_exact(edge, "edge") for edge in edges)
    if list(known) != sorted(set(known)):
        raise Integrity("the edges of bucket do not rise", code="masks.parameters")
    return _coarser(column, lambda scale: Edges(tuple(_units(edge, scale) for edge in known)), _by_edges(known))


def round_(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Round to the nearest multiple of `multiple` (0.01: two digits behind the point), half to even.

    Exact, but for floating-point numbers, whose halves are those of their binary value.
    """
    multiple = _positive(inputs, "multiple")
    return _coarser(column, lambda scale: Nearest(_units(multiple, scale)), _to_multiple(multiple, np.rint))


def top_code(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Values below `low` become `low`, those above `high` become `high`; all between are shown as they are."""
    low, high = (_bound(inputs, name) for name in ("low", "high"))
    if (low is None and high is None) or (low is not None and high is not None and low >= high):
        raise Integrity("top_code needs low, high or both, low below high", code="masks.parameters")
    lowest, highest = -np.inf if low is None else float(low), np.inf if high is None else float(high)

    def clipped(numbers: Floats, _kind: np.dtype[Any]) -> tuple[Floats, Mask]:
        return np.clip(numbers, lowest, highest), ~np.isnan(numbers)

    def rule(scale: int) -> Rule:
        return Clip(*(None if bound is None else _units(bound, scale) for bound in (low, high)))

    return _coarser(column, rule, clipped)


def _coarser(column: pa.Array, rule: Callable[[int], Rule], of_floats: OfFloats) -> pa.Array:
    """`rule`: of the scale; its numbers are units of 10^-scale."""
    if family_of(column.type) not in {"integer", "decimal", "float"}:
        raise Integrity("the mask takes numbers only", code="masks.type")
    if family_of(column.type) != "float":
        return mapped(column, rule)
    kind = np.dtype(column.type.to_pandas_dtype())

    def work(given: npt.NDArray[Any], results: npt.NDArray[Any], valid: Mask) -> None:
        numbers, has_result = of_floats(given.astype(np.float64, copy=False), kind)
        results[:] = numbers + 0.0  # no minus before 0
        valid &= has_result

    with np.errstate(invalid="ignore", over="ignore"):
        return by_chunk(column, kind, work)


def _to_multiple(step: decimal.Decimal, rounded: Callable[[Floats], Floats]) -> OfFloats:
    above, below = (float(part) for part in step.as_integer_ratio())  # 7 / 100, where 7 * 0.01 is not 0.07

    def of_floats(numbers: Floats, kind: np.dtype[Any]) -> tuple[Floats, Mask]:
        quotients = rounded(numbers / above if below == 1 else numbers * below / above)
        results = quotients * above / below
        largest = np.maximum(np.maximum(np.abs(quotients), np.abs(numbers)), np.abs(results))
        if below == 1:  # a bound that is rounded could be the value itself
            return results, (largest < _UNITS_OF_64) & (results.astype(kind) == results)
        return results, largest < 2.0 ** (np.finfo(kind).nmant + 1)

    return of_floats


def _by_edges(edges: tuple[decimal.Decimal, ...]) -> OfFloats:
    known = np.array(edges, np.float64)

    def of_floats(numbers: Floats, _kind: np.dtype[Any]) -> tuple[Floats, Mask]:
        places = np.searchsorted(known, numbers, side="right")
        return np.append(0.0, known)[places], (places > 0) & ~np.isnan(numbers)

    return of_floats


def _bound(inputs: MaskInputs, name: str) -> decimal.Decimal | None:
    stated = inputs.parameters.get(name)
    number = None if stated is None else _exact(stated, name)
    return None if number is None or abs(number) >= UNBOUNDED else number


def _positive(inputs: MaskInputs, name: str) -> decimal.Decimal:
    number = _exact(inputs.parameters.get(name), name)
    if number <= 0:
        raise Integrity(f"the mask needs a {name} above 0", code="masks.parameters")
    return number


def _exact(number: object, name: str) -> decimal.Decimal:
    if isinstance(number, int | decimal.Decimal) and not isinstance(number, bool):
        exact = decimal.Decimal(number)
        if abs(exact) <= MAX_NUMBER:
            return exact
    raise Integrity(f"the mask needs a {name} of at most {MAX_NUMBER}", code="masks.parameters")


def _units(number: decimal.Decimal, scale: int) -> int:
    above, below = number.as_integer_ratio()
    units, rest = divmod(above * int(10**scale), below)
    if rest:
        raise Integrity(f"a number of the mask has more than the {scale} decimals of its column", code="masks.type")
    return units
