"""The formats an answer can have, their media types, and which one a client's Accept header asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

from gateway.errors import Invalid

Format = Literal["arrow", "parquet", "csv", "json", "dataset"]
FORMATS: Final[tuple[Format, ...]] = ("arrow", "parquet", "csv", "json")
"""Those that a request may ask for; `dataset` goes into a folder of a job's."""

_MEDIA_TYPES: Final[dict[Format, str]] = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "dataset": "application/x-ndjson",
}
_PREFERRED: Final[tuple[Format, ...]] = ("json", "arrow", "parquet", "csv")
"""Which of two equally welcome formats is sent; people try with `*/*` and want to read what comes."""


def media_type(format: Format) -> str:  # noqa: A002 - the contract's word
    """What a body in this format says it is."""
    return _MEDIA_TYPES[format]


def format_for(accept: str) -> Format:
    """The format that an Accept header likes best; JSON if it is empty or likes all alike.

    Of several ranges that match a format the most specific one counts, as in RFC 9110 section 12.5.1.
    Parameters other than `q` are ignored.

    Raises:
        Invalid: it matches none, or cannot be read.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    best = max(_PREFERRED, key=lambda name: _quality(name, ranges))  # the first of equals
    if _quality(best, ranges) <= 0:
        offered = ", ".join(_essence(name) for name in FORMATS)
        raise Invalid(f"answers come as one of: {offered}", code="accept", fix="send one of them as Accept")
    return best


def _essence(name: Format) -> str:
    return _MEDIA_TYPES[name].partition(";")[0]


def _range(part: str) -> tuple[str, float]:
    """A media range and its quality."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return name, _number(value)
    return name, 1.0


def _number(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        quality = math.nan
    if not 0 <= quality <= 1:
        raise Invalid("a quality in Accept is a number from 0 to 1", code="accept")
    return quality


def _quality(name: Format, ranges: Sequence[tuple[str, float]]) -> float:
    essence = _essence(name)
    for wanted in (essence, f"{essence.partition('/')[0]}/*", "*/*"):
        qualities = [quality for range_, quality in ranges if range_ == wanted]
        if qualities:
            return max(qualities)
    return 0.0
