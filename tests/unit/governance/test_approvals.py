"""Requests, verdicts, acts and revocations at their desks, over a whole house."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.requesting import request
from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Invalid, Unavailable
from gateway.governance import AccessRequest, read_policies
from gateway.governance.approvals import MAX_OPEN
from gateway.terms.document import PolicyFiles
from gateway.terms.policy import Level
from tests import bank
from tests.house import POLICIES, open_house
from tests.unit.governance.people import LOANS, PURPOSE, SELF, WANTED, People
from tests.unit.http.door import entries


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    root = tmp_path_factory.mktemp("approvals")
    source = bank.write(bank.first_world(customers=16), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000) as house:
        yield People(house)


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[People]:
    """For tests that change the policy, or leave grants."""
    source = bank.write(bank.first_world(customers=16), tmp_path / "core.db")
    with open_house(tmp_path, bank=source, requests_per_minute=100_000) as house:
        yield People(house)


def code_of(act: object, *arguments: object, **more: object) -> str:
    with pytest.raises(GatewayError) as refused:
        act(*arguments, **more)  # type: ignore[operator]
    return refused.value.code


def changed_files(old: str, new: str, *, file: str = "grants.yaml") -> dict[str, str]:
    files = read_policies(POLICIES).files
    assert old in files[file]
    return {**files, file: files[file].replace(old, new)}


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


def test_a_hidden_dataset_is_not_listed_in_a_grant(people: People) -> None:
    analyst = people.make("fay", "fraud-analyst")
    assert all("core.call_notes" not in view.datasets for view in people.desks.access.grants(analyst))


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


# Policies


def test_a_second_person_activates_a_bundle(lone: People) -> None:
    files = changed_files(
        "role: intern, environment: dev, datasets: [core.customers]",
        "role: intern, environment: dev, datasets: [core.customers, core.loans]",
    )
    files["grants.yaml"] = files["grants.yaml"].replace(
        "rows: {dataset: core.customers, where: \"region = 'DE'\"}, expires",
        "rows: {dataset: core.customers, where: \"region = 'DE'\"}, rows_follow: [core.loans], expires",
    )
    files["grants.yaml"] = files["grants.yaml"].replace(
        "effect: deny, role: intern, environment: dev, datasets: [core.customers, core.loans]",
        "effect: deny, role: intern, environment: dev, datasets: [core.customers]",
    )
    intern = lone.make("ian", "intern")
    made = lone.desks.policies.propose(lone.alma, files, reason="loans for interns")
    assert not lone.allowed(intern, purpose="credit-default-model")
    assert code_of(lone.desks.approvals.approve, lone.alma, made.proposal.id, digest=made.proposal.digest) == (
        "denied.four_eyes"
    )
    diff = lone.desks.policies.diff_of(lone.arno, made.proposal.id)
    assert [change.path for change in diff.files] == ["grants.yaml"]
    gains = {(c.role, c.dataset, c.column, c.before, c.after) for c in diff.levels}
    assert ("intern", "core.loans", "amount", "aggregated", "pseudonymized") in gains
    assert {c.role for c in diff.levels} == {"intern"}
    lone.desks.approvals.approve(lone.arno, made.proposal.id, digest=made.proposal.digest)
    assert lone.allowed(intern, purpose="credit-default-model")
    active = lone.desks.policies.active(lone.alma)
    assert (active.digest, "grants.yaml" in active.files) == (made.proposal.document["bundle"], True)
    activated = entries(lone.house, action="policy-activate")[-1].payload["detail"]
    assert (activated["digest"], activated["proposal"]) == (active.digest, made.proposal.id)


def test_a_bundle_that_was_compared_with_another_is_not_activated(lone: People) -> None:
    first, second = (
        lone.desks.policies.propose(lone.alma, changed_files("# Credit risk", f"# {text}")) for text in ("one", "two")
    )
    lone.desks.approvals.approve(lone.arno, first.proposal.id, digest=first.proposal.digest)
    approve = lone.desks.approvals.approve
    assert code_of(approve, lone.arno, second.proposal.id, digest=second.proposal.digest) == "denied.stale"
    lone.decided_but_not_done(second)
    assert lone.desks.approvals.settle(SELF) == 0
    assert lone.desks.policies.active(lone.alma).digest == first.proposal.document["bundle"]
    assert entries(lone.house, action="policy-activate")[-1].payload["detail"]["proposal"] == first.proposal.id
    assert entries(lone.house, action="proposal-fail")[-1].payload["detail"]["code"] == "denied.stale"
    known = lone.desks.approvals.listed(lone.arno, everything=True)
    assert {view.proposal.id: view.state for view in known} == {
        first.proposal.id: "approved",
        second.proposal.id: "stale",
    }


def test_an_approved_bundle_is_activated_after_a_crash(lone: People) -> None:
    made = lone.desks.policies.propose(lone.alma, changed_files("# Credit risk", "# one"))
    lone.decided_but_not_done(made)
    assert lone.desks.approvals.settle(SELF) == 1
    assert lone.desks.policies.active(lone.alma).digest == made.proposal.document["bundle"]


def test_a_bundle_that_does_not_load_names_file_and_line(people: People) -> None:
    files = changed_files("level: pseudonymized", "level: everything")
    for act in (people.desks.policies.propose, people.desks.policies.diff):
        with pytest.raises(Invalid) as refused:
            act(people.alma, files)
        assert refused.value.reasons[0].startswith("grants.yaml:5: unknown level")


def test_a_bundle_that_fails_its_own_tests_is_not_proposed(people: People) -> None:
    with pytest.raises(Invalid) as refused:
        people.desks.policies.propose(people.alma, changed_files("columns: {income: full}, rows", "rows"))
    assert refused.value.code == "invalid.policy_tests"
    assert any(reason.startswith("tests/") and "income" in reason for reason in refused.value.reasons)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"../grants.yaml": ""},
        {"/etc/passwd": ""},
        {"a/b/c.yaml": ""},
        {"x\x1b.yaml": ""},
        {"grants.yaml": "x" * ((4 << 20) + 1)},
        {"grants.yaml": "\ud800"},
        {f"{number}.md": "" for number in range(513)},
    ],
    ids=["none", "up", "root", "deep", "escape", "large", "surrogate", "many"],
)
def test_what_is_no_policy_folder_is_refused(people: People, files: dict[str, str]) -> None:
    assert code_of(people.desks.policies.propose, people.alma, files) == "invalid.policy"


def test_the_active_bundle_is_not_proposed_again(people: People) -> None:
    assert code_of(people.desks.policies.propose, people.alma, read_policies(POLICIES).files) == "invalid.policy"


def test_policies_are_for_those_who_may(people: People) -> None:
    files = changed_files("# Credit risk", "# one")
    assert code_of(people.desks.policies.active, people.ana) == "denied.capability"
    assert code_of(people.desks.policies.diff, people.ana, files) == "denied.capability"
    assert code_of(people.desks.policies.propose, people.olga, files) == "denied.capability"
    made = people.desks.policies.propose(people.alma, files)
    assert code_of(people.desks.policies.diff_of, people.olga, made.proposal.id) == "denied.proposal"
    access = people.asked()
    assert code_of(people.desks.policies.diff_of, people.olga, access.proposal.id) == "invalid.policy"
