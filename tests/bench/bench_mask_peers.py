"""Masks beside those of other projects, which run in an environment of their own; A B A B …, CPU time on both sides."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import tracemalloc
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa

from gateway.terms.mask_spec import MaskUse
from tests.bench.bench_masks import BATCH, ROWS, _numbers, released
from tests.bench.harness import ROOT, record, spread_of

PEERS: Final = Path(__file__).with_name("peers")
ENVIRONMENT: Final = ROOT / ".bench" / "venv" / "masks"
RUNS: Final = 5


def _environment() -> Path:
    """The peers' Python; its mark is written when all of them are there."""
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    wanted = (PEERS / "requirements.txt").read_text()
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        subprocess.run([*pip, "--require-hashes", "-r", PEERS / "requirements.txt"], check=True, stdout=sys.stderr)
        mark.write_text(wanted)
    return python


def _beside(name: str, ours: Callable[[], object], *, peer: str, rows: int, told: str, op: str) -> None:
    """How many times the peer's CPU seconds a value ours are; the peer works on `rows` values of the same form."""
    ours()
    own, theirs = [], []
    command = [_environment(), PEERS / "run.py", peer, str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(RUNS):
            begin = time.process_time()
            ours()
            own.append((time.process_time() - begin) / ROWS)
            process.stdin.write("\n")
            process.stdin.flush()
            theirs.append(float(process.stdout.readline()) / rows)
        process.stdin.close()
    ratios = [other / one for one, other in zip(own, theirs, strict=True)]
    record(
        name,
        statistics.median(ratios),
        "x",
        better="higher",
        ours=statistics.median(own) * 1e9,
        peer=statistics.median(theirs) * 1e9,
        peer_name=told,
        op=f"{op}; ours and peer in ns",
        clock="cpu",
        runs=RUNS,
        spread=spread_of(ratios),
    )


def _emails() -> pa.Array:
    return pa.array([f"anna.{number:07d}@banks.test" for number in _numbers()])


def _email(name: str, *, peer: str, rows: int, told: str) -> None:
    ours = released(_emails(), MaskUse(name="pseudonym"), canon="trim_nfc_casefold")
    _beside(name, ours, peer=peer, rows=rows, told=told, op="pseudonym of a unique e-mail of 23 bytes")


def email_vs_polars_hash() -> None:
    _email("mask.email.vs_polars_hash", peer="polars-hash", rows=ROWS, told="polars-hash hmac_sha256")


def email_vs_presidio() -> None:
    told = "Presidio AnonymizerEngine.anonymize, operator hash"
    _email("mask.email.vs_presidio", peer="presidio", rows=20_000, told=told)


def ff1_16_vs_fastfpe() -> None:
    column = pa.array([f"{number * 7_919:016d}" for number in _numbers()])
    ours = released(column, MaskUse(name="fpe"))
    op = "FF1 of 16 digits, validation and all"
    _beside("mask.ff1_16.vs_fastfpe", ours, peer="fastfpe", rows=50_000, told="fastfpe ff1.encrypt per value", op=op)


def scratch() -> None:
    """Memory beside the released column while a batch is masked: numpy's by tracemalloc, Arrow's by its pool."""
    column = _emails()[:BATCH]
    run = released(column, MaskUse(name="pseudonym"), canon="trim_nfc_casefold")
    run()
    peaks = []
    for _ in range(RUNS):
        tracemalloc.start()
        pool = pa.proxy_memory_pool(pa.default_memory_pool())
        before, kept = pa.default_memory_pool(), pa.total_allocated_bytes()
        pa.set_memory_pool(pool)
        try:
            answer = run()
        finally:
            pa.set_memory_pool(before)
        numpys = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert pa.total_allocated_bytes() >= kept
        peaks.append((numpys + (pool.max_memory() or 0) - answer) / 1e6)
    record(
        "mask.scratch_per_64k_rows.mb",
        max(peaks),
        "MB",
        better="lower",
        ours=max(peaks),
        op="memory beside the released batch while 65,536 e-mails of 23 bytes are masked",
        clock="cpu",
        runs=RUNS,
        spread=spread_of(peaks),
    )


BENCHES: dict[str, Callable[[], None]] = {
    "mask.email.vs_polars_hash": email_vs_polars_hash,
    "mask.email.vs_presidio": email_vs_presidio,
    "mask.ff1_16.vs_fastfpe": ff1_16_vs_fastfpe,
    "mask.scratch_per_64k_rows.mb": scratch,
}
