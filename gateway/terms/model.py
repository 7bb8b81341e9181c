"""Models, what they were trained on, and how fresh that is."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Literal

Freshness = Literal["fresh", "due", "stale", "unknown"]
"""`due`: within the last fifth of the allowed age. `unknown`: no watermark could be measured."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """`name@version` of a model, as its owner registered it."""

    name: str
    version: str
    """1..63 of a-z, 0-9, `.` and `-`: `3`, `2026-11`."""
    owner: str
    environment: str
    registered: datetime.datetime
    trained_on: tuple[tuple[str, int], ...]
    """Dataset versions, (name, number)."""
    evidence: Literal["declared", "sdk"]
    """`sdk`: the client that read the files registered the model in the same session."""
    max_age: datetime.timedelta | None
    """How old its training data may be: now − watermark at the snapshot. None: no requirement."""
    metrics: Mapping[str, float]

    @property
    def id(self) -> str:
        """`loan-default@3`."""
        return f"{self.name}@{self.version}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ModelFreshness:
    """One model version's state at one moment."""

    model: ModelVersion
    state: Freshness
    watermark: datetime.datetime | None
    """The oldest of its training data's watermarks."""
    source_watermark: datetime.datetime | None
    """The newest row that production has now, as far as its owner may know."""
    due: datetime.datetime | None
    """When its data becomes too old."""
    job: str | None
    """The retraining extract that runs or waits, if there is one."""
