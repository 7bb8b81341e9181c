"""Findings: all errors at once, and the warnings about bundles that load."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.catalog import read_catalog
from gateway.errors import Invalid
from gateway.policy import findings_of, lint, load_bundle, run_tests
from tests.unit.policy.builders import NOW, bundle, files, grants, parse_predicate

ROWS = "role: scientist, environment: dev, purposes: [study, audit-study, billing]"


def no_uses(sql: str) -> Mapping[str, frozenset[str]]:
    return {}


def people(sql: str) -> Mapping[str, frozenset[str]]:
    if not sql.startswith("SELECT "):
        raise Invalid("no SELECT")
    return {"s.people": frozenset(sql.removeprefix("SELECT ").split(", "))}


def findings(changed: Mapping[str, str]) -> list[str]:
    policy = files(changed)
    found = lint(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate, read_uses=people, now=NOW)
    return [str(finding) for finding in found]


def warnings(*lines: str, **changed: str) -> list[str]:
    quiet = f"id: quiet, {ROWS}, datasets: [s.shops], level: pseudonymized"
    found = findings({**grants(*lines, quiet), **changed})
    assert all(": warning: " in finding for finding in found), found
    return [finding.replace(": warning", "") for finding in found]


def test_a_sound_bundle_has_no_findings() -> None:
    assert warnings(f"id: a, {ROWS}, datasets: [s.people], level: pseudonymized") == []


def test_all_errors_of_a_round_are_found_at_once() -> None:
    found = findings({"roles.yaml": "a: {may: [x]}\nb: {may: [y]}\n", "purposes.yaml": "p: {}\n", "odd.txt": ""})
    assert [finding.split(":")[0] for finding in found] == ["odd.txt", "purposes.yaml", "roles.yaml", "roles.yaml"]
    assert all(": error: " in finding for finding in found)


def test_load_refuses_with_all_errors_as_reasons() -> None:
    policy = files({"roles.yaml": "a: {may: [x]}\nb: {may: [y]}\n"})
    with pytest.raises(Invalid) as raised:
        load_bundle(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate)
    assert len(raised.value.reasons) == 2
    assert raised.value.reasons[0] == raised.value.message
    assert [(finding.file, finding.line) for finding in findings_of(raised.value)] == [
        ("roles.yaml", 1),
        ("roles.yaml", 2),
    ]


def test_what_the_catalog_is_refused_for_is_a_finding_too() -> None:
    with pytest.raises(Invalid) as raised:
        read_catalog(files({"catalog/t.yaml": "source: T\ndatasets: {}\n"}))
    (finding,) = findings_of(raised.value)
    assert (finding.severity, finding.file, finding.line) == ("error", "catalog/t.yaml", 1)


def test_a_file_that_is_no_yaml_is_an_error_with_its_line() -> None:
    assert findings({"grants.yaml": "- {id: a\n- b\n"})[0].startswith("grants.yaml:3: error: ")


def test_a_file_that_is_too_large_is_an_error() -> None:
    assert findings({"grants.yaml": "#" * (5 << 20)}) == ["grants.yaml:1: error: larger than 4194304 bytes"]


def test_an_undeclared_role_is_pointed_out() -> None:
    line = "id: a, role: contractor, environment: dev, purposes: [study], datasets: [s.shops], level: full"
    assert "grants.yaml:1: a: role contractor is not declared in roles.yaml" in warnings(line)


def test_an_expired_grant_is_pointed_out() -> None:
    line = f"id: a, {ROWS}, datasets: [s.people], level: full, expires: 2026-11-30"
    assert warnings(line) == ["grants.yaml:1: a: it expired on 2026-11-30"]


def test_a_grant_in_the_shadow_of_a_deny_is_pointed_out() -> None:
    assert warnings(
        f"id: a, {ROWS}, datasets: [s.people], level: full",
        "id: d, effect: deny, role: member, environment: dev, datasets: [s.people], purposes: ['*']",
    ) == ["grants.yaml:1: a: it can never apply: a deny stands before all of it"]


def test_a_grant_for_every_purpose_is_shadowed_only_for_every_purpose() -> None:
    line = "id: a, role: scientist, environment: dev, purposes: ['*'], datasets: [s.people], level: full"
    deny = "id: d, effect: deny, role: member, environment: dev, datasets: [s.people], purposes: [study]"
    assert warnings(line, deny) == []


def test_a_deny_where_nothing_is_granted_is_pointed_out() -> None:
    deny = "id: d, effect: deny, role: member, environment: devv, datasets: [s.people], purposes: ['*']"
    assert warnings(deny) == ["grants.yaml:1: d: nothing is granted there in devv, so it denies nothing"]


def test_unused_purposes_and_domains_are_pointed_out() -> None:
    extra = files().files["domains.yaml"] + "phone: {canon: exact, mask: {name: pseudonym}}\n"
    found = findings(
        {
            **grants("id: a, role: member, environment: dev, purposes: [study], datasets: [s.shops], level: full"),
            "domains.yaml": extra,
        }
    )
    assert found == [
        "domains.yaml:3: warning: phone: no column has this domain",
        "purposes.yaml:2: warning: audit-study: no grant is for this purpose",
        "purposes.yaml:3: warning: billing: no grant is for this purpose",
    ]


def test_rows_that_the_filter_does_not_reach_are_pointed_out() -> None:
    line = (
        f"id: a, {ROWS}, datasets: [s.people, s.shops], level: pseudonymized,"
        " rows: {dataset: s.people, where: \"region = 'DE'\"}"
    )
    assert warnings(line) == [
        "grants.yaml:1: a: all rows of s.shops are shown: it tells of other subjects than rows does"
    ]


def test_an_exception_that_hits_two_columns_is_pointed_out() -> None:
    line = f"id: a, {ROWS}, datasets: [s.people, s.visits], level: pseudonymized, columns: {{income: full}}"
    assert warnings(line) == ["grants.yaml:1: a: the exception for income holds in s.people and s.visits"]


def test_a_test_whose_query_cannot_be_read_is_pointed_out() -> None:
    case = (
        "- {given: {principal: {roles: [], environment: dev}, purpose: p, at: 2026-01-01T00:00:00Z},"
        " query: DROP, expect: {effect: deny}}\n"
    )
    assert warnings(**{"tests/a.yaml": case}) == [
        "tests/a.yaml:1: the query cannot be read, so this test will fail: no SELECT"
    ]


CASES = """\
- given: {principal: {roles: [scientist], environment: dev}, purpose: study, at: 2026-12-01T10:00:00+01:00}
  query: "SELECT email, income"
  expect: {effect: allow, columns: {email: pseudonymized, s.people.income: full}, grant: {s.people: people-rows}}
