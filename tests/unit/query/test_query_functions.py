"""docs/sql.md says what is offered; each function's example is accepted and answers as PostgreSQL does."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.query import DIALECTS, FUNCTIONS, Function, parse
from gateway.query.limits import DEFAULT
from tests.unit.planning.bank import decision, engine, plan, rows

DOCS = (Path(__file__).parents[3] / "docs" / "sql.md").read_text()
DATA = (
    "(VALUES (1, 2, 'x', DATE '2024-03-31', TIMESTAMP '2024-03-31 10:20:30'), "
    "(2, 4, 'y', DATE '2024-01-01', TIMESTAMP '2024-01-15 00:00:00'), "
    "(4, 5, 'z', DATE '2023-12-31', TIMESTAMP '2023-12-31 23:59:59')) AS v(a, b, s, d, t)"
)
MARCH, JANUARY, DECEMBER = (datetime.datetime(y, m, 1) for y, m in ((2024, 3), (2024, 1), (2023, 12)))  # noqa: DTZ001
POSTGRES: dict[str, object] = {
    "count": [3], "sum": [7], "avg": [pytest.approx(7 / 3)], "min": ["x"], "max": [datetime.date(2024, 3, 31)],
    "median": [2], "percentile_cont": [2], "percentile_disc": [2], "stddev": [1.527525], "stddev_samp": [1.527525],
    "stddev_pop": [1.247219], "variance": [pytest.approx(7 / 3)], "var_samp": [pytest.approx(7 / 3)],
    "var_pop": [pytest.approx(14 / 9)], "corr": [0.928571], "covar_samp": [pytest.approx(13 / 6)],
    "covar_pop": [pytest.approx(13 / 9)], "bool_and": [True], "bool_or": [True], "string_agg": ["x,y,z"],
    "grouping": [0, 0, 0], "row_number": [1, 2, 3], "rank": [1, 2, 3], "dense_rank": [1, 2, 3],
    "percent_rank": [0, 0.5, 1], "cume_dist": [pytest.approx(1 / 3), pytest.approx(2 / 3), 1], "ntile": [1, 1, 2],
    "lag": [0, 1, 2], "lead": [2, 4, None], "first_value": [1, 1, 1], "last_value": [1, 2, 4],
    "nth_value": [None, 2, 2], "abs": [1, 2, 4], "ceil": [2], "floor": [-2], "round": [Decimal("2.35")],
    "trunc": [Decimal("-1.78")], "sign": [-1, -1, -1], "mod": [-1], "sqrt": [4], "power": [8], "exp": [1], "ln": [0],
    "log": [2], "lower": ["ab"], "upper": ["X", "Y", "Z"], "length": [1, 1, 1], "trim": ["a"], "substring": ["bcd"],
    "left": ["ab"], "right": ["bc"], "replace": ["ayb"], "split_part": ["b"], "position": [2], "concat": ["ab"],
    "concat_ws": ["a-b"], "reverse": ["cba"], "starts_with": [True], "current_date": [True], "now": [True],
    "date_trunc": [MARCH, JANUARY, DECEMBER], "extract": [2024, 2024, 2023], "coalesce": [1, 2, 4],
    "nullif": [None, 2, 4], "greatest": [3], "least": [1],
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_example_answers_as_postgresql_documents_it(function: Function) -> None:
    grouped = " GROUP BY a" if function.name == "grouping" else ""
    made = plan(f"SELECT {function.example} FROM {DATA}{grouped}", decision())
    got = [row[0] for row in rows(engine().sql(made.sql))]
    expected = POSTGRES[function.name]
    assert isinstance(expected, list)
    assert got[: len(expected)] == expected


def test_every_function_has_its_expected_answer() -> None:
    assert {function.name for function in FUNCTIONS} == POSTGRES.keys()


def test_functions_are_listed_once_and_read_as_their_node() -> None:
    assert len({function.name for function in FUNCTIONS}) == len(FUNCTIONS)
    for function in FUNCTIONS:
        tree = parse(f"SELECT {function.example} FROM {DATA}", dialect="postgres", limits=DEFAULT).tree
        assert tree.find(function.node), function.name  # type: ignore[attr-defined]  # sealed for other rooms


def test_docs_list_exactly_the_functions_on_offer() -> None:
    table = DOCS.partition("<!-- functions -->")[2].partition("<!-- end -->")[0]
    listed = {
        (kind, name)
        for kind, names in re.findall(r"^\| (\w+) \| (.+) \|$", table, flags=re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert listed == {(function.kind, function.name) for function in FUNCTIONS}


def test_docs_list_exactly_the_dialects_on_offer() -> None:
    line = next(line for line in DOCS.splitlines() if line.startswith("Dialects:"))
    assert tuple(re.findall(r"`(\w+)`", line)) == DIALECTS


@pytest.mark.parametrize("sql", re.findall(r"^    (SELECT .+|WITH .+)$", DOCS, flags=re.MULTILINE))
def test_docs_examples_are_accepted(sql: str) -> None:
    plan(sql, decision(grouped=frozenset({"core.loans"})))
