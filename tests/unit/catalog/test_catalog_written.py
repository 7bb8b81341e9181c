"""Proposals as files: they load, they lint, and no line that a person wrote changes."""

from __future__ import annotations

import dataclasses
import re

import pyarrow as pa
import pytest

from gateway.catalog import read_catalog
from gateway.catalog.sampling import TableFacts, unsampled
from gateway.catalog.scanning import find_drift, propose
from gateway.catalog.scanning.drift import holds
from gateway.catalog.writing import merged_files, one_file
from gateway.errors import Invalid
from gateway.policy import findings_of, lint
from gateway.query import parse_predicate
from gateway.terms.document import PolicyFiles
from gateway.terms.proposal_catalog import CatalogProposal, ViewProposal
from gateway.terms.recognition import Evidence
from tests.unit.catalog.scans import beside, customers, direct, facts, ids, table, texts, verdict
from tests.unit.policy.builders import NOW, ROOT, folder

POLICIES = folder(ROOT / "policies")
BARE = PolicyFiles(
    {
        name: text if name != "grants.yaml" else ""
        for name, text in POLICIES.files.items()
        if name.partition("/")[0] not in {"catalog", "tests", "extracts"} and name != "domains.yaml"
    }
)
"""Everything but catalog, domains and what needs them."""
CANONS = {"customer": "integer_text", "email": "trim_nfc_casefold"}


def calls() -> TableFacts:
    return facts(
        "call_notes",
        {
            "note_id": ids(500_000, 200, 3),
            "customer_id": ids(70_000, 200, 37),
            "note": texts("called {}", 200),
            "amount": pa.array([float(n) for n in range(200)]),
            "who_knows": texts("{}", 200),
            "Upper": ids(1, 200),
            "taken_at": pa.array(range(0, 200 * 10**9, 10**9), pa.timestamp("us", tz="UTC")),
            "payee_iban": texts("DE{}", 200),
        },
        [
            direct("note_id", "identifier"),
            direct("customer_id", "customer"),
            verdict("note", "free_text", "note"),
            verdict("amount", "sensitive", "amount"),
            verdict("who_knows", "public", "category", confidence=0.3),
            verdict("taken_at", "public", "timestamp"),
            direct("payee_iban", "iban"),
        ],
        key="note_id",
    )


def proposal(*tables: TableFacts, files: PolicyFiles = BARE, views: tuple[ViewProposal, ...] = ()) -> CatalogProposal:
    canons = {name: canon for name, canon in CANONS.items() if f"{name}:" in files.files.get("domains.yaml", "")}
    known = beside(tables, datasets=read_catalog(files), **canons)
    made, domains = propose(tables, known)
    return CatalogProposal(
        source="core",
        at=NOW,
        receipts=("r_1",),
        is_sampled=True,
        tables=made,
        domains=domains,
        views=views,
        drift=find_drift(tables, made, known, wanted=frozenset(known.datasets)),
    )


def put(files: PolicyFiles, made: CatalogProposal) -> PolicyFiles:
    return PolicyFiles({**files.files, **merged_files(made, files)})


def errors(files: PolicyFiles) -> list[str]:
    try:
        datasets = read_catalog(files)
    except Invalid as error:
        return [str(finding) for finding in findings_of(error)]
    found = lint(files, datasets=datasets, parse_predicate=parse_predicate, read_uses=lambda _: {}, now=NOW)
    return [str(finding) for finding in found if finding.severity == "error"]


def test_a_proposal_loads_and_lints_in_an_empty_folder() -> None:
    files = put(BARE, proposal(customers(), calls()))
    assert errors(files) == []
    listed = read_catalog(files)["core.call_notes"]
    assert listed.columns["note"].about.dataset == "core.customers"
    assert listed.columns["who_knows"].classification == "direct_identifier"
    assert "Upper" not in listed.columns


def test_each_new_column_says_why_and_what_to_review() -> None:
    text = one_file(proposal(customers(), calls()), BARE)
    assert re.search(r"email: \{type: string.*# confidence 0\.95, email: name:email", text)
    assert re.search(r"who_knows: .*# REVIEW: perhaps public \(category\), confidence 0\.30", text)
    assert re.search(r"# not listed: Upper: ", text)


def test_a_table_of_which_no_column_can_be_listed_is_named() -> None:
    upper = facts("t", {"X": ids(1, 9)}, [verdict("X", "public", "number")])
    bare = table("bare", {})
    text = one_file(proposal(upper, unsampled(bare, note="")), BARE)
    assert re.search(r"# not listed: t: none of its columns can be: .*rename it", text)
    assert "# not listed: bare: it has no column" in text
    assert "datasets:\n  {}\n" in text


