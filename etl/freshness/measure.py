"""How old a model's training data is, and what that means. Pure but for `SourceMeasure`, which asks the PEP.

now − watermark ≤ 4/5 of the allowed age                  fresh
… above it, and production has nothing newer              fresh, with the finding `source is not moving`
… above it, production has newer rows or did not answer   due; beyond the allowed age: stale
no dataset of the training data has a watermark           unknown
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Final, Protocol

from gateway.errors import GatewayError
from gateway.ports import JobQueue, Models, Versions
from gateway.rooms import ActivePolicy
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials
from gateway.terms.model import Freshness, ModelVersion
from gateway.terms.request import WatermarkRequest

DUE_AT: Final = 0.8
"""Of the allowed age: the last fifth is for the retraining."""
MAX_MEASURES: Final = 50
"""Datasets measured for one answer: each is an access of its own."""
NOT_MOVING: Final = "source is not moving: production has nothing newer than the training data"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What is read and written here."""

    models: Models
    versions: Versions
    queue: JobQueue


class Watermarks(Protocol):
    """The enforcement point, as far as this needs it."""

    def watermark(self, request: WatermarkRequest) -> datetime.datetime | None:
        """The newest row of a dataset; logged as an access. None: the dataset has no watermark, or no row."""


def watermark_of(versions: Sequence[DatasetVersion]) -> datetime.datetime | None:
    """The oldest of what these versions are as of; None if none of them says."""
    return min((version.watermark for version in versions if version.watermark is not None), default=None)


def due_at(watermark: datetime.datetime | None, max_age: datetime.timedelta | None) -> datetime.datetime | None:
    """When the data becomes too old."""
    return None if watermark is None or max_age is None else watermark + max_age


def is_aging(
    watermark: datetime.datetime | None, max_age: datetime.timedelta | None, *, now: datetime.datetime
) -> bool:
    """Whether it is within the last fifth of the allowed age, or beyond it. Not so if either is not known."""
    return watermark is not None and max_age is not None and now - watermark > max_age * DUE_AT


def state_of(
    watermark: datetime.datetime | None,
    max_age: datetime.timedelta | None,
    *,
    source: datetime.datetime | None,
    now: datetime.datetime,
) -> Freshness:
    """The state; without an allowed age data is fresh at any age."""
    if watermark is None:
        return "unknown"
    if max_age is None or not is_aging(watermark, max_age, now=now) or not is_moving(watermark, source):
        return "fresh"
    return "stale" if now - watermark > max_age else "due"


def is_moving(watermark: datetime.datetime, source: datetime.datetime | None) -> bool:
    """Whether production has newer rows; it counts as moving where that could not be measured."""
    return source is None or source > watermark


def newest_of(models: Sequence[ModelVersion]) -> Sequence[ModelVersion]:
    """The newest version of each model, by name."""
    newest: dict[str, ModelVersion] = {}
    for model in models:
        known = newest.get(model.name)
        if known is None or model.registered > known.registered:
            newest[model.name] = model
    return [newest[name] for name in sorted(newest)]


class SourceMeasure:
    """Asks how new production is, once per dataset, purpose and grant. Made for one answer."""

    def __init__(
        self, credentials: Credentials, *, watermarks: Watermarks, queue: JobQueue, policy: ActivePolicy
    ) -> None:
        self._credentials = credentials
        self._watermarks = watermarks
        self._queue = queue
        self._policy = policy
        self._known: dict[tuple[str, str, str | None], datetime.datetime | None] = {}

    def of(self, versions: Sequence[DatasetVersion]) -> datetime.datetime | None:
        """What `watermark_of` would be if these were extracted now; None if any part of it cannot be measured."""
        found = []
        for version in versions:
            job = self._queue.find(version.job)
            grant = job.spec.grant if job is not None else None
            for dataset in sorted({access.dataset for access in version.columns}):
                listed = self._policy.datasets.get(dataset)
                if listed is not None and listed.watermark is not None:
                    found.append(self._ask(dataset, version.purpose, grant))
        known = [one for one in found if one is not None]
        return min(known) if known and len(known) == len(found) else None

    def _ask(self, dataset: str, purpose: str, grant: str | None) -> datetime.datetime | None:
        key = (dataset, purpose, grant)
        if key not in self._known and len(self._known) < MAX_MEASURES:
            self._known[key] = self._measured(dataset, purpose, grant)
        return self._known.get(key)

    def _measured(self, dataset: str, purpose: str, grant: str | None) -> datetime.datetime | None:
        request = WatermarkRequest(credentials=self._credentials, dataset=dataset, purpose=purpose, grant=grant)
        try:
            return self._watermarks.watermark(request)
        except GatewayError:
            # Refused and logged there: whoever may not read a dataset any more does not learn how new it is.
            return None
