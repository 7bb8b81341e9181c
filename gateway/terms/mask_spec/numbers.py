"""Masks that make numbers coarser, or cut off the outermost."""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from gateway.terms.mask_spec.parameters import Number, Numbers, Parameter
from gateway.terms.mask_spec.spec import Family, MaskSpec, Parameters, family_of

UNBOUNDED: Final = decimal.Decimal(10) ** 18
"""As a bound of top_code, with either sign: there is none. No number of a policy is as large."""
NUMBERS_OF: Final[frozenset[Family]] = frozenset({"integer", "decimal", "float"})
_LARGEST: Final = UNBOUNDED - 1
_SMALLEST: Final = decimal.Decimal("1e-18")
_NONE: Final = decimal.Decimal(0)
_FINEST: Final = decimal.Decimal("1e-6")
"""Of floating-point columns, which have no smallest unit: a finer step would show most values as they are."""
MAX_SINGLES: Final = 4
"""Buckets by edges that hold a single number."""


def _numbers_of(value: Parameter) -> Iterator[decimal.Decimal]:
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, decimal.Decimal) and abs(number) != UNBOUNDED:
            yield number


def _misfit(parameters: Parameters, kind: pa.DataType) -> str | None:
    """What would be no value of the column's type, or would leave its values as they are."""
    if family_of(kind) == "float":
        return _too_fine(parameters, kind)
    scale = kind.scale if family_of(kind) == "decimal" else 0
    if scale < 0:
        return f"{kind} has no decimals"
    unit = decimal.Decimal(1).scaleb(-scale)
    for name, value in parameters.items():
        for number in _numbers_of(value):
            if decimal.Context(prec=60).remainder(number, unit):
                return f"{name} {number} has more decimals than {kind}: allowed are multiples of {unit}"
            if name in {"step", "multiple"} and number == unit:
                return f"{name} {number} leaves {kind} as it is: allowed are greater ones"
    singles = sum(width == unit for _, width in _widths(parameters))
    if singles > MAX_SINGLES:
        return f"{singles} of the edges leave numbers of {kind} as they are: allowed are {MAX_SINGLES}; or use top_code"
    return None


def _too_fine(parameters: Parameters, kind: pa.DataType) -> str | None:
    for name, width in _widths(parameters):
        if width < _FINEST:
            return f"{name} with a width of {width:f} is too fine for {kind}: allowed are {_FINEST:f} and greater ones"
    return None


def _widths(parameters: Parameters) -> Iterator[tuple[str, decimal.Decimal]]:
    """How wide the buckets are, each with its parameter's name."""
    for name in {"step", "multiple"} & parameters.keys():
        yield from ((name, number) for number in _numbers_of(parameters[name]) if number)
    edges = tuple(_numbers_of(parameters.get("edges", ())))
    yield from (("edges", above - below) for below, above in itertools.pairwise(edges))


def _step_or_edges(parameters: Parameters) -> str | None:
    if (parameters["step"] == _NONE) == (parameters["edges"] == ()):
        return "needed is either step or edges"
    return None


def _low_below_high(parameters: Parameters) -> str | None:
    low, high = parameters["low"], parameters["high"]
    if low == -UNBOUNDED and high == UNBOUNDED:
        return "needed is low, high or both"
    is_rising = isinstance(low, decimal.Decimal) and isinstance(high, decimal.Decimal) and low < high
    return None if is_rising else "low must be below high"


NUMBERS: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="bucket",
        does="The greatest multiple of `step`, or the greatest of the `edges`, that is not above the number."
        " Below the first edge: null.",
        accepts=NUMBERS_OF,
        parameters={
            "step": Number(means="width of a bucket", minimum=_SMALLEST, maximum=_LARGEST, default=_NONE),
            "edges": Numbers(means="where buckets begin", minimum=-_LARGEST, maximum=_LARGEST, default=()),
        },
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "order", "range"}),
        check=_step_or_edges,
        misfit=_misfit,
    ),
    MaskSpec(
        name="round",
        does="The nearest multiple of `multiple` (0.01: two digits behind the point; 1000: thousands), half to even.",
        accepts=NUMBERS_OF,
        parameters={"multiple": Number(means="what is left of a number", minimum=_SMALLEST, maximum=_LARGEST)},
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "order", "range"}),
        misfit=_misfit,
    ),
    MaskSpec(
        name="top_code",
        does="Numbers below `low` become `low`, those above `high` become `high`; all between are shown as they are.",
        accepts=NUMBERS_OF,
        parameters={
            "low": Number(means="the lowest shown", minimum=-_LARGEST, maximum=_LARGEST, default=-UNBOUNDED),
            "high": Number(means="the highest shown", minimum=-_LARGEST, maximum=_LARGEST, default=UNBOUNDED),
        },
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "order", "range", "value"}),
        check=_low_below_high,
        misfit=_misfit,
    ),
)
