"""Random SQL in two worlds (DESIGN §8): what a principal may not see changes no byte, whatever is asked.

Five hundred questions of a fixed seed; `GATEWAY_TEST_FUZZ=10000` asks more, `GATEWAY_TEST_FUZZ_SEED=7` others, and
`python -m tests.fuzz` does so outside of the suite. What is compared is said in tests/fuzz/worlds.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from gateway.delivery import FORMATS
from gateway.query.functions import FUNCTIONS
from tests.fuzz.bank import PEOPLE, TABLES
from tests.fuzz.campaign import questions, run
from tests.fuzz.shrink import shrink
from tests.fuzz.worlds import Question, Worlds, open_worlds

QUERIES = int(os.environ.get("GATEWAY_TEST_FUZZ", "500"))
SEED = int(os.environ.get("GATEWAY_TEST_FUZZ_SEED", "1"))
FLOOR = 0.6
"""Of questions that are answered: a fuzzer that is refused at the door tells nothing of what is behind it."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with open_worlds(tmp_path_factory.mktemp("fuzz")) as opened:
        yield opened


def test_no_question_tells_two_worlds_apart(worlds: Worlds) -> None:
    report = run(worlds, queries=QUERIES, seed=SEED, tell=print)
    assert not report.findings, "\n".join(map(str, report.findings))
    assert report.asked >= QUERIES * 0.98
    assert report.share >= FLOOR


def test_without_the_shim_only_the_bijection_differs(worlds: Worlds) -> None:
    """Equal identifiers stay equal and unequal ones unequal, and no pseudonym is a raw value."""
    masked = [person for person in PEOPLE if person.name in ("ana", "mia", "fran")]
    report = run(worlds, queries=max(60, QUERIES // 8), seed=SEED, people=masked, symmetric=True, tell=print)
    assert not report.findings, "\n".join(map(str, report.findings))
    assert report.share >= FLOOR


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_the_worlds_do_differ(worlds: Worlds, person: object) -> None:
    """Without this the tests above could compare a world with itself."""
    worlds.about(person, seed=SEED)  # type: ignore[arg-type]
    assert worlds.other is not None
    for table in TABLES:
        assert worlds.first[table] != worlds.other.tables[table]
    assert worlds.secrets[0] ^ worlds.secrets[1]


def test_the_same_seed_asks_the_same_questions(worlds: Worlds) -> None:
    worlds.about(PEOPLE[0], seed=SEED)
    told = [[next(asked) for _ in range(40)] for asked in (questions(worlds, PEOPLE[0], seed=SEED) for _ in range(2))]
    assert told[0] == told[1]
    assert told[0] != [next(asked) for asked in [questions(worlds, PEOPLE[0], seed=SEED + 1)] for _ in range(40)]


def test_questions_are_of_many_shapes(worlds: Worlds) -> None:
    worlds.about(PEOPLE[0], seed=SEED)
    asked = questions(worlds, PEOPLE[0], seed=SEED)
    drawn = [next(asked) for _ in range(2_000)]
    text = "\n".join(question.sql for question in drawn)
    for shape in (
        *("JOIN", "LEFT JOIN", "FULL JOIN", "CROSS JOIN", "NATURAL", "USING", "LATERAL", "VALUES", "WITH", "RECURSIVE"),
        *("EXISTS", " IN (SELECT", "ANY (", "UNION", "EXCEPT", "INTERSECT", "OVER (", "QUALIFY", "DISTINCT ON"),
        *("GROUP BY", "HAVING", "ROLLUP", "CUBE", "GROUPING SETS", "FILTER", "CASE", "CAST(", "LIMIT", "OFFSET"),
        *(
            "LIKE",
            "crm.leads",
            "core.customers",
            "lake.visits",
            "mart.orders",
            "ZQX",
            "string_agg",
            "WITHIN GROUP",
            "BETWEEN",
            "odd_on",
        ),
    ):
        assert shape in text, shape
    assert not {f.name for f in FUNCTIONS if f.kind != "aggregate" and not re.search(rf"\b{f.name}\b", text)}
    assert {question.form for question in drawn} == set(FORMATS)
    assert {question.door for question in drawn} == {"inside", "http"}
    assert any("$1" in question.sql and question.parameters for question in drawn)
    assert len({question.dialect for question in drawn}) > 4


def test_a_failing_query_is_made_small() -> None:
    sql = (
        "WITH q AS (SELECT a, b FROM s.t WHERE b > 1) SELECT DISTINCT upper(x.a), count(*) FROM q x LEFT JOIN s.u y"
        " ON x.a = y.a WHERE x.a = 'needle' AND y.b BETWEEN 1 AND 2 GROUP BY 1 ORDER BY 2 LIMIT 3"
    )
    small = shrink(sql, dialect="postgres", fails=lambda text: "needle" in text and "FROM" in text)
    assert "needle" in small
    assert len(small) < len(sql) / 2


def test_over_http_the_receipt_and_the_status_are_compared(worlds: Worlds) -> None:
    worlds.about(PEOPLE[0], seed=SEED)
    told = worlds.tell(0, Question(sql="SELECT region FROM core.customers", door="http"))
    assert told["status"] == 200
    assert {"body", "headers", "explained", "receipt", "released", "source"} <= told.keys()
