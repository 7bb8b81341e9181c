"""Values of a query's placeholders, as JSON has them."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping, Sequence

Value = str | int | float | bool | decimal.Decimal | datetime.date | datetime.time | None
Parameters = Sequence[Value] | Mapping[str, Value]
"""Of `$1`, `$2` …, or of `:name`."""


def sendable(parameters: object) -> object:
    """Dates, moments and decimals as texts, which take the type of what they meet; all else as it is.

    Raises:
        ValueError: one text in the place of a list of values.
    """
    if isinstance(parameters, str):
        raise ValueError("parameters are a list, or a mapping of names")  # noqa: TRY004 - as elsewhere in the SDK
    if isinstance(parameters, Mapping):
        return {name: _value(value) for name, value in parameters.items()}
    return [_value(value) for value in parameters] if isinstance(parameters, Sequence) else parameters


def _value(value: object) -> object:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal) else value
