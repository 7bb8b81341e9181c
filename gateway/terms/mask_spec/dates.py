"""Masks of dates and timestamps."""

from __future__ import annotations

from typing import Final

from gateway.terms.mask_spec.parameters import Whole, Word
from gateway.terms.mask_spec.spec import Family, MaskSpec

DATES_OF: Final[frozenset[Family]] = frozenset({"date", "timestamp"})

DATES: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="truncate_date",
        does="The first day of the period that a date is in; a timestamp with a zone by that zone's calendar.",
        accepts=DATES_OF,
        parameters={"unit": Word(means="the period", words=("year", "quarter", "month", "week", "day"))},
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "order", "range"}),
    ),
    MaskSpec(
        name="date_shift",
        does="The date moved by a secret number of days, the same for all dates of one data subject.",
        accepts=DATES_OF,
        parameters={"window_days": Whole(means="the farthest that a date moves", minimum=7, maximum=3650)},
        output="same",
        keyed=True,
        keyed_by="subject",
        auxiliary=("subject",),
        leaks=frozenset({"null", "equality", "frequency", "order", "range", "interval"}),
    ),
)
