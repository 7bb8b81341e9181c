"""Proposals, verdicts, acts: the same on both databases."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from gateway.errors import Denied, GatewayError, Integrity, Invalid
from gateway.store import Bundles, Grants, Proposals
from gateway.terms.document import PolicyFiles
from gateway.terms.policy import Grant, Level, RuleRef
from gateway.terms.proposal import Proposal, Verdict

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
OLD, NEW, OTHER = (PolicyFiles({"roles.yaml": f"# {name}\n{{}}"}) for name in ("old", "new", "other"))


def proposal(proposal_id: str = "p-1", **changes: object) -> Proposal:
    fields: dict = {
        "id": proposal_id,
        "kind": "access",
        "document": {"level": "full", "days": 30, "reason": "ümläut \u2028", "nested": {"list": [1, None, True, 1.5]}},
        "digest": "d" * 64,
        "proposer": "ana",
        "proposer_issuer": "token",
        "environment": "dev",
        "created": NOW,
        "expires": NOW + DAY,
    }
    return Proposal(**{**fields, **changes})


def verdict(proposal_id: str = "p-1", **changes: object) -> Verdict:
    fields: dict = {
        "proposal": proposal_id,
        "approved": True,
        "by": "otto",
        "by_issuer": "token",
        "digest": "d" * 64,
        "at": NOW,
        "note": "fine",
    }
    return Verdict(**{**fields, **changes})


def grant(grant_id: str = "g-1", **changes: object) -> Grant:
    fields: dict = {
        "id": grant_id,
        "effect": "allow",
        "role": "intern",
        "environment": "dev",
        "datasets": frozenset({"core.loans"}),
        "purposes": frozenset({"churn-model"}),
        "level": Level.FULL,
        "columns": {},
        "denied_columns": frozenset(),
        "at_most": None,
        "rows": None,
        "rows_follow": frozenset(),
        "expires": NOW + DAY,
        "rule": RuleRef(file="approved-requests", line=1, id=grant_id),
        "dynamic": True,
    }
    return Grant(**{**fields, **changes})


@pytest.fixture
def proposals(engine: sa.Engine) -> Proposals:
    return Proposals(engine)


def approved(proposals: Proposals, proposal_id: str = "p-1", **changes: object) -> None:
    proposals.add(proposal(proposal_id, **changes))
    proposals.decide(verdict(proposal_id))


def test_what_is_stored_is_found_as_it_was(proposals: Proposals) -> None:
    assert proposals.find("p-1") is None
    proposals.add(proposal())
    assert proposals.find("p-1") == (proposal(), None)
    proposals.decide(verdict())
    assert proposals.find("p-1") == (proposal(), verdict())


def test_an_id_is_taken_once(proposals: Proposals) -> None:
    proposals.add(proposal())
    with pytest.raises(Integrity):
        proposals.add(proposal(proposer="eve"))


def test_they_are_listed_oldest_first_by_kind_and_proposer(proposals: Proposals) -> None:
    proposals.add(proposal("p-2", created=NOW + DAY / 2, kind="policy"))
    proposals.add(proposal("p-1", proposer="bob"))
    assert [known.id for known, _ in proposals.listed()] == ["p-1", "p-2"]
    assert [known.id for known, _ in proposals.listed(kind="policy")] == ["p-2"]
    assert [known.id for known, _ in proposals.listed(proposer="bob")] == ["p-1"]
    assert proposals.listed(kind="extract") == []


def test_undecided_are_those_that_a_verdict_would_count_for(proposals: Proposals) -> None:
    proposals.add(proposal("p-open"))
    proposals.add(proposal("p-late", expires=NOW - DAY))
    approved(proposals, "p-done")
    assert [known.id for known, _ in proposals.undecided()] == ["p-open"]
    assert [proposals.is_open(name) for name in ("p-open", "p-late", "p-done", "p-none")] == [True, False, False, False]


def test_expiry_is_by_the_databases_clock_whatever_the_verdict_says(proposals: Proposals) -> None:
    proposals.add(proposal(expires=NOW - datetime.timedelta(seconds=1), created=NOW - DAY))
    with pytest.raises(Denied) as refused:
        proposals.decide(verdict(at=NOW - DAY / 2))
    assert refused.value.code == "denied.expired"
    assert proposals.find("p-1") == (proposal(expires=NOW - datetime.timedelta(seconds=1), created=NOW - DAY), None)


def test_there_is_one_verdict(proposals: Proposals) -> None:
    proposals.add(proposal())
    proposals.decide(verdict(approved=False))
    with pytest.raises(Denied) as refused:
        proposals.decide(verdict(by="olga"))
    assert refused.value.code == "denied.decided"
    assert not proposals.is_approved("p-1")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"proposal": "p-none"}, "denied.proposal"),
        ({"by": "ana", "by_issuer": "https://idp.bank.example"}, "denied.four_eyes"),
        ({"digest": "e" * 64}, "denied.digest"),
    ],
)
def test_a_verdict_that_does_not_fit_is_not_stored(proposals: Proposals, changes: dict, code: str) -> None:
    proposals.add(proposal())
    with pytest.raises(Denied) as refused:
        proposals.decide(verdict(**changes))
    assert refused.value.code == code
    assert proposals.is_open("p-1")


def test_of_two_verdicts_at_once_one_wins(proposals: Proposals) -> None:
    proposals.add(proposal())
    together = threading.Barrier(4)

    def say(name: str) -> str:
        together.wait()
        try:
            proposals.decide(verdict(by=name, approved=name < "c"))
        except GatewayError as error:
            return error.code
        return name

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(say, "abcd"))
    assert sorted(said)[1:] == ["denied.decided"] * 3
    found = proposals.find("p-1")
    assert found is not None
    assert found[1] is not None
    assert found[1].by == min(said)


def test_approval_ends_with_the_proposal(proposals: Proposals) -> None:
    approved(proposals)
    assert proposals.is_approved("p-1")
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=300)
    approved(proposals, "p-2", expires=soon)
    assert proposals.is_approved("p-2")
    threading.Event().wait(0.4)
    assert not proposals.is_approved("p-2")


# Acts


def test_a_grant_is_added_once(proposals: Proposals, engine: sa.Engine) -> None:
    approved(proposals)
    assert proposals.acted("p-1") is None
    assert proposals.grant("p-1", grant(), by="otto", now=NOW)
    assert not proposals.grant("p-1", grant(), by="otto", now=NOW)
    assert proposals.acted("p-1") == "done"
    assert [held.id for held in Grants(engine).current(now=NOW)] == ["g-1"]


def test_a_revoked_grant_is_not_added_again(proposals: Proposals, engine: sa.Engine) -> None:
    approved(proposals)
    proposals.grant("p-1", grant(), by="otto", now=NOW)
    Grants(engine).revoke("g-1", by="otto", now=NOW)
    assert not proposals.grant("p-1", grant(), by="otto", now=NOW)
    assert Grants(engine).current(now=NOW) == []


def test_what_nobody_approved_is_not_done(proposals: Proposals, engine: sa.Engine) -> None:
    proposals.add(proposal("p-open"))
    proposals.add(proposal("p-denied"))
    proposals.decide(verdict("p-denied", approved=False))
    for name in ("p-open", "p-denied", "p-none"):
        with pytest.raises(Denied):
            proposals.grant(name, grant(), by="otto", now=NOW)
        with pytest.raises(Denied):
            proposals.activate(name, NEW, base="", by="otto", now=NOW)
    assert Grants(engine).current(now=NOW) == []
    assert Bundles(engine).active_digest() == ""


def test_an_act_that_fails_leaves_no_trace(proposals: Proposals, engine: sa.Engine) -> None:
    approved(proposals)
    with pytest.raises(Invalid):
        proposals.grant("p-1", grant(expires=NOW - DAY), by="otto", now=NOW)
    assert proposals.acted("p-1") is None
    assert proposals.grant("p-1", grant(), by="otto", now=NOW)


def test_a_bundle_is_activated_on_the_one_that_it_was_compared_with(proposals: Proposals, engine: sa.Engine) -> None:
    bundles = Bundles(engine)
    bundles.activate(OLD, by="init", now=NOW)
    approved(proposals, "p-1")
    approved(proposals, "p-2")
    assert proposals.activate("p-1", NEW, base=OLD.digest, by="otto", now=NOW) == "done"
    assert proposals.activate("p-2", OTHER, base=OLD.digest, by="otto", now=NOW) == "stale"
    assert bundles.active_digest() == NEW.digest


def test_an_old_activation_is_not_repeated_when_its_base_is_back(proposals: Proposals, engine: sa.Engine) -> None:
    bundles = Bundles(engine)
    bundles.activate(OLD, by="init", now=NOW)
    approved(proposals, "p-1")
    proposals.activate("p-1", NEW, base=OLD.digest, by="otto", now=NOW)
    bundles.activate(OLD, by="somebody", now=NOW)
    assert proposals.activate("p-1", NEW, base=OLD.digest, by="otto", now=NOW) == "done"
    assert bundles.active_digest() == OLD.digest


def test_acts_at_once_are_one_act(proposals: Proposals, engine: sa.Engine) -> None:
    approved(proposals)
    together = threading.Barrier(4)

    def add(_: int) -> bool:
        together.wait()
        return proposals.grant("p-1", grant(), by="otto", now=NOW)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(4))) == [False, False, False, True]


def test_unsettled_are_decided_ones_without_an_act(proposals: Proposals) -> None:
    proposals.add(proposal("p-open"))
    approved(proposals, "p-yes")
    approved(proposals, "p-done")
    proposals.close("p-done", outcome="done", now=NOW)
    for name, kind in (("p-no", "access"), ("p-job", "extract")):
        proposals.add(proposal(name, kind=kind))
        proposals.decide(verdict(name, approved=False, at=NOW + DAY))
    assert [known.id for known, _ in proposals.unsettled()] == ["p-yes", "p-job"]


def test_outcomes_are_told_by_id(proposals: Proposals) -> None:
    for name in ("p-1", "p-2", "p-3", "p-4"):
        approved(proposals, name)
    proposals.close("p-1", outcome="done", now=NOW)
    proposals.close("p-2", outcome="stale", now=NOW)
    proposals.close("p-4", outcome="failed", now=NOW)
    assert proposals.outcomes(["p-1", "p-2", "p-3"]) == {"p-1": "done", "p-2": "stale"}
    assert proposals.outcomes([]) == {}


def test_an_outcome_stays(proposals: Proposals) -> None:
    approved(proposals)
    proposals.close("p-1", outcome="failed", now=NOW)
    proposals.close("p-1", outcome="done", now=NOW)
    assert proposals.acted("p-1") == "failed"
    assert proposals.activate("p-1", NEW, base="", by="otto", now=NOW) == "failed"


def test_a_proposal_shows_nothing_of_its_document_by_accident() -> None:
    told = repr(dataclasses.replace(proposal(), document={"sql": "SELECT 'ZQX'"}))
    assert "ZQX" not in told
