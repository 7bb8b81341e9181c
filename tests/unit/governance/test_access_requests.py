"""Requests for access: their way to a grant, what is refused at once, and who sees them."""

from __future__ import annotations

import datetime
import shlex

import pytest

from gateway.cli.requesting import request
from gateway.errors import Denied, Exhausted, Invalid, Unavailable
from gateway.governance import AccessRequest
from gateway.governance.approvals import MAX_OPEN
from gateway.terms.policy import Level
from tests.unit.governance.people import LOANS, PURPOSE, WANTED, People, code_of
from tests.unit.http.door import entries

# The way of a request


def test_an_approved_request_is_a_grant_at_once(lone: People) -> None:
    assert not lone.allowed(lone.ana)
    done = lone.granted()
    assert done.state == "approved"
    decision = lone.house.explain(lone.ana.bearer, LOANS, purpose=PURPOSE).decision
    assert decision.datasets["core.loans"].grant == f"g-{done.proposal.id[2:]}"
    assert decision.datasets["core.loans"].level is Level.PSEUDONYMIZED
    assert lone.house.ask(lone.ana.bearer, LOANS, purpose=PURPOSE)[1].receipt


def test_a_request_alone_grants_nothing(lone: People) -> None:
    made = lone.asked()
    assert not lone.allowed(lone.ana)
    lone.desks.approvals.deny(lone.olga, made.proposal.id, digest=made.proposal.digest, note="groups are enough")
    assert not lone.allowed(lone.ana)
    told = lone.desks.approvals.shown(lone.ana, made.proposal.id)
    assert (told.state, told.verdict and told.verdict.note) == ("denied", "groups are enough")
    assert code_of(lone.desks.approvals.approve, lone.otto, made.proposal.id, digest=made.proposal.digest) == (
        "denied.closed"
    )


def test_every_step_is_in_the_log_before_it_happens(lone: People) -> None:
    done = lone.granted()
    stated = done.proposal
    lone.desks.access.revoke(lone.olga, f"g-{stated.id[2:]}")
    events = [
        (found.payload["action"], found.payload["actor"]["principal"], found.payload["detail"])
        for found in entries(lone.house, kind="event")
        if found.payload["detail"].get("proposal") == stated.id
    ]
    assert [event[:2] for event in events] == [
        ("access-request", "ana"),
        ("proposal-approve", "olga"),
        ("grant-add", "olga"),
        ("grant-revoke", "olga"),
    ]
    assert all(detail["kind"] == "access" for *_, detail in events)
    assert {detail.get("digest") for *_, detail in events[:3]} == {stated.digest}


