"""What a catalog file becomes; what it must not say is in tests/vectors/policy/refused.yaml."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from gateway.catalog import read_catalog, resolve
from gateway.catalog.types import ALLOWED, read_type
from gateway.terms.document import Node, PolicyFiles
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, family_of
from gateway.terms.query import Query

TEXT = """\
source: bank
datasets:
  bank.people:
    table: public.People
    owner: retail
    discoverable: true
    subject: {column: id, domain: person}
    watermark: {column: seen, lateness: 90s}
    columns:
      id: {type: int64, class: direct_identifier, domain: person}
      seen: {type: "timestamp[us, tz=UTC]", class: public}
      income: {type: "decimal128(12,2)", class: sensitive, mask: {name: bucket, step: 500}, clip: [0, 1.5]}
      region: {type: string, class: public, dimension: true}
  bank.notes:
    table: notes
    columns:
      id: {type: int64, class: direct_identifier, domain: person}
      payee: {type: string, class: direct_identifier, domain: payee, written_by: outsider}
      note: {type: string, class: free_text, about: {dataset: bank.people, on: {id: id}, name: region}}
"""
CATALOG = read_catalog(PolicyFiles({"catalog/bank.yaml": TEXT}))
PEOPLE = CATALOG["bank.people"]


def test_an_empty_folder_is_an_empty_catalog() -> None:
    assert read_catalog(PolicyFiles({})) == {}


def test_a_dataset_has_what_its_file_says() -> None:
    assert (PEOPLE.source, PEOPLE.table, PEOPLE.owner) == ("bank", ("public", "People"), "retail")
    assert PEOPLE.discoverable
    assert PEOPLE.subject is not None
    assert (PEOPLE.subject.column, PEOPLE.subject.domain) == ("id", "person")
    assert PEOPLE.watermark is not None
    assert (PEOPLE.watermark.column, PEOPLE.watermark.lateness) == ("seen", datetime.timedelta(seconds=90))
    assert (PEOPLE.file, PEOPLE.columns["region"].line) == ("catalog/bank.yaml", 13)


def test_a_dataset_is_not_discoverable_unless_its_file_says_so() -> None:
    notes = CATALOG["bank.notes"]
    assert not notes.discoverable
    assert (notes.subject, notes.watermark, notes.owner) == (None, None, "")


def test_columns_keep_their_order_and_declarations() -> None:
    assert list(PEOPLE.columns) == ["id", "seen", "income", "region"]
    income = PEOPLE.columns["income"]
    assert income.type == pa.decimal128(12, 2)
    assert income.mask == MaskUse(name="bucket", parameters={"step": 500})
    assert PEOPLE.columns["region"].dimension
    assert PEOPLE.columns["id"].domain == "person"


@pytest.mark.parametrize("text", [*ALLOWED[:-1], "decimal128(38, 0)"])
def test_every_offered_type_has_a_family_and_a_mask(text: str) -> None:
    family = family_of(read_type(Node(text, "f", 1)))
    assert family is not None
    assert any(family in spec.accepts for spec in MASK_SPECS.values())


def test_a_query_gets_its_datasets_in_its_order() -> None:
    query = Query(dialect="postgres", tree=None, names=("bank.notes", "bank.people"), shape="")
    found = resolve(query, catalog=CATALOG, visible=frozenset(CATALOG))
    assert list(found) == ["bank.notes", "bank.people"]
