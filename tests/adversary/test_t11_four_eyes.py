"""T11: four eyes are two people. Not two tokens of one, not one host's tokens in prod, not a digest nobody read."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import Denied, GatewayError
from gateway.governance import (
    AccessRequest,
    ApprovalDesks,
    CaseLimits,
    KeyStock,
    ProposalView,
    TokenDesk,
    open_approval_desks,
    read_policies,
)
from gateway.identity import ApiTokens, Gate
from gateway.store import Destructions
from gateway.terms.audit import Actor
from gateway.terms.identity import Credentials, JobTicket, Principal
from tests import bank
from tests.house import POLICIES, House, open_house
from tests.unit.http.door import entries

IDP = "https://idp.bank.example"
HOST = Actor(principal="operator:test", environment="dev", roles=(), door="host")
WANTED = AccessRequest(datasets=("core.loans",), purposes=("data-quality",), level="pseudonymized")


class IdentityProvider:
    """Vouches for a few of the gateway's tokens as a named issuer would; for all others the host does."""

    def __init__(self, tokens: ApiTokens) -> None:
        self._tokens = tokens
        self.known: set[str] = set()

    def authenticate(self, credentials: Credentials | JobTicket, *, now: datetime.datetime) -> Principal:
        assert isinstance(credentials, Credentials)
        principal = self._tokens.authenticate(credentials, now=now)
        return dataclasses.replace(principal, issuer=IDP) if principal.id in self.known else principal


class Bank:
    """A house whose desks accept an identity provider too."""

    def __init__(self, house: House, *, environment: str) -> None:
        self.house = house
        control = house.gateway.control
        self.provider = IdentityProvider(ApiTokens(control.tokens))
        gate = Gate(authenticator=self.provider, admission=control.admission)
        self.released: list[str] = []
        self.desks: ApprovalDesks = open_approval_desks(
            dataclasses.replace(control.desk, gate=gate),
            proposals=control.proposals,
            grants=control.grants,
            bundles=control.bundles,
            keys=KeyStock(
                keys=control.open_keys(),
                destructions=Destructions(control.engine),
                versions=control.versions,
                log=control.log_store,
            ),
            cases=CaseLimits(values=10, cases_per_day=10),
            environment=environment,
            on_approved=lambda proposal: self.released.append(proposal.id),
        )

    def person(self, name: str, role: str, *, environment: str = "dev", by_provider: bool = False) -> Credentials:
        control = self.house.gateway.control
        if by_provider:
            self.provider.known.add(name)
        _, text = TokenDesk(control.desk, tokens=control.tokens).create(
            HOST,
            principal=name,
            roles=frozenset({role}),
            environment=environment,
            lifetime=datetime.timedelta(hours=1),
        )
        return Credentials(bearer=text)

    def asked(self, *, environment: str = "dev", who: str = "ana") -> ProposalView:
        return self.desks.access.request(self.person(who, bank.ANA[0], environment=environment), WANTED)

    def refused(self, who: Credentials, view: ProposalView, *, approve: bool = True, digest: str = "") -> Denied:
        """The denial; it is logged with its receipt, and nothing was granted."""
        act = self.desks.approvals.approve if approve else self.desks.approvals.deny
        with pytest.raises(Denied) as raised:
            act(who, view.proposal.id, digest=digest or view.proposal.digest)
        (entry,) = entries(self.house, receipt=raised.value.receipt)
        assert (entry.kind, entry.payload["code"]) == ("denial", raised.value.code)
        assert self.house.gateway.control.grants.current(now=self.house.now()) == []
        assert self.house.gateway.control.proposals.is_open(view.proposal.id)
        return raised.value


