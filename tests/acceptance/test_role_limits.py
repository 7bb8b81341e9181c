"""Limits of a role, through HTTP: each one ends what it must, and nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Invalid
from gateway.settings import RoleLimits
from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import caller, open_door, wait_for

MANY = "core.customers AS a, core.customers AS b, core.customers AS c, core.customers AS d"
"""Of 24 rows that she sees: 330,000."""
ENDLESS = (
    f"SELECT count(*) AS n FROM {MANY}, core.customers AS e, core.customers AS f, core.customers AS g"
    " WHERE a.income + b.income + c.income < d.income - e.income - f.income + g.income"
)
ROWS = "SELECT customer_id, region, income FROM core.customers"
TEXTS = "SELECT string_agg({}, ',') AS s FROM core.customers AS a, core.customers AS b, core.customers AS c"
LARGE = TEXTS.format("a.segment || b.segment || c.segment")
"""14,000 texts of 25 bytes."""
LARGER = TEXTS.format(" || ".join(["a.segment || b.segment || c.segment"] * 5))
HUNGRY = (
    "SELECT count(*) AS n FROM (SELECT a.customer_id, b.customer_id AS y, c.customer_id AS z, d.customer_id AS w,"
    f" count(*) AS k FROM {MANY} GROUP BY 1, 2, 3, 4) AS g"
)
"""330,000 groups of 100 bytes."""
PURPOSE = bank.ANA[1]
STRICT = "reporting-analyst"
"""Has no grant for this purpose: what it adds here is its limits."""


class Front:
    def __init__(self, house: House, url: str) -> None:
        self.house, self.url = house, url
        self.tokens = {
            "strict": house.token("sam", bank.ANA[0], STRICT),
            "free": house.token("fay", bank.ANA[0]),
        }

    def ask(self, sql: str, *, who: str, accept: str = "application/json") -> tuple[int, str]:
        """Status, and the problem's code."""
        with caller(self.url, self.tokens[who]) as client:
            body = {"sql": sql, "purpose": PURPOSE}
            response = client.post("/v1/query", json=body, headers={"Accept": accept})
        problem: dict[str, Any] = response.json() if response.status_code != 200 else {}
        return response.status_code, str(problem.get("code", ""))


def opened(root: Path, strict: dict[str, float], **more: object) -> Iterator[Front]:
    source = bank.write(bank.first_world(customers=96), root / "core.db")
    more = {"query_seconds": 4.0, "role_limits": {STRICT: strict}, **more}
    with open_house(root, bank=source, **more) as house, open_door(house.gateway.services()) as url:
        yield Front(house, url)


LIMITS: dict[str, tuple[dict[str, float], str, str, str]] = {
    "seconds": ({"query_seconds": 0.5}, ENDLESS, "application/json", "exhausted.time"),
    "memory": ({"sandbox_memory_mb": 16}, HUNGRY, "application/json", "exhausted.memory"),
    "rows of any answer": ({"max_result_rows": 3}, ROWS, "text/csv", "exhausted.result_rows"),
    "rows of JSON": ({"max_json_rows": 3}, ROWS, "application/json", "exhausted.json_rows"),
    "rows a day": ({"rows_per_day": 3}, ROWS, "application/json", "exhausted.row_allowance"),
}


@pytest.mark.parametrize("what", LIMITS)
def test_a_roles_limit_ends_its_own_query_and_no_other(tmp_path: Path, what: str) -> None:
    limits, sql, accept, code = LIMITS[what]
    for front in opened(tmp_path, limits):
        assert front.ask(sql, who="strict", accept=accept) == (429, code)
        if sql != ENDLESS:
            assert front.ask(sql, who="free", accept=accept) == (200, "")
        assert front.ask("SELECT region FROM core.customers LIMIT 1", who="strict") == (200, "")


def test_the_size_of_an_answer_is_limited_for_everybody(tmp_path: Path) -> None:
    for front in opened(tmp_path, {}, max_result_mb=1):
        assert front.ask(LARGE, who="free") == (200, "")
        assert front.ask(LARGER, who="free") == (429, "exhausted.result_size")


def test_a_roles_places_are_fewer_than_others(tmp_path: Path) -> None:
    for front in opened(tmp_path, {"concurrent_queries": 1}):
        for who, code in (("strict", "exhausted.concurrency"), ("free", "")):
            running = threading.Thread(target=front.ask, args=[ENDLESS], kwargs={"who": who})
            running.start()
            wait_for(lambda sandbox=front.house.gateway.sandbox: sandbox._busy)
            assert front.ask("SELECT region FROM core.customers LIMIT 1", who=who)[1] == code
            running.join()


def test_of_several_roles_the_strictest_counts_and_one_without_a_value_counts_with_everybodys(tmp_path: Path) -> None:
    for front in opened(tmp_path, {"query_seconds": 60.0, "max_json_rows": 5}):
        limits = front.house.enforcement._limits
        both, one = (front.house.principal(front.tokens[name]) for name in ("strict", "free"))
        assert (limits.of(both).query_seconds, limits.of(both).max_json_rows) == (4.0, 5)
        alone = front.house.principal(front.house.token("sol", STRICT))
        assert limits.of(alone).query_seconds == 60.0
        assert limits.of(one) == limits


def test_explain_shows_the_askers_own_limits_and_names_no_role(tmp_path: Path) -> None:
    strict = {"query_seconds": 2.5, "max_json_rows": 5, "rows_per_day": 7}
    for front in opened(tmp_path, {**strict, "max_result_rows": 10**9}, max_result_rows=1_000):
        told = {}
        for who, purpose in (("strict", PURPOSE), ("free", PURPOSE), ("free", "curiosity")):
            with caller(front.url, front.tokens[who]) as client:
                body = client.post("/v1/explain", json={"sql": ROWS, "purpose": purpose}).json()
            told[who, body["allowed"]] = body["limits"]
            assert STRICT not in str(body)
        settings = front.house.settings
        everybodys = {name: getattr(settings, name) for name in RoleLimits.model_fields}
        assert told["free", True] == told["free", False] == everybodys
        assert told["strict", True] == {**everybodys, **strict}, "its looser limit of rows is not the strictest"


def test_two_tokens_of_one_person_share_no_child_where_their_memory_differs(tmp_path: Path) -> None:
    """What a child has once mapped it can use again: the strict token's query would find the other's room."""
    for front in opened(tmp_path, {"sandbox_memory_mb": 16}):
        front.tokens["also sam"] = front.house.token("sam", bank.ANA[0])
        assert front.ask(HUNGRY, who="also sam") == (200, "")
        assert front.ask(HUNGRY, who="strict") == (429, "exhausted.memory")
        assert front.ask(HUNGRY, who="also sam") == (200, "")


def test_a_limit_for_a_role_that_there_is_not_is_refused_at_the_start(tmp_path: Path) -> None:
    source = bank.write(bank.first_world(customers=4), tmp_path / "core.db")
    with (
        pytest.raises(Invalid, match="interns"),
        open_house(tmp_path, bank=source, role_limits={"interns": {"query_seconds": 1}}),
    ):
        pass
