"""How one column is read, compared and summed: what differs between dialects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Unsupported
from gateway.sources.table import Stored
from gateway.terms.plan import FIXED_POINT_LIMIT
from gateway.terms.predicate import Scalar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One column's expressions in one dialect."""

    delivered: exp.Expr
    """What the driver is asked for: always of the witness's storage class, unless the value does not fit."""
    witness: exp.Expr
    compared: exp.Expr | None
    """Compares as the declared type does, with `literal`s; None: comparison is not offered."""
    addend: exp.Expr | None = None
    """Sums exactly; None: no number, floating-point, or not offered."""
    fixed: tuple[exp.Expr, ...] = ()
    """Of a floating-point number: itself in billionths, as a decimal; or its whole part and then the billionths beside
    it, as integers. Both sum exactly, and are null for a misfit."""
    misfit: exp.Expr | None = None
    """True where an addend, or what is fixed, would not be the value; None: the source's own type forbids it."""

    sent: exp.Expr | None = None
    """`delivered` of a row as a text that spells the same value, where a driver takes that in faster."""
    grouped: exp.Expr | None = None
    """The key of a group, where it is not what `key` makes of `delivered`."""

    @property
    def key(self) -> exp.Expr:
        """What is grouped by: equal texts are equal bytes, whatever collation the column declares."""
        if self.grouped is not None:
            return self.grouped
        return binary(self.delivered) if self.witness.is_string else self.delivered


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one kind of source calls things."""

    name: str
    """sqlglot's."""
    cell: Callable[[Stored, exp.Column], Cell]
    literal: Callable[[Scalar, pa.DataType], exp.Expr]
    sampled: Callable[[Stored, exp.Column, int], exp.Expr]
    """What is asked for in a sample, of the witness's storage class or null: a text or binary cut to so many characters
    or bytes."""
    has_witness: bool = True
    """Before the rows comes one of typed values, from which a driver that guesses types learns them."""
    sums_as_text: bool = False
    """Sums of integers and decimals come as exact decimals, in text; else as int64, in units of the last digit."""


def text_literal(text: str) -> exp.Literal:
    """A string; the generator escapes it."""
    if "\0" in text:
        raise Unsupported("a text in a row filter holds a NUL, which no source reads", code="source")
    return exp.Literal.string(text)


def out_of_range(number: exp.Expr) -> exp.Expr:
    """True of a floating-point number that is not added up in billionths; infinities and NaN are beyond the limit."""
    limit = exp.LT(this=exp.Abs(this=number), expression=exp.convert(FIXED_POINT_LIMIT))
    return exp.Not(this=exp.Paren(this=limit))


def in_range(number: exp.Expr, fixed: exp.Expr) -> exp.Expr:
    """`fixed`, or null where the number is out of range: then nothing is cast that cannot be."""
    limit = exp.LT(this=exp.Abs(this=number), expression=exp.convert(FIXED_POINT_LIMIT))
    return exp.Case().when(limit, fixed)


def binary(text: exp.Expr) -> exp.Expr:
    """Compared byte by byte, whatever collation its column declares."""
    return exp.Collate(this=text, expression=exp.var("BINARY"))
