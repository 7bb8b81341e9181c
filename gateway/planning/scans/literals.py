"""Literals of a user's query as values that a source may be given: of the column's declared type exactly, or none.

Stricter than what the engine takes: only where both sides certainly compare alike is a value made. So there is none for
floating-point columns, for numbers with an exponent or more digits than the engine holds exactly, for text that a
source's own escaping could be tried with, and for a moment that lacks what its column has, or the other way round.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
from sqlglot import exp

from gateway.planning.filters import NotACellError, cast_text
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family, family_of
from gateway.terms.predicate import Operator, Scalar

MAX_TEXT: Final = 256
"""Characters of a text that is given to a source."""
MAX_DIGITS: Final = 18
"""Of a number; more, and the engine may compare it as a floating-point number."""
_MAX_SCALE: Final = 38 - MAX_DIGITS
"""Of a decimal column, so that a column and a number together have at most the engine's 38 digits."""

ORDERED: Final[frozenset[Family]] = frozenset({"integer", "decimal", "date", "timestamp"})
"""Families whose order is the same everywhere; text is compared for equality only, as it depends on collations."""
EQUAL: Final[frozenset[Family]] = ORDERED | {"string", "boolean"}

_DATE_LENGTH: Final = len("YYYY-MM-DD")
_DAY: Final = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
_SPELLED: Final[Mapping[Family, re.Pattern[str]]] = {
    "integer": re.compile(r"-?\d{1,18}", re.ASCII),
    "decimal": re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII),
    "boolean": re.compile(r"true|false"),
    "date": re.compile(_DAY, re.ASCII),
    "timestamp": re.compile(rf"{_DAY}([ T]{_TIME}(Z|[+-]\d\d:\d\d)?)?", re.ASCII),
}
_CASTS: Final[Mapping[Family, exp.DType]] = {"date": exp.DType.DATE, "timestamp": exp.DType.TIMESTAMP}


def value_of(node: exp.Expr, *, column: Column, operator: Operator) -> Scalar | None:
    """The literal's value, if a source may compare the column with it by this operator; else None."""
    family = family_of(column.type)
    if family is None or family not in (EQUAL if operator == "=" else ORDERED):
        return None
    text = _text(node.unnest(), column.type, family)
    if text is None or not _is_plain(text, column.type, family):
        return None
    if family == "timestamp" and len(text) == _DATE_LENGTH:
        text += " 00:00:00"
    try:
        return cast_text(text, column.type)
    except NotACellError:
        return None


def _text(node: exp.Expr, kind: pa.DataType, family: Family) -> str | None:
    """What is written, if it is written as a literal of that family is."""
    sign = ""
    if isinstance(node, exp.Neg):
        sign, node = "-", node.this
    if isinstance(node, exp.Cast) and node.this.is_string and not sign and _is_own_cast(node.to, kind, family):
        return str(node.this.name)  # DATE '2024-01-01'
    if isinstance(node, exp.Boolean):
        return str(bool(node.this)).lower() if family == "boolean" and not sign else None
    if not isinstance(node, exp.Literal) or family == "boolean":
        return None
    if node.is_string:
        return None if sign or family in ("integer", "decimal") else str(node.name)
    return sign + node.name if family in ("integer", "decimal") else None


def _is_own_cast(to: exp.DataType, kind: pa.DataType, family: Family) -> bool:
    word = exp.DType.TIMESTAMPTZ if family == "timestamp" and kind.tz else _CASTS.get(family)
    return word is not None and to.this is word and not to.expressions


def _is_plain(text: str, kind: pa.DataType, family: Family) -> bool:
    if family == "string":
        return len(text) <= MAX_TEXT and not any(_is_odd(character) for character in text)
    if _SPELLED[family].fullmatch(text) is None:
        return False
    if family == "decimal":
        whole, _, fraction = text.lstrip("-").partition(".")
        return len(whole) + len(fraction) <= MAX_DIGITS and len(fraction) <= kind.scale <= _MAX_SCALE
    if family == "timestamp":
        return kind.unit == "us" and (kind.tz is not None or not _has_offset(text))
    return True


def _is_odd(character: str) -> bool:
    """A backslash, which some servers read as an escape, or what no source stores alike: control and lone halves."""
    return character == "\\" or unicodedata.category(character)[0] == "C"


def _has_offset(text: str) -> bool:
    return text.endswith("Z") or re.search(r"[+-]\d\d:\d\d$", text) is not None