@pytest.fixture(params=["dev"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bank]:
    source = bank.write(bank.first_world(customers=16), tmp_path / "core.db")
    with open_house(tmp_path, bank=source, requests_per_minute=100_000) as house:
        yield Bank(house, environment=request.param)


@pytest.mark.parametrize("approve", [True, False])
def test_t11_a_second_token_of_the_same_person_is_not_a_second_person(opened: Bank, *, approve: bool) -> None:
    view = opened.asked(who="olga")
    other = opened.person("olga", "data-owner")
    assert opened.refused(other, view, approve=approve).code == "denied.four_eyes"


def test_t11_the_same_person_through_another_issuer_is_not_a_second_person(opened: Bank) -> None:
    view = opened.asked(who="olga")
    assert view.proposal.proposer_issuer == "token"
    through = opened.person("olga", "data-owner", by_provider=True)
    assert opened.refused(through, view).code == "denied.four_eyes"


def test_t11_an_admin_alone_changes_no_policy(opened: Bank) -> None:
    files = read_policies(POLICIES).files
    files["grants.yaml"] += "# wider\n"
    alma = opened.person("alma", "admin")
    view = opened.desks.policies.propose(alma, files)
    for credentials in (alma, opened.person("alma", "admin")):
        assert opened.refused(credentials, view).code == "denied.four_eyes"
    assert opened.desks.policies.active(alma).digest == view.proposal.document["base"]


def test_t11_who_lacks_the_capability_decides_nothing(opened: Bank) -> None:
    view = opened.asked()
    for role in ("intern", "auditor", "fraud-analyst", "credit-risk-scientist"):
        stranger = opened.person(f"some-{role}", role)
        assert opened.refused(stranger, view).code == "denied.proposal"


def test_t11_a_capability_is_good_for_its_own_kind(opened: Bank) -> None:
    files = read_policies(POLICIES).files
    files["grants.yaml"] += "# wider\n"
    view = opened.desks.policies.propose(opened.person("alma", "admin"), files)
    assert opened.refused(opened.person("olga", "data-owner"), view).code == "denied.proposal"


def test_t11_in_prod_a_token_of_the_host_approves_nothing(opened: Bank) -> None:
    view = opened.asked(environment="prod")
    minted = opened.person("olga", "data-owner", environment="prod")
    assert not opened.desks.approvals.shown(minted, view.proposal.id).may_decide
    assert opened.refused(minted, view).code == "denied.issuer"
    assert opened.refused(minted, view, approve=False).code == "denied.issuer"
    named = opened.person("otto", "data-owner", environment="prod", by_provider=True)
    done = opened.desks.approvals.approve(named, view.proposal.id, digest=view.proposal.digest)
    assert (done.state, done.caution, done.verdict and done.verdict.by_issuer) == ("approved", "", IDP)


def test_t11_a_dev_credential_does_not_reach_into_prod(opened: Bank) -> None:
    view = opened.asked(environment="prod")
    for by_provider, name in ((False, "olga"), (True, "otto")):
        from_dev = opened.person(name, "data-owner", by_provider=by_provider)
        assert opened.refused(from_dev, view).code == "denied.proposal"


@pytest.mark.parametrize("opened", ["prod"], indirect=True)
def test_t11_a_gateway_of_prod_takes_no_host_token_for_anything(opened: Bank) -> None:
    files = read_policies(POLICIES).files
    files["grants.yaml"] += "# wider\n"
    policy = opened.desks.policies.propose(opened.person("alma", "admin"), files)
    access = opened.asked()
    minted = opened.person("arno", "admin")
    for view in (policy, access):
        assert opened.refused(minted, view).code == "denied.issuer"


def test_t11_an_extract_waits_for_its_own_second_person(opened: Bank) -> None:
    ana = opened.person("ana", bank.ANA[0], environment="prod")
    principal = opened.provider.authenticate(ana, now=opened.house.now())
    stated = opened.desks.approvals.propose(
        principal, "extract", {"job": "j-1", "name": "loans", "sql": "SELECT 'ZQX'"}
    )
    view = opened.desks.approvals.shown(ana, stated.id)
    assert opened.refused(ana, view).code == "denied.four_eyes"
    minted = opened.person("olga", "data-owner", environment="prod")
    assert opened.refused(minted, view).code == "denied.issuer"
    assert opened.released == []
    named = opened.person("otto", "data-owner", environment="prod", by_provider=True)
    opened.desks.approvals.approve(named, stated.id, digest=stated.digest)
    assert opened.released == [stated.id]
    assert "ZQX" not in str([found.payload for found in entries(opened.house)])


def test_t11_embedded_mode_says_what_its_approvals_are_worth(opened: Bank) -> None:
    view = opened.asked()
    minted = opened.person("olga", "data-owner")
    before = opened.desks.approvals.shown(minted, view.proposal.id)
    done = opened.desks.approvals.approve(minted, view.proposal.id, digest=view.proposal.digest)
    for told in (before, done):
        assert "token that this gateway's host made" in told.caution
    (entry,) = entries(opened.house, action="proposal-approve")
    assert entry.payload["detail"]["issuer"] == "token"


def test_t11_what_was_not_looked_at_is_not_approved(opened: Bank) -> None:
    view, other = opened.asked(), opened.asked()
    owner = opened.person("olga", "data-owner")
    assert view.proposal.digest != other.proposal.digest
    for digest in (other.proposal.digest, "0" * 64, view.proposal.digest.upper()):
        assert opened.refused(owner, view, digest=digest).code == "denied.digest"


@pytest.mark.parametrize(
    "change",
    [
        "document = replace(document, 'pseudonymized', 'full')",
        "document = replace(document, 'credit-risk-scientist', 'intern')",
        "proposer = 'somebody-else'",
        "expires = expires + 1",
        "kind = 'extract'",
    ],
)
def test_t11_a_digest_covers_everything_that_is_proposed(opened: Bank, change: str) -> None:
    view = opened.asked()
    owner = opened.person("olga", "data-owner")
    with opened.house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE proposal SET {change}")
    with pytest.raises(GatewayError) as raised:
        opened.desks.approvals.approve(owner, view.proposal.id, digest=view.proposal.digest)
    assert raised.value.code == "integrity.proposal"
    assert opened.house.gateway.control.grants.current(now=opened.house.now()) == []


def test_t11_of_two_verdicts_at_once_one_counts_and_is_acted_on_once(opened: Bank) -> None:
    view = opened.asked()
    owners = [opened.person(f"owner-{number}", "data-owner") for number in range(4)]
    together = threading.Barrier(len(owners))

    def decide(number: int) -> str:
        approvals = opened.desks.approvals
        act = approvals.approve if number % 2 else approvals.deny
        together.wait()
        try:
            return act(owners[number], view.proposal.id, digest=view.proposal.digest).state
        except Denied as error:
            return error.code

    with ThreadPoolExecutor(len(owners)) as pool:
        said = list(pool.map(decide, range(len(owners))))
    (won,) = [state for state in said if state in {"approved", "denied"}]
    assert all(state in {"denied.decided", "denied.closed"} for state in said if state != won)
    grants = opened.house.gateway.control.grants.current(now=opened.house.now())
    assert len(grants) == (won == "approved")
    assert len(entries(opened.house, action="grant-add")) == len(grants)
