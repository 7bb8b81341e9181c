"""Declared column types: Arrow's own spelling, a closed list."""

from __future__ import annotations

import re

import pyarrow as pa

from gateway.terms.document import Node

MAX_PRECISION = 38
"""Digits of a decimal128."""

_PLAIN: dict[str, pa.DataType] = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date32": pa.date32(),
    "timestamp[us]": pa.timestamp("us"),
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
}
_DECIMAL = re.compile(r"decimal128\((\d{1,2}), ?(\d{1,2})\)")
ALLOWED = (*_PLAIN, "decimal128(precision, scale)")


def spelled(kind: pa.DataType) -> str:
    """What a catalog file would declare; empty: the list has nothing for it."""
    if pa.types.is_decimal128(kind) and 0 <= kind.scale <= kind.precision:
        return f"decimal128({kind.precision},{kind.scale})"
    return next((text for text, known in _PLAIN.items() if known == kind), "")


def read_type(node: Node) -> pa.DataType:
    """The Arrow type that a catalog declares.

    Raises:
        Invalid: not on the list, or a decimal of more than 38 digits or with more decimals than digits.
    """
    text = node.text()
    if text in _PLAIN:
        return _PLAIN[text]
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise node.fail(f"unknown type {text!r}; types are: {'; '.join(ALLOWED)}")
    precision, scale = int(match[1]), int(match[2])
    if not 1 <= precision <= MAX_PRECISION or scale > precision:
        raise node.fail(f"a decimal128 has 1..{MAX_PRECISION} digits and no more decimals than digits")
    return pa.decimal128(precision, scale)
