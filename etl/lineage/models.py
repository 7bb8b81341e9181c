"""The models' desk: what was trained on which dataset versions, as its owner says."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from etl.lineage.entrance import Entrance, OpaqueNames, actor_of, view_of
from gateway.errors import Invalid
from gateway.ports import Models, Versions
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials, Principal, is_name
from gateway.terms.model import ModelVersion

VERSION_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_METRIC: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
MAX_METRICS: Final = 100
MAX_TRAINING: Final = 100
"""Dataset versions of one model."""
LONGEST_AGE: Final = datetime.timedelta(days=3660)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A model version as its owner names it."""

    name: str
    version: str
    trained_on: Sequence[str]
    """`loan-default@1`, …"""
    max_age: datetime.timedelta | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    evidence: Literal["declared", "sdk"] = "declared"


class ModelDesk:
    """Registers and lists models. A registration never changes; the next training is the next version."""

    def __init__(self, desk: Entrance, *, models: Models, versions: Versions, names: OpaqueNames) -> None:
        self._desk = desk
        self._models = models
        self._versions = versions
        self._names = names

    def register(self, credentials: Credentials, registration: Registration) -> ModelVersion:
        """Store a model version; logged before it is.

        Raises:
            Invalid: a name or number is malformed; a dataset version is not the caller's in this environment (an
                unknown one answers alike) or has expired; the model version exists, or the name is another's.
        """
        principal, now = self._desk.enter(credentials)
        _check(registration)
        trained_on = sorted({parse_dataset(text) for text in registration.trained_on})
        for name, number in trained_on:
            self._own(principal, name, number, now=now)
        model = ModelVersion(
            name=registration.name,
            version=registration.version,
            owner=principal.id,
            environment=principal.environment,
            registered=now,
            trained_on=tuple(trained_on),
            evidence=registration.evidence,
            max_age=registration.max_age,
            metrics=dict(registration.metrics),
        )
        detail = {
            "model": model.id,
            "trained_on": " ".join(f"{name}@{number}" for name, number in trained_on),
            "evidence": model.evidence,
        }
        self._desk.write(actor_of(principal), action="model-register", now=now, detail=detail)
        self._models.add(model)
        return model

    def listed(self, credentials: Credentials, *, name: str | None = None) -> Sequence[ModelVersion]:
        """Model versions that the caller may see, by name, newest first.

        Raises:
            Invalid: a name is given and nothing of that name is the caller's to see.
        """
        principal, now = self._desk.enter(credentials)
        view = view_of(self._desk, principal, names=self._names, now=now)
        found = [model for model in self._models.listed(name=name) if view.shows_model(model)]
        if name is not None and not found:
            raise Invalid("unknown model", code="model", fix="`gateway model list` shows yours")
        return found

    def _own(self, principal: Principal, name: str, number: int, *, now: datetime.datetime) -> DatasetVersion:
        found = self._versions.find(name, number)
        own = found is not None and (found.requester, found.environment) == (principal.id, principal.environment)
        if found is None or not own:
            raise Invalid(
                f"no dataset version {name}@{number} of yours in {principal.environment}",
                code="version",
                fix="`gateway extract list` shows yours",
            )
        if found.expires <= now:
            raise Invalid(
                f"{name}@{number} has expired: nothing may be trained on it any more",
                code="expired",
                fix="run the extract again",
            )
        return found


def parse_dataset(text: str) -> tuple[str, int]:
    """`loan-default@1` → name and number.

    Raises:
        Invalid: another form.
    """
    name, _, number = text.partition("@")
    if not is_name(name) or not _NUMBER.fullmatch(number):
        raise Invalid("a dataset version is written NAME@N", code="version", fix="write loan-default@1")
    return name, int(number)


def parse_model(text: str) -> tuple[str, str]:
    """`loan-default@2026-11` → name and version.

    Raises:
        Invalid: another form.
    """
    name, _, version = text.partition("@")
    if not is_name(name) or not VERSION_PATTERN.fullmatch(version):
        raise Invalid("a model version is written NAME@VERSION", code="model", fix="write loan-default@2026-11")
    return name, version


def _check(registration: Registration) -> None:
    parse_model(f"{registration.name}@{registration.version}")
    if not 1 <= len(registration.trained_on) <= MAX_TRAINING:
        raise Invalid(f"a model is trained on 1..{MAX_TRAINING} dataset versions", code="version")
    age = registration.max_age
    if age is not None and not datetime.timedelta(minutes=1) <= age <= LONGEST_AGE:
        raise Invalid(f"max_age is between a minute and {LONGEST_AGE.days} days", code="max_age", fix="write 7d")
    if len(registration.metrics) > MAX_METRICS:
        raise Invalid(f"at most {MAX_METRICS} metrics", code="metric")
    for name, value in registration.metrics.items():
        if not _METRIC.fullmatch(name) or not math.isfinite(value):
            raise Invalid("a metric is a name of a-z, 0-9, _, . and -, and a finite number", code="metric")