- given:
    {principal: {roles: [scientist], environment: dev}, purpose: study, at: 2026-12-01T09:00:00Z, grant: people-rows}
  query: "SELECT email"
  expect: {effect: allow, columns: {email: full, income: full}, grant: other}
- given: {principal: {roles: [analyst], environment: dev}, purpose: study, at: 2026-12-01T09:00:00Z}
  query: "SELECT email"
  expect: {effect: allow}
- given: {principal: {roles: [analyst], environment: dev}, purpose: study, at: 2026-12-01T09:00:00Z}
  query: "SELECT email"
  expect: {effect: deny, missing: purpose}
- given: {principal: {roles: [analyst], environment: dev}, purpose: gone, at: 2026-12-01T09:00:00Z}
  query: "SELECT email"
  expect: {effect: deny, missing: purpose}
- given: {principal: {roles: [analyst], environment: dev}, purpose: study, at: 2026-12-01T09:00:00Z}
  query: "DROP"
  expect: {effect: deny}
- given: {principal: {roles: [scientist], environment: dev}, purpose: study, at: 2026-12-01T09:00:00Z}
  query: "SELECT email"
  expect: {effect: allow, grant: {s.visits: people-rows}}
"""


NEAREST = "s.people: nearest is grants.yaml:1 people-rows, which lacks role: it is for scientist"


def test_tests_say_what_was_expected_and_what_was_decided() -> None:
    results = run_tests(bundle(), files({"tests/a.yaml": CASES}), read_uses=people)
    assert [failure for result in results for failure in result.failures] == [
        "tests/a.yaml:4: expected email full, decided pseudonymized",
        "tests/a.yaml:4: expected income full, decided nothing about it",
        "tests/a.yaml:4: expected grant other, decided by people-rows",
        f"tests/a.yaml:8: expected allow, decided deny: {NEAREST}",
        "tests/a.yaml:11: expected missing purpose, decided role: it is for scientist",
        "tests/a.yaml:14: expected missing purpose, decided nothing named",
        "tests/a.yaml:17: the query cannot be read: no SELECT",
        "tests/a.yaml:20: expected grant people-rows, decided by no grant",
    ]
    assert [result.passed for result in results] == [True, False, False, False, False, False, False]
    assert (results[0].file, results[0].line, results[0].query) == ("tests/a.yaml", 1, "SELECT email, income")


def test_malformed_tests_are_refused_by_the_runner_too() -> None:
    with pytest.raises(Invalid):
        run_tests(bundle(), files({"tests/a.yaml": "- 1\n"}), read_uses=no_uses)
