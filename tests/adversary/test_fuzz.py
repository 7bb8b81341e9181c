"""Random SQL in two worlds (DESIGN §8): what a principal may not see changes no byte, whatever is asked.

Five hundred questions of a fixed seed, about sources of every kind; `GATEWAY_TEST_FUZZ=10000` asks more,
`GATEWAY_TEST_FUZZ_SEED=7` others, and `python -m tests.fuzz` does so outside of the suite. What is compared is said in
tests/fuzz/worlds.py.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.delivery import FORMATS
from gateway.query.functions import FUNCTIONS
from tests.fuzz import processes
from tests.fuzz.banks.people import PEOPLE
from tests.fuzz.campaign import How, run, run_block
from tests.fuzz.processes import Campaign, run_all
from tests.fuzz.questions.asked import questions
from tests.fuzz.shrink import shrink
from tests.fuzz.worlds import Question, Worlds, open_worlds
from tests.pg import postgres_server  # noqa: F401 - a fixture

QUERIES = int(os.environ.get("GATEWAY_TEST_FUZZ", "500"))
SEED = int(os.environ.get("GATEWAY_TEST_FUZZ_SEED", "1"))
FLOOR = 0.6
"""Of questions that are answered: a fuzzer that is refused at the door tells nothing of what is behind it."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Worlds]:  # noqa: F811
    """Of all kinds of sources; without GATEWAY_TEST_MARIADB_URL of all but MariaDB."""
    mariadb = os.environ.get("GATEWAY_TEST_MARIADB_URL")
    with open_worlds(tmp_path_factory.mktemp("fuzz"), postgres=postgres_server, mariadb=mariadb) as opened:
        yield opened


def test_no_question_tells_two_worlds_apart(worlds: Worlds) -> None:
    report = run(worlds, queries=QUERIES, seed=SEED, tell=print)
    assert not report.findings, "\n".join(map(str, report.findings))
    assert report.asked >= QUERIES * 0.98
    assert len(report.texts) >= QUERIES * 0.98
    assert report.share >= FLOOR
    for source in worlds.sources:
        assert report.of_source[source] >= QUERIES / 20, source
        assert report.answered_of[source] >= report.of_source[source] * FLOOR, source


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("care", marks=pytest.mark.postgres),
        pytest.param("fund", marks=pytest.mark.mariadb),
    ],
)
def test_servers_are_asked_by_pushed_filters_and_groups(worlds: Worlds, source: str) -> None:
    """What the server was sent is compared, and says nothing of where a world's tables stand."""
    if source not in worlds.sources:
        pytest.skip("GATEWAY_TEST_MARIADB_URL names no server")
    worlds.about(PEOPLE[0], seed=SEED)
    table, shown = {"care": ("tickets", "status"), "fund": ("trades", "side")}[source]
    for sql in (
        f"SELECT {shown} FROM {source}.{table} WHERE is_open",
        f"SELECT {shown}, count(*) FROM {source}.{table} GROUP BY {shown}",
    ):
        assert worlds.differs(Question(sql=sql)) == {}
        sent = [worlds.tell(number, Question(sql=sql))["source"] for number in (0, 1)]
        assert sent[0] == sent[1]
        assert "OWN" in str(sent[0])
        assert "test_" not in str(sent[0])


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
    for table in worlds.first:
        assert worlds.first[table] != worlds.other.tables[table]
    assert worlds.secrets[0] ^ worlds.secrets[1]


def test_the_same_seed_asks_the_same_questions(worlds: Worlds) -> None:
    worlds.about(PEOPLE[0], seed=SEED)
    told = [[next(asked) for _ in range(40)] for asked in (questions(worlds, PEOPLE[0], seed=SEED) for _ in range(2))]
    assert told[0] == told[1]
    assert told[0] != [next(asked) for asked in [questions(worlds, PEOPLE[0], seed=SEED + 1)] for _ in range(40)]


def test_two_seeds_share_no_question(worlds: Worlds) -> None:
    """A campaign of many blocks reaches into no other seed's."""
    asked = [run(worlds, queries=8, seed=seed, people=PEOPLE[:1], tries=0).texts for seed in (SEED, SEED + 1)]
    one_block_on = run_block(worlds, block=1, count=8, seed=SEED, how=How(people=PEOPLE[:1], tries=0)).texts
    assert not asked[0] & asked[1]
    assert not asked[1] & one_block_on


def test_processes_share_the_blocks_and_a_second_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "blocks", lambda queries: [(0, queries // 2), (1, queries // 2)])
    campaign, kept = Campaign(queries=12, seed=SEED, people=("ana",)), tmp_path / "kept"
    how = How(people=PEOPLE[:1])
    report = run_all(campaign, how=how, processes=2, kept=kept)
    assert (report.asked, len(report.texts), report.findings) == (12, 12, [])
    lines = kept.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    kept.write_text("".join(lines[:-1]))  # as if it had been interrupted
    again = run_all(campaign, how=how, kept=kept)
    assert (again.asked, again.texts, again.of_source) == (report.asked, report.texts, report.of_source)
    with pytest.raises(ValueError, match="another campaign"):
        run_all(dataclasses.replace(campaign, seed=SEED + 1), how=how, kept=kept)


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
            "care.tickets",
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