def test_an_empty_table_says_that_nothing_was_seen() -> None:
    nothing = direct("x", "empty", confidence=0.3)
    text = one_file(proposal(facts("t", {"x": pa.array([], pa.string())}, [nothing])), BARE)
    assert re.search(r"core\.t:   # no row was seen\n", text)
    assert re.search(r"x: .*   # REVIEW: no value was seen\n", text)


def test_every_line_that_stands_there_stays() -> None:
    text = """# ours
source: core
datasets:
  # the people
  core.customers:
    table: customers
    subject: {column: customer_id, domain: customer}
    columns:
      customer_id: {type: int64, class: direct_identifier, domain: customer}   # the key
      full_name:
        type: string
        class: direct_identifier   # in no domain

  # to come
"""
    domains = "customer: {canon: integer_text, mask: {name: pseudonym}}"
    before = PolicyFiles({**BARE.files, "catalog/a.yaml": text, "domains.yaml": domains})
    made = proposal(customers(), calls(), files=before)
    after = put(before, made)
    assert errors(after) == []
    written = after.files["catalog/a.yaml"]
    kept = iter(written.splitlines())
    assert all(line in kept for line in text.splitlines())
    assert after.files["domains.yaml"].startswith(domains + "\n")
    listed = read_catalog(after)
    assert list(listed["core.customers"].columns) == ["customer_id", "full_name", "email"]
    assert "core.call_notes" in listed


def test_a_second_scan_of_what_was_taken_over_changes_nothing() -> None:
    once = put(BARE, proposal(customers(), facts("t", {"x": ids(1, 9)}, [])))
    again = proposal(customers(), facts("t", {"x": ids(1, 9)}, []), files=once)
    assert merged_files(again, once) == {}
    assert again.drift == ()


def test_columns_in_braces_are_left_to_the_reviewer() -> None:
    text = """source: core
datasets:
  core.customers: {table: customers, columns: {customer_id: {type: int64, class: public}}}
"""
    before = PolicyFiles({**BARE.files, "catalog/a.yaml": text})
    after = put(before, proposal(customers(), files=before))
    assert errors(after) == []
    assert "# write into columns: email:" in after.files["catalog/a.yaml"]


@pytest.mark.parametrize("pattern", ["gone", "elsewhere"])
def test_a_name_that_the_files_have_is_no_other_tables(pattern: str) -> None:
    text = LISTED.format(name_class="public", more="").replace("customers", "orders").replace("table: ", "table: crm.")
    files = PolicyFiles({**POLICIES.files, "catalog/core.yaml": text, "grants.yaml": ""})
    other = facts("public.orders", {"y": ids(1, 9)}, [verdict("y", "public", "number")])
    there = facts("crm.orders", {"customer_id": ids(1, 9)}, [direct("customer_id", "customer")])
    made = proposal(other, *([there] if pattern == "elsewhere" else []), files=files)
    (new,) = [table for table in made.tables if table.listing == "new"]
    assert (new.dataset, new.table) == ("core.public_orders", ("public", "orders"))
    assert errors(put(files, made)) == []


def test_several_files_of_one_source_go_into_a_folder_only() -> None:
    two = {
        f"catalog/{name}.yaml": f"source: core\ndatasets:\n  core.{name}:\n    table: {name}\n    columns:\n"
        "      x: {type: int64, class: public}\n"
        for name in ("a", "b")
    }
    before = PolicyFiles({**BARE.files, **two})
    made = proposal(customers(), facts("b", {"x": ids(1, 9), "y": ids(1, 9)}, []), files=before)
    with pytest.raises(Invalid, match="2 files"):
        one_file(made, before)
    changed = merged_files(made, before)
    assert "core.customers" in changed["catalog/a.yaml"]
    assert "y:" in changed["catalog/b.yaml"]


def test_a_name_from_the_source_cannot_leave_its_comment() -> None:
    evil = "x\n  core.evil:\n    table: evil"
    made = proposal(facts("t", {"ok": ids(1, 3), evil: ids(1, 3)}, []), facts(evil, {"x": ids(1, 3)}, []))
    view = ViewProposal(view=evil, columns=((evil, (evil,)),), note="not read")
    files = put(BARE, CatalogProposal(**{**_fields(made), "views": (view,)}))
    assert set(read_catalog(files)) == {"core.t"}


def _fields(made: CatalogProposal) -> dict[str, object]:
    return {name: getattr(made, name) for name in made.__dataclass_fields__}


def drift_of(text: str, *tables: TableFacts) -> list[tuple[str, str, str]]:
    files = PolicyFiles(
        {**BARE.files, "catalog/core.yaml": text, "domains.yaml": "customer: {canon: exact, mask: {name: pseudonym}}"}
    )
    return [(d.kind, d.dataset, d.column) for d in proposal(*tables, files=files).drift]


LISTED = """source: core
datasets:
  core.customers:
    table: customers
    columns:
      customer_id: {{type: int64, class: direct_identifier, domain: customer}}
      full_name: {{type: string, class: {name_class}}}
      {more}
"""


