"""What every desk does first."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping

from gateway.errors import Denied
from gateway.identity import Gate
from gateway.ports import AuditLog, Clock, Entropy
from gateway.rooms import ActivePolicy
from gateway.terms.audit import Actor, DenialEntry, Door, EventEntry
from gateway.terms.identity import Credentials, Principal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The shared first steps: who, may they, write it down."""

    gate: Gate
    policy: Callable[[], ActivePolicy]
    log: AuditLog
    clock: Clock
    entropy: Entropy

    def enter(self, credentials: Credentials) -> tuple[Principal, datetime.datetime]:
        """The principal and the request's time."""
        now = self.clock.now()
        return self.gate.enter(credentials, now=now), now

    def enter_with(self, credentials: Credentials, *, capability: str) -> tuple[Principal, datetime.datetime]:
        """As enter, for a principal whose roles carry the capability.

        Raises:
            Denied: `denied.capability`, logged.
        """
        principal, now = self.enter(credentials)
        if not self.policy().pdp.may(principal, capability):
            error = Denied(
                f"none of your roles may do this: it needs {capability}",
                code="capability",
                fix=f"ask an admin for a role with `may: [{capability}]`",
            )
            raise self.refused(principal, error, now=now)
        return principal, now

    def refused(self, principal: Principal, error: Denied, *, now: datetime.datetime) -> Denied:
        """Log a denial; the error with its receipt, to be raised."""
        error.receipt = self.new_receipt()
        self.log.append(
            DenialEntry(
                receipt=error.receipt,
                time=now,
                actor=actor_of(principal),
                purpose="",
                datasets=(),
                columns=(),
                code=error.code,
                reasons=(error.message,),
                shape="",
                digest=self.policy().pdp.digest,
            )
        )
        return error

    def write(
        self, actor: Actor, *, action: str, now: datetime.datetime, detail: Mapping[str, str | int] | None = None
    ) -> str:
        """Log an act before it happens; its receipt."""
        receipt = self.new_receipt()
        self.log.append(EventEntry(receipt=receipt, time=now, actor=actor, action=action, detail=dict(detail or {})))
        return receipt

    def new_receipt(self) -> str:
        """A random id."""
        return f"r_{self.entropy.draw(16).hex()}"


def actor_of(principal: Principal, *, door: Door = "http") -> Actor:
    """The principal as an entry names it."""
    return Actor(
        principal=principal.id,
        environment=principal.environment,
        roles=tuple(sorted(principal.roles)),
        door=door,
    )
