"""Masks of dates and timestamps."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from gateway.terms.mask_spec.parameters import Dates, Whole, Word
from gateway.terms.mask_spec.spec import Family, MaskSpec, Parameters, family_of

DATES_OF: Final[frozenset[Family]] = frozenset({"date", "timestamp"})


def _whole_day(parameters: Parameters, kind: pa.DataType) -> str | None:
    if parameters["unit"] == "day" and family_of(kind) == "date":
        return f"unit day leaves {kind} as it is: allowed are week, month, quarter, year"
    return None


DATES: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="truncate_date",
        does="The first day of the period that a date is in; a timestamp with a zone by that zone's calendar.",
        accepts=DATES_OF,
        parameters={"unit": Word(means="the period", words=("year", "quarter", "month", "week", "day"))},
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "order", "range"}),
        misfit=_whole_day,
    ),
    MaskSpec(
        name="date_shift",
        does="The date moved by a secret number of days, the same for all dates of one data subject; a timestamp keeps"
        " its time of day. Null: the year 9999, 1900-01-01, 1970-01-01, 0001-01-01 and the `placeholders`, which many"
        " subjects share.",
        accepts=DATES_OF,
        parameters={
            "window_days": Whole(means="the farthest that a date moves", minimum=7, maximum=3650),
            "placeholders": Dates(means="further days that stand for no date", default=()),
        },
        output="same",
        keyed=True,
        keyed_by="subject",
        auxiliary=("subject",),
        leaks=frozenset({"null", "equality", "frequency", "order", "part", "range", "interval"}),
    ),
)
