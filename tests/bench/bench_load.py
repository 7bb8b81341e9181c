"""Sixteen people ask at once, beside the same through nothing: what waiting for each other costs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.app import Host
from tests import bank
from tests.bench.bench_query import SQL, _bare_server
from tests.bench.harness import record, spread_of
from tests.house import settings_for
from tests.server import Server

CLIENTS: Final = 16
QUERIES: Final = 30
"""Of each client in a round."""
ROUNDS: Final = 5
_LIMITS: Final = {"requests_per_minute": "100000", "rows_per_day": "1000000000"}


def small_warm_p95() -> None:
    """The 95th percentile of a small query with 16 clients at once, and its ratio to an unprotected endpoint's."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ours, peer = sides(Path(folder), stack)
        for side in (ours, peer):
            asyncio.run(_load(side, queries=5))
        told: tuple[list[Round], list[Round]] = ([], [])
        for _ in range(ROUNDS):
            for side, rounds in zip((ours, peer), told, strict=True):
                rounds.append(asyncio.run(_load(side, queries=QUERIES)))
    ours_p95, peer_p95 = (_p95([seconds for round_ in rounds for seconds in round_[0]]) for rounds in told)
    ours_rate, peer_rate = (statistics.median(rate for _, rate in rounds) for rounds in told)
    record(
        "query.small_warm.p95",
        ours_p95 / peer_p95,
        "x",
        better="lower",
        ours=ours_p95 * 1e3,
        peer=peer_p95 * 1e3,
        peer_name="fastapi + sqlalchemy, no protection",
        op=f"the small query of query.small_warm.p50 by {CLIENTS} clients at once, each a principal of its own;"
        " p95 of all; ours and peer in ms",
        clock="wall",
        runs=ROUNDS * QUERIES * CLIENTS,
        spread=spread_of([_p95(own[0]) / _p95(bare[0]) for own, bare in zip(*told, strict=True)]),
    )
    record(
        "query.small_warm.per_second",
        ours_rate,
        "1/s",
        better="higher",
        ours=ours_rate,
        peer=peer_rate,
        peer_name="fastapi + sqlalchemy, no protection",
        op=f"queries a second by {CLIENTS} clients at once",
        clock="wall",
        runs=ROUNDS,
        spread=spread_of([rate for _, rate in told[0]]),
    )


Round = tuple[list[float], float]
"""Seconds of each query; queries a second."""
Side = tuple[str, Sequence[bytes]]
"""A server's address, and what each client sends it."""


def sides(root: Path, stack: contextlib.ExitStack) -> tuple[Side, Side]:
    """A served gateway with a principal for each client, and the bare endpoint over the same file."""
    path = bank.write(bank.first_world(), root / "core.db")
    settings = settings_for(root, bank=path)
    host = Host()
    host.initialize(settings)
    tokens = []
    with host.token_desk(settings) as (desk, actor):
        for number in range(CLIENTS):
            _, token = desk.create(
                actor,
                principal=f"ana-{number}",
                roles=frozenset({bank.ANA[0]}),
                environment="dev",
                lifetime=datetime.timedelta(hours=1),
            )
            tokens.append(token)
    server = stack.enter_context(Server(settings, stderr=root / "stderr", **_LIMITS))
    question = json.dumps({"sql": SQL, "purpose": bank.ANA[1]})
    ours = [_request("/v1/query", question, f"Authorization: Bearer {token}\r\n") for token in tokens]
    plain = json.dumps({"sql": SQL.replace("core.", "")})
    bare = stack.enter_context(_bare_server(path))
    return (server.url, ours), (bare, [_request("/query", plain, "")] * CLIENTS)


def _request(path: str, body: str, more: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def _load(side: Side, *, queries: int) -> Round:
    url, requests = side
    begun = time.perf_counter()
    told = await asyncio.gather(*(_ask(url, request, queries=queries) for request in requests))
    seconds = [each for client in told for each in client]
    return seconds, len(seconds) / (time.perf_counter() - begun)


async def _ask(url: str, request: bytes, *, queries: int) -> list[float]:
    """One client on one connection, so plain that it takes little of the machine that it shares with the servers."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    seconds = []
    try:
        for _ in range(queries):
            begun = time.perf_counter()
            writer.write(request)
            await _answered(reader)
            seconds.append(time.perf_counter() - begun)
    finally:
        writer.close()
    return seconds


async def _answered(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise AssertionError(head.splitlines()[0])
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


BENCHES: dict[str, Callable[[], None]] = {"query.small_warm.p95": small_warm_p95}
