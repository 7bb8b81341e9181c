"""kill -9 at random moments under load, with two servers on one control database."""

from __future__ import annotations

import dataclasses
import datetime
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.app import Control, Host
from gateway.client import Client, Incomplete, Refused, Unreachable
from gateway.client.connection import Format
from gateway.settings import Settings
from gateway.terms.audit import EntryFilter
from tests import bank
from tests.house import settings_for
from tests.server import Server

KILLS = int(os.environ.get("GATEWAY_TEST_KILLS", "15"))
"""CI asks for 50."""
CLIENTS = 3
QUERIES = (
    "SELECT customer_id, email, income FROM core.customers",
    "SELECT region, count(*), avg(income) FROM core.customers GROUP BY region",
    "SELECT t.*, c.region FROM core.transactions AS t JOIN core.customers AS c ON c.customer_id = t.customer_id",
)
FORMATS: tuple[Format, ...] = ("arrow", "json", "csv", "parquet")


@dataclasses.dataclass
class Seen:
    """What the clients got."""

    begun: set[str] = dataclasses.field(default_factory=set)
    """Receipts of answers of which at least one byte of the body came."""
    hmacs: dict[str, str] = dataclasses.field(default_factory=dict)
    """Receipt → HMAC of the bytes that came, as the log would state it for the whole body."""
    whole: set[str] = dataclasses.field(default_factory=set)
    """Receipts of answers whose body ended as HTTP says."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, list[str]]]:
    root = tmp_path_factory.mktemp("killed")
    path = bank.write(bank.first_world(customers=200), root / "core.db")
    settings = settings_for(root, bank=path, lease_seconds=2, requests_per_minute=100_000)
    host = Host()
    host.initialize(settings)
    tokens = []
    with host.token_desk(settings) as (desk, actor):
        for number in range(CLIENTS):
            _, text = desk.create(
                actor,
                principal=f"ana{number}",
                roles=frozenset({bank.ANA[0]}),
                environment="dev",
                lifetime=datetime.timedelta(hours=1),
            )
            tokens.append(text)
    yield settings, tokens


@pytest.mark.slow
def test_nothing_is_served_unlogged_and_no_ok_is_false(home: tuple[Settings, list[str]], tmp_path: Path) -> None:
    settings, tokens = home
    draw, seen, over = random.Random(5), Seen(), threading.Event()
    more = {
        "lease_seconds": "2",
        "requests_per_minute": "100000",
        "rows_per_day": "100000000",
        "sandbox_warm_children": "1",
        "worker_in_serve": "false",
    }
    servers = [Server(settings, stderr=tmp_path / f"{number}.log", **more).start() for number in range(2)]
    threads = [
        threading.Thread(target=_load, args=(servers, number, token, seen, over), daemon=True)
        for number, token in enumerate(tokens)
    ]
    try:
        for thread in threads:
            thread.start()
        for kill in range(KILLS):
            time.sleep(draw.uniform(0.05, 0.6))
            victim = servers[kill % 2]
            victim.kill()
            victim.start()
        over.set()
        for thread in threads:
            thread.join(60)
    finally:
        for server in servers:
            server.__exit__(None, None, None)

    control = Control(settings)
    try:
        time.sleep(2.5)  # the last leases run out
        control.log.settle_abandoned()
        accesses = _accesses(control)
    finally:
        control.close()
    assert len(seen.whole) > KILLS, "the load was too thin to prove anything"
    assert seen.begun <= accesses.keys(), "an answer without an access entry"
    false = [r for r, access in accesses.items() if access.result == "ok" and access.hmac != seen.hmacs.get(r)]
    assert not false, "the log says ok of an answer that did not arrive"
    told = {accesses[receipt].result for receipt in seen.whole}
    assert told <= {"ok", "unknown"}, "an answer that arrived whole, and the log says that it did not"
    results = {access.result for access in accesses.values()}
    assert None not in results, "an access without an outcome after its lease ran out"
    assert "unknown" in results, "no kill hit a running answer: it proves nothing"
    verified = Host().verify(settings, verifier_key=None, progress=None)
    assert verified.ok, verified.findings


def _load(servers: list[Server], number: int, token: str, seen: Seen, over: threading.Event) -> None:
    draw = random.Random(number)
    while not over.is_set():
        server = draw.choice(servers)
        try:
            with Client(server.url, token=token) as client:
                _ask(client, draw, seen)
            time.sleep(draw.uniform(0.0, 0.2))
        except (Refused, Unreachable, Incomplete):
            time.sleep(0.02)


def _ask(client: Client, draw: random.Random, seen: Seen) -> None:
    form = draw.choice(FORMATS)
    with client.stream(draw.choice(QUERIES), purpose=bank.ANA[1], format=form) as answer:
        try:
            for chunk in answer.chunks():
                if chunk:
                    seen.begun.add(answer.receipt)
        finally:
            seen.hmacs[answer.receipt] = answer.body_hmac
    seen.whole.add(answer.receipt)


class Access(NamedTuple):
    """What the log says of one access."""

    result: str | None
    hmac: object


def _accesses(control: Control) -> dict[str, Access]:
    found: dict[str, Access] = {}
    after = -1
    while page := control.log_store.search(EntryFilter(kind="access", after=after, limit=1000)):
        for entry in page:
            assert entry.payload is not None
            hmac = (entry.outcome or {}).get("body_hmac")
            found[str(entry.payload["receipt"])] = Access(entry.result, hmac)
        after = page[-1].index
    return found
