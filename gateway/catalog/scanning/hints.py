"""Masks, bounds, watermarks and what a text is about: what a reviewer would write beside the class."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from gateway.catalog.sampling.facts import ColumnFacts, TableFacts
from gateway.catalog.scanning.words import is_outsiders, time_rank
from gateway.terms.dataset import About, Classification, Watermark
from gateway.terms.mask_reader import misfit_of
from gateway.terms.mask_spec import MaskUse, family_of, fault_of

_LATENESS: Final[Mapping[str, datetime.timedelta]] = {
    "timestamp": datetime.timedelta(hours=1),
    "date": datetime.timedelta(days=1),
}
_BORN: Final = frozenset({"birth_date"})
_MEASURED: Final = frozenset({"rate", "duration", "count", "fee", "number"})
_CHANGED, _HAPPENED = 3, 2
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("person", "last_name"),
    "first_name": ("first_name",),
    "email": ("email",),
    "iban": ("iban",),
    "phone": ("phone",),
    "address": ("address",),
    "birth_date": ("birth_date",),
}
"""Of `about:`, with the kinds of columns that have it, the best first."""


def mask_of(facts: ColumnFacts, classification: Classification) -> MaskUse | None:
    """The mask that shows as much as is usual: a birth date's year, an event's day, an amount's bucket."""
    if facts.type is None:
        return None
    family, kind = family_of(facts.type), facts.verdict.kind if facts.verdict else ""
    if classification == "quasi_identifier" and family in {"date", "timestamp"}:
        unit = "year" if kind in _BORN else "day" if family == "timestamp" else "month"
        return _fitting(MaskUse(name="truncate_date", parameters={"unit": unit}), facts.type)
    if classification == "sensitive" and facts.spread is not None:
        return _fitting(MaskUse(name="bucket", parameters={"step": facts.spread.step}), facts.type)
    return None


def clip_of(facts: ColumnFacts, classification: Classification) -> tuple[decimal.Decimal, decimal.Decimal] | None:
    """Bounds beyond which a sum counts a value as the bound; from quantiles, so that no row's value stands there."""
    if classification != "sensitive" or facts.spread is None or not facts.spread.low < facts.spread.high:
        return None
    return facts.spread.low, facts.spread.high


def stricter_time(facts: ColumnFacts, *, has_subject: bool) -> bool:
    """Whether a public date tells when a person did something: exact, it joins two projects' rows one by one."""
    if not has_subject or facts.type is None or family_of(facts.type) not in {"date", "timestamp"}:
        return False
    return time_rank(facts.column.name) != _CHANGED


def is_measure(facts: ColumnFacts, *, has_subject: bool) -> bool:
    """Whether a public number is one of a person's contract: the rate of a loan, its months, how often it was late."""
    kind = facts.verdict.kind if facts.verdict else ""
    is_number = facts.type is not None and family_of(facts.type) in {"integer", "float", "decimal"}
    return has_subject and is_number and kind in _MEASURED


def watermark_of(facts: TableFacts) -> Watermark | None:
    """The time by which new rows are known: when they were changed, else when they happened."""
    ranked = sorted(
        (-time_rank(name), column.type is not None and family_of(column.type) == "date", place, name)
        for place, (name, column) in enumerate(facts.columns.items())
        if column.type is not None
        and family_of(column.type) in _LATENESS
        and time_rank(name) >= _HAPPENED
        and not (column.verdict is not None and column.verdict.kind in _BORN)
    )
    if not ranked:
        return None
    name = ranked[0][-1]
    kind: pa.DataType = facts.columns[name].type
    return Watermark(column=name, lateness=_LATENESS[str(family_of(kind))])


def about_of(*, dataset: str, on: tuple[str, str], people: TableFacts) -> About | None:
    """What is known of a text's subject, from the table that describes it; None: nothing that a text could spell."""
    roles = []
    for role, kinds in _ROLES.items():
        named = [_named(people, kind) for kind in kinds]
        found = next((name for name in named if name is not None), None)
        if found is not None:
            roles.append((role, found))
    return About(dataset=dataset, on=(on,), roles=tuple(roles)) if roles else None


def _named(people: TableFacts, kind: str) -> str | None:
    for name, column in people.columns.items():
        spelled = column.type is not None and family_of(column.type) in {"string", "date", "integer"}
        if column.verdict is not None and column.verdict.kind == kind and spelled and not is_outsiders(name):
            return name
    return None


def _fitting(mask: MaskUse, kind: pa.DataType) -> MaskUse | None:
    """The mask, if it can be had for this type: a bucket of one unit leaves whole numbers as they are."""
    return None if fault_of(mask) or misfit_of(mask, kind) else mask
