"""What a column's values look like, counted once; every rule asks these counts before it looks at values again."""

from __future__ import annotations

import dataclasses
import math
from typing import Final, Literal

import pyarrow as pa

from gateway.recognition.folding import fold
from gateway.terms.recognition import SampledColumn

MAX_SAMPLE: Final = 300
"""Distinct values that checks look at: enough to tell any fraction from chance."""
MAX_LENGTH: Final = 2_000
"""Characters of a value that are looked at; a longer one is a text whatever follows."""
_MAX_NUMBER: Final = 40
_TWO, _FEW, _FEW_SHARE = 2, 12, 0.05
_MANY_ROWS: Final = 40

Family = Literal["bool", "number", "date", "text", "other"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Counts over a column's sample."""

    family: Family
    """By the declared type."""
    is_whole: bool
    """The declared type holds whole numbers only."""
    rows: int
    filled: int
    """Values that are neither null nor blank."""
    distinct: int
    sample: tuple[str, ...] = dataclasses.field(repr=False)
    """Up to MAX_SAMPLE distinct values, folded and stripped, in the order they came."""
    numbers: tuple[float, ...] = dataclasses.field(repr=False)
    """The sample as numbers; empty: not all of them are plain numbers."""
    mean_length: float
    mean_spaces: float
    with_digit: float
    """Share of the sample that holds a digit."""
    mean_digits: float

    @property
    def share(self) -> float:
        """Distinct values over filled ones."""
        return self.distinct / self.filled if self.filled else 0.0

    @property
    def is_few(self) -> bool:
        """Codes or categories: a few values, each many times."""
        return self.distinct <= _TWO or (self.distinct <= _FEW and self.filled >= _MANY_ROWS) or self._is_rare_share

    @property
    def _is_rare_share(self) -> bool:
        return self.filled >= 10 * _MANY_ROWS and self.share <= _FEW_SHARE and self.distinct <= 5 * _FEW

    @property
    def is_constant(self) -> bool:
        """One value throughout."""
        return self.distinct == 1 and self.filled > 1

    @property
    def is_wordy(self) -> bool:
        """Sentences rather than names or codes."""
        return self.mean_spaces >= 3.2 and self.mean_length > 25 and (self.share > 0.2 or self.mean_length > 60)  # noqa: PLR2004 measured: notes/pii.md


def shape_of(column: SampledColumn) -> Shape:
    """Count a column's sample. Never raises on a value."""
    values = [value.strip() for value in column.values if value is not None]
    values = [value for value in values if value]
    different = dict.fromkeys(values)
    sample = tuple(_prepared(value) for value, _ in zip(different, range(MAX_SAMPLE), strict=False))
    size = len(sample) or 1
    digits = [sum(map(str.isdigit, value)) for value in sample]
    family = _family(column.type)
    return Shape(
        family=family,
        is_whole=pa.types.is_integer(column.type),
        rows=len(column.values),
        filled=len(values),
        distinct=len(different),
        sample=sample,
        numbers=() if family in {"bool", "date"} else _numbers(sample),
        mean_length=sum(map(len, sample)) / size,
        mean_spaces=sum(value.count(" ") for value in sample) / size,
        with_digit=sum(map(bool, digits)) / size,
        mean_digits=sum(digits) / size,
    )


def _prepared(value: str) -> str:
    cut = value[:MAX_LENGTH]
    return cut if cut.isascii() else fold(cut).text.strip()


def _family(declared: pa.DataType) -> Family:
    types = pa.types
    if types.is_boolean(declared):
        return "bool"
    if types.is_integer(declared) or types.is_floating(declared) or types.is_decimal(declared):
        return "number"
    if types.is_date(declared) or types.is_timestamp(declared):
        return "date"
    if types.is_string(declared) or types.is_large_string(declared) or types.is_dictionary(declared):
        return "text"
    return "other"


def _numbers(sample: tuple[str, ...]) -> tuple[float, ...]:
    """All of the sample as numbers, or none of it: one word makes it a text column."""
    numbers = []
    for value in sample:
        try:
            number = float(value) if len(value) <= _MAX_NUMBER and "_" not in value else math.nan
        except ValueError:
            return ()
        if math.isnan(number):
            if value.casefold() != "nan":
                return ()
        elif math.isfinite(number):
            numbers.append(number)
    return tuple(numbers)
