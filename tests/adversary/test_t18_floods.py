"""T18 through the door: floods are refused before the log, and a full log keeps room for what must be said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.housekeeping import refusal_counter
from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import BIG, OWNER, big_bank, caller, ended, entries, open_door, size, slow_reader

SQL = "SELECT income FROM core.customers"


@contextlib.contextmanager
def front(root: Path, **more: Any) -> Iterator[tuple[House, str]]:
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, **more) as house, open_door(house.gateway.services()) as url:
        yield house, url


def post(client: httpx.Client, sql: str = SQL, *, path: str = "/v1/query") -> httpx.Response:
    return client.post(path, json={"sql": sql, "purpose": bank.ANA[1]})


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def test_t18_the_rate_stands_before_the_log(tmp_path: Path) -> None:
    with front(tmp_path, requests_per_minute=3) as (house, url), caller(url, house.token("ana", bank.ANA[0])) as ana:
        assert [post(ana, "nonsense").status_code for _ in range(3)] == [422] * 3
        before = size(house)
        flood = [post(ana, "nonsense") for _ in range(20)]
        assert {code(response) for response in flood} == {(429, "exhausted.rate")}
        assert all(response.json()["receipt"] is None for response in flood)
        assert flood[0].json()["fix"].startswith("try again in")
        assert size(house) == before


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/query"])
def test_t18_the_rate_is_one_for_all_doors_of_a_principal(tmp_path: Path, path: str) -> None:
    with front(tmp_path, requests_per_minute=2) as (house, url):
        first, second = (house.token("ana", bank.ANA[0]) for _ in range(2))
        with caller(url, first) as one, caller(url, second) as other:
            assert one.get("/v1/datasets").status_code == 200
            assert other.get("/v1/datasets").status_code == 200
            assert code(post(other, path=path)) == (429, "exhausted.rate")


def test_t18_one_principals_flood_is_not_anothers(tmp_path: Path) -> None:
    with front(tmp_path, requests_per_minute=2) as (house, url):
        tokens = [house.token(name, bank.ANA[0]) for name in ("ana", "bob")]
        with caller(url, tokens[0]) as ana, caller(url, tokens[1]) as bob:
            assert [post(ana).status_code for _ in range(3)] == [200, 200, 429]
            assert post(bob).status_code == 200


def test_t18_a_flood_of_bad_credentials_adds_one_entry(tmp_path: Path) -> None:
    with front(tmp_path) as (house, url):
        before = size(house)
        with caller(url, "gw_0123456789_" + "0" * 32) as nobody:
            assert {post(nobody).status_code for _ in range(50)} == {401}
        assert size(house) == before
        control = house.gateway.control
        flush = refusal_counter(control.gate, log=control.log, clock=control.clock, entropy=control.entropy)
        flush()
        flush()
        (entry,) = entries(house, action="refused-credentials")
        assert entry.payload["detail"] == {"count": 50}
        assert entry.payload["actor"]["principal"] == "anonymous"


def test_t18_a_gateway_that_stops_writes_what_it_counted(tmp_path: Path) -> None:
    with front(tmp_path) as (house, url):
        with caller(url, "gw_wrong") as nobody:
            post(nobody)
        house.gateway.housekeeping.close()
        assert entries(house, action="refused-credentials")[0].payload["detail"] == {"count": 1}


def test_t18_running_queries_of_one_principal_are_limited(tmp_path: Path) -> None:
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    with (
        open_house(tmp_path, bank=source, concurrent_queries=1) as house,
        open_door(house.gateway.services()) as url,
        caller(url, house.token("otto", OWNER[0], environment="prod")) as otto,
    ):
        ask = {"sql": f"{BIG} LIMIT 1", "purpose": OWNER[1]}
        with slow_reader(url, house.token("otto", OWNER[0], environment="prod"), BIG, purpose=OWNER[1]) as (_, receipt):
            assert code(otto.post("/v1/query", json=ask)) == (429, "exhausted.concurrency")
            with caller(url, house.token("olga", OWNER[0], environment="prod")) as olga:
                assert olga.post("/v1/query", json=ask).status_code == 200
        ended(house, receipt)
        assert otto.post("/v1/query", json=ask).status_code == 200


def test_t18_a_refused_query_takes_no_place(tmp_path: Path) -> None:
    with (
        front(tmp_path, concurrent_queries=1) as (house, url),
        caller(url, house.token("ana", bank.ANA[0])) as ana,
    ):
        assert [post(ana, "nonsense").status_code for _ in range(5)] == [422] * 5
        assert post(ana, "SELECT CAST(region AS INTEGER) AS n FROM core.customers").status_code == 422
        assert post(ana).status_code == 200


def test_t18_within_the_reserve_nothing_is_read_and_refusals_are_still_logged(tmp_path: Path) -> None:
    with (
        front(tmp_path, audit_reserve_mb=10**9) as (house, url),
        caller(url, house.token("ana", bank.ANA[0])) as ana,
        caller(url, house.token("aude", "auditor")) as aude,
    ):
        response = post(ana)
        assert code(response) == (503, "unavailable.log_space")
        assert not entries(house, kind="access")
        (refusal,) = entries(house, receipt=response.json()["receipt"])
        assert (refusal.kind, refusal.payload["code"]) == ("denial", "unavailable.log_space")
        denied = post(ana, "SELECT income FROM core.nothing")
        assert entries(house, receipt=denied.json()["receipt"])[0].kind == "denial"
        assert post(ana, path="/v1/explain").status_code == 200
        assert aude.get("/v1/audit/entries").status_code == 200
