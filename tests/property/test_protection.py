"""Laws of release, over generated groups."""

from __future__ import annotations

import random
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protection import release
from gateway.terms.plan import Function, GuardedScan
from tests.unit.protection.groups import Row, guarded, oracle, stage_one, stream

THRESHOLD = 5
ROWS = st.lists(
    st.builds(
        Row,
        subject=st.one_of(st.none(), st.integers(0, 11)),
        region=st.one_of(st.none(), st.sampled_from(["DE", "FR", ""])),
        segment=st.sampled_from(["a", "b"]),
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


def counters(scan: GuardedScan) -> list[str | None]:
    """None counts all subjects, a column those who contribute to it."""
    return list(dict.fromkeys([None, *(measure.column for measure in scan.measures if measure.column)]))


def counted(rows: list[Row], counter: str | None) -> int:
    return len({row.subject for row in rows if counter is None or getattr(row, counter) is not None})


def few(rows: list[Row], counter: str | None) -> bool:
    return 0 < counted(rows, counter) < THRESHOLD


def shown(rows: list[Row], scan: GuardedScan) -> set[tuple[object, ...]]:
    return {tuple(record[name] for name in scan.dimensions) for record in answer(rows, scan).to_pylist()}


def split(rows: list[Row], dimensions: tuple[str, ...]) -> dict[tuple[object, ...], list[Row]]:
    cells: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.subject is not None:
            cells.setdefault(tuple(getattr(row, name) for name in dimensions), []).append(row)
    return cells


@settings(max_examples=120, deadline=None)
@given(rows=ROWS, dimensions=st.sampled_from([("region",), ("region", "segment"), ()]))
def test_released_groups_are_those_of_a_plain_group_by(rows: list[Row], dimensions: tuple[str, ...]) -> None:
    scan = guarded(dimensions)
    got = [tuple(record.values()) for record in answer(rows, scan).to_pylist()]
    plain = oracle(rows, scan, threshold=THRESHOLD)
    assert got == [row for row in plain if row in got]
    if not any(few(cell, counter) for cell in split(rows, dimensions).values() for counter in counters(scan)):
        assert got == plain


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, measures=st.sampled_from([(), (("sum", "income"),), (("sum", "income"), ("avg", "visits"))]))
def test_t4_no_total_minus_shown_groups_singles_few_out(
    rows: list[Row], measures: tuple[tuple[Function, str | None], ...]
) -> None:
    """A total is whatever a coarser grouping shows, or, where it shows it not, the sum of what it does not show."""
    dimensions = ("region", "segment")
    scan = guarded(dimensions, measures)
    seen = shown(rows, scan)
    for part in ((), ("region",), ("segment",)):
        totals = shown(rows, guarded(part, measures))
        for key, group in split(rows, part).items():
            cells = split(group, dimensions)
            hidden = [row for cell, inside in cells.items() if cell not in seen for row in inside]
            if key in totals:
                assert not any(few(hidden, counter) for counter in counters(scan))
            else:
                for counter in counters(scan):
                    assert counted(hidden, counter) >= min(THRESHOLD, counted(group, counter))


@settings(max_examples=80, deadline=None)
@given(rows=ROWS)
def test_t4_more_measures_never_show_a_group_that_fewer_hide(rows: list[Row]) -> None:
    """Else the one would show what the other suppressed to hide a third."""
    dimensions = ("region", "segment")
    one: list[tuple[Function, str | None]] = [("sum", "income")]
    other: list[tuple[Function, str | None]] = [("avg", "visits")]
    both = shown(rows, guarded(dimensions, one + other))
    none = shown(rows, guarded(dimensions, ()))
    for single in (shown(rows, guarded(dimensions, one)), shown(rows, guarded(dimensions, other))):
        assert both <= single <= none


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
    amounts=st.lists(st.decimals(0, 10**9, places=2), min_size=2, max_size=2),
)
def test_t5_worlds_that_differ_in_values_of_suppressed_groups_answer_byte_for_byte_alike(
    rows: list[Row], hidden: list[tuple[int, str]], amounts: list[Decimal]
) -> None:
    """At most four subjects of their own in regions that nobody else lives in.

    The worlds have the same subjects there: who is in a suppressed group decides which others are suppressed with it.
    """
    one, other = (
        [Row(subject=subject, region=region, income=amount, visits=int(amount) % 9) for subject, region in hidden]
        for amount in amounts
    )
    assert bytes_of(answer(one + rows, guarded())) == bytes_of(answer(rows + other, guarded()))


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


def test_t4_every_released_figure_is_a_function_of_shown_groups() -> None:
    """No ratio, total or order involves a suppressed group: changing one wholly changes nothing."""
    scan = guarded()
    rows = [Row(subject=i, region="DE", income=Decimal(i), rate=i / 8) for i in range(10)]
    rows += [Row(subject=20 + i, region="IT", visits=i) for i in range(11)]
    one = [Row(subject=90 + i, region="FR", income=Decimal(10**9), rate=1e14) for i in range(4)]
    other = [Row(subject=90 + i, region="AA", income=Decimal(1), rate=-5.0) for i in range(4)]
    assert answer([*one, *rows], scan)["region"].to_pylist() == ["IT"]
    assert bytes_of(answer([*one, *rows], scan)) == bytes_of(answer([*rows, *other], scan))
