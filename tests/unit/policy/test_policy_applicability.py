"""casbin's traps, each with the wrapper's answer."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.policy.applicability import Applicability, applicability_of
from tests.unit.policy.builders import bundle, grants

BUNDLE = bundle(
    grants(
        "id: may, role: member, environment: dev, datasets: [s.people, s.shops], purposes: [study], level: full",
        "id: not, effect: deny, role: member, environment: dev, datasets: [s.people], purposes: ['*']",
        "id: far, role: member, environment: prod, datasets: [s.people], purposes: [study], level: full",
    )
)


def asked(book: Applicability, *, role: str = "senior", environment: str = "dev", purpose: str = "study") -> set[str]:
    found = book.applying(roles=frozenset({role}), environment=environment, purpose=purpose, dataset="s.people")
    return {grant.id for grants_ in found.values() for grant in grants_}


def engine(book: Applicability) -> object:
    return book._shelves["dev", "s.people"]._enforcer


def test_inherited_roles_match_and_environments_do_not_mix() -> None:
    book = applicability_of(BUNDLE)
    assert asked(book) == {"may", "not"}
    assert asked(book, environment="prod") == {"far"}
    assert asked(book, purpose="billing") == {"not"}
    assert asked(book, role="analyst") == set()


def test_a_place_without_grants_matches_nothing_not_even_empty_words() -> None:
    book = applicability_of(BUNDLE)
    found = book.applying(roles=frozenset({""}), environment="", purpose="", dataset="")
    assert found == {"allow": (), "deny": ()}


def test_a_disabled_enforcer_allows_nothing() -> None:
    book = applicability_of(BUNDLE)
    engine(book).enable_enforce(False)  # type: ignore[attr-defined]  # casbin has no types
    assert asked(book) == {"not"}


@pytest.mark.parametrize("matcher", ["nonsense(r_role)", "r_role.gone", "1 / 0", "1", "[]"])
def test_a_rule_that_errs_denies(matcher: str) -> None:
    book = applicability_of(BUNDLE)
    engine(book).model["m"]["m"].value = matcher  # type: ignore[attr-defined]  # casbin has no types
    assert asked(book) == {"not"}


def test_an_unknown_role_is_not_stored() -> None:
    book = applicability_of(BUNDLE)
    asked(book)
    roles = engine(book).get_role_manager().all_roles  # type: ignore[attr-defined]  # casbin has no types
    before = set(roles)
    for number in range(100):
        assert asked(book, role=f"stranger-{number}") == set()
    assert set(roles) == before


def test_only_the_enforcers_of_changed_grants_are_rebuilt() -> None:
    book = applicability_of(BUNDLE)
    changed = book.with_grants(grant for grant in BUNDLE.grants if grant.id != "not")
    assert asked(changed) == {"may"}
    assert changed._shelves["dev", "s.people"] is not book._shelves["dev", "s.people"]
    assert changed._shelves["prod", "s.people"] is book._shelves["prod", "s.people"]
    assert changed._shelves["dev", "s.shops"] is book._shelves["dev", "s.shops"]


def test_eight_generations_bind() -> None:
    roles = "r0: {}\n" + "".join(f"r{n}: {{inherits: [r{n - 1}]}}\n" for n in range(1, 9))
    deny = "id: d, effect: deny, role: r0, environment: dev, datasets: [s.people], purposes: ['*']"
    assert asked(applicability_of(bundle({"roles.yaml": roles, **grants(deny)})), role="r8") == {"d"}


def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        asked(applicability_of(BUNDLE))
    assert caplog.records == []


def test_threads_get_the_same_answers() -> None:
    book = applicability_of(BUNDLE)
    roles = ["senior", "analyst", "member", "stranger"] * 50
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda role: (role, frozenset(asked(book, role=role))), roles))
    assert len(set(answers)) == 4


def test_two_bundles_may_be_asked_at_once() -> None:
    """Python 3.11 counts the depth of all parses of a process in one place, and casbin parses at each question."""
    known = bundle()

    def ask(_: int) -> int:
        asked = {"roles": frozenset({"scientist"}), "environment": "dev", "purpose": "study", "dataset": "s.people"}
        return sum(len(applicability_of(known).applying(**asked)["allow"]) for _ in range(30))

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(12))) == [30] * 12
    finally:
        sys.setswitchinterval(switch)
