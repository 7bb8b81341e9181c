"""All scans of an answer read one state of PostgreSQL, however fast its writers are: the total never moves."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.test_extract_postgres_kill import _POLICIES, PURPOSE, SCHEMA
from tests.house import POLICIES, House, open_house
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures

ACCOUNTS = 2_000
TOTAL = Decimal(ACCOUNTS) * 1_000
WRITERS = 2
TIMES = 50
QUERIES = {
    "rows": "SELECT sum(x) AS total FROM (SELECT balance AS x FROM core.accounts"
    " UNION ALL SELECT saved FROM core.savings) q",
    "groups near the data": "SELECT (SELECT sum(balance) FROM core.accounts) + (SELECT sum(saved) FROM core.savings)"
    " AS total",
}


@pytest.fixture
def house(postgres_url: str, tmp_path: Path) -> Iterator[House]:  # noqa: F811
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"""
            CREATE TABLE accounts AS SELECT n::bigint AS account_id, 1000000 + n::bigint AS customer_id,
                600::numeric(14, 2) AS balance, 0::numeric(14, 2) AS pledged FROM generate_series(1, {ACCOUNTS}) n;
            CREATE TABLE savings AS SELECT 1000000 + n::bigint AS customer_id, 400::numeric(14, 2) AS saved
                FROM generate_series(1, {ACCOUNTS}) n;
            CREATE INDEX ON accounts (account_id);
            CREATE INDEX ON savings (customer_id)
        """)
    for name, text in _POLICIES.items():
        path = tmp_path / "policies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(f"table: {SCHEMA}.", "table: "))
    (tmp_path / "policies" / "model.conf").write_bytes((POLICIES / "model.conf").read_bytes())
    policies = tmp_path / "policies"
    with open_house(
        tmp_path, bank=tmp_path, source_url=postgres_url, policies=policies, requests_per_minute=10_000
    ) as house:
        yield house


@contextlib.contextmanager
def writers(url: str, moves: list[int]) -> Iterator[None]:
    """Money goes from accounts to savings and back, one committed transaction after the other."""
    over = threading.Event()

    def run(seed: int) -> None:
        draw = random.Random(seed)
        with psycopg.connect(url) as connection:
            while not over.is_set():
                sum_, number = draw.randint(-50, 50), draw.randint(1, ACCOUNTS)
                connection.execute("UPDATE accounts SET balance = balance - %s WHERE account_id = %s", [sum_, number])
                connection.execute(
                    "UPDATE savings SET saved = saved + %s WHERE customer_id = %s", [sum_, 1_000_000 + number]
                )
                connection.commit()
                moves[seed] += 1

    threads = [threading.Thread(target=run, args=[seed]) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_hundred_answers_under_writers_have_one_total(house: House, postgres_url: str) -> None:  # noqa: F811
    token = house.token("modeller-1", "modeller")
    moves = [0] * WRITERS
    found = []
    with writers(postgres_url, moves):
        for _ in range(TIMES):
            for sql in QUERIES.values():
                before = sum(moves)
                body, answer = house.ask(token, sql, purpose=PURPOSE)
                assert answer.headers["Gateway-Snapshot"] == "exported"
                found.append((Decimal(json.loads(body)["rows"][0][0]), sum(moves) > before))
    assert {total for total, _ in found} == {TOTAL}
    assert len(found) == 100
    assert sum(moved for _, moved in found) > 50  # else nothing was shown


def test_the_two_queries_are_read_in_two_ways(house: House) -> None:
    token = house.token("modeller-1", "modeller")
    kinds = []
    for sql in QUERIES.values():
        plan = house.explain(token, sql, purpose=PURPOSE).plan
        assert plan is not None
        assert len(plan.steps) == 2
        kinds.append({type(step).__name__ for step in plan.steps})
    assert kinds == [{"MaskedScan"}, {"GroupedScan"}]
