"""The data map: which personal data lies where, who reaches it what for. Input for records after GDPR Art. 30.

It tells what is listed and granted. Columns that nobody classified are not in it: the board of unclassified columns
has them. Legal bases and retentions are those of the purposes, as their owners wrote them.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.policy import PolicyDecisionPoint
from gateway.terms.dataset import Classification, Dataset
from gateway.terms.identity import Purpose
from gateway.terms.policy import Grant

_EVERY: Final = "*"
_CATEGORIES: Final[Mapping[Classification, str]] = {
    "direct_identifier": "identifiers",
    "quasi_identifier": "characteristics that narrow a person down",
    "sensitive": "circumstances of the person",
    "free_text": "free texts about or by the person",
}
"""Public columns are no category: alone they tell of nobody."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One grant that shows a dataset, for one purpose."""

    grant: str
    role: str
    environment: str
    level: str
    is_filtered: bool
    """Only some rows."""
    expires: datetime.datetime | None
    purpose: str
    legal_basis: str
    owner: str
    """Of the purpose."""
    retention_days: int
    """Of what is made for the purpose."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """One dataset with personal data."""

    dataset: str
    source: str
    table: str
    owner: str
    subjects: str
    """The domain of whom its rows are about; empty: not declared."""
    categories: Mapping[str, tuple[str, ...]]
    """Category → columns, those with a domain as `column (domain)`."""
    reach: tuple[Reach, ...]


def data_map(
    point: PolicyDecisionPoint, *, dynamic: tuple[Grant, ...], now: datetime.datetime
) -> tuple[DatasetUse, ...]:
    """All datasets that list personal data, by name.

    Args:
        point: decides by the active bundle.
        dynamic: approved requests that hold now.
        now: grants that expired before it are left out.
    """
    bundle = point.bundle
    allows = [
        grant
        for grant in (*bundle.grants, *dynamic)
        if grant.effect == "allow" and (grant.expires is None or now < grant.expires)
    ]
    uses = []
    for name, dataset in sorted(bundle.datasets.items()):
        categories = _categories(dataset)
        if categories or dataset.subject is not None:
            reach = tuple(_reach(name, allows, bundle.vocabulary.purposes))
            uses.append(_use(dataset, categories=categories, reach=reach))
    return tuple(uses)


def _use(dataset: Dataset, *, categories: Mapping[str, tuple[str, ...]], reach: tuple[Reach, ...]) -> DatasetUse:
    return DatasetUse(
        dataset=dataset.name,
        source=dataset.source,
        table=".".join(dataset.table),
        owner=dataset.owner,
        subjects=dataset.subject.domain if dataset.subject else "",
        categories=categories,
        reach=reach,
    )


def _categories(dataset: Dataset) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for column in dataset.columns.values():
        category = _CATEGORIES.get(column.classification)
        if category is not None:
            found[category].append(f"{column.name} ({column.domain})" if column.domain else column.name)
    return {category: tuple(found[category]) for category in _CATEGORIES.values() if category in found}


def _reach(dataset: str, allows: list[Grant], purposes: Mapping[str, Purpose]) -> Iterator[Reach]:
    for grant in allows:
        if dataset not in grant.datasets or grant.level is None:
            continue
        named = purposes.keys() if _EVERY in grant.purposes else grant.purposes & purposes.keys()
        for purpose in sorted(named):
            yield Reach(
                grant=grant.id,
                role=grant.role,
                environment=grant.environment,
                level=_level(grant),
                is_filtered=grant.rows is not None and dataset in {grant.rows.dataset, *grant.rows_follow},
                expires=grant.expires,
                purpose=purpose,
                legal_basis=purposes[purpose].legal_basis,
                owner=purposes[purpose].owner,
                retention_days=purposes[purpose].retention_days,
            )


def _level(grant: Grant) -> str:
    """The grant's, with its exceptions by column."""
    exceptions = ", ".join(f"{column} {level.value}" for column, level in sorted(grant.columns.items()))
    level = grant.level.value if grant.level else ""
    return f"{level}; {exceptions}" if exceptions else level
