"""One request on its way through the enforcement point; what is known so far goes into its log entries."""

from __future__ import annotations

import dataclasses
import datetime
import hmac
from collections.abc import Iterator

from gateway.errors import Denied, GatewayError
from gateway.rooms import ActivePolicy
from gateway.sandbox import Binding
from gateway.terms.audit import AccessEntry, Actor, ColumnAccess, DenialEntry, EventEntry
from gateway.terms.identity import Principal, Purpose
from gateway.terms.key import KeyEpoch
from gateway.terms.policy import Decision, KnownColumn, Level
from gateway.terms.query import BoundQuery
from gateway.terms.request import ApprovedCase, Receipt, ReidentifyRequest, Request, WatermarkRequest


@dataclasses.dataclass(slots=True, kw_only=True)
class Case:
    """Filled step by step; a failure at any step leaves enough for its denial."""

    request: Request | WatermarkRequest | ReidentifyRequest
    principal: Principal
    receipt: Receipt
    now: datetime.datetime
    shape: str = ""
    policy: ActivePolicy | None = None
    bound: BoundQuery | None = None
    decision: Decision | None = None
    text: str = ""
    """What `sql_hmac` commits to."""
    key_epoch: int | None = None
    """Of the allowed purpose's project: chosen once, before the access entry."""
    approved: ApprovedCase | None = None
    """Of a re-identification: its project and epoch are the keys', whatever the purpose's."""

    @property
    def actor(self) -> Actor:
        """Who asks, as entries name him."""
        return Actor(
            principal=self.principal.id,
            environment=self.principal.environment,
            roles=tuple(sorted(self.principal.roles)),
            door=self.request.door,
        )

    @property
    def allowed(self) -> Decision:
        """The decision, which MUST be there and allow."""
        if self.decision is None or not self.decision.allowed:
            raise AssertionError("nothing goes on without an allowing decision")
        return self.decision

    @property
    def purpose(self) -> Purpose:
        """An allowed decision's purpose."""
        if self.allowed.purpose is None:
            raise AssertionError("an allowed decision has its purpose")
        return self.allowed.purpose

    @property
    def key(self) -> KeyEpoch:
        """The epoch that all of this access is under; it MUST have been chosen."""
        if self.key_epoch is None:
            raise AssertionError("no key is used before its epoch is chosen")
        return KeyEpoch(self.approved.project if self.approved else self.purpose.project, self.key_epoch)

    @property
    def purpose_asked(self) -> str:
        """The asker's word, not trusted; of a re-identification the approved one."""
        return self.approved.purpose if self.approved else self.request.purpose

    @property
    def binding(self) -> Binding:
        """Whose sandbox child may run this."""
        decision = self.allowed
        return Binding(
            principal=self.principal.id,
            purpose=self.purpose.name,
            grants=tuple(sorted(dataset.grant for dataset in decision.datasets.values()))
            + ((self.approved.proposal,) if self.approved else ()),  # no child of this is anybody's afterwards
            digest=decision.digest,
            key_epoch=self.key.number,
        )

    def told(self, error: GatewayError) -> GatewayError:
        """The error; where it leaves a spent case behind, it says so."""
        if self.approved is not None and self.key_epoch is not None:
            error.fix = "this case is spent: propose a new one"
        return error

    def access(self, *, instance: str) -> AccessEntry:
        """Durable before the first raw byte is read."""
        decision = self.allowed
        return AccessEntry(
            receipt=self.receipt.id,
            time=self.now,
            actor=self.actor,
            purpose=self.purpose.name,
            project=self.key.project,
            columns=accesses(decision),
            datasets=tuple(sorted({*decision.datasets, *(known.dataset for known in _known(decision))})),
            digest=decision.digest,
            dynamic_grants=decision.dynamic_grants,
            shape=self.shape,
            sql_hmac=hmac.digest(bytes.fromhex(self.receipt.nonce), self.text.encode(), "sha256").hex(),
            instance=instance,
            key_epoch=self.key.number,
            case=self.approved.name if self.approved else "",
        )

    def denial(self, error: GatewayError) -> DenialEntry:
        """Nothing was read, and why."""
        decision, uses = self.decision, self.bound.uses if self.bound else {}
        known = decision is not None and decision.purpose is not None
        return DenialEntry(
            receipt=self.receipt.id,
            time=self.now,
            actor=self.actor,
            purpose=self.purpose_asked if known else "",
            datasets=tuple(sorted(uses)),
            columns=tuple(
                ColumnAccess(dataset=dataset, column=column, level="", grant="")
                for dataset, columns in sorted(uses.items())
                for column in sorted(columns)
            ),
            code=error.code,
            reasons=error.reasons,
            shape=self.shape,
            digest=decision.digest if decision else "",
        )

    def explained(self, decision: Decision) -> EventEntry:
        """Somebody asked what would happen."""
        uses = self.bound.uses if self.bound else {}
        columns = [f"{dataset}.{column}" for dataset, needed in sorted(uses.items()) for column in sorted(needed)]
        return EventEntry(
            receipt=self.receipt.id,
            time=self.now,
            actor=self.actor,
            action="explain",
            detail={
                "datasets": " ".join(sorted(uses)),
                "columns": " ".join(columns),
                "purpose": decision.purpose.name if decision.purpose else "",
                "shape": self.shape,
                "allowed": int(decision.allowed),
            },
        )


def accesses(decision: Decision) -> tuple[ColumnAccess, ...]:
    """Every source column that a decision lets be read, and those that its free texts are about, under their level."""
    read = [
        ColumnAccess(dataset=name, column=column.column, level=column.level.value, grant=dataset.grant)
        for name, dataset in sorted(decision.datasets.items())
        for column in dataset.columns.values()
    ]
    beside = [
        ColumnAccess(dataset=known.dataset, column=known.column, level=Level.PSEUDONYMIZED.value, grant=dataset.grant)
        for _, dataset in sorted(decision.datasets.items())
        for column in dataset.columns.values()
        for known in column.known
    ]
    seen = {(each.dataset, each.column) for each in read}
    return (*read, *(each for each in dict.fromkeys(beside) if (each.dataset, each.column) not in seen))


def _known(decision: Decision) -> Iterator[KnownColumn]:
    for dataset in decision.datasets.values():
        for column in dataset.columns.values():
            yield from column.known


def denied(decision: Decision) -> Denied:
    """The error of a decision that does not allow."""
    missing = decision.missing
    return Denied(
        missing.lacks if missing else "no grant covers this query",
        code="grant",
        reasons=decision.reasons,
        fix=missing.request if missing else "",
    )
