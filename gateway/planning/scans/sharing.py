"""Mentions of one dataset that are released row by row read it once.

One decision holds for a dataset in a whole query, so its mentions differ in columns and pre-filters only: the scan
reads the columns of all, and the rows that any of them asks for. It is kept in the sandbox, as several read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.planning.scans.conditions import MAX_VALUES, checked, either
from gateway.planning.scans.texts import known_of, names_of
from gateway.planning.sites import Site, catalog_column, column_decision, mask_inputs, scan_of
from gateway.terms.plan import MaskedScan, needs_values
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate


def rows_of(sites: Sequence[Site], *, pushed: Sequence[Predicate | None]) -> MaskedScan:
    """The scan of one or more mentions of one dataset; it has the first one's id.

    Args:
        pushed: each mention's own pre-filter.

    Raises:
        Integrity: the decision does not cover a column.
    """
    first = sites[0]
    needed = {name for site in sites for name in site.names}
    names = tuple(name for name in first.dataset.columns if name in needed)
    decisions = tuple(column_decision(first, name) for name in names)
    read = [decided.column for decided in decisions if needs_values(decided)]
    known = known_of(decisions)
    return MaskedScan(
        scan=scan_of(
            first,
            columns=read,
            further=mask_inputs(first, decisions),
            pushed=checked(first, _any_of(pushed)),
            known=known,
            texts=(decided.column for decided in decisions if decided.mask.name == "text"),
        ),
        columns=tuple(catalog_column(first, name) for name in names),
        decisions=decisions,
        names=names_of(first, known),
    )


def _any_of(predicates: Sequence[Predicate | None]) -> Predicate | None:
    """What is true of every row that one of the mentions asks for."""
    wanted: list[Predicate] = []
    for predicate in predicates:
        if predicate is None:
            return None
        if predicate not in wanted:
            wanted.append(predicate)
    if len(wanted) == 1:
        return wanted[0]
    made = either(tuple(wanted))
    return made if _values(made) <= MAX_VALUES else None


def _values(predicate: Predicate) -> int:
    match predicate:
        case Compare() | IsNull():
            return 1
        case OneOf(_, values):
            return len(values)
        case Not(part):
            return _values(part)
        case And(parts) | Or(parts):
            return sum(_values(part) for part in parts)
