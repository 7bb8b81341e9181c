"""The embedded bank's own policies load, lint clean and decide as their tests say."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from gateway.catalog import read_catalog
from gateway.masks import CANONS as MASKED_CANONS
from gateway.policy import CaseResult, lint, load_bundle, run_tests
from gateway.policy.vocabulary import CANONS
from gateway.query import QueryLimits, bind, parse, parse_predicate
from tests.unit.policy.builders import NOW, ROOT, folder

FILES = folder(ROOT / "policies")
CATALOG = read_catalog(FILES)
BUNDLE = load_bundle(FILES, datasets=CATALOG, parse_predicate=parse_predicate)


def read_uses(sql: str) -> Mapping[str, frozenset[str]]:
    query = parse(sql, dialect="postgres", limits=QueryLimits())
    return bind(query, datasets={name: CATALOG[name] for name in query.names}).uses


RESULTS = run_tests(BUNDLE, FILES, read_uses=read_uses)


@pytest.mark.parametrize("result", [pytest.param(r, id=f"{r.file}:{r.line}") for r in RESULTS])
def test_the_bank_decides_as_its_reviewed_tests_say(result: CaseResult) -> None:
    assert result.passed, result.failures


def test_the_bank_policies_lint_without_findings() -> None:
    findings = lint(FILES, datasets=CATALOG, parse_predicate=parse_predicate, read_uses=read_uses, now=NOW)
    assert [str(finding) for finding in findings] == []


def test_every_role_of_the_bank_is_tested() -> None:
    tested = {
        role
        for path in FILES.folder("tests")
        for roles in re.findall(r"roles: \[([^\]]*)\]", FILES.files[path])
        for role in roles.split(", ")
    }
    assert tested == BUNDLE.vocabulary.roles.keys()


def test_every_grant_of_the_bank_expires() -> None:
    assert [g.id for g in BUNDLE.grants if g.effect == "allow" and g.expires is None] == []


def test_the_policy_knows_the_canonical_forms_that_masks_have() -> None:
    assert {name: canon.accepts for name, canon in MASKED_CANONS.items()} == dict(CANONS)
