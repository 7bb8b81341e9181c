"""What the composition root hands to this door."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from etl.extracts import ExtractDesks
from etl.freshness import LineageDesks
from gateway.enforcement import EnforcementPoint
from gateway.governance import ApprovalDesks, AuditDesk, CatalogDesk


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether this process should get requests, and what its kernel gives the sandbox."""

    ready: bool
    problems: tuple[str, ...]
    isolation: Mapping[str, bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the door may call."""

    enforcement: EnforcementPoint
    auditing: AuditDesk
    browsing: CatalogDesk
    approvals: ApprovalDesks
    extracts: ExtractDesks
    lineage: LineageDesks
    readiness: Callable[[], Readiness]
    stall_seconds: float
    """A reader that takes nothing for so long loses its answer."""
