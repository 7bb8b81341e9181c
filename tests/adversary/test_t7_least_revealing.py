"""T7: one principal with several grants joins what each alone hides. The default is the least; lint says the rest."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.catalog import read_catalog
from gateway.policy import lint
from gateway.terms.policy import Level
from tests.unit.policy.builders import NOW, files, grants, parse_predicate, pdp, principal, uses

DEV = "role: scientist, environment: dev, datasets: [s.people]"
TWO = grants(
    f"id: a-full, {DEV}, purposes: [study], level: full",
    f"id: z-least, {DEV}, purposes: [study], level: pseudonymized",
)


def exposed(changed: Mapping[str, str]) -> list[list[str]]:
    """The findings about exposure: what and where, then who."""
    policy = files(changed)
    found = lint(
        policy, datasets=read_catalog(policy), parse_predicate=parse_predicate, read_uses=lambda sql: {}, now=NOW
    )
    assert all(finding.severity == "warning" for finding in found), found
    return [f"{finding.line}: {finding.message}".split(" here: ") for finding in found if " here: " in finding.message]


def test_t7_the_default_is_the_least_revealing_grant_that_covers_the_query() -> None:
    decision = pdp(TWO).decide(
        principal=principal("scientist"), purpose="study", uses=uses(people=["email", "born", "income"]), now=NOW
    )
    assert decision.datasets["s.people"].grant == "z-least"
    assert decision.counts()[Level.FULL] == 0


def test_t7_one_query_never_mixes_the_columns_of_two_grants() -> None:
    mixed = grants(
        f"id: income, {DEV}, purposes: [study], level: pseudonymized, columns: {{income: full}}",
        f"id: birth, {DEV}, purposes: [study], level: pseudonymized, columns: {{born: full}}",
    )
    decision = pdp(mixed).decide(
        principal=principal("scientist"), purpose="study", uses=uses(people=["income", "born"]), now=NOW
    )
    assert decision.counts() == {Level.AGGREGATED: 0, Level.PSEUDONYMIZED: 1, Level.FULL: 1}


def test_t7_lint_reports_a_domain_that_is_full_here_and_pseudonymized_there() -> None:
    assert exposed(
        grants(
            "id: visits, role: member, environment: dev, datasets: [s.visits], purposes: [billing], level: full",
            f"id: people, {DEV}, purposes: [study], level: pseudonymized",
        )
    ) == [
        [
            "2: people: domain person is full in s.visits.person_id (visits) and pseudonymized",
            "scientist, senior can link the two",
        ]
    ]


def test_t7_lint_reports_a_column_that_is_full_for_one_purpose_and_bucketed_for_another_of_its_project() -> None:
    found = exposed(
        grants(
            f"id: study, {DEV}, purposes: [study], level: pseudonymized",
            f"id: other, {DEV}, purposes: [audit-study], level: pseudonymized, columns: {{income: full}}",
        )
    )
    assert found == [
        [
            "1: study: s.people.income is full in s.people.income (other) and masked",
            "scientist, senior sees both in one project",
        ]
    ]


def test_t7_two_projects_are_not_reported_for_columns_without_a_domain() -> None:
    assert not exposed(
        grants(
            f"id: study, {DEV}, purposes: [study], level: pseudonymized",
            f"id: other, {DEV}, purposes: [billing], level: pseudonymized, columns: {{income: full}}",
        )
    )


def test_t7_a_deny_that_caps_the_full_column_ends_the_report() -> None:
    assert not exposed(
        grants(
            f"id: study, {DEV}, purposes: [study], level: pseudonymized",
            f"id: other, {DEV}, purposes: [audit-study], level: pseudonymized, columns: {{income: full}}",
            f"id: cap, effect: deny, {DEV}, purposes: ['*'], columns: [income], at_most: pseudonymized",
        )
    )
