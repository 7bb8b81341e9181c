"""Extracts: what is asked for, the job that makes it, and the version that it becomes."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Final, Literal

from gateway.terms.audit import ColumnAccess

JobState = Literal["waiting", "queued", "running", "published", "failed", "cancelled"]
"""`waiting`: for a second person's approval."""
JobCause = Literal["request", "freshness"]
"""`freshness`: the scheduler started it because a model's data had become too old."""
NO_SUBJECT: Final = "none"
"""An extract whose rows name no data subject; needs an approval."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSpec:
    """An extract as its YAML or JSON says it."""

    name: str
    """The dataset's name; versions are `name@1`, `name@2` …"""
    sql: str = dataclasses.field(repr=False)
    purpose: str
    environment: str
    subject: str
    """Output column with the data subject's identifier as released, or `none`."""
    model: str | None = None
    """The model that is trained on it: its freshness starts the next extract."""
    max_age: datetime.timedelta | None = None
    """now − watermark at the snapshot, at most."""
    retention_days: int | None = None
    """None: the purpose's; never longer than it."""
    run_as: str = "requester"
    """`requester` or `service:NAME`, a principal with a token of its own."""
    snapshot: Literal["any", "consistent"] = "any"
    """`consistent`: refuse unless all scans are of one state (`exported` or `single-scan`)."""
    grant: str | None = None
    dialect: str = "postgres"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One order for one version. Attempts are numbered by `epoch`; only the newest may write."""

    id: str
    """`j-` and 16 hex digits: random, or derived where the same order twice must be one job."""
    spec: ExtractSpec
    requester: str
    environment: str
    credential_id: str
    """The credential that ordered it; empty for a job that the scheduler ordered."""
    cause: JobCause
    proposal: str | None
    """The approval that it rests on, if policy wants one."""
    created: datetime.datetime
    state: JobState = "queued"
    epoch: int = 0
    """Attempts begun; fences what an older attempt still writes."""
    rows: int = 0
    """Progress of the newest attempt, for display only."""
    version: int | None = None
    """Of the dataset `spec.name`, once published."""
    code: str = ""
    """Why it failed: an error's stable code."""
    message: str = ""
    receipt: str = ""
    """Of the newest attempt's access entry."""
    ended: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """`name@number`: files and a signed manifest that never change."""

    name: str
    number: int
    job: str
    folder: str
    """Relative to the extracts folder."""
    manifest: bytes = dataclasses.field(repr=False)
    """RFC 8785 canonical JSON; the truth about the version."""
    signature: str = dataclasses.field(repr=False)
    """C2SP signed note."""
    requester: str
    environment: str
    purpose: str
    project: str
    digest: str
    """The policy bundle that decided."""
    columns: tuple[ColumnAccess, ...]
    """Every source column that was read for it, with level and grant."""
    rows: int
    bytes: int
    created: datetime.datetime
    expires: datetime.datetime
    watermark: datetime.datetime | None
    """The oldest of its datasets' watermarks at the snapshot; None: no dataset has one."""
    nonce: str = dataclasses.field(repr=False)
    """64 hex digits; sql_hmac and plan_hmac of the manifest are under it (T21). The requester's only."""

    @property
    def id(self) -> str:
        """`loan-default@1`."""
        return f"{self.name}@{self.number}"


Seal = Callable[[int], DatasetVersion]
"""Makes the version of a number: signs its manifest and makes its files durable."""
