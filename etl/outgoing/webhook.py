"""What webhooks say: names, states and ids. Nothing that a row held, and no SQL."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping

from gateway.terms.extract import DatasetVersion, Job
from gateway.terms.model import ModelVersion
from gateway.terms.notice import Notice

Fact = str | int | None


def published(job: Job, version: DatasetVersion, *, channels: Iterable[str]) -> list[Notice]:
    """`extract.published`."""
    facts = {
        "job": job.id,
        "cause": job.cause,
        "dataset": version.name,
        "version": version.id,
        "model": job.spec.model,
        "purpose": version.purpose,
        "environment": version.environment,
        "watermark": version.watermark.isoformat() if version.watermark else None,
        "expires": version.expires.isoformat(),
    }
    return _notices("extract.published", job.id, facts, at=version.created, channels=channels)


def failed(job: Job, *, at: datetime.datetime, channels: Iterable[str]) -> list[Notice]:
    """`extract.failed`; of the error its stable code."""
    facts = {
        "job": job.id,
        "cause": job.cause,
        "dataset": job.spec.name,
        "model": job.spec.model,
        "environment": job.environment,
        "code": job.code,
    }
    return _notices("extract.failed", job.id, facts, at=at, channels=channels)


def stale(
    model: ModelVersion, *, watermark: datetime.datetime, at: datetime.datetime, channels: Iterable[str]
) -> list[Notice]:
    """`model.stale`, once per model version and age of its data."""
    facts = {
        "model": model.id,
        "environment": model.environment,
        "watermark": watermark.isoformat(),
        "max_age_seconds": int(model.max_age.total_seconds()) if model.max_age else None,
        "trained_on": " ".join(f"{name}@{number}" for name, number in model.trained_on),
    }
    return _notices("model.stale", f"{model.id} {watermark.isoformat()}", facts, at=at, channels=channels)


def _notices(
    kind: str, about: str, facts: Mapping[str, Fact], *, at: datetime.datetime, channels: Iterable[str]
) -> list[Notice]:
    body = json.dumps({"type": kind, "timestamp": at.isoformat(), "data": facts}, sort_keys=True)
    return [Notice(channel=channel, key=f"{kind} {about}", body=body) for channel in channels]
