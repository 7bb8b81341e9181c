"""Durable entries per second: threads of one process, and two processes on one file."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

from gateway.audit import verify_log
from gateway.store import SqlLogStore, open_database
from tests.bench.harness import record, spread_of
from tests.unit.audit.building import VKEY, access, open_log, open_migrated, outcome

ENTRIES = 12_000
RUNS = 3
VERIFIED = 40_000
OP = "one access or outcome entry, durable (SQLite WAL, synchronous FULL), with search rows and signed checkpoint"


def append_all(url: str, threads: int, entries: int, seed: int, barrier: Barrier | None = None) -> None:
    """Half accesses, half their outcomes."""
    engine = open_database(url, lock_seconds=60)
    log = open_log(engine, seed=seed)

    def request(at: int) -> None:
        log.append(outcome(log.append(access(at))))

    with ThreadPoolExecutor(threads) as pool:
        if barrier is not None:
            barrier.wait()
        list(pool.map(request, range(entries // 2)))
    log.close()
    engine.dispose()


def fresh(folder: str) -> str:
    url = f"sqlite:///{Path(folder) / f'{time.monotonic_ns()}.db'}"
    open_migrated(url).dispose()
    return url


def one_process(folder: str) -> float:
    url = fresh(folder)
    begun = time.perf_counter()
    append_all(url, threads=64, entries=ENTRIES, seed=1)
    return ENTRIES / (time.perf_counter() - begun)


def two_processes(folder: str) -> float:
    url = fresh(folder)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    writers = [context.Process(target=append_all, args=(url, 32, ENTRIES // 2, seed, barrier)) for seed in range(2)]
    for writer in writers:
        writer.start()
    barrier.wait()
    begun = time.perf_counter()
    for writer in writers:
        writer.join()
    return ENTRIES / (time.perf_counter() - begun)


def verification(folder: str) -> float:
    url = fresh(folder)
    append_all(url, threads=256, entries=VERIFIED, seed=1)
    engine = open_database(url, lock_seconds=60)
    begun = time.perf_counter()
    verified = verify_log(SqlLogStore(engine), verifier_key=VKEY)
    seconds = time.perf_counter() - begun
    engine.dispose()
    if not verified.ok:
        raise AssertionError(verified.findings)
    return VERIFIED / seconds


def measure(name: str, run: Callable[[str], float], *, op: str = OP) -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = [run(folder) for _ in range(RUNS)]
    value = statistics.median(figures)
    record(
        name,
        value,
        "entries/s",
        better="higher",
        ours=value,
        op=op,
        clock="wall",
        runs=RUNS,
        spread=spread_of(figures),
    )


BENCHES: dict[str, Callable[[], None]] = {
    "audit.entries_per_s.1x64": lambda: measure("audit.entries_per_s.1x64", one_process),
    "audit.entries_per_s.2x32": lambda: measure("audit.entries_per_s.2x32", two_processes),
    "audit.verified_per_s": lambda: measure(
        "audit.verified_per_s", verification, op="one entry, verified with payload, search rows, tiles and checkpoint"
    ),
}
