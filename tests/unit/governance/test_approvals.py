"""What was approved is done once, by what was seen: expiry, crashes, tampering, grants."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from gateway.errors import Integrity
from gateway.terms.document import PolicyFiles
from tests import bank
from tests.house import open_house
from tests.unit.governance.people import LOANS, PURPOSE, SELF, People, changed_files, code_of
from tests.unit.http.door import entries

# Expiry, crashes, tampering


def test_an_expired_proposal_is_not_decided(people: People) -> None:
    principal = people.house.principal(people.ana.bearer)
    document = people.asked().proposal.document
    late = people.desks.approvals.propose(principal, "access", document, datetime.timedelta(microseconds=1))
    assert code_of(people.desks.approvals.approve, people.olga, late.id, digest=late.digest) == "denied.closed"
    assert people.desks.approvals.shown(people.ana, late.id).state == "expired"


def test_what_was_approved_before_a_crash_is_done_at_start(lone: People) -> None:
    made = lone.asked()
    lone.decided_but_not_done(made)
    assert not lone.allowed(lone.ana)
    assert lone.desks.approvals.settle(SELF) == 1
    assert lone.allowed(lone.ana)
    assert lone.desks.approvals.settle(SELF) == 0
    (added,) = entries(lone.house, action="grant-add")
    assert added.payload["actor"]["principal"] == "gateway"


def test_a_gateway_that_starts_repairs(tmp_path: Path) -> None:
    source = bank.write(bank.first_world(customers=16), tmp_path / "core.db")
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with open_house(tmp_path / "first", bank=source) as house:
        before = People(house)
        before.decided_but_not_done(before.asked())
        token, settings = before.ana.bearer, house.settings
    with open_house(tmp_path / "second", bank=source, twin_of=settings) as house:
        assert house.explain(token, LOANS, purpose=PURPOSE).decision.allowed


def test_a_revoked_grant_is_not_settled_back(lone: People) -> None:
    done = lone.granted()
    lone.desks.access.revoke(lone.ana, f"g-{done.proposal.id[2:]}")
    assert lone.desks.approvals.settle(SELF) == 0
    assert not lone.allowed(lone.ana)


def test_an_act_that_makes_no_sense_any_more_is_closed_and_logged(lone: People) -> None:
    made = lone.asked()
    files = changed_files(PURPOSE, "data-study", file="purposes.yaml")
    files = {path: text.replace(PURPOSE, "data-study") for path, text in files.items()}
    control = lone.house.gateway.control
    control.bundles.activate(PolicyFiles(files), by="test", now=lone.house.now())
    told = lone.desks.approvals.shown(lone.olga, made.proposal.id)
    assert told.review == {"obstacle": "unknown purpose"}
    approve = lone.desks.approvals.approve
    assert code_of(approve, lone.olga, made.proposal.id, digest=made.proposal.digest) == "invalid.request"
    assert lone.desks.approvals.shown(lone.olga, made.proposal.id).state == "open"
    lone.decided_but_not_done(made)
    assert lone.desks.approvals.settle(SELF) == 0
    (failed,) = entries(lone.house, action="proposal-fail")
    assert failed.payload["detail"]["code"] == "invalid.request"
    assert lone.desks.approvals.shown(lone.ana, made.proposal.id).state == "failed"
    assert lone.desks.approvals.settle(SELF) == 0
    assert len(entries(lone.house, action="proposal-fail")) == 1


def test_a_proposal_that_was_changed_in_the_database_is_not_done(lone: People) -> None:
    made, other = lone.asked(), lone.asked()
    lone.decided_but_not_done(made)
    with lone.house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE proposal SET document = replace(document, 'pseudonymized', 'full')")
    assert lone.desks.approvals.settle(SELF) == 0
    assert not lone.allowed(lone.ana)
    with pytest.raises(Integrity):
        lone.desks.approvals.approve(lone.olga, other.proposal.id, digest=other.proposal.digest)


# Grants


def test_grants_are_listed_with_their_end_and_proposal(lone: People) -> None:
    done = lone.granted()
    mine = {view.grant.id: view for view in lone.desks.access.grants(lone.ana)}
    assert "credit-risk-dev" in mine
    assert "data-science-groups-dev" in mine  # inherited
    assert not {"fraud-models-dev", "intern-customers-dev"} & mine.keys()
    added = mine[f"g-{done.proposal.id[2:]}"]
    assert added.proposal == done.proposal.id
    assert added.grant.expires is not None
    assert mine["credit-risk-dev"].proposal is None


def test_all_grants_are_for_approvers(people: People) -> None:
    assert code_of(people.desks.access.grants, people.ana, everything=True) == "denied.capability"
    assert "fraud-cases-prod" in {view.grant.id for view in people.desks.access.grants(people.olga, everything=True)}


def test_a_hidden_dataset_is_not_listed_in_a_grant(lone: People) -> None:
    """One that a deny takes from the role, and that is not discoverable, looks like none, in its grant too."""
    analyst = lone.make("fay", "fraud-analyst")
    (view,) = lone.desks.access.grants(analyst)
    assert "core.call_notes" in view.datasets
    denied = "effect: deny, role: fraud-analyst, environment: dev, datasets: [core.call_notes], purposes: ['*']"
    files = changed_files("# Reporting:", f"- {{id: no-notes, {denied}}}\n# Reporting:")
    made = lone.desks.policies.propose(lone.alma, files)
    lone.desks.approvals.approve(lone.arno, made.proposal.id, digest=made.proposal.digest)
    (view,) = lone.desks.access.grants(analyst)
    assert "core.customers" in view.datasets
    assert "core.call_notes" not in view.datasets


@pytest.mark.parametrize("who", ["ana", "olga"])
def test_a_grant_is_revoked_by_its_proposer_or_an_approver(lone: People, who: str) -> None:
    grant = f"g-{lone.granted().proposal.id[2:]}"
    assert lone.allowed(lone.bob)  # the role has it
    assert code_of(lone.desks.access.revoke, lone.bob, grant) == "denied.grant"
    lone.desks.access.revoke(getattr(lone, who), grant)
    assert not lone.allowed(lone.ana)
    assert code_of(lone.desks.access.revoke, lone.olga, grant) == "denied.grant"


def test_a_reviewed_grant_is_not_revoked_here(people: People) -> None:
    assert code_of(people.desks.access.revoke, people.olga, "credit-risk-dev") == "denied.grant"
