"""What release promises, and each way in which it ends closed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from gateway.errors import Exhausted, Integrity, Unavailable
from gateway.protection import FLOOR, release
from gateway.terms.plan import Function, GuardedScan
from gateway.terms.streams import RawStream, ReleasedStream
from tests.unit.protection.groups import Row, guarded, schema_of, stage_one, stream

COUNT = (("count_rows", None),)


def people(count: int, *, region: str | None = "DE", first: int = 0) -> list[Row]:
    return [Row(subject=first + i, region=region, income=Decimal("10.50"), visits=2, rate=0.5) for i in range(count)]


def released(rows: list[Row], scan: GuardedScan, *, threshold: int = 10) -> list[tuple[object, ...]]:
    with release(stream(stage_one(rows, scan), scan), scan, threshold=threshold) as groups:
        (batch,) = groups
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def test_a_group_of_threshold_subjects_is_released() -> None:
    assert released(people(10), guarded()) == [
        ("DE", 10, 10, 10, Decimal("105.00"), 10.5, 20, 5.0, 0.5),
    ]


def test_a_group_below_the_threshold_is_not_there() -> None:
    assert released(people(9), guarded()) == []


def test_d2_one_subject_with_many_rows_is_one_subject() -> None:
    assert released(people(1) * 10 + people(8, first=1), guarded()) == []


def test_a_null_subject_is_nobody_and_adds_nothing() -> None:
    rows = people(10) + [Row(subject=None, income=Decimal(999))] * 20
    assert released(rows, guarded()) == released(people(10), guarded())
    assert released([Row(subject=None)] * 20 + people(9), guarded()) == []


def test_d7_a_suppressed_group_takes_the_smallest_other_along() -> None:
    large = people(12, region="IT", first=100) + people(11, region="ES", first=200)
    assert [row[0] for row in released(people(10) + large, guarded())] == ["DE", "ES", "IT"]
    assert [row[0] for row in released(people(10) + people(9, region="FR", first=50) + large, guarded())] == [
        *("ES", "IT"),
    ]


def test_of_two_smallest_groups_the_first_by_value_goes() -> None:
    rows = people(10) + people(10, region="AT", first=50) + people(3, region="FR", first=80)
    assert [row[0] for row in released(rows, guarded())] == ["DE"]


def test_suppressed_groups_that_hide_each_other_take_none_along() -> None:
    rows = people(10) + people(9, region="FR", first=50) + people(9, region="ES", first=80)
    assert [row[0] for row in released(rows, guarded())] == ["DE"]


def test_suppressed_groups_of_the_same_subjects_do_not_hide_each_other() -> None:
    rows = people(10) + people(9, region="FR", first=50) + people(9, region="ES", first=50)
    assert released(rows, guarded()) == []


def test_nobody_may_contribute_to_a_measure() -> None:
    rows = [Row(subject=i, visits=i) for i in range(10)]
    assert len(released(rows, guarded(measures=(("sum", "income"), ("sum", "visits"))))) == 1


@pytest.mark.parametrize(("contributors", "shown"), [(0, 1), (1, 0), (9, 0), (10, 1)])
@pytest.mark.parametrize("function", ["sum", "avg", "count_values"])
def test_a_group_is_shown_with_no_or_enough_contributors(function: Function, contributors: int, shown: int) -> None:
    rows = [Row(subject=i, income=Decimal(7) if i < contributors else None) for i in range(20)]
    assert len(released(rows * 2, guarded(measures=((function, "income"),)))) == shown


def test_the_order_of_dimensions_does_not_choose_what_is_suppressed() -> None:
    cells = [(region, segment, 10) for region in ("AT", "DE", "FR", "IT") for segment in ("a", "b", "c", "d")]
    cells[5] = ("DE", "b", 3)
    rows = [
        Row(subject=100 * number + i, region=region, segment=segment)
        for number, (region, segment, count) in enumerate(cells)
        for i in range(count)
    ]
    one = released(rows, guarded(("region", "segment"), COUNT))
    other = released(rows, guarded(("segment", "region"), COUNT))
    assert sorted(one) == sorted((region, segment, count) for segment, region, count in other)
    assert len(one) == 12


@pytest.mark.parametrize("count", [0, 9])
def test_a_suppressed_total_looks_like_an_empty_one(count: int) -> None:
    assert released(people(count), guarded((), COUNT)) == []


def test_a_total_is_one_row() -> None:
    assert released(people(11), guarded((), COUNT)) == [(11,)]


def test_null_is_a_group_and_comes_last() -> None:
    rows = people(10, region=None) + people(10, region="FR") + people(10, region="DE")
    assert released(rows, guarded(measures=COUNT)) == [("DE", 10), ("FR", 10), (None, 10)]


def test_a_sum_of_nothing_is_null() -> None:
    rows = [Row(subject=i) for i in range(10)]
    assert released(rows, guarded()) == [("DE", 10, 10, 0, None, None, None, None, None)]


def test_a_subject_in_two_groups_counts_in_both() -> None:
    rows = people(10) + people(10, region="FR")
    assert [row[2] for row in released(rows, guarded())] == [10, 10]


def test_groups_without_measures_are_their_dimensions() -> None:
    assert released(people(10), guarded(measures=())) == [("DE",)]


def test_sums_of_large_decimals_are_exact() -> None:
    rows = [Row(subject=i, income=Decimal("9999999999.99")) for i in range(1000)]
    assert released(rows, guarded(measures=(("sum", "income"),))) == [("DE", Decimal("9999999999990.00"))]


def test_the_schema_is_known_before_anything_is_read() -> None:
    scan = guarded()

    def unread() -> Iterator[pa.RecordBatch]:
        raise AssertionError("was read")
        yield

    groups = release(RawStream(schema_of(scan), unread()), scan, threshold=10)
    assert [str(field.type) for field in groups.schema] == [
        *("string", "int64", "int64", "int64", "decimal128(38, 2)", "double", "int64", "double", "double"),
    ]


def test_both_ends_close_the_reading() -> None:
    scan, closed = guarded(measures=COUNT), []
    for read in (True, False):
        raw = RawStream(schema_of(scan), iter(()), close=lambda: closed.append(1))
        groups = release(raw, scan, threshold=10)
        if read:
            assert [batch.num_rows for batch in groups] == [0]
        groups.close()
    assert closed == [1, 1]


def test_a_sources_error_passes_and_closes() -> None:
    scan, closed = guarded(measures=COUNT), []

    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist(stage_one(people(20), scan), schema=schema_of(scan))
        raise Unavailable("source core does not answer")

    with pytest.raises(Unavailable):
        list(release(RawStream(schema_of(scan), broken(), close=lambda: closed.append(1)), scan, threshold=10))
    assert closed == [1]


@pytest.mark.parametrize("threshold", [FLOOR - 1, 1, 0, -1])
def test_t5_no_threshold_below_the_floor(threshold: int) -> None:
    scan = guarded()
    with pytest.raises(Integrity, match="below the floor"):
        release(stream([], scan), scan, threshold=threshold)


def other_name(schema: pa.Schema) -> pa.Schema:
    return schema.set(0, schema.field(0).with_name("city"))


def other_type(schema: pa.Schema) -> pa.Schema:
    return schema.set(2, pa.field("__rows", pa.int32()))


def other_order(schema: pa.Schema) -> pa.Schema:
    return pa.schema([schema.field(1), schema.field(2), schema.field(0), *list(schema)[3:]])


def one_more(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field("email", pa.string()))


@pytest.mark.parametrize("damage", [other_name, other_type, other_order, one_more])
def test_closed_when_a_source_delivers_another_schema(damage: object) -> None:
    assert callable(damage)
    scan = guarded()
    with pytest.raises(Integrity, match="another schema"):
        release(RawStream(damage(schema_of(scan)), iter(())), scan, threshold=10)


def test_closed_when_a_source_delivers_no_subjects() -> None:
    scan = guarded(measures=COUNT)
    schema = pa.schema([field for field in schema_of(scan) if field.name != "__subject"])
    with pytest.raises(Integrity, match="another schema"):
        release(RawStream(schema, iter(())), scan, threshold=10)


def test_closed_when_a_count_is_null() -> None:
    scan = guarded(measures=COUNT)
    records = [{**record, "__rows": None} for record in stage_one(people(10), scan)]
    with pytest.raises(Integrity, match="without a count"):
        list(release(stream(records, scan), scan, threshold=10))


@pytest.mark.parametrize(
    ("column", "value"), [("visits", 2**62), ("income", Decimal("9" * 35 + ".99"))], ids=["int64", "decimal"]
)
def test_closed_when_a_sum_does_not_fit(column: str, value: object) -> None:
    scan = guarded(measures=(("sum", column),))
    records = [{**record, f"__sum_{column}": value} for record in stage_one(people(20), scan)]
    for record in records:
        record[f"__count_{column}"] = 1
    with pytest.raises(Integrity) as caught:
        list(release(stream(records, scan), scan, threshold=10))
    assert str(value)[:6] not in caught.value.message


def test_exhausted_when_groups_and_subjects_are_too_many() -> None:
    scan = guarded()
    with pytest.raises(Exhausted) as caught:
        list(release(stream(stage_one(people(100), scan), scan), scan, threshold=10, max_state_bytes=500))
    assert caught.value.code == "exhausted.memory"


def test_closed_when_a_measure_is_no_number() -> None:
    scan = guarded(measures=(("sum", "income"),))
    text = dataclasses.replace(scan.scan.columns[1], type=pa.string())
    broken = dataclasses.replace(scan, scan=dataclasses.replace(scan.scan, columns=(scan.scan.columns[0], text)))
    with pytest.raises(Integrity, match="no number"):
        release(stream([], scan), broken, threshold=10)


def test_closed_when_dimensions_are_not_the_scans_first_columns() -> None:
    scan = guarded()
    broken = dataclasses.replace(scan, dimensions=("income",))
    with pytest.raises(Integrity, match="other dimensions"):
        release(stream([], scan), broken, threshold=10)


def test_what_is_released_is_a_released_stream() -> None:
    scan = guarded()
    assert type(release(stream([], scan), scan, threshold=10)) is ReleasedStream
