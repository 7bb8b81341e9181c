"""T25: nobody sees a domain in full and masked as values of the same form, which may be somebody's."""

from __future__ import annotations

import pytest

from gateway.catalog import read_catalog
from gateway.errors import Invalid
from gateway.policy import load_bundle
from tests.unit.policy.builders import files, grants, parse_predicate

CATALOG = """source: s
datasets:
  s.people:
    table: people
    columns: {iban: {type: string, class: direct_identifier, domain: iban}}
  s.bills:
    table: bills
    columns: {payer: {type: string, class: direct_identifier, domain: iban}}
"""
DOMAINS = "person: {canon: exact, mask: {name: pseudonym}}\niban: {canon: alnum_upper, mask: {name: %s}}\n"
MASKED = "id: masked, role: scientist, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized"
FULL = "id: full, role: %s, environment: %s, datasets: [s.bills], purposes: [billing], level: full"
SAYS = "full shows s.bills.payer in full, and masked shows s.people.iban masked as values of the same form"


def load(mask: str, *stated: str) -> None:
    policy = files({"catalog/s.yaml": CATALOG, "domains.yaml": DOMAINS % mask, **grants(*stated)})
    load_bundle(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate)


@pytest.mark.parametrize("mask", ["iban, keep_bank: true", "fpe, alphabet: digits_upper", "phone", "pan"])
@pytest.mark.parametrize("role", ["scientist", "member", "senior"])
def test_t25_a_role_that_sees_both_is_refused(mask: str, role: str) -> None:
    with pytest.raises(Invalid, match=SAYS):
        load(mask, MASKED, FULL % (role, "dev"))


@pytest.mark.parametrize("mask", ["iban", "iban, keep_bank: false", "pseudonym"])
def test_what_is_nobodys_may_stand_beside_full_values(mask: str) -> None:
    load(mask, MASKED, FULL % ("scientist", "dev"))


def test_another_environment_and_a_role_of_its_own_see_full_values() -> None:
    load("iban, keep_bank: true", MASKED, FULL % ("scientist", "prod"))
    load("iban, keep_bank: true", MASKED, FULL % ("analyst", "dev"))


def test_a_column_in_full_by_exception_counts_too() -> None:
    both = "id: both, role: scientist, environment: dev, datasets: [s.people, s.bills], purposes: [study],"
    with pytest.raises(Invalid, match=r"both shows s\.people\.iban in full, and both shows s\.bills\.payer masked"):
        load("iban, keep_bank: true", f"{both} level: pseudonymized, columns: {{iban: full}}")
