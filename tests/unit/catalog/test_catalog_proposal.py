"""What a proposal says of columns: classes, masks, bounds, times, texts; and what it never says."""

from __future__ import annotations

import dataclasses
import decimal
import json

import numpy as np
import pyarrow as pa
import pytest

from gateway.catalog.sampling import TableFacts, unsampled
from gateway.catalog.sampling.facts import MAX_CELLS, rows_of
from gateway.catalog.sampling.spread import MIN_VALUES, spread_of
from gateway.catalog.scanning import propose
from gateway.catalog.writing import as_json
from gateway.terms.dataset import Column, Dataset
from gateway.terms.proposal_catalog import ColumnProposal, TableProposal
from gateway.terms.source_schema import SchemaColumn
from tests.unit.catalog.scans import beside, customers, direct, facts, ids, table, texts, verdict


def one(known: TableFacts, *more: TableFacts) -> TableProposal:
    made, _ = propose((known, *more), beside((known, *more)))
    return made[0]


def column(proposal: TableProposal, name: str) -> ColumnProposal:
    return next(each for each in proposal.columns if each.name == name)


def moments(count: int) -> pa.Array:
    return pa.array(np.arange(count) * 10**12, pa.timestamp("us", tz="UTC"))


def test_a_column_that_nobody_is_sure_of_is_proposed_as_the_worst() -> None:
    known = facts("t", {"x": texts("{}", 9)}, [verdict("x", "public", "category", confidence=0.5, is_dimension=True)])
    found = column(one(known), "x")
    assert (found.classification, found.needs_review, found.found) == ("direct_identifier", True, "public")
    assert not found.dimension


def test_a_column_without_a_verdict_is_proposed_as_the_worst() -> None:
    found = column(one(facts("t", {"x": texts("{}", 9)}, [])), "x")
    assert (found.classification, found.needs_review) == ("direct_identifier", True)


def test_a_table_that_was_not_sampled_says_so() -> None:
    known = unsampled(table("t", {"x": texts("{}", 1)}), note="a view")
    found = one(known)
    assert found.note == "a view"
    assert [(c.classification, c.needs_review) for c in found.columns] == [("direct_identifier", True)]


def test_a_birth_date_shows_its_year_and_a_moment_its_day() -> None:
    known = facts(
        "customers",
        {
            "customer_id": ids(70_000, 50),
            "full_name": texts("P {}", 50),
            "birth_date": pa.array(range(50), pa.date32()),
            "seen_at": moments(50),
            "updated_at": moments(50),
        },
        [
            direct("customer_id", "customer"),
            direct("full_name", "person"),
            verdict("birth_date", "quasi_identifier", "birth_date"),
            verdict("seen_at", "public", "timestamp"),
            verdict("updated_at", "public", "timestamp"),
        ],
        key="customer_id",
    )
    found = one(known)
    assert column(found, "birth_date").mask.parameters["unit"] == "year"
    assert column(found, "seen_at").mask.parameters["unit"] == "day"
    assert column(found, "seen_at").classification == "quasi_identifier"
    assert column(found, "updated_at").classification == "public"
    assert found.watermark.column == "updated_at"


def test_a_public_time_of_nobody_stays_as_it_is() -> None:
    known = facts("rates", {"quoted_at": moments(9)}, [verdict("quoted_at", "public", "timestamp")])
    assert column(one(known), "quoted_at").classification == "public"


def test_a_rate_in_a_table_about_somebody_is_theirs() -> None:
    rate = verdict("rate", "public", "rate", is_dimension=True)
    loans = facts(
        "loans",
        {"loan_id": ids(5, 50), "customer_id": ids(70_000, 50, 37), "rate": pa.array(np.arange(50) / 100)},
        [direct("loan_id", "contract"), direct("customer_id", "customer"), rate],
        key="loan_id",
    )
    found = column(one(loans, customers()), "rate")
    assert (found.classification, found.found, found.dimension) == ("sensitive", "public", False)
    prices = facts("rates", {"rate": pa.array(np.arange(50) / 100)}, [rate])
    assert column(one(prices), "rate").classification == "public"


def test_columns_of_a_table_that_may_not_be_read_say_so() -> None:
    hidden = dataclasses.replace(
        table("t", {"x": texts("{}", 1)}),
        columns=(SchemaColumn(name="x", spelled="text", type=None),),
        refused="the role may not read it",
    )
    found = one(unsampled(hidden, note=hidden.refused))
    assert [(c.listing, c.note) for c in found.columns] == [("unlistable", "the role may not read it")]


@pytest.mark.parametrize("name", ["due_date", "expires_on", "date_of_birth", "valid_until"])
def test_a_time_that_lies_ahead_or_far_back_is_no_watermark(name: str) -> None:
    known = facts("t", {name: moments(9)}, [verdict(name, "public", "timestamp")])
    assert one(known).watermark is None


def test_amounts_get_buckets_and_bounds_that_are_no_rows_values() -> None:
    draw = np.random.default_rng(1)
    cents = draw.integers(1_000_000, 9_000_000, 400)
    values = pa.array([decimal.Decimal(int(n)) / 100 for n in cents], pa.decimal128(12, 2))
    found = column(one(facts("t", {"income": values}, [verdict("income", "sensitive", "income")])), "income")
    assert found.clip == (0, 100_000)
    assert found.mask.parameters["step"] == 2_000
    told = {f"{number:f}" for number in (*found.clip, found.mask.parameters["step"])}
    assert told.isdisjoint({str(value) for value in values.to_pylist()})


def test_few_values_give_no_bounds() -> None:
    assert spread_of(pa.array(range(1, MIN_VALUES))) is None
    assert spread_of(pa.array(range(1, MIN_VALUES + 1))) is not None


