"""Extracts of a PostgreSQL table beside a plain copy of it, and their memory as rows grow tenfold."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Final

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench import extract_bank
from tests.bench.harness import ROOT, record, spread_of
from tests.pg import postgres_address

ROWS: Final = 2_000_000
SMALL, LARGE = 500_000, 5_000_000
RUNS: Final = 5
_SAMPLE_SECONDS: Final = 0.05


def masked_vs_plain() -> None:
    """Wall clock of a masked, bucketed, hashed extract over that of ADBC straight into one Parquet file."""
    with _table(ROWS) as url:
        ours, plain = [], []
        for run in range(RUNS + 1):
            both = extract_bank.extract(url, "plain", runs=1)[0], _plain(url)
            if run:  # the first warms both up
                ours.append(both[0])
                plain.append(both[1])
    ratios = [own / bare for own, bare in zip(ours, plain, strict=True)]
    record(
        "extract.masked_vs_plain",
        median(ratios),
        "x",
        better="lower",
        ours=median(ours),
        peer=median(plain),
        peer_name="adbc-driver-postgresql → pyarrow Parquet, no protection",
        op="2M rows × 10 columns, 4 masked, PostgreSQL → bucketed Parquet with hashes; ours and peer in s",
        clock="wall",
        runs=RUNS,
        spread=spread_of(ratios),
    )


def memory_10x() -> None:
    """Peak of a whole process tree at 5M rows over that at 500k, the worse of two queries."""
    peaks: dict[str, list[float]] = {}
    for rows in (SMALL, LARGE):
        with _table(rows) as url:
            for query in extract_bank.QUERIES:
                peaks.setdefault(query, []).append(_peak_mb(url, query))
    for query, (small, large) in peaks.items():
        record(
            f"extract.memory_10x.{query}",
            large / small,
            "x",
            better="lower",
            ours=large,
            peer=small,
            peer_name="the same extract at a tenth of the rows",
            op="peak PSS of the process tree, MB: 5M rows over 500k",
            clock="wall",
            runs=1,
            spread=0.0,
        )


def _plain(url: str) -> float:
    begin = time.perf_counter()
    columns = extract_bank.PLAIN.replace("core.", f"{extract_bank.SCHEMA}.")
    with (
        tempfile.TemporaryDirectory() as folder,
        adbc.connect(url) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(columns)
        reader = cursor.fetch_record_batch()
        schema = pa.schema([pa.field(f.name, getattr(f.type, "storage_type", f.type)) for f in reader.schema])
        with pq.ParquetWriter(Path(folder) / "plain.parquet", schema, compression="zstd") as writer:
            for batch in reader:
                storages = [getattr(column, "storage", column) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(storages, schema=schema))
    return time.perf_counter() - begin


@contextlib.contextmanager
def _table(rows: int) -> Iterator[str]:
    with postgres_address() as url:
        extract_bank.fill(url, rows=rows)
        try:
            yield url
        finally:
            extract_bank.empty(url)


def _peak_mb(url: str, query: str) -> float:
    """Peak sum of PSS over the process tree of one extract."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.extract_bank", url, query], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    peak = [0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], sum(map(_pss_mb, _tree(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        if process.wait() != 0:
            raise RuntimeError("the extract failed")
    finally:
        over.set()
        watcher.join()
    return peak[0]


def _tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += [int(child) for child in task.read_text().split()]
    return found


def _pss_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


BENCHES: dict[str, Callable[[], None]] = {
    "extract.masked_vs_plain": masked_vs_plain,
    "extract.memory_10x": memory_10x,
}
