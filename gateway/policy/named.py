"""Pseudonyms in free texts, under denies: a text names nobody by a column that the principal may not see in rows.

What is looked for in a text stays the same, so nothing of it shows; what is found gets a number for a pseudonym.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from gateway.policy.bundle import NAME
from gateway.policy.candidates import Candidate
from gateway.terms.policy import ColumnDecision, Grant, KnownColumn, Level

DeniesOf = Callable[[str], Sequence[Grant]]
"""The denies that hold for the principal, by dataset."""


def without_denied(candidate: Candidate, *, denies_of: DeniesOf) -> Candidate:
    """The candidate, whose texts keep the pseudonyms of no column that is denied in rows."""
    if not any(decided.known for decided in candidate.columns.values()):
        return candidate
    columns = {name: _capped(decided, denies_of) for name, decided in candidate.columns.items()}
    return dataclasses.replace(candidate, columns=columns)


def _capped(decided: ColumnDecision, denies_of: DeniesOf) -> ColumnDecision:
    known = tuple(
        dataclasses.replace(each, mask=None)
        if any(_denies(deny, column) for dataset, column in _named_by(each, decided) for deny in denies_of(dataset))
        else each
        for each in decided.known
    )
    return dataclasses.replace(decided, known=known)


def _named_by(known: KnownColumn, decided: ColumnDecision) -> list[tuple[str, str]]:
    """The column that is looked for, and of a name the subject that it stands for."""
    subjects = [(decided.dataset, beside.column) for beside in decided.auxiliary if known.role == NAME]
    return [(known.dataset, known.column), *subjects]


def _denies(deny: Grant, column: str) -> bool:
    is_about = not deny.denied_columns or column in deny.denied_columns
    return is_about and (deny.at_most is None or deny.at_most is Level.AGGREGATED)
