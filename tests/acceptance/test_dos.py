"""Queries that eat time or memory, through a served gateway: each ends in one clear error, and nobody else notices.

What they leave is looked at in /proc: no process, thread, descriptor, file or memory.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import Host
from gateway.settings import Settings
from tests import bank
from tests.acceptance.service import settled, usage, watched
from tests.house import settings_for
from tests.server import Server
from tests.unit.http.door import OWNER, big_bank, caller

SECONDS = 1.0
MEMORY_MB, ADDRESS_SPACE_MB = 192, 500
AT_ONCE = 4
SMALL = "SELECT region, count(*) AS n FROM core.customers GROUP BY region"

T = "core.transactions"
AB, ABC = f"{T} AS a, {T} AS b", f"{T} AS a, {T} AS b, {T} AS c"
LONG = f"(SELECT string_agg(category || channel, ',') AS s FROM {T}) AS t"


def grown(step: str, *, times: int) -> str:
    """A text that each level of nesting makes many times longer."""
    sql = f"SELECT category AS s FROM {T} LIMIT 1"
    for number in range(times):
        sql = f"SELECT {step} AS s FROM ({sql}) AS t{number}"
    return f"SELECT length(s) FROM ({sql}) AS t"


EATERS = {
    "cross join": f"SELECT count(*) AS n FROM {ABC} WHERE a.amount * b.amount < c.amount",
    "recursion without end": "WITH RECURSIVE r(n) AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r)"
    f" SELECT max(n), count(*) FROM r, {T} AS t",
    "recursion that grows": f"WITH RECURSIVE r(s) AS (SELECT category AS s FROM {T} UNION ALL SELECT s || s FROM r)"
    " SELECT max(length(s)) AS n FROM r",
    "string_agg": f"SELECT length(string_agg(a.category || b.category || c.category, ',')) AS n FROM {ABC}",
    "concat chain": grown("concat(s, s, s, s, s, s, s, s)", times=12),
    "concat on every row": f"SELECT max(length(concat({', '.join(['a.category', 'b.channel'] * 20)}))) AS n FROM {ABC}",
    "replace": grown("replace(s, left(s, 1), s || s)", times=10),
    "reverse of long texts": f"SELECT max(reverse(t.s || a.category)) AS m FROM {LONG}, {AB}",
    "position in long texts": f"SELECT sum(position('zz' || a.category || b.channel IN t.s)) AS n FROM {LONG}, {AB}",
    "split_part of a text": f"SELECT max(split_part(t.s || a.category || b.channel, ',', 3)) AS n FROM {LONG}, {AB}",
    "sort": f"SELECT max(p) AS p FROM (SELECT a.amount + b.amount AS p FROM {AB} ORDER BY a.amount * b.amount OFFSET 5)"
    " AS s",
    "window": f"SELECT max(r) AS r FROM (SELECT row_number() OVER (ORDER BY a.amount * b.amount) AS r FROM {AB}) AS w",
    "hash aggregate": "SELECT count(*) AS n FROM"
    f" (SELECT a.transaction_id, b.transaction_id AS o, count(*) AS k FROM {AB} GROUP BY 1, 2) AS g",
    "distinct": f"SELECT count(DISTINCT a.transaction_id * b.transaction_id) AS n FROM {AB}",
    "quantile": f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a.amount * b.amount) AS q FROM {AB}",
    "union": f"SELECT count(*) AS n FROM (SELECT a.transaction_id FROM {AB}"
    f" UNION SELECT b.transaction_id + a.transaction_id FROM {AB}) AS u",
    "not equal join": f"SELECT count(*) AS n FROM {T} AS a JOIN {T} AS b ON a.amount <> b.amount"
    f" JOIN {T} AS c ON b.amount <> c.amount",
    "correlated": f"SELECT count(*) AS n FROM {T} AS a"
    f" WHERE EXISTS (SELECT 1 FROM {T} AS b, {T} AS c WHERE b.amount + c.amount = a.amount * 1000003)",
    "very wide rows": f"SELECT {', '.join(f's AS c{n}' for n in range(60))} FROM {LONG}, {T} AS a",
    "many scans": "SELECT count(*) AS n FROM " + ", ".join(f"{T} AS t{n}" for n in range(16)),
    "columns": f"SELECT {', '.join(f'a.amount + {n} * b.amount AS c{n}' for n in range(99))} FROM {AB} ORDER BY 1",
}
"""Each ends in `exhausted.time` or `exhausted.memory`, or because one row is too large."""
REFUSED = {
    "repeat": "SELECT repeat(category, 1000000000) FROM core.transactions",
    "lpad": "SELECT lpad(category, 1000000000) FROM core.transactions",
    "array_agg": "SELECT array_agg(amount) FROM core.transactions",
    "generate_series": "SELECT * FROM generate_series(1, 100000000000)",
    "range": "SELECT * FROM range(100000000000)",
    "list_reduce": "SELECT list_reduce([1, 2], lambda a, b: a + b) FROM core.transactions",
    "levenshtein": "SELECT levenshtein(category, channel) FROM core.transactions",
    "regular expression": "SELECT regexp_replace(category, '(a+)+$', '') FROM core.transactions",
    "similar": "SELECT count(*) FROM core.transactions WHERE category SIMILAR TO '(a+)+b'",
    "sleep": "SELECT pg_sleep(1000) FROM core.transactions",
    "thousands of columns": f"SELECT {', '.join(['amount'] * 1200)} FROM core.transactions",
    "thousands of stars": f"SELECT {', '.join(['*'] * 300)} FROM core.transactions",
    "deep nesting": "SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM core.transactions",
    "deep subqueries": "SELECT * FROM (" * 150 + "SELECT amount FROM core.transactions" + ") AS t" * 150,
    "too many scans": "SELECT count(*) FROM " + ", ".join(f"core.transactions AS t{n}" for n in range(40)),
    "a long IN": f"SELECT amount FROM core.transactions WHERE account_id IN ({', '.join(map(str, range(9000)))})",
    "a long AND": "SELECT amount FROM core.transactions WHERE " + " AND ".join(["amount > 1"] * 5000),
    "a long text": f"SELECT '{'x' * 70_000}' FROM core.transactions",
}
"""Never run: the parser says no."""
ROUND = (
    "cross join",
    "string_agg",
    "concat chain",
    "hash aggregate",
    "recursion that grows",
    "replace",
    "quantile",
    "sort",
)
"""Of time and of memory, in turns."""


class Service:
    """A served gateway and its people."""

    def __init__(self, server: Server, tokens: dict[str, str]) -> None:
        self.server = server
        self._tokens = tokens
        assert server.process is not None
        self.pid = server.process.pid

    def ask(self, sql: str, *, who: str = "otto", accept: str = "application/json") -> tuple[httpx.Response, float]:
        """The response and how long it took."""
        purpose = OWNER[1] if who.startswith("otto") else bank.ANA[1]
        with caller(self.server.url, self._tokens[who]) as client:
            begun = time.monotonic()
            response = client.post("/v1/query", json={"sql": sql, "purpose": purpose}, headers={"Accept": accept})
            return response, time.monotonic() - begun


class _Server(Server):
    def __init__(self, settings: Settings, *, stderr: Path, temporary: Path | None, **more: str) -> None:
        super().__init__(settings, stderr=stderr, **more)
        self._temporary = temporary

    def environment(self) -> dict[str, str]:
        return super().environment() | ({"TMPDIR": str(self._temporary)} if self._temporary else {})


@contextlib.contextmanager
def served(root: Path, *, temporary: Path | None = None, **more: str) -> Iterator[Service]:
    settings = settings_for(root, bank=big_bank(root / "core.db", transactions=20_000))
    host = Host()
    host.initialize(settings)
    tokens = {}
    with host.token_desk(settings) as (desk, actor):
        for name, role, environment in (("otto", OWNER[0], "prod"), ("ana", bank.ANA[0], "dev")):
            _, tokens[name] = desk.create(
                actor,
                principal=name,
                roles=frozenset({role}),
                environment=environment,
                lifetime=datetime.timedelta(hours=1),
            )
    values = {
        "query_seconds": str(SECONDS),
        "sandbox_memory_mb": str(MEMORY_MB),
        "sandbox_address_space_mb": str(ADDRESS_SPACE_MB),
        "sandbox_max_children": "8",
        "requests_per_minute": "1000000",
        "rows_per_day": "1000000000",
        "concurrent_queries": str(AT_ONCE),
        "worker_in_serve": "false",
        **more,
    }
    with _Server(settings, stderr=root / "stderr", temporary=temporary, **values) as server:
        service = Service(server, tokens)
        assert service.ask(SMALL, who="ana")[0].status_code == 200
        yield service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("dos")) as opened:
        yield opened


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json", response.content[:300]
    document: dict[str, Any] = response.json()
    assert response.status_code == document["status"] == status, document
    assert document["detail"], document
    return document


def until_a_child_ran(service: Service, sql: str) -> tuple[httpx.Response, float]:
    """The answer that ended at a limit of its own; where a child's start takes longer than the limit, asked again."""
    for _ in range(8):
        response, seconds = service.ask(sql)
        if problem(response, 429)["code"] != "exhausted.busy":
            break
    return response, seconds


