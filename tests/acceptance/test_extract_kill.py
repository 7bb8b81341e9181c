"""kill -9 of workers at random moments: each job is published exactly once or fails cleanly, and nothing half-way."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.manifest import verify
from gateway.app import Host
from gateway.terms.extract import DatasetVersion
from tests import bank
from tests.house import REPOSITORY, House, open_house
from tests.unit.etl.factory import LEASE_SECONDS, Factory, factory, manifest
from tests.unit.http.door import entries, wait_for

KILLS = int(os.environ.get("GATEWAY_TEST_EXTRACT_KILLS", "6"))
"""CI asks for 50."""
WORKERS = 2
NAMES = ("loans", "scores", "limits")
SQL = "SELECT t.*, c.region FROM core.transactions AS t JOIN core.customers AS c ON c.customer_id = t.customer_id"
ORDERS = 8
"""Before each kill: more than the other worker makes meanwhile."""


class Killed:
    """A worker process that is killed and started again."""

    def __init__(self, house: House, stderr: Path) -> None:
        self._command = [sys.executable, "-m", "tests.unit.etl.worker_process"]
        self._command += [str(house.settings.home), str(house.settings.sources)]
        self._stderr = stderr
        self._start()

    def _start(self) -> None:
        with self._stderr.open("ab") as told:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", self._stderr.read_text()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def killed_and_started(self) -> None:
        self.kill()
        self._start()


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    root = tmp_path_factory.mktemp("killed-extracts")
    source = bank.write(bank.first_world(customers=1_500), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000, lease_seconds=60) as house:
        yield factory(house, lease_seconds=LEASE_SECONDS)


@pytest.mark.slow
def test_each_job_is_published_once_or_fails_cleanly(works: Factory, tmp_path: Path) -> None:
    draw, token = random.Random(6), works.house.token("ana", bank.ANA[0])

    def order(count: int) -> None:
        for _ in range(count):
            works.order(token, name=draw.choice(NAMES), purpose=bank.ANA[1], sql=SQL)

    workers = [Killed(works.house, tmp_path / f"{number}.log") for number in range(WORKERS)]
    with contextlib.ExitStack() as stack:
        for worker in workers:
            stack.callback(worker.kill)
        for kill in range(KILLS):
            order(ORDERS)
            wait_for(lambda: works.stock.queue.listed(state="running"))
            time.sleep(draw.uniform(0.0, 0.8))
            workers[kill % WORKERS].killed_and_started()
        _until_all_ended(works)
        time.sleep(LEASE_SECONDS + 2)  # versions whose worker died are announced, and abandoned folders swept

    jobs = works.stock.queue.listed()
    states = {job.id: job.state for job in jobs}
    versions = works.stock.versions.listed()
    assert set(states.values()) <= {"published", "failed"}
    assert max(job.epoch for job in jobs) > 1, "no kill hit a running attempt: it proves nothing"
    published = [job for job, state in states.items() if state == "published"]
    assert sorted(version.job for version in versions) == sorted(published)
    assert len(versions) > len(jobs) / 2, "hardly anything was published: it proves nothing"
    for name in NAMES:
        numbers = sorted(version.number for version in versions if version.name == name)
        assert numbers == list(range(1, len(numbers) + 1))
    for version in versions:
        _check(works, version)
    works.worker._tidying.sweep()
    assert sorted(works.attempts()) == sorted(works.folder(version) for version in versions)
    verified = Host().verify(works.house.settings)
    assert verified.ok, verified.findings


def _until_all_ended(works: Factory) -> None:
    end = time.monotonic() + 120
    while any(job.state in {"queued", "running"} for job in works.stock.queue.listed()):
        assert time.monotonic() < end, "a job does not end"
        time.sleep(0.2)


def _check(works: Factory, version: DatasetVersion) -> None:
    """Its files verify; it is linked and in the log; its access is in the log, and not as failed."""
    found = verify(works.folder(version), verifier_key=works.shop.signer.verifier_key)
    assert found.ok, (version.id, found.findings)
    assert (found.version, found.rows) == (version.id, version.rows)
    assert (works.folder(version).parent / str(version.number)).resolve() == works.folder(version)
    told = entries(works.house, kind="event", action="extract-publish")
    receipts = {e.payload["detail"]["receipt"] for e in told if e.payload["detail"]["version"] == version.id}
    (receipt,) = receipts
    (access,) = entries(works.house, receipt=receipt, kind="access")
    assert access.index == manifest(version)["audit"]["access_index"]
    assert access.result in {"ok", "unknown", None}  # None: its instance's lease has not run out yet
