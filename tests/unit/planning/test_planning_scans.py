"""What is pushed, shared and grouped, and what is not."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.errors import Integrity
from gateway.planning import make_plan
from gateway.planning.scans import conditions
from gateway.query import bind, parse
from gateway.query.limits import DEFAULT
from gateway.terms.plan import GroupedScan, GuardedScan, MaskedScan, Plan
from gateway.terms.policy import Decision
from gateway.terms.predicate import text_of
from tests.unit.planning.bank import CATALOG, PSEUDONYMS, decision


def near(sql: str, verdict: Decision | None = None, *, for_files: bool = False) -> Plan:
    bound = bind(parse(sql, dialect="postgres", limits=DEFAULT), datasets=CATALOG)
    verdict = verdict or decision()
    return make_plan(bound, verdict, datasets=CATALOG, max_scans=16, near_data={"core"}, for_files=for_files)


def pushed(sql: str, verdict: Decision | None = None) -> list[str | None]:
    return [text_of(s.scan.pushed) if s.scan.pushed else None for s in near(sql, verdict).steps]


C = "SELECT city FROM core.customers c WHERE "
PUSHED: dict[str, str | None] = {
    "customer_id = 7": "customer_id = 7",
    "7 <= customer_id": "customer_id >= 7",
    "customer_id BETWEEN 1 AND 5": "customer_id >= 1 AND customer_id <= 5",
    "customer_id IN (1, 2, 2)": "customer_id IN (1, 2)",
    "customer_id = -7": "customer_id = -7",
    "region = 'DE' OR region IN ('FR')": "region IN ('DE', 'FR')",
    "region = 'DE' OR customer_id < 3": "region = 'DE' OR customer_id < 3",
    "income >= 10.5": "income >= 10.50",
    "birth_date < '2000-01-01'": "birth_date < '2000-01-01'",
    "birth_date < DATE '2000-01-01'": "birth_date < '2000-01-01'",
    "updated_at >= '2024-01-01T10:00:00+02:00'": "updated_at >= '2024-01-01T08:00:00+00:00'",
    "updated_at >= TIMESTAMPTZ '2024-01-01'": "updated_at >= '2024-01-01T00:00:00+00:00'",
    "customer_id = 7 OR (region = 'DE' AND upper(city) = 'BONN')": "customer_id = 7 OR region = 'DE'",
    "(region = 'DE' AND upper(city) = 'ULM') OR (region = 'FR' AND city <> 'Ulm')": "region IN ('DE', 'FR')",
    "(region = 'DE' OR upper(city) = 'ULM') AND customer_id = 7": "customer_id = 7",
    "region IS NULL": "region IS NULL",
    "region IS NOT NULL AND upper(region) = 'DE'": "region IS NOT NULL",
    "city = 'O''Brien'": "city = 'O''Brien'",
    # in doubt not
    "customer_id <> 7": None,
    "NOT customer_id = 7": None,
    "customer_id NOT IN (1, 2)": None,
    "customer_id BETWEEN SYMMETRIC 5 AND 1": None,
    "customer_id = 7.0": None,
    "customer_id = 1e3": None,
    "customer_id = 9223372036854775808": None,
    "customer_id = 7 OR upper(region) = 'DE'": None,
    "customer_id IN (1, NULL)": None,
    "customer_id IN (SELECT customer_id FROM core.loans)": None,
    "customer_id IS NOT DISTINCT FROM 7": None,
    "customer_id + 0 = 7": None,
    "income = 10.005": None,
    "income = 1e1": None,
    "region LIKE 'D%'": None,
    "region > 'D'": None,
    "region = city": None,
    "lower(region) = 'de'": None,
    "city = 'back\\slash'": None,
    f"city = '{'x' * 300}'": None,
    "updated_at >= TIMESTAMP '2024-01-01'": None,
    "birth_date >= TIMESTAMP '2024-01-01'": None,
    "updated_at >= 'yesterday'": None,
    "1 = 1": None,
}


@pytest.mark.parametrize("where", PUSHED)
def test_a_condition_is_pushed_where_both_sides_compare_alike(where: str) -> None:
    assert pushed(C + where)[0] == PUSHED[where]


def test_no_floating_point_number_is_compared_in_a_source() -> None:
    assert pushed("SELECT loan_id FROM core.loans WHERE rate > 0.5 AND defaulted = TRUE") == ["defaulted = TRUE"]


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("{c} JOIN {a} ON c.customer_id = a.customer_id AND a.kind = 'card' WHERE c.city = 'Bonn'", ["Bonn", "card"]),
        ("{c} LEFT JOIN {a} ON a.customer_id = 1 AND c.city = 'Bonn' WHERE a.kind = 'card'", [None, "card"]),
        ("{c} LEFT JOIN {a} ON c.customer_id = a.customer_id WHERE a.kind IS NULL AND c.city IS NULL", ["null", None]),
        ("{c} RIGHT JOIN {a} ON c.customer_id = a.customer_id WHERE c.city IS NULL AND a.kind IS NULL", [None, "null"]),
        ("{c} FULL JOIN {a} ON c.city = 'Bonn' WHERE a.kind IS NULL AND c.city IS NULL", [None, None]),
        ("{c} FULL JOIN {a} ON c.city = a.kind WHERE a.kind = 'card' AND c.city = 'Bonn'", ["Bonn", "card"]),
        ("{c} JOIN {a} ON c.city = 'Bonn' LEFT JOIN core.loans l ON l.loan_id = 1", [None, None, "loan_id"]),
        (
            "{c}, {a} WHERE (c.city = 'Bonn' AND a.kind = 'card') OR (a.kind = 'loan' AND c.city = 'Ulm')",
            ["Ulm", "loan"],
        ),
        ("{c}, {a} WHERE (c.city = 'Bonn' AND a.kind = 'card') OR c.city = 'Ulm'", ["Ulm", None]),
        (
            "{c} LEFT JOIN {a} ON TRUE WHERE (c.city = 'Bonn' AND a.kind IS NULL) OR (c.city = 'Ulm' AND a.kind = 'x')",
            ["Ulm", None],
        ),
    ],
)
def test_joins_decide_what_is_pushed(sql: str, wanted: list[str | None]) -> None:
    told = pushed(sql.format(c="SELECT c.city, a.kind FROM core.customers c", a="core.accounts a"))
    for text, word in zip(told, wanted, strict=True):
        assert (text is None) == (word is None), told
        assert word is None or word.lower() in str(text).lower()


def test_a2_no_masked_column_is_pushed() -> None:
    sql = C + "email = 'p1@raw.example' AND region = 'DE' AND customer_id IS NOT NULL"
    assert pushed(sql, decision(masked=PSEUDONYMS)) == ["region = 'DE'"]
    assert pushed(sql, decision(redacted=frozenset({"region", "email", "customer_id"}))) == [None]


def test_a2_a_branch_of_an_or_that_asks_for_a_masked_column_alone_lets_all_rows_through() -> None:
    either = "(email = 'p1@raw.example' AND region = 'DE') OR (region = 'FR' AND email = 'p2@raw.example')"
    assert pushed(C + either, decision(masked=PSEUDONYMS)) == ["region IN ('DE', 'FR')"]
    assert pushed(C + either + " OR email = 'p3@raw.example'", decision(masked=PSEUDONYMS)) == [None]


def test_a2_a_planted_pushdown_of_a_masked_column_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes the predicate, a second look is held at it before it becomes part of a scan."""
    monkeypatch.setattr(conditions, "_column", lambda node, site: site.dataset.columns[node.name])
    with pytest.raises(Integrity, match="masked"):
        near(C + "email = 'p1@raw.example'", decision(masked=PSEUDONYMS))