def bound_mb(idle: float, *, running: int) -> float:
    """What settings allow: each running child its address space, and the gateway a little for what is on its way."""
    return idle + running * ADDRESS_SPACE_MB + 100


@pytest.mark.parametrize("name", EATERS)
def test_an_eater_ends_in_time_with_one_clear_error_and_nobody_else_notices(service: Service, name: str) -> None:
    idle = usage(service.pid).pss_mb
    with watched(service.pid) as peak:
        response, seconds = service.ask(EATERS[name])
    told = problem(response, 429)
    assert told["code"] in {"exhausted.time", "exhausted.memory", "exhausted.row"}
    assert told["fix"]
    assert seconds < SECONDS + 1
    assert peak.mb < bound_mb(idle, running=1)
    after, seconds = service.ask(SMALL, who="ana")
    assert after.status_code == 200
    assert seconds < 1


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_eat_by_its_text_is_refused_before_it_runs(service: Service, name: str) -> None:
    response, seconds = service.ask(REFUSED[name])
    told = problem(response, 422)
    assert told["code"].partition(".")[0] in {"invalid", "unsupported"}
    assert seconds < 1


def test_an_answer_without_end_is_broken_off_and_is_not_whole(service: Service) -> None:
    sql = f"SELECT a.amount, b.category FROM {T} AS a, {T} AS b"
    begun = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        service.ask(sql, accept="text/csv")
    assert time.monotonic() - begun < SECONDS + 1


