"""A house behind its door, as clients see it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import OWNER, caller, open_door

SQL = "SELECT customer_id, income FROM core.customers"


class Front:
    """A house with its door and clients."""

    def __init__(self, house: House, url: str, source: Path) -> None:
        self.house, self.url, self.source = house, url, source
        self.tokens = {
            "ana": house.token("ana", bank.ANA[0]),
            "otto": house.token("otto", OWNER[0], environment="prod"),
        }

    def ask(self, sql: str = SQL, *, who: str = "ana", purpose: str = bank.ANA[1], **more: Any) -> httpx.Response:
        accept = {"Accept": more.pop("accept", "text/csv")}
        with caller(self.url, self.tokens[who]) as client:
            return client.post("/v1/query", json={"sql": sql, "purpose": purpose, **more}, headers=accept)


@contextlib.contextmanager
def front(root: Path, source: Path, **more: Any) -> Iterator[Front]:
    with open_house(root, bank=source, **more) as house, open_door(house.gateway.services()) as url:
        yield Front(house, url, source)


@contextlib.contextmanager
def small_front(root: Path) -> Iterator[Front]:
    """To be broken."""
    source = bank.write(bank.first_world(), root / "core.db")
    with front(root, source, database_lock_seconds=0.3) as open_front:
        yield open_front


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, checked for what every one has."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:gateway:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert isinstance(problem["reasons"], list)
    return problem
