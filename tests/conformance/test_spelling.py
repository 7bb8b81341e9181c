"""A table's columns are found by the catalog's names, whatever their case and signs; never by a name that fits two."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.errors import Integrity
from gateway.terms.policy import KnownColumn
from gateway.terms.predicate import And, Compare, IsNull
from gateway.terms.streams import Tally
from tests.conformance.plans import as_set, follow_of, guarded_of, read, scan_of, scanned
from tests.conformance.tables import SOURCE, Adapter, Rows, column
from tests.conformance.test_describe import table_of
from tests.conformance.test_ending import drift
from tests.conformance.test_sample import sampled

KINDS = ("int64", "string", "string", "string")
VALUES = [(1, "Ana", "a@example.org", "EU"), (2, "Bo", None, "EU"), (3, None, "c@example.org", "US")]
WRITTEN = Rows(tuple(map(column, ("CustomerID", "firstName", "E-Mail", "REGION"), KINDS)), VALUES)
LISTED = Rows(tuple(map(column, ("customer_id", "first_name", "e_mail", "region"), KINDS)), VALUES)
ORDERS = Rows((column("OrderNo", "int64"), column("ownerId", "int64")), [(7, 1), (8, 3), (9, 2)])
ORDERS_LISTED = Rows((column("order_no", "int64"), column("owner_id", "int64")), ORDERS.rows)


def test_rows_come_under_the_catalogs_names(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", WRITTEN)
    scan = scan_of(LISTED, "customer_id", "first_name", aux=["e_mail", "region"], rows=Compare("region", "=", "EU"))
    rows = scanned(adapter.source(), scan, deadline)
    assert sorted((row["customer_id"], row["first_name"]) for row in rows) == [(1, "Ana"), (2, "Bo")]
    pushed = And((Compare("customer_id", ">", 1), IsNull("e_mail")))
    rows = scanned(adapter.source(), scan_of(LISTED, "customer_id", "e_mail", pushed=pushed), deadline)
    assert as_set(rows) == [(2, None)]


def test_groups_come_under_the_catalogs_names(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", WRITTEN)
    guarded = guarded_of(scan_of(LISTED, "region", "customer_id"), subject="customer_id", dimensions=["region"])
    session = adapter.source().session(receipt="r_groups", deadline=deadline, tally=Tally())
    try:
        groups = read(session.group(guarded))
    finally:
        session.close()
    assert sorted(str(row["region"]) for row in groups) == ["EU", "EU", "US"]


def test_follows_and_known_values_name_the_other_tables_columns_so(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", WRITTEN)
    adapter.create("orders", ORDERS)
    known = KnownColumn(
        role="name",
        dataset=f"{SOURCE}.t",
        table=("t",),
        column="first_name",
        type=LISTED.column("first_name").type,
        on=(("owner_id", "customer_id"),),
        mask=None,
        domain=None,
        canon=None,
    )
    follow = follow_of("owner_id", Compare("region", "=", "EU"), table="t", key="customer_id")
    scan = scan_of(ORDERS_LISTED, "order_no", name="orders", aux=["owner_id"], follow=follow)
    rows = scanned(adapter.source(), dataclasses.replace(scan, known=(known,)), deadline)
    assert sorted((row["order_no"], row[known.alias]) for row in rows) == [(7, "Ana"), (9, "Bo")]


def test_a_catalog_scan_gives_names_that_a_catalog_can_have(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", WRITTEN)
    source = adapter.source()
    table = table_of(source, "t", deadline)
    assert [each.name for each in table.columns] == [each.name for each in LISTED.columns]
    rows = sampled(source, table, deadline).to_pylist()
    assert sorted(row["customer_id"] for row in rows) == [1, 2, 3]
    assert {row["first_name"] for row in rows} == {"Ana", "Bo", None}


def test_the_exact_name_comes_first_and_one_that_fits_two_is_refused(adapter: Adapter, deadline: float) -> None:
    both = Rows((column("a_b", "int64"), column("ab", "int64")), [(1, 2)])
    adapter.create("t", both)
    assert scanned(adapter.source(), scan_of(both, "ab", "a_b"), deadline) == [{"ab": 2, "a_b": 1}]
    with pytest.raises(Integrity, match="several columns"):
        scanned(adapter.source(), scan_of(Rows((column("a__b", "int64"),), []), "a__b"), deadline)
    assert [each.name for each in table_of(adapter.source(), "t", deadline).columns] == ["a_b", "ab"]


def test_a_column_that_is_spelled_otherwise_now_is_the_same_and_beside_a_second_one_is_none(
    adapter: Adapter, deadline: float
) -> None:
    kinds = ("int64", "int64")
    table = Rows(tuple(map(column, ("owner", "other"), kinds)), [(1, 2)])
    adapter.create("t", Rows(tuple(map(column, ("Owner_", "other"), kinds)), table.rows))
    assert scanned(adapter.source(), scan_of(table, "owner"), deadline) == [{"owner": 1}]
    adapter.drop("t")
    adapter.create("t", Rows(tuple(map(column, ("Owner_", "own_er"), kinds)), table.rows))
    with pytest.raises(Integrity, match=r"core\.t\.owner: several columns"):
        scanned(adapter.source(), scan_of(table, "owner"), deadline)


def test_drift_knows_columns_by_their_spelling(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", WRITTEN)
    (found,) = drift(adapter, Rows(LISTED.columns[:3], []), deadline)
    assert found.startswith("core.t.REGION: the table has it and the catalog does not")
