"""What the residual scan costs: the demo's extract with it and without it, the whole way in both."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Final

import yaml

from gateway import delivery
from gateway.demo.bank import build_bank
from gateway.masks import release
from tests.bench.harness import record, spread_of
from tests.house import POLICIES, House, open_house, request

RUNS: Final = 7
TRANSACTIONS: Final = 300_000


def scan_overhead() -> None:
    """Processor time of the gateway, which scans, reads and masks, for an extract with the scan over that without."""
    spec = yaml.safe_load((POLICIES / "extracts" / "loan-default.yaml").read_text())
    with tempfile.TemporaryDirectory() as folder, _house(Path(folder)) as (house, token):
        extract = _extract(house, token, spec, root=Path(folder))
        scanned, bare = [], []
        for run in range(RUNS + 1):
            both = extract(), _without_scan(extract)
            if run:  # the first warms both up
                scanned.append(both[0])
                bare.append(both[1])
    ratios = [with_it / without for with_it, without in zip(scanned, bare, strict=True)]
    record(
        "pii.scan_overhead",
        median(ratios),
        "x",
        better="lower",
        ours=median(scanned),
        peer=median(bare),
        peer_name="the same extract without the residual scan",
        op=f"the demo's extract from SQLite, {TRANSACTIONS:,} transactions; ours and peer in s",
        clock="cpu",
        runs=RUNS,
        spread=spread_of(ratios),
    )


@contextlib.contextmanager
def _house(root: Path) -> Iterator[tuple[House, str]]:
    bank = root / "bank.db"
    build_bank(bank, transactions=TRANSACTIONS)
    with open_house(root, bank=bank, requests_per_minute=100_000) as house:
        yield house, house.token("ana", "credit-risk-scientist")


def _extract(house: House, token: str, spec: dict[str, str], *, root: Path) -> Callable[[], float]:
    def run() -> float:
        target = root / "out"
        target.mkdir(mode=0o700)
        begin = time.process_time()
        into = delivery.Folder(path=target, subject=spec["subject"])
        asked = request(token, spec["sql"], purpose=spec["purpose"])
        answer = house.enforcement.answer(asked, format="dataset", into=into)
        with answer.body as body:
            lines = [json.loads(line) for line in body]
            body.finish()
        seconds = time.process_time() - begin
        assert lines[-1]["trailer"]["status"] == "complete"
        shutil.rmtree(target)
        return seconds

    return run


def _without_scan(extract: Callable[[], float]) -> float:
    scan, release.residual_scan = release.residual_scan, lambda *_, **__: None  # type: ignore[assignment]  # the bench's other side
    try:
        return extract()
    finally:
        release.residual_scan = scan


BENCHES: dict[str, Callable[[], None]] = {"pii.scan_overhead": scan_overhead}
