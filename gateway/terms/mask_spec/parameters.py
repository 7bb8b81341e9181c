"""What a mask's parameter may be: kinds with limits and defaults, and one form of each value.

Values are immutable and hashable, and equal values are written alike: two policies that say the same have equal masks.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import itertools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Levels = tuple[tuple[str, tuple[str, ...]], ...]
"""A table: each value with what stands for it, from the finest level to the coarsest; sorted by value."""
Parameter = int | decimal.Decimal | str | bool | tuple[decimal.Decimal, ...] | tuple[str, ...] | Levels

MAX_DIGITS: Final = 18
"""Of a number, on both sides of its point."""
MAX_LISTED: Final = 1_000
MAX_TABLE: Final = 100_000
MAX_DAYS: Final = 100


class Misfit(ValueError):
    """What a policy states is no value of the parameter; the text names what is allowed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number."""

    means: str
    minimum: int
    maximum: int
    default: int | None = None
    """None: the parameter is required."""

    def fit(self, value: object) -> int:
        """The parameter's value, from YAML's or from itself."""
        # bool is an int to Python: `step: true` would be a bucket of 1.
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            raise Misfit(f"needed is {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """In words."""
        return f"a whole number from {self.minimum} to {self.maximum}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A decimal number, exact: 0.1 is a tenth."""

    means: str
    minimum: decimal.Decimal
    maximum: decimal.Decimal
    default: decimal.Decimal | None = None

    def fit(self, value: object) -> decimal.Decimal:
        """The parameter's value, from YAML's or from itself."""
        number = exact(value)
        if number is None or not self.minimum <= number <= self.maximum:
            raise Misfit(f"needed is {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """In words."""
        bounds = f"from {self.minimum:f} to {self.maximum:f}"
        return f"a number {bounds}, of at most {MAX_DIGITS} digits before and after its point"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A list of decimal numbers, each greater than the one before."""

    means: str
    minimum: decimal.Decimal
    maximum: decimal.Decimal
    default: tuple[decimal.Decimal, ...] | None = None

    def fit(self, value: object) -> tuple[decimal.Decimal, ...]:
        """The parameter's value, from YAML's or from itself."""
        numbers = [exact(item) for item in value] if isinstance(value, list | tuple) else []
        known = tuple(number for number in numbers if number is not None)
        ascending = all(one < other for one, other in itertools.pairwise(known))
        if not 0 < len(numbers) == len(known) <= MAX_LISTED or not ascending:
            raise Misfit(f"needed is {self.allowed}")
        if known[0] < self.minimum or known[-1] > self.maximum:
            raise Misfit(f"needed is {self.allowed}")
        return known

    @property
    def allowed(self) -> str:
        """In words."""
        return f"a list of 1 to {MAX_LISTED} ascending numbers from {self.minimum:f} to {self.maximum:f}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """A list of days, as texts like 2020-01-31, in their order."""

    means: str
    default: tuple[str, ...] | None = None

    def fit(self, value: object) -> tuple[str, ...]:
        """The parameter's value, from YAML's or from itself."""
        days = [_day(item) for item in value] if isinstance(value, list | tuple) else []
        known = sorted({day for day in days if day is not None})
        if not 0 < len(days) <= MAX_DAYS or None in days:
            raise Misfit(f"needed is {self.allowed}")
        return tuple(known)

    @property
    def allowed(self) -> str:
        """In words."""
        return f"a list of 1 to {MAX_DAYS} days like 2020-01-31"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One of a few words."""

    means: str
    words: tuple[str, ...]
    default: str | None = None
    refused: Mapping[str, str] = dataclasses.field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Words that one might try, and why they are not offered."""

    def fit(self, value: object) -> str:
        """The parameter's value, from YAML's or from itself."""
        value = "null" if value is None else value  # as YAML reads the word
        if not isinstance(value, str) or value not in self.words:
            reason = self.refused.get(value) if isinstance(value, str) else None
            # what stands there is the policy's author's own word, not data
            raise Misfit(f"{value!r} is not offered{f' ({reason})' if reason else ''}; allowed: {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """In words."""
        return ", ".join(self.words)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of a form."""

    means: str
    form: str
    """A regular expression that the whole text matches."""
    described: str
    """The form in words."""
    default: str | None = None

    def fit(self, value: object) -> str:
        """The parameter's value, from YAML's or from itself."""
        if not isinstance(value, str) or not re.fullmatch(self.form, value):
            raise Misfit(f"needed is {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """In words."""
        return self.described


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A value of a column: a text, a number, true or false."""

    means: str
    default: str | decimal.Decimal | bool | None = None

    def fit(self, value: object) -> str | decimal.Decimal | bool:
        """The parameter's value, from YAML's or from itself."""
        fitting = value if isinstance(value, str | bool) else exact(value)
        if fitting is None:
            raise Misfit(f"needed is {self.allowed}")
        return fitting

    @property
    def allowed(self) -> str:
        """In words."""
        return "a text, a number, true or false; a date as a text in quotes"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """True or false."""

    means: str
    default: bool | None = None

    def fit(self, value: object) -> bool:
        """The parameter's value, from YAML's or from itself."""
        if not isinstance(value, bool):
            raise Misfit(f"needed is {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """In words."""
        return "true or false"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What stands for each value, `{Ulm: [Swabia, South], Kiel: [Coast, North]}`: as many levels for each."""

    means: str
    default: Levels | None = None

    def fit(self, value: object) -> Levels:
        """The parameter's value, from YAML's or from itself."""
        items = value.items() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
        try:
            rows = sorted((key, (above,) if isinstance(above, str) else tuple(above)) for key, above in items)
        except (TypeError, ValueError):
            rows = []
        widths = {len(above) for _, above in rows}
        texts = all(isinstance(text, str) for key, above in rows for text in (key, *above))
        if not 0 < len(rows) <= MAX_TABLE or len(widths) != 1 or not texts or 0 in widths:
            raise Misfit(f"needed is {self.allowed}")
        return tuple(rows)

    @property
    def allowed(self) -> str:
        """In words."""
        return f"a mapping of 1 to {MAX_TABLE} texts, each to a text or to a list of texts, all lists of one length"


Kind = Whole | Number | Numbers | Dates | Word | Text | Plain | Flag | Table


def _day(value: object) -> str | None:
    """A day in its one form, from YAML's date or from a text."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    try:
        return datetime.date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def exact(value: object) -> decimal.Decimal | None:
    """A number as a decimal without needless zeros; None for what is no number or has too many digits."""
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        return None
    number = decimal.Decimal(repr(value)) if isinstance(value, float) else decimal.Decimal(value)
    if not number.is_finite() or abs(number) >= 10**MAX_DIGITS:
        return None
    plain = number.normalize(decimal.Context(prec=2 * MAX_DIGITS + 1))
    if plain != number or int(plain.as_tuple().exponent) < -MAX_DIGITS:
        return None
    return plain.quantize(decimal.Decimal(1)) if int(plain.as_tuple().exponent) > 0 else plain + 0


def plain(value: Parameter) -> object:
    """As JSON writes it: numbers as int or float, lists as lists, a table as a mapping."""
    match value:
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case tuple():
            if value and isinstance(value[0], tuple):
                return {key: list(above) for key, above in value}
            return [plain(item) for item in value]  # type: ignore[arg-type]  # numbers or days
        case _:
            return value
