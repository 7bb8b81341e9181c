"""Laws of the masks that make values coarser or move them, against one value at a time."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masks import MASKS, MaskInputs
from gateway.masks.kernel import Beside
from gateway.terms.key import Key
from gateway.terms.mask_spec import MaskUse

KEY = Key(bytes(range(32)))
EXACT = decimal.Context(prec=80)
few = settings(max_examples=60, deadline=None)
rows = st.integers(0, 5)
texts = st.lists(st.none() | st.text("aäß€😀1", max_size=14), min_size=1)
cents = st.decimals(-(10**7), 10**7, places=2)
steps = st.decimals("0.01", 10**6, places=2).filter(lambda step: step > 0)


def masked(name: str, column: pa.Array, *, key: Key = KEY, subject: pa.Array | None = None, **stated: Any) -> pa.Array:
    auxiliary = {} if subject is None else {"subject": Beside(column=subject, canon="exact")}
    use = MaskUse(name=name, parameters=stated)
    return MASKS[name](column, MaskInputs(key=key, parameters=use.parameters, auxiliary=auxiliary))


def days(column: pa.Array) -> list[int | None]:
    return column.cast(pa.int32()).to_pylist()  # type: ignore[no-any-return]  # of an untyped library


@few
@given(st.lists(st.none() | st.dates(datetime.date(1200, 1, 1), datetime.date(9000, 1, 1)), min_size=1), rows)
def test_shifted_dates_of_one_subject_keep_their_intervals(dates: list[datetime.date | None], start: int) -> None:
    given_, subject = pa.array(dates, pa.date32())[start:], pa.array([7] * len(dates))[start:]
    shifts = {
        after - before
        for before, after in zip(
            days(given_), days(masked("date_shift", given_, subject=subject, window_days=99)), strict=True
        )
        if before is not None and after is not None
    }
    assert len(shifts) <= 1
    assert all(1 <= abs(shift) <= 99 for shift in shifts)


@few
@given(st.lists(st.tuples(st.none() | st.integers(0, 20), st.none() | st.integers(-9999, 9999)), min_size=1), st.data())
def test_a_shift_depends_on_the_subject_alone(pairs: list[tuple[int | None, int | None]], data: st.DataObject) -> None:
    """Not on the row's place, its batch, the type of the date or of the subject's number."""

    def shifted(some: Sequence[tuple[int | None, int | None]], unit: str = "") -> list[int | None]:
        column = pa.array([day for _, day in some], pa.int32()).cast(pa.date32())
        subject = pa.array([who for who, _ in some], pa.int32() if unit else pa.int64())
        wide = column.cast(pa.timestamp(unit, tz="UTC")) if unit else column
        moved = masked("date_shift", wide, subject=subject, window_days=365)
        return days(moved.cast(pa.timestamp(unit)).cast(pa.date32()) if unit else moved)

    whole = shifted(pairs)
    order = data.draw(st.permutations(range(len(pairs))))
    assert shifted([pairs[place] for place in order]) == [whole[place] for place in order]
    cut = data.draw(st.integers(0, len(pairs)))
    assert shifted(pairs[:cut]) + shifted(pairs[cut:]) == whole
    assert all(shifted(pairs, unit) == whole for unit in ("s", "ms", "us", "ns"))
    for (who, day), moved in zip(pairs, whole, strict=True):
        assert (moved is None) == (who is None or day in {None, 0})  # 1970-01-01 stands for no date


@pytest.mark.parametrize("window", [7, 30, 3650])
def test_shifts_take_every_number_of_days_but_none(window: int) -> None:
    many = 400 * window if window < 100 else 40_000
    column = pa.array([1] * many, pa.int32()).cast(pa.date32())
    moved = days(masked("date_shift", column, subject=pa.array(range(many)), window_days=window))
    shifts = [day - 1 for day in moved if day is not None]
    assert len(shifts) == many
    assert (min(shifts), max(shifts)) == (-window, window)
    assert 0 not in shifts
    later = sum(shift > 0 for shift in shifts)
    assert 0.47 < later / many < 0.53


@few
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(2, 2**62))
def test_rounding_is_that_of_whole_numbers_half_to_even(numbers: list[int | None], multiple: int) -> None:
    def nearest(number: int) -> int | None:
        quotient, rest = divmod(number, multiple)
        up = 2 * rest > multiple or (2 * rest == multiple and quotient % 2)
        bound = (quotient + bool(up)) * multiple
        return bound if -(2**63) <= bound < 2**63 else None

    released = masked("round", pa.array(numbers, pa.int64()), multiple=multiple)
    assert released.to_pylist() == [None if n is None else nearest(n) for n in numbers]


@few
@given(st.lists(st.none() | cents, min_size=1), steps, st.sampled_from([(12, 2), (30, 5)]))
def test_decimals_are_rounded_bucketed_and_clipped_exactly(
    numbers: list[decimal.Decimal | None], step: decimal.Decimal, kind: tuple[int, int]
) -> None:
    column = pa.array(numbers, pa.decimal128(*kind))
    low, high = -step, step * 3
    rounded, floors, clipped = (
        masked(name, column, **stated).to_pylist()
        for name, stated in (
            ("round", {"multiple": step}),
            ("bucket", {"step": step}),
            ("top_code", {"low": low, "high": high}),
        )
    )
    for number, near, floor, clip in zip(numbers, rounded, floors, clipped, strict=True):
        if number is None:
            assert (near, floor, clip) == (None, None, None)
            continue
        assert clip == min(max(number, low), high)
        if floor is not None:
            assert floor <= number < floor + step
            assert EXACT.remainder(floor, step) == 0
        if near is not None:
            assert abs(near - number) * 2 <= step
            assert EXACT.remainder(near, step) == 0


@few
@given(
    st.lists(st.none() | st.integers(-(10**6), 10**6), min_size=1), st.sets(st.integers(-(10**6), 10**6), min_size=1)
)
def test_an_edge_is_the_greatest_that_is_not_above(numbers: list[int | None], edges: set[int]) -> None:
    expected = [None if n is None else max((e for e in edges if e <= n), default=None) for n in numbers]
    for kind in (pa.int64(), pa.int32(), pa.decimal128(12, 2), pa.decimal256(40, 0), pa.float64()):
        column = pa.array([None if n is None else decimal.Decimal(n) for n in numbers], pa.decimal128(12, 0)).cast(kind)
        assert masked("bucket", column, edges=sorted(edges)).to_pylist() == expected


@few
@given(
    st.lists(st.floats(), min_size=1),
    st.sampled_from(
        [
            ("bucket", {"step": 3}),
            ("bucket", {"edges": [-1, 0, 7]}),
            ("round", {"multiple": 0.01}),
            ("top_code", {"low": 0}),
        ]
    ),
    st.sampled_from([pa.float64(), pa.float32(), pa.float16()]),
)
def test_order_is_never_turned_around(
    numbers: list[float], mask: tuple[str, dict[str, Any]], kind: pa.DataType
) -> None:
    column = pa.array(sorted(n for n in numbers if n == n), pa.float64()).cast(kind, safe=False)  # noqa: PLR0124 - NaN
    released = [n for n in masked(mask[0], column, **mask[1]).to_pylist() if n is not None]
    assert released == sorted(released)


@few
@given(texts, st.integers(1, 4), st.sampled_from([0, 9, 20]), rows, st.sampled_from([pa.string(), pa.large_string()]))
def test_texts_show_what_python_would(
    values: list[str | None], shown: int, width: int, start: int, kind: pa.DataType
) -> None:
    column = pa.array(values, kind)[start:]

    def first(text: str) -> str:
        total = width or len(text)
        return text[:shown] + "*" * (total - shown) if len(text) >= 2 * shown else "*" * total

    def last(text: str) -> str:
        total = width or len(text)
        return "*" * (total - shown) + text[-shown:] if len(text) >= 2 * shown else "*" * total

    for name, one in (("keep_first", first), ("keep_last", last)):
        released = masked(name, column, n=shown, width=width)
        released.validate(full=True)
        assert released.to_pylist() == [None if text is None else one(text) for text in values[start:]]


@few
@given(
    st.lists(st.none() | st.text("abc", max_size=2), min_size=1),
    st.integers(1, 2),
    st.sampled_from(["redact", "other"]),
)
def test_a_text_becomes_its_group(values: list[str | None], level: int, unknown: str) -> None:
    table = {"a": ["x", "z"], "b": ["y", "z"], "": ["y", "z"]}
    released = masked("generalize", pa.array(values, pa.string()), table=table, level=level, unknown=unknown)
    other = "other" if unknown == "other" else None
    assert released.to_pylist() == [
        None if text is None else table[text][level - 1] if text in table else other for text in values
    ]


@few
@given(st.lists(st.none() | st.text(max_size=20), min_size=1), st.integers(2, 50))
def test_a_hash_bucket_is_one_of_so_many_and_goes_by_the_value(values: list[str | None], buckets: int) -> None:
    released = masked("hash_bucket", pa.array(values, pa.string()), buckets=buckets).to_pylist()
    seen = dict(zip(values, released, strict=True))
    for value, bucket in zip(values, released, strict=True):
        assert (bucket is None) == (value is None)
        assert bucket is None or 0 <= bucket < buckets
        assert seen[value] == bucket


def test_hash_buckets_are_filled_alike_and_differ_between_keys() -> None:
    column = pa.array(range(20_000))
    one = masked("hash_bucket", column, buckets=10).to_pylist()
    other = masked("hash_bucket", column, key=Key(bytes(32)), buckets=10).to_pylist()
    assert all(1_800 < one.count(bucket) < 2_200 for bucket in range(10))
    assert 0.05 < sum(a == b for a, b in zip(one, other, strict=True)) / 20_000 < 0.15
