"""The formats an answer can have, their media types, and which one a client's Accept header asks for.

Two formats have variants, which a parameter of the media type names: Arrow's buffers may be compressed, and CSV's
texts may be kept as they are where a spreadsheet would take them for formulas.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from gateway.errors import Invalid

Format = Literal["arrow", "arrow_lz4", "arrow_zstd", "parquet", "csv", "csv_exact", "json", "dataset"]
FORMATS: Final[tuple[Format, ...]] = ("arrow", "arrow_lz4", "arrow_zstd", "parquet", "csv", "csv_exact", "json")
"""Those that a request may ask for; `dataset` goes into a folder of a job's."""

_ARROW: Final = "application/vnd.apache.arrow.stream"
_CSV: Final = "text/csv; charset=utf-8; header=present"
_MEDIA_TYPES: Final[dict[Format, str]] = {
    "arrow": _ARROW,
    "arrow_lz4": f"{_ARROW}; compression=lz4",
    "arrow_zstd": f"{_ARROW}; compression=zstd",
    "parquet": "application/vnd.apache.parquet",
    "csv": _CSV,
    "csv_exact": f"{_CSV}; formulas=kept",
    "json": "application/json",
    "dataset": "application/x-ndjson",
}
_PREFERRED: Final[tuple[Format, ...]] = ("json", "arrow", "parquet", "csv")
"""Which of two equally welcome formats is sent; people try with `*/*` and want to read what comes."""
_VARIANTS: Final[dict[Format, tuple[str, dict[str, Format]]]] = {
    "arrow": ("compression", {"none": "arrow", "lz4": "arrow_lz4", "zstd": "arrow_zstd"}),
    "csv": ("formulas", {"escaped": "csv", "kept": "csv_exact"}),
}
"""A parameter of the media range that was chosen, and what its values ask for. Without it: the plain format."""


def media_type(format: Format) -> str:  # noqa: A002 - the contract's word
    """What a body in this format says it is."""
    return _MEDIA_TYPES[format]


def format_for(accept: str) -> Format:
    """The format that an Accept header likes best; JSON if it is empty or likes all alike.

    Of several ranges that match a format the most specific one counts, as in RFC 9110 section 12.5.1. Of its
    parameters `compression` counts for Arrow and `formulas` for CSV; others but `q` are ignored.

    Raises:
        Invalid: it matches none, or cannot be read.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [_Range("*/*")]
    best = max(_PREFERRED, key=lambda name: _liked(name, ranges).quality)  # the first of equals
    liked = _liked(best, ranges)
    if liked.quality <= 0:
        offered = ", ".join(_essence(name) for name in _PREFERRED)
        raise Invalid(f"answers come as one of: {offered}", code="accept", fix="send one of them as Accept")
    return _variant(best, liked)


@dataclasses.dataclass(frozen=True, slots=True)
class _Range:
    """A media range."""

    name: str
    quality: float = 1.0
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)


_NONE: Final = _Range("", quality=0.0)


def _variant(name: Format, liked: _Range) -> Format:
    parameter, variants = _VARIANTS.get(name, ("", {}))
    wanted = liked.parameters.get(parameter)
    if wanted is None:
        return name
    if wanted not in variants:
        raise Invalid(f"{parameter} in Accept is one of: {', '.join(variants)}", code="accept")
    return variants[wanted]


def _essence(name: Format) -> str:
    return _MEDIA_TYPES[name].partition(";")[0]


def _range(part: str) -> _Range:
    name, *pieces = (piece.strip().lower() for piece in part.split(";"))
    parameters = {key.strip(): value.strip(' "') for key, _, value in (piece.partition("=") for piece in pieces)}
    return _Range(name, quality=_number(parameters.get("q", "1")), parameters=parameters)


def _number(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        quality = math.nan
    if not 0 <= quality <= 1:
        raise Invalid("a quality in Accept is a number from 0 to 1", code="accept")
    return quality


def _liked(name: Format, ranges: Sequence[_Range]) -> _Range:
    """The range that decides about a format."""
    essence = _essence(name)
    for wanted in (essence, f"{essence.partition('/')[0]}/*", "*/*"):
        matching = [range_ for range_ in ranges if range_.name == wanted]
        if matching:
            return max(matching, key=lambda range_: range_.quality)
    return _NONE