def test_drift_names_what_is_new_gone_and_other() -> None:
    text = LISTED.format(name_class="direct_identifier", more="gone: {type: int64, class: public}")
    text = text.replace("type: int64, class: direct", "type: string, class: direct")
    text += "  core.old:\n    table: old\n    columns:\n      x: {type: int64, class: public}\n"
    assert drift_of(text, customers(), facts("fresh", {"x": ids(1, 3)}, [])) == [
        ("type", "core.customers", "customer_id"),
        ("new_column", "core.customers", "email"),
        ("gone_column", "core.customers", "gone"),
        ("new_table", "core.fresh", ""),
        ("gone_table", "core.old", ""),
    ]


@pytest.mark.parametrize(
    ("name_class", "found"),
    [
        ("public", [("classification", "core.customers", "full_name")]),
        ("sensitive", [("classification", "core.customers", "full_name")]),
        ("quasi_identifier", []),
        ("direct_identifier", []),
    ],
)
def test_evidence_contradicts_what_shows_more_and_never_what_shows_less(
    name_class: str, found: list[tuple[str, str, str]]
) -> None:
    text = LISTED.format(name_class=name_class, more="email: {type: string, class: direct_identifier}")
    assert drift_of(text, customers()) == found


def test_what_no_file_can_list_is_no_drift() -> None:
    text = LISTED.format(name_class="direct_identifier", more="email: {type: string, class: direct_identifier}")
    upper = facts("fresh", {"X": ids(1, 3)}, [verdict("X", "public", "number")])
    assert drift_of(text, customers(), upper) == []
    half = facts("fresh", {"X": ids(1, 3), "y": ids(1, 3)}, [verdict(name, "public", "number") for name in "Xy"])
    assert drift_of(text, customers(), half) == [("new_table", "core.fresh", "")]


@pytest.mark.parametrize(
    ("rule", "said", "found"),
    [
        ("name:region", "public, dimension: true", []),
        ("name:region", "public", [("classification", "core.customers", "region")]),
        ("values:city", "public, dimension: true", [("classification", "core.customers", "region")]),
    ],
)
def test_a_name_contradicts_no_reviewer_who_declared_a_dimension(
    rule: str, said: str, found: list[tuple[str, str, str]]
) -> None:
    region = dataclasses.replace(
        verdict("region", "quasi_identifier", "region"), evidence=(Evidence(rule=rule, matched=9, tried=9),)
    )
    names = [direct("customer_id", "customer"), direct("full_name", "person"), region]
    columns = {"customer_id": ids(1, 9), "full_name": texts("{}", 9), "region": texts("{}", 9)}
    text = LISTED.format(name_class="direct_identifier", more=f"region: {{type: string, class: {said}}}")
    assert drift_of(text, facts("customers", columns, names)) == found


def test_evidence_that_shows_more_is_no_drift() -> None:
    people = facts(
        "customers",
        {"customer_id": ids(1, 9), "full_name": texts("{}", 9)},
        [verdict("full_name", "public", "category"), verdict("customer_id", "sensitive", "amount")],
    )
    assert drift_of(LISTED.format(name_class="sensitive", more=""), people) == []


def test_unsure_evidence_contradicts_nothing() -> None:
    people = facts(
        "customers",
        {"customer_id": ids(1, 9), "full_name": texts("{}", 9)},
        [direct("full_name", "person", confidence=0.6)],
    )
    assert drift_of(LISTED.format(name_class="public", more=""), people) == []


@pytest.mark.parametrize(
    ("declared", "there", "dialect", "fits"),
    [
        (pa.int64(), pa.int32(), "postgres", True),
        (pa.int32(), pa.int64(), "postgres", False),
        (pa.decimal128(14, 2), pa.decimal128(12, 2), "postgres", True),
        (pa.decimal128(12, 2), pa.decimal128(14, 2), "postgres", False),
        (pa.decimal128(14, 2), pa.decimal128(14, 4), "postgres", False),
        (pa.date32(), pa.string(), "sqlite", True),
        (pa.date32(), pa.string(), "postgres", False),
        (pa.bool_(), pa.int64(), "sqlite", True),
        (pa.bool_(), pa.int64(), "postgres", False),
        (pa.timestamp("us"), pa.timestamp("us", tz="UTC"), "mysql", True),
        (pa.timestamp("us"), pa.timestamp("us", tz="UTC"), "postgres", False),
        (pa.string(), pa.int64(), "sqlite", False),
    ],
)
def test_a_type_drifts_only_where_the_declared_one_cannot_hold_it(
    declared: pa.DataType, there: pa.DataType, dialect: str, *, fits: bool
) -> None:
    assert holds(declared, there, dialect=dialect) is fits
