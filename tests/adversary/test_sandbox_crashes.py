"""A child that crashes, is killed or runs out of memory: one clear error, through HTTP, and the gateway lives on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import caller, entries, open_door, wait_for

ENDLESS = (
    "SELECT count(*) AS n FROM core.transactions AS a, core.transactions AS b, core.transactions AS c,"
    " core.transactions AS d, core.transactions AS e WHERE a.amount * b.amount < c.amount"
)
SMALL = "SELECT count(*) AS n FROM core.customers"


class Front:
    def __init__(self, house: House, url: str) -> None:
        self.house, self.url = house, url
        self.token = house.token("ana", bank.ANA[0])

    def ask(self, sql: str) -> tuple[int, dict[str, Any]]:
        with caller(self.url, self.token) as client:
            response = client.post("/v1/query", json={"sql": sql, "purpose": bank.ANA[1]})
            return response.status_code, response.json()

    def busy(self) -> int:
        """The process id of the one child at work."""
        wait_for(lambda: self.house.gateway.sandbox._busy)
        (child,) = self.house.gateway.sandbox._busy
        return child.pid


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    root = tmp_path_factory.mktemp("crashes")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, query_seconds=20.0) as house, open_door(house.gateway.services()) as url:
        yield Front(house, url)


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (signal.SIGSEGV, 503, "unavailable.sandbox"),
        (signal.SIGABRT, 503, "unavailable.sandbox"),
        (signal.SIGBUS, 503, "unavailable.sandbox"),
        (signal.SIGTERM, 503, "unavailable.sandbox"),
        (signal.SIGKILL, 429, "exhausted.memory"),  # nobody but the kernel, when memory ends, sends it unasked
        (signal.SIGXCPU, 429, "exhausted.time"),
    ],
)
def test_a_child_that_ends_in_mid_query_is_one_clear_error(front: Front, number: int, status: int, code: str) -> None:
    told: list[tuple[int, dict[str, Any]]] = []
    asking = threading.Thread(target=lambda: told.append(front.ask(ENDLESS)))
    asking.start()
    pid = front.busy()
    os.kill(pid, number)
    asking.join(5)
    ((found, problem),) = told
    assert (found, problem["code"]) == (status, code)
    assert problem["detail"]
    assert problem["fix"]
    wait_for(lambda: not Path(f"/proc/{pid}").exists())  # reaped
    assert front.ask(SMALL)[0] == 200
    (access,) = [e for e in entries(front.house, kind="access") if (e.outcome or {}).get("code") == code][-1:]
    assert access.result == ("exhausted" if code.startswith("exhausted") else "failed")


def crash(pid: int) -> None:
    """It has ended when this returns, and nobody has looked yet."""
    os.kill(pid, signal.SIGSEGV)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_child_that_crashes_while_it_waits_is_noticed_by_nobody(front: Front) -> None:
    assert front.ask(SMALL)[0] == 200
    for child in list(front.house.gateway.sandbox._idle):
        crash(child.pid)
    assert front.ask(SMALL)[0] == 200


def test_a_gateway_whose_children_all_crash_stays_healthy(front: Front) -> None:
    sandbox = front.house.gateway.sandbox
    for _ in range(3):
        for child in (*sandbox._warm, *sandbox._idle):
            crash(child.pid)
        assert front.ask(SMALL)[0] == 200
    assert sandbox.is_healthy