def test_mentions_of_a_dataset_share_one_scan() -> None:
    made = near("SELECT a.city FROM core.customers a, core.customers b WHERE a.customer_id = 1 AND b.region = 'DE'")
    (step,) = made.steps
    assert [c.name for c in step.scan.columns] == ["customer_id", "city", "region"]
    assert text_of(step.scan.pushed) == "customer_id = 1 OR region = 'DE'"  # type: ignore[arg-type]
    assert dict(made.mentions) == {"__scan_1": 2}
    assert made.sql.count('"__scan_1"') == 2


def test_a_mention_without_a_condition_reads_all_rows() -> None:
    assert pushed("SELECT a.city FROM core.customers a, core.customers b WHERE a.customer_id = 1") == [None]


def test_a_shared_scan_is_held_and_not_streamed() -> None:
    union = "SELECT kind FROM core.accounts UNION ALL SELECT kind FROM {other}"
    assert near(union.format(other="core.accounts"), for_files=True).is_order_free is False
    assert near("SELECT kind FROM core.accounts", for_files=True).is_order_free is True


GROUPED: dict[str, bool] = {
    "SELECT region, count(*) FROM core.customers GROUP BY region": True,
    "SELECT region, avg(income), sum(income) / count(*) FROM core.customers GROUP BY 1 HAVING count(*) > 2": True,
    "SELECT count(income), min(birth_date), max(updated_at) FROM core.customers WHERE region = 'DE'": True,
    "SELECT count(DISTINCT region) FROM core.customers": True,
    "SELECT upper(region), sum(customer_id) FROM core.customers GROUP BY region ORDER BY 2": True,
    "SELECT q.n FROM (SELECT region, count(*) AS n FROM core.customers GROUP BY region) q WHERE q.n > 1": True,
    "WITH g AS (SELECT kind, sum(balance) AS s FROM core.accounts GROUP BY kind) SELECT a.s FROM g a, g b": True,
    "SELECT (SELECT count(*) FROM core.accounts), (SELECT max(amount) FROM core.loans)": True,
    # a WHERE that the source cannot evaluate as it stands
    "SELECT count(*) FROM core.customers WHERE upper(region) = 'DE'": False,
    "SELECT count(*) FROM core.customers WHERE region <> 'DE'": False,
    "SELECT count(*) FROM core.customers WHERE region = 'DE' AND income > customer_id": False,
    # sums that depend on the order, or that are of expressions
    "SELECT sum(rate) FROM core.loans": False,
    "SELECT min(rate) FROM core.loans": False,
    "SELECT count(*) FROM core.loans GROUP BY rate": False,
    "SELECT sum(amount * 2) FROM core.loans": False,
    "SELECT min(region) FROM core.customers": False,
    "SELECT stddev(income) FROM core.customers": False,
    "SELECT string_agg(city, ',') FROM core.customers": False,
    "SELECT sum(DISTINCT income) FROM core.customers": False,
    "SELECT count(*) FILTER (WHERE region = 'DE') FROM core.customers": False,
    "SELECT count(DISTINCT region) FILTER (WHERE region = 'DE') FROM core.customers": False,
    # other shapes
    "SELECT region FROM core.customers": False,
    "SELECT upper(region), count(*) FROM core.customers GROUP BY upper(region)": False,
    "SELECT region, count(*) FROM core.customers GROUP BY ROLLUP (region)": False,
    "SELECT region, count(*), rank() OVER (ORDER BY count(*)) FROM core.customers GROUP BY region": False,
    "SELECT count(*) FROM core.customers c, core.loans l": False,
    "SELECT region, (SELECT count(*) FROM core.loans l WHERE l.loan_purpose = c.region)"
    " FROM core.customers c GROUP BY region": False,
    # rows of the dataset are read anyway
    "SELECT city FROM core.customers WHERE income > (SELECT avg(income) FROM core.customers)": False,
}


