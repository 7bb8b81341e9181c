"""A small query through everything, beside the same SQL through nothing."""

from __future__ import annotations

import contextlib
import datetime
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

from gateway.app import Host
from tests import bank
from tests.bench.harness import interleave, record, spread_of
from tests.house import settings_for
from tests.server import Server

SQL: Final = "SELECT region, count(*) AS n, avg(income) AS a FROM core.customers GROUP BY region"
RUNS: Final = 200
COLD_RUNS: Final = 5
_LIMITS: Final = {"requests_per_minute": "100000"}


def small_warm() -> None:
    """Latency of a small query by a principal whose child waits, and its ratio to an unprotected endpoint."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ask, peer, _ = _sides(Path(folder), stack)
        ours_seconds, peer_seconds = interleave(ask, peer, runs=RUNS, clock="wall")
    ratios = [own / bare for own, bare in zip(ours_seconds, peer_seconds, strict=True)]
    record(
        "query.small_warm.p50",
        statistics.median(ours_seconds) / statistics.median(peer_seconds),
        "x",
        better="lower",
        ours=statistics.median(ours_seconds) * 1e3,
        peer=statistics.median(peer_seconds) * 1e3,
        peer_name="fastapi + sqlalchemy, no protection",
        op="POST of one GROUP BY over 48 rows to the last byte, JSON, warm child; ours and peer in ms",
        clock="wall",
        runs=RUNS,
        spread=spread_of(ratios),
    )


def small_cold() -> None:
    """The first query after the server began to listen: a fresh child, cold caches."""
    seconds = []
    for _ in range(COLD_RUNS):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            ask, _, _ = _sides(Path(folder), stack, peer=False)
            begin = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - begin)
    record(
        "query.small_cold.ms",
        statistics.median(seconds) * 1e3,
        "ms",
        better="lower",
        ours=statistics.median(seconds) * 1e3,
        op="the same query as the first one of a server that has just begun to listen",
        clock="wall",
        runs=COLD_RUNS,
        spread=spread_of(seconds),
    )


def _sides(
    root: Path, stack: contextlib.ExitStack, *, peer: bool = True
) -> tuple[Callable[[], object], Callable[[], object], Server]:
    """Both servers and a function that asks each."""
    path = bank.write(bank.first_world(), root / "core.db")
    settings = settings_for(root, bank=path)
    host = Host()
    host.initialize(settings)
    with host.token_desk(settings) as (desk, actor):
        _, token = desk.create(
            actor,
            principal="ana",
            roles=frozenset({bank.ANA[0]}),
            environment="dev",
            lifetime=datetime.timedelta(hours=1),
        )
    server = stack.enter_context(Server(settings, stderr=root / "stderr", **_LIMITS))
    client = stack.enter_context(
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    )

    def ask() -> None:
        client.post("/v1/query", json={"sql": SQL, "purpose": bank.ANA[1]}).raise_for_status()

    if not peer:
        return ask, ask, server
    bare = stack.enter_context(httpx.Client(base_url=stack.enter_context(_bare_server(path)), trust_env=False))

    def ask_bare() -> None:
        bare.post("/query", json={"sql": SQL.replace("core.", "")}).raise_for_status()

    return ask, ask_bare, server


@contextlib.contextmanager
def _bare_server(path: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("bare_server.py")), str(path)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        yield next(line for line in process.stderr if line.startswith("listening at ")).split()[-1]
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


BENCHES: dict[str, Callable[[], None]] = {"query.small_warm.p50": small_warm, "query.small_cold.ms": small_cold}
