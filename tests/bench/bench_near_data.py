"""A GROUP BY over a large PostgreSQL table: groups made by the source, beside the same query over its rows."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from gateway.ports import Source
from gateway.sources.registry import RowsOnly
from gateway.terms.plan import GroupedScan, Plan
from tests.bench import extract_bank
from tests.bench.harness import interleave, record, spread_of
from tests.house import open_house
from tests.pg import postgres_address

ROWS: Final = 2_000_000
RUNS: Final = 5
SQL: Final = """
    SELECT currency, channel, count(*) AS n, sum(amount) AS total, avg(amount) AS mean, max(booked_at) AS latest
    FROM core.payments WHERE booked_at >= '2025-01-02 00:00:00+00:00' GROUP BY currency, channel
"""


def groupby_near_data_vs_scan() -> None:
    """Wall clock of the query with `aggregates_near_data: false` in the sources file, over that without."""
    with postgres_address() as url:
        extract_bank.fill(url, rows=ROWS)
        try:
            far, near = _both(url)
        finally:
            extract_bank.empty(url)
    ratios = [rows / groups for rows, groups in zip(far, near, strict=True)]
    record(
        "query.groupby_near_data_vs_scan",
        median(ratios),
        "x",
        better="higher",
        ours=median(near),
        peer=median(far),
        peer_name="the same query, its rows read into the sandbox",
        op="GROUP BY of two columns over 2M rows of PostgreSQL to the last byte, JSON; ours and peer in s",
        clock="wall",
        runs=RUNS,
        spread=spread_of(ratios),
    )


def _both(url: str) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        more = {"policies": extract_bank.write_policies(root / "policies"), "requests_per_minute": 100_000}
        with open_house(root, bank=root / "none.db", source_url=url, **more) as house:
            token = house.token("modeller-1", "modeller")
            rooms = house.enforcement._rooms
            core = rooms.sources["core"]
            answers: list[object] = []

            def ask(source: Source) -> Plan:
                house.enforcement._rooms = dataclasses.replace(rooms, sources={"core": source})
                body, answer = house.ask(token, SQL, purpose=extract_bank.PURPOSE)
                answers.append(sorted(json.loads(body)["rows"]))
                return answer.plan

            assert isinstance(ask(core).steps[0], GroupedScan)
            far, near = interleave(lambda: ask(RowsOnly(core)), lambda: ask(core), runs=RUNS, clock="wall")
            assert all(answer == answers[0] for answer in answers)
            return far, near


BENCHES: dict[str, Callable[[], None]] = {"query.groupby_near_data_vs_scan": groupby_near_data_vs_scan}
