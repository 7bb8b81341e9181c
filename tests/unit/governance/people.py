"""Somebody at each of a house's desks."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.governance import AccessRequest, ApprovalDesks, ProposalView, TokenDesk, read_policies
from gateway.terms.audit import Actor
from gateway.terms.identity import Credentials
from gateway.terms.proposal import Verdict
from tests import bank
from tests.house import POLICIES, House, open_house

SELF = Actor(principal="gateway", environment="", roles=(), door="host")
PURPOSE = "data-quality"
"""Nothing is granted to Ana's roles for it."""
WANTED = AccessRequest(
    datasets=("core.loans",), purposes=(PURPOSE,), level="pseudonymized", reason="default rates per segment"
)
LOANS = "SELECT amount FROM core.loans"


class People:
    """Desks, and somebody at each of them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ana = self.make("ana", bank.ANA[0])
        self.bob = self.make("bob", bank.ANA[0])
        self.olga = self.make("olga", "data-owner")
        self.otto = self.make("otto", "data-owner")
        self.alma = self.make("alma", "admin")
        self.arno = self.make("arno", "admin")

    def make(self, name: str, *roles: str, environment: str = "dev") -> Credentials:
        control = self.house.gateway.control
        _, text = TokenDesk(control.desk, tokens=control.tokens).create(
            SELF,
            principal=name,
            roles=frozenset(roles),
            environment=environment,
            lifetime=datetime.timedelta(hours=1),
        )
        return Credentials(bearer=text)

    @property
    def desks(self) -> ApprovalDesks:
        return self.house.gateway.approvals

    def asked(self, wanted: AccessRequest = WANTED) -> ProposalView:
        return self.desks.access.request(self.ana, wanted)

    def granted(self, wanted: AccessRequest = WANTED) -> ProposalView:
        made = self.asked(wanted)
        return self.desks.approvals.approve(self.olga, made.proposal.id, digest=made.proposal.digest)

    def allowed(self, who: Credentials, sql: str = LOANS, *, purpose: str = PURPOSE) -> bool:
        return self.house.explain(who.bearer, sql, purpose=purpose).decision.allowed

    def decided_but_not_done(self, view: ProposalView, *, approved: bool = True, digest: str = "") -> None:
        """What a crash between verdict and act leaves behind."""
        stated = view.proposal
        self.house.gateway.control.proposals.decide(
            Verdict(
                proposal=stated.id,
                approved=approved,
                by="olga",
                by_issuer="token",
                digest=digest or stated.digest,
                at=self.house.now(),
            )
        )


@contextlib.contextmanager
def open_people(root: Path) -> Iterator[People]:
    source = bank.write(bank.first_world(customers=16), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000) as house:
        yield People(house)


def code_of(act: object, *arguments: object, **more: object) -> str:
    """Of the error that the act ends in."""
    with pytest.raises(GatewayError) as refused:
        act(*arguments, **more)  # type: ignore[operator]
    return refused.value.code


def changed_files(old: str, new: str, *, file: str = "grants.yaml") -> dict[str, str]:
    """The reviewed policies, one of them changed."""
    files = read_policies(POLICIES).files
    assert old in files[file]
    return {**files, file: files[file].replace(old, new)}
