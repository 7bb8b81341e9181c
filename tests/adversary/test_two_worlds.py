"""The two-world test (DESIGN §8): what a principal may not see changes no byte of what the principal gets.

World 1 is world 0 with identifiers moved by a bijection π per domain, generalized values moved within their class,
redacted cells and rows outside the row filter changed freely. It is built with the real kernels behind a shim that
maps π(v) back to v, because pseudonyms of π(v) would differ, and so would ORDER BY and LIMIT, without any leak.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.delivery import FORMATS
from gateway.errors import GatewayError
from gateway.terms.policy import Decision
from tests import bank
from tests.fuzz.watching import Seen, watched
from tests.house import House, open_house

QUERIES = [
    text
    for paragraph in (Path(__file__).parent / "two_worlds.sql").read_text().split("\n\n")
    if (text := "\n".join(line for line in paragraph.splitlines() if not line.startswith("--")).strip())
]
RECEIPT = re.compile(rb"r_[0-9a-f]{32}")
TABLES = ("customers", "accounts", "transactions", "loans")


class Worlds:
    """Two gateways over two banks, with equal keys, and what each told and asked."""

    def __init__(self, first: House, second: House, back: Mapping[str, Mapping[Any, Any]]) -> None:
        self.houses = (first, second)
        self.back = back
        self.tokens = tuple(house.token("ana", bank.ANA[0]) for house in self.houses)

    @contextlib.contextmanager
    def watching(self, number: int) -> Iterator[Seen]:
        """What the rooms of one world exchange."""
        seen = Seen()
        with watched(seen, back=self.back if number == 1 else None, paired=False):
            yield seen

    def tell(self, number: int, sql: str, *, form: str) -> dict[str, object]:
        """Everything that reaches the asker or the source."""
        house, token = self.houses[number], self.tokens[number]
        told: dict[str, object] = {}
        with self.watching(number) as seen:
            try:
                body, answer = house.ask(token, sql, purpose=bank.ANA[1], form=form)
                headers = {k: v for k, v in answer.headers.items() if not k.startswith("Gateway-Receipt")}
                told |= {"body": RECEIPT.sub(b"RECEIPT", body), "headers": headers, "media": answer.media_type}
            except GatewayError as error:
                told |= {"error": (type(error).__name__, error.code, error.message, error.reasons, error.fix)}
            try:
                explained = house.explain(token, sql, purpose=bank.ANA[1])
                told["explained"] = repr(explained)
            except GatewayError as error:
                told["explained"] = (error.code, error.message, error.reasons, error.fix)
        if "error" not in told:  # an answer that fails stops its other scans somewhere: that moment is time, not data
            told["released"] = sorted(seen.released)
            told["source"] = sorted(seen.statements)
        return told


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    root = tmp_path_factory.mktemp("worlds")
    folders = [root / "seed", root / "0", root / "1"]
    for folder in folders:
        folder.mkdir()
    first = bank.first_world()
    with open_house(folders[0], bank=bank.write(first, folders[0] / "core.db")) as seed:
        seed.ask(seed.token("ana", bank.ANA[0]), "SELECT email FROM core.customers", purpose=bank.ANA[1])
        second = bank.second_world(first, decision_of(seed))
    with contextlib.ExitStack() as stack:
        houses = [
            stack.enter_context(open_house(folder, bank=bank.write(tables, folder / "core.db"), twin_of=seed.settings))
            for folder, tables in zip(folders[1:], (first, second.tables), strict=True)
        ]
        yield Worlds(houses[0], houses[1], second.back)


def decision_of(house: House) -> Decision:
    """What Ana gets of every column."""
    active = house.gateway.control.policy.current()
    token = house.token("ana", bank.ANA[0])
    columns = {f"core.{table}": frozenset(active.datasets[f"core.{table}"].columns) for table in TABLES}
    principal = house.principal(token)
    return active.pdp.decide(principal=principal, purpose=bank.ANA[1], uses=columns, now=house.now())


def test_there_are_at_least_sixty_queries() -> None:
    assert len(QUERIES) >= 60


@pytest.mark.parametrize("sql", QUERIES)
def test_two_worlds_answer_alike(worlds: Worlds, sql: str) -> None:
    form = FORMATS[QUERIES.index(sql) % len(FORMATS)]
    assert worlds.tell(0, sql, form=form) == worlds.tell(1, sql, form=form)


def test_the_worlds_do_differ(worlds: Worlds) -> None:
    """Without this the test above could compare a world with itself."""
    sql = "SELECT customer_id FROM core.customers"
    owners = [house.token("otto", "data-owner", environment="prod") for house in worlds.houses]
    bodies = [
        RECEIPT.sub(b"", house.ask(token, sql, purpose="data-quality")[0])
        for house, token in zip(worlds.houses, owners, strict=True)
    ]
    assert bodies[0] != bodies[1]


def test_without_the_shim_only_the_bijection_differs(worlds: Worlds) -> None:
    """Equal identifiers stay equal and unequal ones unequal: the pattern of pseudonyms is the same in both worlds."""
    sql = (
        "SELECT c.customer_id, a.iban, c.region, a.kind, a.balance FROM core.customers AS c"
        " JOIN core.accounts AS a ON a.customer_id = c.customer_id ORDER BY a.balance, a.kind, c.income, a.opened_on"
    )
    tables = []
    for house, token in zip(worlds.houses, worlds.tokens, strict=True):
        body, _ = house.ask(token, sql, purpose=bank.ANA[1], form="arrow")
        tables.append(pa.ipc.open_stream(body).read_all())
    assert tables[0].drop(["customer_id", "iban"]) == tables[1].drop(["customer_id", "iban"])
    for column in ("customer_id", "iban"):
        pairs = set(zip(tables[0][column].to_pylist(), tables[1][column].to_pylist(), strict=True))
        assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
        assert all(old != new for old, new in pairs)