@pytest.mark.parametrize("sql", GROUPED)
def test_a_select_is_grouped_by_its_source_where_parts_make_up_the_whole(sql: str) -> None:
    kinds = {type(step) for step in near(sql).steps}
    assert kinds == ({GroupedScan} if GROUPED[sql] else {MaskedScan})


def test_masked_columns_are_grouped_in_the_sandbox() -> None:
    sql = "SELECT email, count(*) FROM core.customers GROUP BY email"
    assert isinstance(near(sql, decision(masked=PSEUDONYMS)).steps[0], MaskedScan)
    assert isinstance(near(sql).steps[0], GroupedScan)
    counted = "SELECT count(DISTINCT customer_id) FROM core.customers"
    assert isinstance(near(counted, decision(masked=PSEUDONYMS)).steps[0], MaskedScan)


def test_a_guarded_dataset_is_never_grouped_plainly() -> None:
    (step,) = near(
        "SELECT region, count(*) FROM core.customers GROUP BY region", decision(grouped=frozenset(CATALOG))
    ).steps
    assert isinstance(step, GuardedScan)


def test_a_grouped_scan_releases_shown_columns_only() -> None:
    (step,) = near("SELECT region, avg(income) FROM core.customers WHERE city = 'Bonn' GROUP BY region").steps
    assert isinstance(step, GroupedScan)
    assert [c.name for c in step.columns] == ["region", "__figure_1", "__figure_2", "__figure_3"]
    assert all(d.mask.name == "keep" for d in step.decisions)
    assert [c.name for c in step.scan.columns] == ["region", "income"]
    assert [c.name for c in step.scan.aux_columns] == ["city"]
    assert step.filter is not None and text_of(step.filter) == "city = 'Bonn'"
    assert step.scan.pushed is None


def test_equal_groups_are_read_once() -> None:
    block = "SELECT region, count(*) AS n FROM core.customers GROUP BY region"
    made = near(f"SELECT a.n FROM ({block}) a JOIN ({block}) b ON a.region = b.region")
    assert dict(made.mentions) == {"__scan_1": 2}
    assert len(made.steps) == 1


def test_limit_0_reads_nothing() -> None:
    for sql in (
        "SELECT city FROM core.customers LIMIT 0",
        "SELECT city, count(*) FROM core.customers GROUP BY 1 LIMIT 0",
    ):
        assert [step.scan.is_read for step in near(sql).steps] == [False]
    assert near("SELECT city FROM core.customers LIMIT 1").steps[0].scan.is_read
    guarded = near("SELECT count(*) FROM core.customers LIMIT 0", decision(grouped=frozenset(CATALOG)))
    assert guarded.steps[0].scan.is_read


def test_a_list_that_is_too_long_is_not_pushed() -> None:
    values = ", ".join(map(str, range(conditions.MAX_VALUES + 1)))
    assert pushed(C + f"customer_id IN ({values}) AND region = 'DE'") == ["region = 'DE'"]


def test_a_row_filter_is_no_part_of_what_is_pushed() -> None:
    from gateway.terms.predicate import Compare

    verdict = decision()
    rows = Compare("segment", "=", "retail")
    about = dataclasses.replace(verdict.datasets["core.customers"], rows=rows)
    verdict = dataclasses.replace(verdict, datasets={**verdict.datasets, "core.customers": about})
    (step,) = near(C + "region = 'DE'", verdict).steps
    assert (step.scan.rows, text_of(step.scan.pushed)) == (rows, "region = 'DE'")  # type: ignore[arg-type]
