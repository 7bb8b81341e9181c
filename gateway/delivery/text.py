r"""Values as text: exact, in one spelling for CSV and JSON.

Decimals are plain digits, dates and times ISO 8601 (UTC ends in Z), binary is PostgreSQL's `\x` hex.
"""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Unsupported

_MAX_PLAIN_SCALE = 6
"""Beyond this Arrow writes small decimals with an exponent."""
_OUT_OF_RANGE = "<value out of range"
"""How Arrow's cast begins the text of a date that it cannot spell; it raises nothing."""


def has_text_form(type_: pa.DataType) -> bool:
    """Whether a value is written as text where the format has no type for it."""
    return pa.types.is_decimal(type_) or pa.types.is_temporal(type_) or _is_binary(type_)


def texts(array: pa.Array) -> pa.Array:
    """string[n] of a column whose type `has_text_form`; nulls stay null.

    Raises:
        Unsupported: a date or time outside the years that have a spelling, such as `infinity`.
    """
    type_ = array.type
    if _is_binary(type_):
        return pa.array([None if value is None else f"\\x{value.hex()}" for value in array.to_pylist()], pa.string())
    if pa.types.is_decimal(type_):
        return array.cast(pa.string()) if type_.scale <= _MAX_PLAIN_SCALE else _digits(array)
    # NOTE: with a time zone Arrow spells timestamps out of range as wrong dates; without, it says so.
    zone = type_.tz if pa.types.is_timestamp(type_) else None
    spelled = (array.cast(pa.timestamp(type_.unit)) if zone else array).cast(pa.string())
    if pc.any(pc.starts_with(spelled, _OUT_OF_RANGE)).as_py():
        raise Unsupported("a date or time has no spelling in this format: take Arrow or Parquet")
    if pa.types.is_timestamp(type_):
        spelled = pc.replace_substring(spelled, " ", "T", max_replacements=1)
    return pc.binary_join_element_wise(spelled, "Z", "") if zone else spelled


def values(array: pa.Array) -> list[object]:
    """What the JSON encoder takes: null, bool, int, float, str, list, and dict for structs.

    Maps become lists of [key, value]; NaN and the infinities become text. Integers stay numbers beyond 2^53,
    where a JavaScript client loses digits.
    """
    type_ = array.type
    if pa.types.is_struct(type_):
        columns = [values(array.field(i)) for i in range(type_.num_fields)]
        names = [field.name for field in type_]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return [row if valid else None for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)]
    if pa.types.is_map(type_):
        keys, items = (values(_referred(array, part)) for part in (array.keys, array.items))
        return _slices(array, [list(pair) for pair in zip(keys, items, strict=True)])
    if pa.types.is_list(type_):
        return _slices(array, values(_referred(array, array.values)))
    if has_text_form(type_):
        return list(texts(array).to_pylist())
    if pa.types.is_floating(type_):
        return [_finite(value) for value in array.to_pylist()]
    return list(array.to_pylist())


def _digits(array: pa.Array) -> pa.Array:
    """Decimals as digits: the unscaled number, padded, with a point put in."""
    scale = array.type.scale
    unscaled = pa.Array.from_buffers(
        pa.decimal128(array.type.precision, 0), len(array), array.buffers(), offset=array.offset
    ).cast(pa.string())
    sign = pc.if_else(pc.starts_with(unscaled, "-"), "-", "")
    padded = pc.utf8_lpad(pc.utf8_ltrim(unscaled, characters="-"), width=scale + 1, padding="0")
    whole = pc.utf8_slice_codeunits(padded, start=0, stop=-scale)
    point = pc.binary_join_element_wise(whole, pc.utf8_slice_codeunits(padded, start=-scale), ".")
    return pc.binary_join_element_wise(sign, point, "")


def _referred(array: pa.Array, elements: pa.Array) -> pa.Array:
    """The elements of a list or map that its rows refer to: a slice of few rows still holds those of all."""
    first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
    return elements.slice(first, last - first)


def _slices(array: pa.Array, elements: list[object]) -> list[object]:
    ends = array.offsets.to_pylist()
    first = ends[0]
    bounds = zip(ends, ends[1:], array.is_valid().to_pylist(), strict=False)
    return [elements[begin - first : end - first] if valid else None for begin, end, valid in bounds]


def _finite(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _is_binary(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))
