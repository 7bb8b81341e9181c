"""T4: exact groups, subtracted from each other, tell of nobody."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from gateway.errors import Unsupported
from gateway.protection import release
from tests import bank
from tests.house import House, open_house
from tests.unit.planning.bank import decision, plan
from tests.unit.protection.groups import Row, guarded, stage_one, stream

SECRET = Decimal("123456.78")
PURPOSE = "regulatory-reporting"
MEASURES = (("count_rows", None), ("sum", "income"))


def released(rows: list[Row], *dimensions: str) -> list[tuple[object, ...]]:
    scan = guarded(dimensions, MEASURES)
    with release(stream(stage_one(rows, scan), scan), scan, threshold=10) as groups:
        (batch,) = groups
    return [tuple(record.values()) for record in batch.to_pylist()]


def people(count: int, first: int, *, region: str = "DE", segment: str = "retail") -> list[Row]:
    return [Row(subject=first + i, region=region, segment=segment, income=Decimal(100)) for i in range(count)]


def test_t4_the_grand_total_minus_shown_segments_is_not_one_person() -> None:
    rows = people(20, 0) + people(15, 100, segment="affluent")
    rows.append(Row(subject=999, segment="private", income=SECRET))
    (total,) = released(rows)
    shown = released(rows, "segment")
    assert [row[0] for row in shown] == ["retail"]
    assert total[0] - sum(row[1] for row in shown) == 16


def test_t4_a_sum_with_one_contributor_is_not_shown() -> None:
    rows = [Row(subject=i, region="FR", income=SECRET if i == 0 else None) for i in range(20)]
    rows += people(20, 100) + people(30, 200, region="IT")
    assert [row[0] for row in released(rows, "region")] == ["IT"]


def test_t4_finer_groups_do_not_add_up_to_what_a_coarser_grouping_suppressed() -> None:
    """FR takes DE along; if all segments of DE were shown, they would give DE, and the total FR."""
    rows = people(3, 0, region="FR") + people(12, 100) + people(14, 200, segment="affluent")
    rows += people(11, 300, region="IT") + people(40, 400, region="IT", segment="affluent")
    assert [row[0] for row in released(rows, "region")] == ["IT"]
    german = [row[2] for row in released(rows, "region", "segment") if row[0] == "DE"]
    assert 26 - sum(german) >= 10


def test_t4_a_count_alone_does_not_show_what_a_sum_was_suppressed_with() -> None:
    """Nine and nine contributors hide each other in sums; in counts A would be alone without another group."""
    rows = people(9, 0, region="A") + people(9, 100, region="B") + people(15, 200, region="C")
    rows += [Row(subject=150 + i, region="B") for i in range(11)]
    rows += people(40, 300, region="D")
    scan = guarded(("region",), (("count_rows", None),))
    with release(stream(stage_one(rows, scan), scan), scan, threshold=10) as groups:
        (counts,) = groups
    assert {row[0] for row in released(rows, "region")} <= set(counts["region"].to_pylist())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One customer is the only private one, another the only one with an income in Germany."""
    root = tmp_path_factory.mktemp("groups")
    tables = bank.first_world(customers=160)
    first = True
    for row in tables["customers"]:
        if row["region"] == "DE":
            row["income"] = Decimal("123456.78") if first else None
            first = False
    tables["customers"][1] |= {"segment": "private", "region": "FR", "income": Decimal("98765.43")}
    with open_house(root, bank=bank.write(tables, root / "core.db")) as house:
        yield house


def asked(house: House, sql: str) -> list[list[object]]:
    token = house.token("rita", "reporting-analyst")
    return json.loads(house.ask(token, sql, purpose=PURPOSE)[0])["rows"]


def test_t4_the_analyst_gets_no_single_customer_of_a_segment(house: House) -> None:
    ((persons, amount),) = asked(
        house,
        "WITH t AS (SELECT count(*) AS n, sum(income) AS s FROM core.customers), g AS (SELECT segment, count(*) AS n,"
        " sum(income) AS s FROM core.customers GROUP BY segment)"
        " SELECT max(t.n) - sum(g.n) AS n, max(t.s) - sum(g.s) AS s FROM t, g",
    )
    assert int(str(persons)) >= 10
    assert Decimal(str(amount)) != Decimal("98765.43")


def test_t4_the_analyst_gets_no_single_income_of_a_region(house: House) -> None:
    rows = asked(house, "SELECT region, sum(income) FROM core.customers GROUP BY region")
    assert rows
    assert "DE" not in {row[0] for row in rows}
    assert len(rows) == len(bank.REGIONS) - 2


def test_t4_groups_have_at_most_four_dimensions() -> None:
    """Each dimension doubles the totals that a grouping is checked against."""
    verdict = decision(grouped=frozenset({"core.customers"}))
    customers = verdict.datasets["core.customers"]
    names = ("region", "segment", "city", "birth_date", "full_name")
    columns = {name: dataclasses.replace(customers.columns[name], use="dimension") for name in names}
    customers = dataclasses.replace(customers, columns={**customers.columns, **columns})
    verdict = dataclasses.replace(verdict, datasets={**verdict.datasets, "core.customers": customers})
    assert plan(f"SELECT count(*) FROM core.customers GROUP BY {', '.join(names[:4])}", verdict).steps
    with pytest.raises(Unsupported, match="at most 4 dimensions") as caught:
        plan(f"SELECT count(*) FROM core.customers GROUP BY {', '.join(names)}", verdict)
    assert caught.value.code == "unsupported.guarded_group"
