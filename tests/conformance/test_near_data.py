"""Pre-filters, shared scans and groups near the data change no answer, on any source."""

from __future__ import annotations

import dataclasses
import random

import pytest

from gateway.sources import grouped, render
from gateway.terms.plan import GroupedScan, Plan
from gateway.terms.predicate import Compare, OneOf, Predicate, columns_of
from gateway.terms.streams import Tally
from tests.conformance.near import (
    answered,
    catalog,
    decision,
    grouping_queries,
    parts,
    planned,
    row_queries,
    table_of,
)
from tests.conformance.plans import follow_of
from tests.conformance.tables import Adapter, Rows, column

DATASETS = catalog("t", "u")
QUERIES = 12
ROW_FILTERS: list[Predicate | None] = [None, Compare("region", "=", "acme"), OneOf("subject", (1, 2, 3))]

OUTER = [
    f"SELECT x.id, y.id AS b FROM core.t x {join} core.u y ON x.subject = y.id AND {on} WHERE {where}"
    for join in ("LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
    for on in ("x.region = 'acme'", "y.region IS NULL")
    for where in ("y.active IS NULL", "x.active IS NULL AND y.id < 9")
]
"""Where nulls are of an outer join's making as well as the table's."""


def fill(adapter: Adapter, *, seed: int) -> None:
    draw = random.Random(seed)
    adapter.create("t", table_of(draw, rows=60))
    adapter.create("u", table_of(draw, rows=25))


def is_grouped(plan: Plan) -> bool:
    return any(isinstance(step, GroupedScan) for step in plan.steps)


@pytest.mark.parametrize("rows", ROW_FILTERS)
def test_groups_near_the_data_answer_as_rows_do(adapter: Adapter, rows: Predicate | None) -> None:
    fill(adapter, seed=3)
    verdict = decision(DATASETS, rows={} if rows is None else {"core.t": rows})
    near = 0
    for sql in grouping_queries(random.Random(repr(rows)), count=QUERIES):
        plan = planned(sql, verdict, DATASETS)
        near += is_grouped(plan)
        schema, got = answered(adapter.source(), plan)
        wanted, want = answered(adapter.source(), planned(sql, verdict, DATASETS, near=False, pushed=False))
        assert (schema, sorted(got, key=repr)) == (wanted, sorted(want, key=repr)), sql
    assert near > QUERIES * 0.6


def test_pre_filters_and_shared_scans_change_no_answer(adapter: Adapter) -> None:
    fill(adapter, seed=5)
    verdict = decision(DATASETS)
    pushed = 0
    for sql in (*OUTER, *row_queries(random.Random(5), count=QUERIES * 2)):
        plan = planned(sql, verdict, DATASETS)
        pushed += any(step.scan.pushed is not None for step in plan.steps)
        got = answered(adapter.source(), plan)
        want = answered(adapter.source(), planned(sql, verdict, DATASETS, near=False, pushed=False))
        assert (got[0], sorted(got[1], key=repr)) == (want[0], sorted(want[1], key=repr)), sql
    assert pushed > QUERIES / 2


def test_groups_near_the_data_follow_another_dataset(adapter: Adapter) -> None:
    fill(adapter, seed=7)
    people = Rows((column("id", "int64"), column("region", "string")), [(i, "DE" if i % 2 else "de") for i in range(6)])
    adapter.create("people", people)
    verdict = decision(DATASETS, follow={"core.t": follow_of("subject", Compare("region", "=", "DE"))})
    for sql in grouping_queries(random.Random(7), count=10):
        plan, far = planned(sql, verdict, DATASETS), planned(sql, verdict, DATASETS, near=False, pushed=False)
        near, rows = answered(adapter.source(), plan)[1], answered(adapter.source(), far)[1]
        assert sorted(near, key=repr) == sorted(rows, key=repr), sql


def test_t10_a_filter_that_is_lax_in_the_source_lets_no_row_into_a_group(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the source lets through; and `region`, which is not grouped by, is not told apart by the parts."""
    texts = Rows((column("region", "string"), column("pieces", "int64")), [("acme", 1), ("ACME", 10), ("acme ", 100)])
    adapter.create("t", texts)
    datasets = catalog("t")
    verdict = decision(datasets, rows={"core.t": OneOf("region", ("acme", "acme "))})
    plan = planned("SELECT count(*), sum(pieces) FROM core.t", verdict, datasets)
    assert is_grouped(plan)
    assert [list(columns_of(step.scan.rows)) for step in plan.steps if step.scan.rows] == [["region"]]
    exact, where = Tally(), render._where
    assert [tuple(map(int, row)) for row in answered(adapter.source(), plan, tally=exact)[1]] == [(2, 101)]  # type: ignore[call-overload]
    assert len(parts(adapter.source(), plan)) == 1
    monkeypatch.setattr(
        render,
        "_where",
        lambda select, table, asked, dialect: where(select, table, dataclasses.replace(asked, predicates=()), dialect),
    )
    render._parts.cache_clear()
    lax = Tally()
    assert [tuple(map(int, row)) for row in answered(adapter.source(), plan, tally=lax)[1]] == [(2, 101)]  # type: ignore[call-overload]
    assert (exact.rejected_rows, lax.rejected_rows) == (0, 1)
    render._parts.cache_clear()


def test_a_source_sends_groups_and_not_rows(adapter: Adapter) -> None:
    fill(adapter, seed=3)
    plan = planned("SELECT active, count(*), sum(pieces) FROM core.t GROUP BY active", decision(DATASETS), DATASETS)
    assert len(parts(adapter.source(), plan)) == 3


def test_more_groups_than_are_held_are_read_as_rows(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a row filter on a column that is not grouped by: so that groups must be merged."""
    fill(adapter, seed=3)
    verdict = decision(DATASETS, rows={"core.t": Compare("id", ">=", 20)})
    sql = "SELECT region, count(*), sum(pieces), avg(amount) FROM core.t WHERE active = TRUE GROUP BY region"
    plan, far = (planned(sql, verdict, DATASETS, near=near) for near in (True, False))
    want = sorted(answered(adapter.source(), far)[1], key=repr)
    assert len(parts(adapter.source(), plan)) == len(want)
    monkeypatch.setattr(grouped, "MAX_GROUPS", 2)
    assert sorted(answered(adapter.source(), plan)[1], key=repr) == want
    assert len(parts(adapter.source(), plan)) > len(want)


def test_a_pre_filter_that_the_source_cannot_evaluate_is_left_out(adapter: Adapter) -> None:
    """A decimal of 38 digits is a text in SQLite, and compared nowhere."""
    fill(adapter, seed=3)
    for sql in ("SELECT id FROM core.t WHERE wide > 100", "SELECT count(*), max(wide) FROM core.t WHERE wide > 100"):
        plan, far = (planned(sql, decision(DATASETS), DATASETS, near=near, pushed=near) for near in (True, False))
        assert sorted(answered(adapter.source(), plan)[1]) == sorted(answered(adapter.source(), far)[1])


def test_limit_0_opens_no_source(adapter: Adapter) -> None:
    for sql in ("SELECT id, region FROM core.t LIMIT 0", "SELECT sum(amount) AS s FROM core.t LIMIT 0"):
        plan = planned(sql, decision(DATASETS), DATASETS)
        schema, got = answered(adapter.gone(), plan)
        assert (got, len(schema)) == ([], len(plan.output_names))
