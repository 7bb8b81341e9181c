"""What the desks of this package are given: the house's front (who asks, may they, write it down) and the stock."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Protocol

from etl.extracts.folders import Folders
from gateway.errors import Denied
from gateway.ports import Clock, Entropy, JobQueue, KeyRing, Versions
from gateway.rooms import ActivePolicy
from gateway.terms.audit import Actor, Door
from gateway.terms.identity import Credentials, Principal


class Office(Protocol):
    """governance.desk.Desk; a Protocol because jobs and governance do not know each other."""

    @property
    def policy(self) -> Callable[[], ActivePolicy]:
        """The active policy."""

    def enter(self, credentials: Credentials) -> tuple[Principal, datetime.datetime]:
        """The principal and the request's time."""

    def write(
        self, actor: Actor, *, action: str, now: datetime.datetime, detail: Mapping[str, str | int] | None = None
    ) -> str:
        """Log an act before it happens; its receipt."""

    def refused(self, principal: Principal, error: Denied, *, now: datetime.datetime) -> Denied:
        """Log a denial; the error with its receipt, to be raised."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """Jobs, versions and where they lie."""

    queue: JobQueue
    versions: Versions
    folders: Folders
    keys: KeyRing
    clock: Clock
    entropy: Entropy


def actor_of(principal: Principal, *, door: Door = "http") -> Actor:
    """The principal as an entry names it."""
    return Actor(
        principal=principal.id, environment=principal.environment, roles=tuple(sorted(principal.roles)), door=door
    )
