"""Classification of columns beside presidio-structured in an environment of its own; CPU time on both sides."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from gateway.recognition.columns import classify_table
from gateway.terms.recognition import SampledTable
from tests.bench.harness import ROOT, record, spread_of

PEERS: Final = Path(__file__).with_name("peers")
ENVIRONMENT: Final = ROOT / ".bench" / "venv" / "structured"
RUNS: Final = 3
COLUMNS: Final = 60
"""At four columns a second the peer needs a quarter of a minute for these."""


def _environment() -> Path:
    """The peer's Python; its mark is written when all is there."""
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    wanted = (PEERS / "structured.txt").read_text()
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        subprocess.run([*pip, "--require-hashes", "-r", PEERS / "structured.txt"], check=True, stdout=sys.stderr)
        mark.write_text(wanted)
    return python


@contextlib.contextmanager
def _peer(tables: Sequence[SampledTable]) -> Iterator[Callable[[], tuple[list[list[str]], float]]]:
    """A function that analyses the tables once more: entities by table and column, CPU seconds."""
    command = [_environment(), PEERS / "structured.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        frames = [{column.name: column.values for column in table.columns} for table in tables]
        process.stdin.write(json.dumps(frames) + "\n")
        yield lambda: _asked(process.stdin, process.stdout)
        process.stdin.close()


def _asked(to: IO[str] | None, back: IO[str] | None) -> tuple[list[list[str]], float]:
    assert to
    assert back
    to.write("\n")
    to.flush()
    seconds, entities = json.loads(back.readline())
    return entities, seconds


def entities(tables: Sequence[SampledTable]) -> tuple[list[list[str]], float]:
    """What presidio-structured takes each column for, and its CPU seconds."""
    with _peer(tables) as run:
        return run()


def _tables() -> list[SampledTable]:
    """Tables of the hard set, up to COLUMNS columns."""
    from tests.quality.columns import hard

    chosen: list[SampledTable] = []
    for one in hard():
        if sum(len(table.columns) for table in chosen) >= COLUMNS:
            break
        chosen.append(one.table)
    return chosen


def columns_vs_presidio_structured() -> None:
    tables = _tables()
    count = sum(len(table.columns) for table in tables)
    own, theirs = [], []
    with _peer(tables) as run:
        for table in tables:
            classify_table(table)
        for _ in range(RUNS):
            begin = time.process_time()
            for table in tables:
                classify_table(table)
            own.append((time.process_time() - begin) / count)
            theirs.append(run()[1] / count)
    ratios = [other / one for one, other in zip(own, theirs, strict=True)]
    record(
        "pii.columns_vs_presidio_structured",
        statistics.median(ratios),
        "x",
        better="higher",
        ours=statistics.median(own) * 1e9,
        peer=statistics.median(theirs) * 1e9,
        peer_name="presidio-structured most_common, 60 rows, small English model",
        op="a column of 300 rows; ours and peer in ns",
        clock="cpu",
        runs=RUNS,
        spread=spread_of(ratios),
    )


BENCHES: dict[str, Callable[[], None]] = {"pii.columns_vs_presidio_structured": columns_vs_presidio_structured}
