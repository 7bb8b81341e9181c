"""The demo bank in three kinds of source: a scan proposes policies that lint, a few edits from the reviewed ones."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway import policy
from gateway.catalog import read_catalog
from gateway.catalog.writing import merged_files
from gateway.demo.bank import build_bank, drop_bank, load_bank
from gateway.governance import read_policies
from gateway.query import parse_predicate
from gateway.terms.audit import Actor
from gateway.terms.dataset import Column, Datasets
from gateway.terms.document import PolicyFiles
from gateway.terms.proposal_catalog import CatalogProposal
from gateway.terms.request import HostUser, ProfileRequest
from tests.house import POLICIES, open_house
from tests.maria import Database, mariadb  # noqa: F401 - a fixture
from tests.pg import postgres_server  # noqa: F401 - a fixture
from tests.unit.policy.builders import NOW

REVIEWED = read_catalog(read_policies(POLICIES))
COLUMNS = sum(len(dataset.columns) for dataset in REVIEWED.values())
OPERATOR = Actor(principal="operator:test", environment="dev", roles=(), door="host")
WITHOUT = PolicyFiles(
    {
        name: text
        for name, text in read_policies(POLICIES).files.items()
        if not name.startswith(("catalog/", "extracts/", "tests/")) and name != "domains.yaml"
    }
)
"""The bank's roles, purposes, levels and grants; no catalog and no domain."""
EDITS = {"stricter class": 0.1, "laxer class": 0.0, "domain": 0.0, "type": 0.05, "subject": 0.0}
"""Largest share of columns (subject: of datasets) that a reviewer would change; laxer: it would show more."""
ORDER = ("public", "sensitive", "quasi_identifier", "free_text", "direct_identifier")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bank(tmp_path_factory.mktemp("bank") / "core.db", transactions=20_000).path


@contextlib.contextmanager
def _scanned(root: Path, bank: Path, url: str) -> Iterator[CatalogProposal]:
    with open_house(root, bank=bank, source_url=url) as house:
        asked = ProfileRequest(
            credentials=HostUser(actor=OPERATOR), source="core", tables=tuple(d.table[-1] for d in REVIEWED.values())
        )
        yield house.enforcement.profile(asked)


def check(root: Path, bank: Path, url: str) -> None:
    with _scanned(root, bank, url) as proposal:
        files = PolicyFiles({**WITHOUT.files, **merged_files(proposal, WITHOUT)})
    datasets = read_catalog(files)
    found = policy.lint(files, datasets=datasets, parse_predicate=parse_predicate, read_uses=lambda _: {}, now=NOW)
    assert [str(finding) for finding in found if finding.severity == "error"] == []
    edits = edits_of(datasets)
    for what, where in edits.items():
        print(f"{what}: {len(where)} edits: {', '.join(where)}")
    shares = {what: len(where) / (len(REVIEWED) if what == "subject" else COLUMNS) for what, where in edits.items()}
    assert {what: share for what, share in shares.items() if share > EDITS[what]} == {}


def edits_of(proposed: Datasets) -> Mapping[str, list[str]]:
    """What a reviewer would change to come to the reviewed catalog, column by column."""
    edits: dict[str, list[str]] = {what: [] for what in EDITS}
    for name, dataset in REVIEWED.items():
        made = proposed[name]
        if made.subject != dataset.subject:
            edits["subject"].append(name)
        for column in dataset.columns.values():
            for what in _differences(column, made.columns[column.name]):
                edits[what].append(f"{name.removeprefix('core.')}.{column.name}")
    return edits


def _differences(want: Column, made: Column) -> list[str]:
    ranks = ORDER.index(want.classification), ORDER.index(made.classification)
    pairs = {
        "stricter class": (ranks[0], max(ranks)),
        "laxer class": (ranks[0], min(ranks)),
        "domain": (want.domain, made.domain),
        "type": (want.type, made.type),
    }
    return [what for what, (one, other) in pairs.items() if one != other]


def test_the_bank_in_sqlite(tmp_path: Path, embedded: Path) -> None:
    check(tmp_path, embedded, f"sqlite:///{embedded}")


@pytest.mark.postgres
def test_the_bank_in_postgres(tmp_path: Path, embedded: Path, postgres_server: str) -> None:  # noqa: F811 - the fixture
    url = load_bank(embedded, postgres_server)
    try:
        check(tmp_path, embedded, url)
    finally:
        drop_bank(postgres_server)


@pytest.mark.mariadb
def test_the_bank_in_mariadb(tmp_path: Path, embedded: Path, mariadb: Database) -> None:  # noqa: F811 - the fixture
    url = load_bank(embedded, mariadb.url)
    try:
        check(tmp_path, embedded, url)
    finally:
        drop_bank(mariadb.url)


def test_a_reviewed_catalog_needs_no_edit() -> None:
    assert edits_of(REVIEWED) == {what: [] for what in EDITS}
    other = dataclasses.replace(REVIEWED["core.loans"], subject=None)
    assert edits_of({**REVIEWED, "core.loans": other})["subject"] == ["core.loans"]
