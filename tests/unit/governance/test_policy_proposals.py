"""Policies that one person proposes and another activates."""

from __future__ import annotations

import pytest

from gateway.errors import Invalid
from gateway.governance import read_policies
from tests.house import POLICIES
from tests.unit.governance.people import SELF, People, changed_files, code_of
from tests.unit.http.door import entries


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
