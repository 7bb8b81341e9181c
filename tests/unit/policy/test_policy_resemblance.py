"""T25: nobody sees a domain in full and masked as values of the same form, which may be somebody's."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.catalog import read_catalog
from gateway.errors import Invalid
from gateway.policy import Bundle, check_request, load_bundle, read_request
from tests.unit.policy.builders import NOW, files, grants, parse_predicate

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


def load(mask: str, *stated: str) -> Bundle:
    policy = files({"catalog/s.yaml": CATALOG, "domains.yaml": DOMAINS % mask, **grants(*stated)})
    return load_bundle(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate)


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


def test_t25_a_column_without_a_domain_is_known_by_its_table() -> None:
    phone = "phone: {type: string, class: direct_identifier, mask: {name: phone}}"
    text = "source: s\ndatasets:\n" + "".join(
        f"  s.{name}:\n    table: people\n    columns: {{{phone}}}\n" for name in ("people", "bills")
    )
    stated = {"catalog/s.yaml": text, "domains.yaml": DOMAINS % "pseudonym"}
    policy = files({**stated, **grants(MASKED, FULL % ("scientist", "dev"))})
    with pytest.raises(Invalid, match=r"full shows s\.bills\.phone in full, and masked shows s\.people\.phone masked"):
        load_bundle(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate)


def ask(bundle: Bundle, grant_id: str, dataset: str, level: str, *standing: Any) -> Any:
    """A request for one dataset; the grant, if it keeps the laws beside the standing ones."""
    document = {"role": "scientist", "environment": "dev", "datasets": [dataset], "purposes": ["study"], "level": level}
    grant = read_request(
        document,
        grant_id=grant_id,
        expires=NOW,
        vocabulary=bundle.vocabulary,
        datasets=bundle.datasets,
        parse_predicate=parse_predicate,
    )
    check_request(grant, bundle=bundle, dynamic=standing)
    return grant


def test_t25_a_request_is_asked_the_same_beside_the_files_and_naming_none_of_their_columns() -> None:
    with pytest.raises(Invalid, match=r"^s\.bills\.payer would be full, and its values are seen masked") as full:
        ask(load("phone", MASKED), "g-1", "s.bills", "full")
    assert "s.people" not in full.value.message
    with pytest.raises(Invalid, match=r"^s\.people\.iban would be masked .* seen in full besides"):
        ask(load("phone", FULL % ("scientist", "dev")), "g-1", "s.people", "pseudonymized")
    ask(load("pseudonym", MASKED), "g-1", "s.bills", "full")
    ask(load("phone", FULL % ("scientist", "prod")), "g-1", "s.people", "pseudonymized")


def test_t25_a_request_is_asked_the_same_beside_other_requests() -> None:
    bundle = load("phone", FULL % ("scientist", "prod"))
    first = ask(bundle, "g-1", "s.people", "pseudonymized")
    with pytest.raises(Invalid, match="seen masked besides"):
        ask(bundle, "g-2", "s.bills", "full", first)
    ask(bundle, "g-1", "s.people", "pseudonymized", first)
