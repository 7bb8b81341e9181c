"""The freshness desk: how each model's newest version stands against the age that its owner allows."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Final

from etl.freshness.measure import (
    NOT_MOVING,
    SourceMeasure,
    Stores,
    Watermarks,
    due_at,
    is_aging,
    is_moving,
    newest_of,
    state_of,
    watermark_of,
)
from etl.lineage import LineageDesk, ModelDesk
from etl.lineage.entrance import Entrance, OpaqueNames, actor_of, view_of
from gateway.ports import Versions
from gateway.terms.extract import DatasetVersion, Job, JobState
from gateway.terms.identity import Credentials
from gateway.terms.model import ModelFreshness, ModelVersion

LIVE: Final[frozenset[JobState]] = frozenset({"waiting", "queued", "running"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessView:
    """One model's freshness, and what its owner should know besides."""

    freshness: ModelFreshness
    findings: tuple[str, ...]


class FreshnessDesk:
    """Reports on the caller's models; on everybody's to who reads the log."""

    def __init__(self, desk: Entrance, *, stores: Stores, watermarks: Watermarks, names: OpaqueNames) -> None:
        self._desk = desk
        self._models = stores.models
        self._versions = stores.versions
        self._queue = stores.queue
        self._watermarks = watermarks
        self._names = names

    def report(self, credentials: Credentials) -> Sequence[FreshnessView]:
        """The newest version of each model that the caller may see, by name.

        Production is measured with the caller's own credentials, for the caller's own models that are due or stale by
        age; each measure is an access in the log.
        """
        principal, now = self._desk.enter(credentials)
        view = view_of(self._desk, principal, names=self._names, now=now)
        self._desk.write(actor_of(principal), action="freshness-read", now=now)
        measure = SourceMeasure(credentials, watermarks=self._watermarks, queue=self._queue, policy=self._desk.policy())
        views = []
        for model in newest_of([model for model in self._models.listed() if view.shows_model(model)]):
            versions = [v for part in model.trained_on if (v := self._versions.find(*part)) is not None]
            own = (model.owner, model.environment) == (principal.id, principal.environment)
            aging = is_aging(watermark_of(versions), model.max_age, now=now)
            source = measure.of(versions) if own and aging else None
            views.append(self._view(model, versions, source=source, now=now))
        return views

    def _view(
        self,
        model: ModelVersion,
        versions: Sequence[DatasetVersion],
        *,
        source: datetime.datetime | None,
        now: datetime.datetime,
    ) -> FreshnessView:
        watermark = watermark_of(versions)
        job = self._retraining(model)
        freshness = ModelFreshness(
            model=model,
            state=state_of(watermark, model.max_age, source=source, now=now),
            watermark=watermark,
            source_watermark=source,
            due=due_at(watermark, model.max_age),
            job=job.id if job else None,
        )
        return FreshnessView(freshness=freshness, findings=tuple(self._findings(freshness, versions, now=now)))

    def _retraining(self, model: ModelVersion) -> Job | None:
        live = (job for job in self._queue.listed(requester=model.owner) if job.state in LIVE)
        return next((job for job in live if belongs(job, model)), None)

    def _findings(
        self, freshness: ModelFreshness, versions: Sequence[DatasetVersion], *, now: datetime.datetime
    ) -> Iterator[str]:
        model, watermark = freshness.model, freshness.watermark
        if watermark is None:
            yield "no dataset of its training data has a watermark"
        elif is_aging(watermark, model.max_age, now=now) and not is_moving(watermark, freshness.source_watermark):
            yield NOT_MOVING
        for version in versions:
            if version.expires <= now:
                yield f"trained on {version.id}, which has expired"
        for name in sorted({version.name for version in versions}):
            newer = newest_own(self._versions, name, model)
            if newer is not None and newer.number > max(number for one, number in model.trained_on if one == name):
                yield f"{newer.id} is published: train the next version on it"


def belongs(job: Job, model: ModelVersion) -> bool:
    """Whether a job makes training data of this model, for its owner, where the model lives."""
    spec = job.spec
    return (spec.model, job.requester, job.environment) == (model.name, model.owner, model.environment)


def newest_own(versions: Versions, name: str, model: ModelVersion) -> DatasetVersion | None:
    """The newest version of a dataset that the model's owner has where the model lives."""
    own = (v for v in versions.listed(name=name) if (v.requester, v.environment) == (model.owner, model.environment))
    return next(own, None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LineageDesks:
    """What a door needs for models, lineage and freshness."""

    models: ModelDesk
    lineage: LineageDesk
    freshness: FreshnessDesk