@pytest.mark.parametrize("step", ["request", "verdict", "revocation"])
def test_what_cannot_be_logged_does_not_happen(lone: People, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lone.granted() if step == "revocation" else lone.asked()
    stated, log = made.proposal, lone.house.gateway.control.log

    def broken(*_: object, **__: object) -> int:
        raise Unavailable("full", code="log")

    with monkeypatch.context() as patch:
        patch.setattr(log, "append", broken)
        with pytest.raises(Unavailable):
            if step == "request":
                lone.asked()
            elif step == "verdict":
                lone.desks.approvals.approve(lone.olga, stated.id, digest=stated.digest)
            else:
                lone.desks.access.revoke(lone.olga, f"g-{stated.id[2:]}")
    assert len(lone.house.gateway.control.proposals.listed()) == 1
    assert lone.allowed(lone.ana) == (step == "revocation")


def test_no_log_entry_holds_the_row_filter_or_the_reason(lone: People) -> None:
    wanted = AccessRequest(
        datasets=("core.customers",),
        purposes=(PURPOSE,),
        level="pseudonymized",
        rows={"dataset": "core.customers", "where": "region = 'ZQX'"},
        reason="because of ZQX",
    )
    done = lone.granted(wanted)
    assert "ZQX" in str(done.proposal.document)
    assert "ZQX" not in str([found.payload for found in entries(lone.house)])


def test_rows_and_followers_bind_as_in_grants_yaml(lone: People) -> None:
    lone.granted(
        AccessRequest(
            datasets=("core.customers", "core.loans"),
            purposes=(PURPOSE,),
            level="pseudonymized",
            columns={"income": "full"},
            rows={"dataset": "core.customers", "where": "region = 'DE'"},
            rows_follow=("core.loans",),
            days=7,
        )
    )
    sql = "SELECT DISTINCT region FROM core.customers"
    body, _ = lone.house.ask(lone.ana.bearer, sql, purpose=PURPOSE)
    assert b'"DE"' in body
    assert b'"FR"' not in body
    grant = lone.desks.access.grants(lone.ana)[-1].grant
    assert grant.expires is not None
    assert datetime.timedelta(days=6) < grant.expires - lone.house.now() <= datetime.timedelta(days=7)


# The command that a denial names


@pytest.mark.parametrize(
    ("roles", "sql", "purpose"),
    [
        (("credit-risk-scientist",), "SELECT amount FROM core.loans", PURPOSE),
        (("intern",), "SELECT email, region FROM core.customers", PURPOSE),
        (("intern",), "SELECT balance FROM core.accounts", "credit-default-model"),
        (("fraud-analyst", "intern"), "SELECT rate FROM core.loans", "fraud-detection"),
        (("data-scientist",), "SELECT reference FROM core.transactions", "fraud-detection"),
    ],
)
def test_a_denials_command_asks_for_what_answers(lone: People, roles: tuple[str, ...], sql: str, purpose: str) -> None:
    who = lone.make("hana", *roles)
    decision = lone.house.explain(who.bearer, sql, purpose=purpose).decision
    assert decision.missing is not None
    words = shlex.split(decision.missing.request)
    assert words[:2] == ["gateway", "request"]
    given = request.make_context("request", words[2:]).params
    made = lone.desks.access.request(
        who,
        AccessRequest(
            datasets=given["datasets"],
            purposes=given["purposes"],
            level=given["level"],
            role=given["role"],
            columns=dict(column.split("=") for column in given["columns"]),
        ),
    )
    lone.desks.approvals.approve(lone.olga, made.proposal.id, digest=made.proposal.digest)
    assert lone.allowed(who, sql, purpose=purpose)


def test_nothing_is_suggested_where_a_deny_stands(people: People) -> None:
    intern = people.make("ian", "intern")
    sql = "SELECT income FROM core.customers"
    decision = people.house.explain(intern.bearer, sql, purpose="credit-default-model").decision
    assert decision.missing is not None
    assert decision.missing.request == ""


# Wrong requests


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"role": "admin"}, "invalid.role", "your own roles"),
        ({"role": "data-owner"}, "invalid.role", "your own roles"),
        ({"level": "everything"}, "invalid.level", "level"),
        ({"purposes": ("no-such",)}, "invalid.request", "unknown purpose"),
        ({"purposes": ("*",)}, "invalid.request", "reviewed files"),
        ({"columns": {"nothing": "full"}}, "invalid.request", "'nothing'"),
        ({"columns": {"amount": "more"}}, "invalid.request", "unknown level"),
        ({"level": "aggregated", "columns": {"amount": "full"}}, "invalid.request", "second grant"),
        ({"rows": {"dataset": "core.loans", "where": "amount >"}}, "invalid.request", "[a-z]"),
        ({"rows": {"dataset": "core.loans", "where": "nothing = 1"}}, "invalid.request", "unknown column"),
        ({"rows": {"dataset": "core.customers", "where": "region = 'DE'"}}, "invalid.request", "not among"),
        ({"rows_follow": ("core.customers",)}, "invalid.request", "nothing to follow"),
        ({"days": 0}, "invalid.days", "1..90"),
        ({"days": 91}, "invalid.days", "1..90"),
        ({"reason": "x" * 1001}, "invalid.text", "1000"),
        ({"reason": "two\nlines"}, "invalid.text", "one line"),
        ({"reason": "\x1b[2J"}, "invalid.text", "printable"),
        ({"datasets": ()}, "invalid.request", "at least one"),
        ({"datasets": ("core.loans",) * 65}, "invalid.request", "64"),
    ],
)
def test_a_wrong_request_is_refused_at_once(people: People, changes: dict, code: str, says: str) -> None:
    before = len(people.house.gateway.control.proposals.listed())
    fields = {"datasets": ("core.loans",), "purposes": (PURPOSE,), "level": "full"}
    with pytest.raises(Invalid, match=says) as refused:
        people.asked(AccessRequest(**{**fields, **changes}))
    assert refused.value.code == code
    assert len(people.house.gateway.control.proposals.listed()) == before


