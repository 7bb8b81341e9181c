"""T7: a redacted value changes nothing that its reader gets, not even whether there is an answer.

A value that the source cannot deliver fails a query that reads it. So a redacted column is not read: in each world here
such a value stands in the redacted cells of rows that Ana sees, and every answer is that of the clean world.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Integrity
from gateway.settings import Settings
from gateway.sources import render
from tests import bank
from tests.house import House, open_house

POISONS = {
    "invalid UTF-8": "CAST(x'C328FF' AS TEXT)",
    "2 MB of text": "printf('%.*c', 2000000, 'Z')",
    "a blob": "x'00FF'",
}
REDACTED = {"customers": ("street", "postcode", "city"), "transactions": ("reference",)}
QUERIES = [
    "SELECT street FROM core.customers",
    "SELECT street, postcode, city FROM core.customers",
    "SELECT street, region, customer_id FROM core.customers ORDER BY customer_id",
    "SELECT region, city, income FROM core.customers ORDER BY income, region",
    "SELECT * FROM core.customers ORDER BY customer_id",
    "SELECT count(street) FROM core.customers",
    "SELECT count(*), count(street), count(DISTINCT city), count(region) FROM core.customers",
    "SELECT region, max(street), min(length(postcode)) FROM core.customers GROUP BY region ORDER BY region",
    "SELECT customer_id FROM core.customers WHERE street IS NULL ORDER BY customer_id",
    "SELECT customer_id FROM core.customers WHERE street LIKE 'Z%' OR city = 'Bonn' ORDER BY customer_id",
    "SELECT region FROM core.customers ORDER BY street, region",
    "SELECT a.region FROM core.customers AS a JOIN core.customers AS b ON a.street = b.street",
    "SELECT c.street, a.kind FROM core.customers AS c JOIN core.accounts AS a USING (customer_id) ORDER BY a.balance",
    "SELECT reference FROM core.transactions",
    "SELECT count(*), count(reference) FROM core.transactions",
]
VISIBLE = sum(row["region"] in bank.VISIBLE for row in bank.first_world()["customers"])
RECEIPT = re.compile(rb"r_[0-9a-f]{32}")


def poisoned(path: Path, value: str) -> Path:
    """The bank with the value in every redacted cell of a quarter of the rows, those that Ana sees among them."""
    with sqlite3.connect(bank.write(bank.first_world(), path)) as connection:
        for table, columns in REDACTED.items():
            changes = ", ".join(f"{column} = {value}" for column in columns)
            rows = "region = 'DE'" if table == "customers" else "transaction_id % 4 = 0"
            assert connection.execute(f"UPDATE {table} SET {changes} WHERE {rows}").rowcount > 0
    connection.close()
    return path


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose keys are made, so that its twins give equal pseudonyms."""
    root = tmp_path_factory.mktemp("seed")
    with open_house(root, bank=bank.write(bank.first_world(), root / "core.db")) as house:
        answer(house, "SELECT email FROM core.customers")
        answer(house, "SELECT amount FROM core.transactions")
    return house.settings


@pytest.fixture(scope="module")
def clean(seed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("clean")
    with open_house(root, bank=bank.write(bank.first_world(), root / "core.db"), twin_of=seed) as house:
        yield house


@pytest.fixture(scope="module")
def worlds(seed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, House]]:
    with contextlib.ExitStack() as stack:
        houses = {}
        for name, value in POISONS.items():
            root = tmp_path_factory.mktemp("poisoned")
            path = poisoned(root / "core.db", value)
            houses[name] = stack.enter_context(open_house(root, bank=path, twin_of=seed))
        yield houses


def answer(house: House, sql: str, *, form: str = "json") -> bytes:
    body, _ = house.ask(house.token("ana", bank.ANA[0]), sql, purpose=bank.ANA[1], form=form)
    return RECEIPT.sub(b"RECEIPT", body)


@pytest.mark.parametrize("sql", QUERIES)
def test_t7_a_redacted_value_that_cannot_be_read_changes_no_answer(
    clean: House, worlds: Mapping[str, House], sql: str
) -> None:
    expected = answer(clean, sql)
    assert {name: answer(house, sql) == expected for name, house in worlds.items()} == dict.fromkeys(POISONS, True)


@pytest.mark.parametrize("poison", POISONS)
def test_the_values_do_fail_who_reads_them(worlds: Mapping[str, House], poison: str) -> None:
    """Without this the test above could pass over values that every source delivers."""
    house = worlds[poison]
    token = house.token("otto", "data-owner", environment="prod")
    with pytest.raises(Integrity) as caught:
        house.ask(token, "SELECT street FROM core.customers", purpose="data-quality")
    assert caught.value.code == "integrity.source.value"


def test_rows_are_counted_when_nothing_is_read_of_them(clean: House) -> None:
    assert answer(clean, "SELECT street FROM core.customers", form="csv").splitlines()[1:] == [b""] * VISIBLE
    counted = answer(clean, "SELECT count(*) AS n, count(street) AS s FROM core.customers", form="csv")
    assert counted.splitlines()[1:] == [f"{VISIBLE},0".encode()]


@pytest.mark.parametrize("sql", QUERIES)
def test_the_source_is_asked_for_no_redacted_column(clean: House, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    statements: list[str] = []

    def written(real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any, **more: Any) -> Any:
            statement = real(*given, **more)
            statements.append(repr(statement))
            return statement

        return noted

    monkeypatch.setattr(render, "rows", written(render.rows))
    answer(clean, sql)
    assert statements
    redacted = [column for columns in REDACTED.values() for column in columns]
    assert [name for name in redacted for statement in statements if name in statement] == []
