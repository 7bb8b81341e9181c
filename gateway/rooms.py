"""What the enforcement point is given: the rooms that do I/O, the active policy, the limits."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from gateway.detector_ports import Detector
from gateway.identity import Admission, Gate
from gateway.masks import NameLists
from gateway.policy import PolicyDecisionPoint
from gateway.ports import AuditLog, Clock, Entropy, KeyRing, ReleaseWindows, RowAllowance, Source
from gateway.query import QueryLimits
from gateway.running import RunningAnswers
from gateway.sandbox import Sandbox, Spill
from gateway.settings import RoleLimits
from gateway.terms.dataset import Datasets
from gateway.terms.identity import Principal
from gateway.terms.request import ApprovedCase, ProfileLimits, ReidentifyRequest


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActivePolicy:
    """The activated bundle, ready to decide."""

    pdp: PolicyDecisionPoint
    datasets: Datasets


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExtractLimits:
    """What one extract may cost."""

    seconds: float
    memory_mb: int
    cpu_seconds: int
    spill_mb: int

    def spill(self, folder: Path, *, streamed: bool) -> Spill:
        """As the sandbox takes them."""
        return Spill(
            folder=folder,
            max_mb=self.spill_mb,
            memory_mb=self.memory_mb,
            cpu_seconds=self.cpu_seconds,
            streamed=streamed,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one query may cost; everybody's, until `of` says for whom."""

    query: QueryLimits
    query_seconds: float
    extract: ExtractLimits
    profile: ProfileLimits
    """Of one catalog scan; no role's limits change it."""
    rows_per_day: int
    """Of one dataset, to one principal, row by row, by interactive answers (T6)."""
    max_json_rows: int
    max_result_rows: int
    max_result_mb: int
    sandbox_memory_mb: int
    """At most what children were started with."""
    concurrent_queries: int
    """Of one principal."""
    threshold_subjects: int
    release_window: datetime.timedelta
    roles: Mapping[str, RoleLimits] = dataclasses.field(default_factory=dict)
    """Where they differ, by role."""

    def of(self, principal: Principal) -> Limits:
        """The strictest of what its roles may; a role that has no value of its own counts with everybody's."""
        strictest = {}
        for name in RoleLimits.model_fields:
            own = getattr(self, name)
            told = [getattr(self.roles[role], name) if role in self.roles else None for role in principal.roles]
            strictest[name] = min((own if value is None else value for value in told), default=own)
        return dataclasses.replace(self, **strictest)

    def told(self) -> Mapping[str, float]:
        """What one person's queries may cost, by the settings' names: those limits that roles may change."""
        return {name: getattr(self, name) for name in RoleLimits.model_fields}


class Cases(Protocol):
    """Re-identifications that a second person approved."""

    def approved(self, principal: Principal, request: ReidentifyRequest) -> ApprovedCase:
        """The case, if the principal may have its result now; nothing changes.

        Raises:
            Denied: unknown, another's, not approved, too late, or spent; or its list is another one.
            Integrity: what is stored is not what was approved.
        """

    def spend(self, case: ApprovedCase, principal: Principal) -> None:
        """Durably, and once: whatever becomes of the result, nobody gets it a second time.

        Raises:
            Denied: spent already, too late, or the principal had too many cases in a day.
        """


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The rooms with I/O, as the composition root chose them."""

    gate: Gate
    admission: Admission
    policy: Callable[[], ActivePolicy]
    """The active policy, read again when the active digest moved."""
    log: AuditLog
    sources: Mapping[str, Source]
    keys: KeyRing
    sandbox: Sandbox
    detector: Detector
    names: NameLists
    windows: ReleaseWindows
    allowance: RowAllowance
    cases: Cases
    running: RunningAnswers
    clock: Clock
    entropy: Entropy
    instance: Callable[[], str]
    """This process's current lease."""