def test_one_of_several_roles_must_be_named(people: People) -> None:
    both = people.make("rob", "intern", "fraud-analyst")
    assert code_of(people.desks.access.request, both, WANTED) == "invalid.role"
    made = people.desks.access.request(
        both, AccessRequest(datasets=("core.loans",), purposes=(PURPOSE,), level="full", role="intern")
    )
    assert made.proposal.document["role"] == "intern"


def test_a_hidden_dataset_is_asked_for_like_an_unknown_one(people: People) -> None:
    told = []
    for name in ("core.call_notes", "core.nothing"):
        with pytest.raises(Invalid) as refused:
            people.asked(AccessRequest(datasets=(name,), purposes=(PURPOSE,), level="full"))
        told.append((refused.value.code, refused.value.message, refused.value.fix, refused.value.reasons))
    assert told[0] == told[1]


@pytest.mark.parametrize("key", ["rows", "rows_follow"])
def test_no_message_lists_a_hidden_dataset(people: People, key: str) -> None:
    value: object = {"dataset": "core.nothing", "where": "a = 1"} if key == "rows" else ("core.nothing",)
    with pytest.raises(Invalid) as refused:
        people.asked(AccessRequest(datasets=("core.loans",), purposes=(PURPOSE,), level="full", **{key: value}))
    assert "call_notes" not in str((refused.value.message, refused.value.reasons, refused.value.fix))


def test_open_proposals_of_one_person_are_bounded(lone: People) -> None:
    for _ in range(MAX_OPEN):
        lone.asked()
    with pytest.raises(Exhausted):
        lone.asked()
    assert lone.desks.access.request(lone.bob, WANTED).state == "open"


# Who sees what


def test_proposals_are_seen_by_their_maker_and_by_who_may_decide(lone: People) -> None:
    made = lone.asked()
    prod = lone.make("owner-in-prod", "data-owner", environment="prod")
    seen = {
        name: [view.proposal.id for view in lone.desks.approvals.listed(who)]
        for name, who in {"ana": lone.ana, "bob": lone.bob, "olga": lone.olga, "prod": prod}.items()
    }
    assert seen == {"ana": [made.proposal.id], "bob": [], "olga": [made.proposal.id], "prod": []}
    told = []
    for who, wanted in ((lone.bob, made.proposal.id), (prod, made.proposal.id), (lone.ana, "p-0000000000000000")):
        with pytest.raises(Denied) as refused:
            lone.desks.approvals.shown(who, wanted)
        told.append((refused.value.code, refused.value.message, refused.value.fix))
    assert len(set(told)) == 1


def test_may_decide_is_said_before_trying(people: People) -> None:
    made = people.asked()
    assert not made.may_decide
    for_olga = people.desks.approvals.shown(people.olga, made.proposal.id)
    assert for_olga.may_decide
    assert for_olga.review["holders"] == "everybody with role credit-risk-scientist in dev"


def test_an_approver_learns_what_the_role_could_join(people: People) -> None:
    wide = AccessRequest(datasets=("core.loans",), purposes=("credit-default-model",), level="full")
    warnings = people.asked(wide).review["warnings"]
    assert any("customer_id" in warning or "domain customer" in warning for warning in warnings)
    assert people.asked().review["warnings"] == []


def test_decided_ones_are_listed_on_demand(lone: People) -> None:
    done = lone.granted()
    assert lone.desks.approvals.listed(lone.ana) == []
    (listed,) = lone.desks.approvals.listed(lone.ana, everything=True)
    assert (listed.proposal.id, listed.state) == (done.proposal.id, "approved")
