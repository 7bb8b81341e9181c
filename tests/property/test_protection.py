"""Laws of release, over generated groups."""

from __future__ import annotations

import random
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protection import release
from gateway.terms.plan import GuardedScan
from tests.unit.protection.groups import Row, guarded, oracle, stage_one, stream

THRESHOLD = 5
ROWS = st.lists(
    st.builds(
        Row,
        subject=st.one_of(st.none(), st.integers(0, 11)),
        region=st.one_of(st.none(), st.sampled_from(["DE", "FR", ""])),
        income=st.one_of(st.none(), st.decimals(-(10**9), 10**9, places=2)),
        visits=st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
        rate=st.one_of(st.none(), st.integers(-1000, 1000).map(lambda n: n / 8)),
    ),
    max_size=60,
)


def answer(rows: list[Row], scan: GuardedScan, *, batch: int = 7) -> pa.RecordBatch:
    (released,) = release(stream(stage_one(rows, scan), scan, batch=batch), scan, threshold=THRESHOLD)
    return released


def bytes_of(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


@settings(max_examples=120, deadline=None)
@given(rows=ROWS, dimensions=st.sampled_from([("region",), ()]))
def test_released_groups_equal_a_plain_group_by(rows: list[Row], dimensions: tuple[str, ...]) -> None:
    scan = guarded(dimensions)
    got = [tuple(record.values()) for record in answer(rows, scan).to_pylist()]
    assert got == oracle(rows, scan, threshold=THRESHOLD)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 2**16), batch=st.integers(1, 60))
def test_order_and_batches_of_the_source_are_not_told(rows: list[Row], seed: int, batch: int) -> None:
    scan = guarded()
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert bytes_of(answer(shuffled, scan, batch=batch)) == bytes_of(answer(rows, scan))


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    hidden=st.lists(st.tuples(st.integers(100, 103), st.sampled_from(["rare", "AA", "zz"])), max_size=12),
    amount=st.decimals(0, 10**9, places=2),
)
def test_t5_worlds_that_differ_below_the_threshold_answer_byte_for_byte_alike(
    rows: list[Row], hidden: list[tuple[int, str]], amount: Decimal
) -> None:
    """At most four subjects of their own in regions that nobody else lives in."""
    scan = guarded()
    world = [*(Row(subject=subject, region=region, income=amount, visits=7) for subject, region in hidden), *rows]
    assert bytes_of(answer(world, scan)) == bytes_of(answer(rows, scan))


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, copies=st.integers(2, 5))
def test_d2_rows_of_one_subject_never_lift_a_group_over_the_threshold(rows: list[Row], copies: int) -> None:
    scan = guarded(measures=(("count_subjects", None),))
    assert answer(rows * copies, scan).equals(answer(rows, scan))


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-1e12, 1e12), min_size=5, max_size=40), seed=st.integers(0, 2**16))
def test_sums_of_floats_do_not_tell_the_order(values: list[float], seed: int) -> None:
    scan = guarded(measures=(("sum", "rate"), ("avg", "rate")))
    rows = [Row(subject=i, rate=value) for i, value in enumerate(values)]
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert bytes_of(answer(shuffled, scan)) == bytes_of(answer(rows, scan))


def test_t4_every_released_figure_is_a_function_of_groups_over_the_threshold() -> None:
    """No ratio, total or order involves a suppressed group: changing one wholly changes nothing."""
    scan = guarded()
    shown = [Row(subject=i, region="DE", income=Decimal(i), rate=i / 8) for i in range(10)]
    one = [Row(subject=90 + i, region="FR", income=Decimal(10**9), rate=1e300) for i in range(4)]
    other = [Row(subject=90 + i, region="AA", visits=-5) for i in range(4)]
    assert bytes_of(answer([*one, *shown], scan)) == bytes_of(answer([*shown, *other], scan))
