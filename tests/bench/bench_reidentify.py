"""A whole column's pseudonyms made again, to find a hundred thousand of them; beside the loop that one writes first."""

from __future__ import annotations

import hmac
import statistics
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from gateway.masks import apply, recover
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import ColumnDecision, Level, RuleRef
from gateway.terms.streams import RawStream
from tests.bench.bench_masks import BATCH, ROWS, SECRET, OneKey
from tests.bench.harness import interleave, record, spread_of

WANTED = 100_000
RUNS = 5


def million() -> None:
    numbers = np.random.default_rng(7).permutation(ROWS)
    column = pa.array(10**9 + numbers)
    batches = [pa.record_batch({"c": column[start : start + BATCH]}) for start in range(0, ROWS, BATCH)]
    decision = ColumnDecision(
        dataset="core.bench",
        column="c",
        level=Level.PSEUDONYMIZED,
        mask=MaskUse(name="pseudonym"),
        domain="bench",
        canon="integer_text",
        use="value",
        rule=RuleRef(file="bench.yaml", line=1, id="bench"),
    )
    columns = (Column(name="c", type=pa.int64(), classification="direct_identifier"),)
    chosen = column.take(pa.array(np.sort(numbers[:WANTED])))
    raw = RawStream(batches[0].schema, iter([pa.record_batch({"c": chosen})]))
    with apply(raw, (decision,), columns=columns, keys=OneKey(), project="bench") as stream:
        wanted = [text for batch in stream for text in batch.column(0).to_pylist()]
    sought = {_hmac(value) for value in chosen.to_pylist()}

    def ours() -> None:
        left: list[int] = []
        raw = RawStream(batches[0].schema, iter(batches))
        with recover(
            raw,
            decision,
            declared=pa.int64(),
            wanted=wanted,
            keys=OneKey(),
            project="bench",
            unresolved=left.append,
        ) as stream:
            assert sum(batch.num_rows for batch in stream) == WANTED
        assert left == [0]

    def naive() -> None:
        found = {}
        for batch in batches:
            for value in batch.column(0).to_pylist():
                if (pseudonym := _hmac(value)) in sought:
                    found[pseudonym] = value
        assert len(found) == WANTED

    ours_seconds, naive_seconds = interleave(ours, naive, runs=RUNS, clock="wall")
    record(
        "reidentify.million",
        statistics.median(ours_seconds),
        "s",
        better="lower",
        ours=statistics.median(ours_seconds),
        peer=statistics.median(naive_seconds),
        peer_name="hmac.digest(sha256).hex() per value, looked up in a set",
        op="100,000 pseudonyms among 1,000,000 identifiers of int64",
        clock="wall",
        runs=RUNS,
        spread=spread_of(ours_seconds),
    )


def _hmac(value: object) -> str:
    return hmac.digest(SECRET, str(value).encode(), "sha256").hex()


BENCHES: dict[str, Callable[[], None]] = {"reidentify.million": million}