def test_four_eaters_at_once_leave_room_for_another_principal(service: Service) -> None:
    idle = usage(service.pid).pss_mb
    eaters = ("hash aggregate", "string_agg", "sort", "cross join")
    seconds = []
    with watched(service.pid) as peak, ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(until_a_child_ran, service, EATERS[name]) for name in eaters]
        time.sleep(0.3)
        refused, _ = service.ask(SMALL, who="otto")
        while not all(each.done() for each in asked):
            response, taken = service.ask(SMALL, who="ana")
            assert response.status_code == 200
            seconds.append(taken)
    assert problem(refused, 429)["code"] == "exhausted.concurrency"
    for each in asked:
        response, taken = each.result()
        assert problem(response, 429)["code"] in {"exhausted.time", "exhausted.memory"}
        assert taken < SECONDS + 1
    assert peak.mb < bound_mb(idle, running=AT_ONCE + 1)
    assert max(seconds) < 1


def files(*folders: Path) -> set[Path]:
    """Every file below, but for the control database's own and what this test's runner writes."""
    return {
        path for folder in folders for path in folder.rglob("*") if not path.name.startswith(("control.db", "stderr"))
    }


@pytest.mark.slow
def test_two_hundred_in_a_row_leave_nothing(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with served(tmp_path, temporary=temporary, query_seconds="0.7", sandbox_warm_children="4") as service:
        eaters = itertools.cycle(EATERS[name] for name in ROUND)

        def many(count: int) -> Counter[str]:
            """So many that ended at a limit; where a child's start takes longer than the limit, it is asked again."""
            ended: Counter[str] = Counter()
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for _ in range(8):
                    asked = [next(eaters) for _ in range(count - ended["exhausted.time"] - ended["exhausted.memory"])]
                    ended += Counter(problem(response, 429)["code"] for response, _ in pool.map(service.ask, asked))
            return ended

        many(60)  # allocators and pools reach their size: measured, the next 600 add nothing
        before, there = settled(service.pid), files(temporary, tmp_path / "home")
        codes = many(200)
        after = settled(service.pid)
        assert set(codes) <= {"exhausted.time", "exhausted.memory", "exhausted.busy"}
        assert codes["exhausted.time"] + codes["exhausted.memory"] == 200
        assert service.ask(SMALL, who="ana")[0].status_code == 200
        assert after.zombies == 0
        assert after.processes <= before.processes
        assert after.sockets <= before.sockets
        assert after.threads <= before.threads + 2  # of the server's own pool
        assert after.descriptors <= before.descriptors + 8  # connections to the control database have a pool, too
        assert after.own_mb < before.own_mb + 25
        assert files(temporary, tmp_path / "home") == there