def test_one_extreme_value_moves_no_bound() -> None:
    values = list(range(100, 500))
    assert spread_of(pa.array([*values, 10**12])) == spread_of(pa.array([*values, 499]))


def test_negative_and_not_finite_numbers_have_bounds_too() -> None:
    spread = spread_of(pa.array([float(n) for n in range(-300, 300)] + [float("nan"), float("inf")]))
    assert (spread.low, spread.high) == (-500, 500)


def test_a_text_is_about_its_subject() -> None:
    notes = facts(
        "notes",
        {"customer_id": ids(70_000, 50, 37), "note": texts("called {}", 50)},
        [direct("customer_id", "customer"), verdict("note", "free_text", "note")],
    )
    about = column(one(notes, customers()), "note").about
    assert (about.dataset, about.on) == ("core.customers", (("customer_id", "customer_id"),))
    assert dict(about.roles) == {"name": "full_name", "email": "email"}


def test_a_text_of_nobody_says_so() -> None:
    notes = facts("notes", {"note": texts("called {}", 50)}, [verdict("note", "free_text", "note")])
    found = column(one(notes), "note")
    assert found.about is None
    assert "stranger" in found.note


def test_names_that_a_catalog_cannot_have_are_said_not_written() -> None:
    known = facts("t", {"Größe": ids(1, 3), "ok": ids(1, 3)}, [verdict("ok", "public", "category")])
    assert [c.listing for c in one(known).columns] == ["unlistable", "new"]


def test_a_column_of_a_type_that_is_not_read_is_not_written() -> None:
    made = table("t", {"ok": ids(1, 3)})
    columns = (*made.columns, SchemaColumn(name="place", spelled="geometry", type=None))
    known = unsampled(dataclasses.replace(made, columns=columns), note="")
    assert [c.listing for c in one(known).columns] == ["new", "unlistable"]


def test_sqlites_texts_that_are_dates_are_declared_as_dates() -> None:
    columns = {
        "day": pa.array(["2020-01-31", None]),
        "moment": pa.array(["2020-01-31 10:00:00.5", "2020-02-01T00:00:00Z"]),
        "mixed": pa.array(["2020-01-31", "soon"]),
    }
    found = one(facts("t", columns, [], dialect="sqlite"))
    assert [c.type for c in found.columns] == ["date32", "timestamp[us, tz=UTC]", "string"]
    other = one(facts("t", columns, [], dialect="postgres"))
    assert {c.type for c in other.columns} == {"string"}


def test_what_is_listed_stays_as_it_is() -> None:
    known = facts("t", {"x": texts("a{}@b.example", 50)}, [direct("x", "email")])
    listed = Column(name="x", type=pa.string(), classification="public", dimension=True)
    dataset = Dataset(
        name="core.t",
        source="core",
        table=("t",),
        owner="",
        discoverable=False,
        subject=None,
        watermark=None,
        columns={"x": listed},
    )
    made, domains = propose((known,), beside((known,), datasets={"core.t": dataset}))
    (found,) = made[0].columns
    assert (found.listing, found.classification, found.found) == ("listed", "public", "direct_identifier")
    assert domains == ()


def test_tables_that_are_called_alike_are_spelled_in_full() -> None:
    sales, hr = customers(name="public.customers"), customers(name="hr.customers")
    made, _ = propose((sales, hr), beside((sales, hr)))
    assert [each.table for each in made] == [("public", "customers"), ("hr", "customers")]
    assert len({each.dataset for each in made}) == 2


def test_tables_that_differ_in_case_alone_cannot_both_be_listed() -> None:
    lower, upper = facts("t", {"x": ids(1, 3)}, []), facts("T", {"x": ids(1, 3)}, [])
    made, _ = propose((lower, upper), beside((lower, upper)))
    assert [each.listing for each in made] == ["new", "unlistable"]


def test_empty_and_null_columns_raise_nothing() -> None:
    columns = {
        "none": pa.nulls(9, pa.string()),
        "number": pa.nulls(9, pa.int64()),
        "price": pa.nulls(9, pa.decimal128(9, 2)),
        "data": pa.array([b"\xff"] * 9),
    }
    found = one(facts("t", columns, []))
    assert all(each.needs_review for each in found.columns)
    assert one(facts("t", {name: values.slice(0, 0) for name, values in columns.items()}, [])).sampled_rows == 0


def test_two_thousand_columns_are_sampled_in_fewer_rows() -> None:
    wide = table("t", {f"c{n}": ids(1, 1) for n in range(2_000)})
    assert rows_of(wide, rows=1_000) * 2_000 <= MAX_CELLS
    assert rows_of(table("t", {"x": ids(1, 1)}), rows=1_000) == 1_000


def test_nothing_of_a_value_is_in_facts_or_their_json() -> None:
    people = facts(
        "customers",
        {
            "customer_id": ids(77_123_000, 200, 37),
            "full_name": texts("ZQX-NAME-{}", 200),
            "email": texts("zqx{}@bank.example", 200),
            "income": pa.array([1_234.5 + n for n in range(200)]),
        },
        [
            direct("customer_id", "customer"),
            direct("full_name", "person"),
            direct("email", "email"),
            verdict("income", "sensitive", "income"),
        ],
        key="customer_id",
    )
    made, domains = propose((people,), beside((people,)))
    told = json.dumps([as_json(each) for each in (*made, *domains)]) + repr(people)
    assert "zqx" not in told.lower()
    assert not [n for n in range(77_123_000, 77_123_000 + 200 * 37, 37) if str(n) in told]
    assert not [n for n in range(200) if f"{1_234.5 + n:g}" in told]
