"""What the vectors cannot say: dynamic grants, visibility, capabilities, named reasons."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

import pytest

from gateway.errors import Unavailable
from gateway.policy import PolicyDecisionPoint
from gateway.terms.policy import Decision, Grant, Level, RowRule
from gateway.terms.predicate import OneOf
from tests.unit.policy.builders import NOW, Approved, bundle, files, grants, pdp, principal, uses

HIDDEN = grants(
    "id: secret, role: analyst, environment: dev, datasets: [s.secret], purposes: [study], level: full,"
    " expires: 2027-01-01",
    "id: no-secret, effect: deny, role: member, environment: dev, datasets: [s.secret], purposes: ['*']",
    "id: rows, role: scientist, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized,"
    " columns: {income: full}",
    "id: groups, role: scientist, environment: dev, datasets: [s.people], purposes: [billing], level: aggregated",
)

ROWS = "id: r, role: scientist, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized"
GROUPS = "id: g, role: scientist, environment: dev, datasets: [s.people], purposes: [study], level: aggregated"


def approved(**changes: object) -> Grant:
    """A sound dynamic grant, but for the changes."""
    (template,) = bundle(
        grants(
            "id: asked, role: analyst, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized,"
            " expires: 2027-01-01"
        )
    ).grants
    return dataclasses.replace(template, dynamic=True, **changes)  # type: ignore[arg-type]  # tests break it on purpose


def ask(point: PolicyDecisionPoint, roles: str, *columns: str) -> Decision:
    return point.decide(principal=principal(*roles.split()), purpose="study", uses=uses(people=columns), now=NOW)


def denial(**changes: object) -> Grant:
    wide = {"effect": "deny", "role": "scientist", "level": None, "denied_columns": frozenset({"income"})}
    return approved(**{"id": "stopped", **wide, **changes})


def test_a_dynamic_grant_answers_from_its_approval_to_its_revocation() -> None:
    reader = Approved()
    point = pdp(approved=reader)
    assert not ask(point, "analyst", "email").allowed
    reader.grants.append(approved())
    decision = ask(point, "analyst", "email")
    assert decision.allowed
    assert decision.dynamic_grants == ("asked",)
    reader.grants.clear()
    assert not ask(point, "analyst", "email").allowed


def test_an_expired_dynamic_grant_does_not_answer_even_if_the_store_returns_it() -> None:
    class Late:
        def current(self, *, now: datetime.datetime) -> Sequence[Grant]:
            return [approved(expires=NOW)]

    point = PolicyDecisionPoint(bundle(), grants=Late())
    decision = ask(point, "analyst", "email")
    assert not decision.allowed
    assert decision.missing is not None
    assert decision.missing.lacks.startswith("expired:")


@pytest.mark.parametrize(
    "changes",
    [
        {"datasets": frozenset({"s.people", "s.gone"})},
        {"purposes": frozenset({"study", "gone"})},
        {"columns": {"gone": Level.FULL}},
        {"level": Level.AGGREGATED, "columns": {"income": Level.FULL}},
        {"rows_follow": frozenset({"s.visits"})},
        {"rows": RowRule(dataset="s.people", predicate=OneOf("gone", ("x",)), text="gone = 'x'")},
    ],
    ids=["dataset", "purpose", "column", "level", "follower", "row filter"],
)
def test_a_dynamic_grant_that_the_bundle_contradicts_allows_nothing(changes: dict[str, object]) -> None:
    point = pdp(approved=Approved(approved(**changes)))
    decision = ask(point, "analyst", "income")
    assert not decision.allowed


def test_a_dynamic_deny_binds() -> None:
    point = pdp(approved=Approved(denial()))
    assert not ask(point, "scientist", "income").allowed
    assert ask(point, "scientist", "email").allowed


def test_a_dynamic_deny_that_the_bundle_contradicts_denies_everything() -> None:
    point = pdp(approved=Approved(denial(denied_columns=frozenset({"gone"}), at_most=Level.PSEUDONYMIZED)))
    decision = ask(point, "scientist", "email")
    assert not decision.allowed


def test_a_dynamic_grant_cannot_borrow_the_role_of_a_file_grant_with_its_id() -> None:
    point = pdp(approved=Approved(approved(id="people-rows", level=Level.FULL)))
    for role, level in (("scientist", "pseudonymized"), ("analyst", "full")):
        decision = ask(point, role, "email")
        assert decision.datasets["s.people"].level == level


def test_nothing_is_decided_when_dynamic_grants_cannot_be_read() -> None:
    class Down:
        def current(self, *, now: datetime.datetime) -> Sequence[Grant]:
            raise Unavailable("the control database did not answer")

    point = PolicyDecisionPoint(bundle(), grants=Down())
    with pytest.raises(Unavailable):
        ask(point, "scientist", "email")


def test_an_undiscoverable_dataset_is_visible_only_to_whom_a_grant_shows_it() -> None:
    point = pdp(HIDDEN)
    everybody = {"s.people", "s.visits", "s.shops"}
    assert point.visible(principal("scientist"), now=NOW) == everybody
    assert point.visible(principal("analyst"), now=NOW) == {*everybody, "s.secret"}


def test_an_expired_grant_makes_nothing_visible() -> None:
    expired = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
    assert "s.secret" not in pdp(HIDDEN).visible(principal("analyst"), now=expired)


def test_a_dataset_that_is_denied_outright_is_not_visible() -> None:
    assert "s.secret" not in pdp(HIDDEN).visible(principal("analyst", "member"), now=NOW)


def test_another_environment_makes_nothing_visible() -> None:
    assert "s.secret" not in pdp(HIDDEN).visible(principal("analyst", environment="prod"), now=NOW)


def test_each_column_has_its_best_level_over_all_purposes() -> None:
    levels = pdp(HIDDEN).columns_for(principal("scientist"), "s.people", now=NOW)
    assert levels["income"] is Level.FULL
    assert levels["email"] is Level.PSEUDONYMIZED
    assert levels["note"] is None


def test_each_column_has_its_level_for_one_purpose() -> None:
    levels = pdp(HIDDEN).columns_for(principal("scientist"), "s.people", now=NOW, purpose="billing")
    assert levels["income"] is Level.AGGREGATED
    assert levels["email"] is None


def test_an_unknown_purpose_shows_no_column() -> None:
    levels = pdp(HIDDEN).columns_for(principal("scientist"), "s.people", now=NOW, purpose="gone")
    assert set(levels.values()) == {None}


def test_a_hidden_dataset_has_no_columns() -> None:
    assert pdp(HIDDEN).columns_for(principal("scientist"), "s.secret", now=NOW) == {}
    assert pdp(HIDDEN).columns_for(principal("scientist"), "s.gone", now=NOW) == {}


def test_capabilities_are_inherited_and_unknown_ones_are_carried_by_none() -> None:
    point = pdp({"roles.yaml": "low: {may: [audit.read]}\nhigh: {inherits: [low], may: [policy.read]}\n", **grants()})
    assert point.capabilities(principal("high")) == {"audit.read", "policy.read"}
    assert point.may(principal("high"), "audit.read")
    assert not point.may(principal("low"), "policy.read")
    assert not point.may(principal("high"), "everything")
    assert not point.may(principal("stranger"), "audit.read")


def test_the_decision_names_bundle_principal_and_rules() -> None:
    decision = ask(pdp(), "scientist", "email", "income")
    assert decision.digest == files().digest == pdp().digest
    assert (decision.principal, decision.environment) == ("ana", "dev")
    assert decision.purpose is not None
    assert decision.purpose.project == "red"
    assert decision.reasons == (
        "s.people: pseudonymized by grants.yaml:1 people-rows",
        "s.people.email: pseudonymized by domains.yaml:2 email",
        "s.people.income: full by grants.yaml:1 people-rows",
    )


def test_a_denial_says_how_to_ask() -> None:
    decision = ask(pdp(), "analyst", "email", "income")
    assert decision.missing is not None
    assert decision.missing.request == "gateway request s.people --purpose study --level pseudonymized"
    assert decision.datasets == {}


@pytest.mark.parametrize(
    ("roles", "column", "grant", "asked"),
    [
        ("analyst", "note", ROWS, "--level pseudonymized --column note=full"),
        ("analyst", "region", GROUPS, "--level aggregated"),
        ("analyst", "email", GROUPS, "--level pseudonymized"),
        ("analyst member", "income", ROWS, "--level pseudonymized --role analyst"),
        ("member scientist", "note", ROWS, "--level pseudonymized --column note=full --role scientist"),
    ],
)
def test_the_command_asks_for_the_least_that_would_answer(roles: str, column: str, grant: str, asked: str) -> None:
    missing = ask(pdp(grants(grant)), roles, column).missing
    assert missing is not None
    assert missing.request == f"gateway request s.people --purpose study {asked}"


def test_a_role_that_the_policy_does_not_know_has_nothing_to_ask_for() -> None:
    missing = ask(pdp(), "stranger", "email").missing
    assert missing is not None
    assert missing.request == ""


def test_declared_roles_are_listed() -> None:
    assert pdp().roles == {"member", "scientist", "senior", "analyst"}


def test_the_domain_of_an_unkeyed_column_is_none_and_of_a_keyed_one_its_own() -> None:
    changed = {
        "catalog/t.yaml": (
            "source: t\ndatasets:\n  t.d:\n    table: d\n    columns:\n"
            "      a: {type: string, class: sensitive, mask: {name: pseudonym}}\n"
            "      b: {type: string, class: public}\n"
        ),
        **grants("id: g, role: member, environment: dev, datasets: [t.d], purposes: [study], level: pseudonymized"),
    }
    needed = {"t.d": frozenset({"a", "b"})}
    decision = pdp(changed).decide(principal=principal("member"), purpose="study", uses=needed, now=NOW)
    columns = decision.datasets["t.d"].columns
    assert (columns["a"].domain, columns["a"].canon) == ("t.d.a", "exact")
    assert (columns["b"].domain, columns["b"].canon) == (None, None)


def test_a_filter_on_a_dataset_without_a_subject_leads_nobody() -> None:
    line = (
        "id: g, role: member, environment: dev, datasets: [s.shops, s.people], purposes: [study], level: pseudonymized,"
        " rows: {dataset: s.shops, where: \"place = 'x'\"}"
    )
    decision = pdp(grants(line)).decide(
        principal=principal("member"), purpose="study", uses=uses(shops=["place"], people=["email"]), now=NOW
    )
    assert decision.datasets["s.shops"].rows is not None
    assert decision.datasets["s.people"].follow is None


def test_an_expiry_with_a_zone_is_read_as_utc() -> None:
    line = (
        "id: g, role: member, environment: dev, datasets: [s.shops], purposes: [study], level: full,"
        " expires: 2027-01-01T01:00:00+01:00"
    )
    assert bundle(grants(line)).grants[0].expires == datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)


def test_a_cap_to_groups_does_not_open_what_the_rows_withhold() -> None:
    changed = {
        "levels.yaml": files()
        .files["levels.yaml"]
        .replace("deny, aggregated: deny, full", "deny, aggregated: measure, full"),
        **grants(
            "id: g, role: member, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized",
            "id: d, effect: deny, role: member, environment: dev, datasets: [s.people], purposes: ['*'],"
            " at_most: aggregated",
        ),
    }
    decision = pdp(changed).decide(principal=principal("member"), purpose="study", uses=uses(people=["note"]), now=NOW)
    assert not decision.allowed
