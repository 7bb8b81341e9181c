"""What the coarser masks do at the ends of types, under nulls, and with parameters that policy lint refuses."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.masks import MASKS, MaskInputs, output_type
from gateway.masks.kernel import Beside
from gateway.terms.key import Key
from gateway.terms.mask_spec import MASK_SPECS, MaskUse
from tests.unit.masks.mask_builders import decide, options, release, released

D = decimal.Decimal
NESTED = [
    pa.list_(pa.string()),
    pa.large_list(pa.int64()),
    pa.list_(pa.string(), 2),
    pa.struct([("a", pa.string())]),
    pa.map_(pa.string(), pa.int64()),
    pa.null(),
    pa.time64("us"),
    pa.date64(),
    pa.duration("s"),
    pa.month_day_nano_interval(),
    pa.binary(16),
    pa.uuid(),
    pa.run_end_encoded(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.list_(pa.string())),
]


@pytest.mark.parametrize("kind", NESTED, ids=str)
@pytest.mark.parametrize("mask", sorted(MASK_SPECS))
def test_closed_for_nested_and_unknown_types_whatever_the_mask(mask: str, kind: pa.DataType) -> None:
    with pytest.raises(Integrity, match="accept"):
        output_type(MaskUse(name=mask, parameters=options(mask, pa.string())), kind)


ENDS: list[pa.Array] = [
    pa.array([-719_162, 2_932_896, -719_161, 2_929_300, -(2**31), 2**31 - 1, -719_163, 2_932_897], pa.int32()).cast(
        pa.date32()
    ),
    *(
        pa.array([-719_162 * tick, 2_932_897 * tick - 1, 2_929_300 * tick, -(2**63), 2**63 - 1]).cast(
            pa.timestamp(unit, tz=zone)
        )
        for unit, tick in (("s", 86_400), ("ms", 86_400_000), ("us", 86_400_000_000))
        for zone in (None, "UTC", "Europe/Berlin")
    ),
    pa.array([-(2**63), 2**63 - 2, 2**63 - 1]).cast(pa.timestamp("ns")),
]


def shifted(column: pa.Array, who: int, **stated: Any) -> pa.Array:
    """One subject's dates."""
    beside = Beside(column=pa.array([who] * len(column)), canon="exact")
    inputs = MaskInputs(key=Key(bytes(32)), parameters={"window_days": 3650, **stated}, auxiliary={"subject": beside})
    return MASKS["date_shift"](column, inputs)


@pytest.mark.parametrize("column", ENDS, ids=lambda column: str(column.type))
def test_dates_at_the_ends_become_null_for_every_subject(column: pa.Array) -> None:
    """They never wrap around; and were only some of them null, they would tell which way their subject's dates move."""
    for who in range(40):
        assert shifted(column, who).null_count == len(column)


@pytest.mark.parametrize(
    "kind", [pa.date32(), *(pa.timestamp(unit) for unit in ("s", "ms", "us")), pa.timestamp("us", tz="UTC")], ids=str
)
def test_t8_a_day_that_stands_for_no_date_tells_no_shift(kind: pa.DataType) -> None:
    days = [
        datetime.date(*day)
        for day in ((9999, 12, 31), (9999, 1, 1), (1, 1, 1), (1900, 1, 1), (1970, 1, 1), (1900, 1, 2), (1969, 12, 31))
    ]
    column = pa.array(days, pa.date32()).cast(kind)
    for who in range(20):
        moved = shifted(column, who, window_days=7)
        assert moved.is_null().to_pylist() == [True] * 5 + [False] * 2
        named = shifted(column, who, window_days=7, placeholders=("1900-01-02",))
        assert named.is_null().to_pylist() == [True] * 6 + [False]


def test_t8_of_timestamps_the_day_counts_in_utc_and_in_their_zone() -> None:
    moments = [
        "9999-05-05 23:59:59.999999",
        "1970-01-01 17:30:00",
        "1969-12-31 23:30:00",
        "1969-12-31 22:30:00",
    ]
    berlin = (
        pa.array(moments)
        .cast(pa.timestamp("us"))
        .cast(pa.timestamp("us", tz="UTC"))
        .cast(pa.timestamp("us", tz="Europe/Berlin"))
    )
    assert shifted(berlin, 1, window_days=7).is_null().to_pylist() == [True, True, True, False]
    plain = pa.array(moments).cast(pa.timestamp("us"))
    assert shifted(plain, 1, window_days=7).is_null().to_pylist() == [True, True, False, False]


def test_date_shift_says_that_a_part_stays_the_time_of_day() -> None:
    noon = pa.array(["2021-03-01 12:34:56.789012"]).cast(pa.timestamp("us"))
    (moved,) = shifted(noon, 1).to_pylist()
    assert moved.time() == datetime.time(12, 34, 56, 789_012)
    assert "part" in MASK_SPECS["date_shift"].leaks


def test_what_lies_under_a_null_subject_does_not_leave() -> None:
    dates = pa.array([datetime.date(2011, 11, 11), datetime.date(2012, 12, 12)])
    decision = decide("c", "date_shift", window_days=30)
    batch = release({"c": dates, "subject": pa.array([None, 4], pa.int64())}, decision)
    moved = batch.column("c")
    assert moved.null_count == 1
    assert np.frombuffer(moved.buffers()[1], np.int32)[0] == 0


def test_a_value_of_another_size_costs_only_itself() -> None:
    """Beyond 64 bits one by one: the others are calculated at once, and none is wrong."""
    numbers = [D("1.5"), D(10) ** 25, D("-7.25"), -(D(10) ** 25), None]
    column = pa.array(numbers, pa.decimal128(38, 2))
    assert released(column, "bucket", step=10).to_pylist() == [D(0), D(10) ** 25, D(-10), -(D(10) ** 25), None]
    assert released(column, "top_code", low=-1, high=5).to_pylist() == [D("1.5"), D(5), D(-1), D(-1), None]
    huge = pa.array([2**64 - 1, 5, 2**63, 2**63 + 5], pa.uint64())
    assert released(huge, "bucket", step=10).to_pylist() == [2**64 - 6, 0, 2**63 - 8, 2**63 + 2]
    assert released(huge, "top_code", high=7).to_pylist() == [7, 5, 7, 7]


@pytest.mark.parametrize(
    ("column", "mask", "stated", "expected"),
    [
        (pa.array([-5, 120], pa.int8()), "bucket", {"step": 1000}, [None, 0]),
        (pa.array([96, 127, -128], pa.int8()), "round", {"multiple": 10}, [100, None, None]),
        (pa.array([96, -128, None], pa.int8()), "top_code", {"low": -1000, "high": 1000}, [96, -128, None]),
        (pa.array([D("9.96")], pa.decimal128(3, 2)), "round", {"multiple": D("0.1")}, [None]),
        (pa.array([D("9.96")], pa.decimal32(3, 2)), "top_code", {"high": 9}, [D("9.00")]),
        (
            pa.array([1.5, float("nan"), float("inf"), -float("inf")]),
            "top_code",
            {"low": 1, "high": 9},
            [1.5, None, 9, 1],
        ),
        (pa.array([0.07, 0.125, 0.375, float("inf")]), "round", {"multiple": 0.01}, [0.07, 0.12, 0.38, None]),
        (pa.array([1e300, 5e-324]), "round", {"multiple": 1000}, [None, 0.0]),
        (pa.array([-0.0, -0.2]), "round", {"multiple": 1}, [0.0, 0.0]),
        (pa.array([float("nan"), 7.5, float("inf")]), "bucket", {"edges": [0, D("7.25")]}, [None, 7.25, 7.25]),
        (pa.array([9, 10, 250, None]), "bucket", {"edges": [10, 100]}, [None, 10, 100, None]),
        (pa.array([-1, 7, 200], pa.int16()), "bucket", {"edges": [-(10**9), 100]}, [None, None, 100]),
    ],
)
def test_a_result_that_the_type_cannot_hold_is_null(
    column: pa.Array, mask: str, stated: dict[str, Any], expected: list[object]
) -> None:
    assert released(column, mask, **stated).to_pylist() == expected


def test_a_constant_stands_in_null_rows_too_and_the_column_is_not_read() -> None:
    for column in (pa.array([1, None]), pa.array(["a", None]), pa.array([D("1.5"), None], pa.decimal128(9, 2))):
        value = "x" if column.type == pa.string() else 7
        assert released(column, "constant", value=value).to_pylist() == [value, value]
    batch = release({"other": pa.array([1, 2])}, decide("c", "constant", value="hidden"))
    assert batch.to_pydict() == {"c": ["hidden", "hidden"]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.int8(), 300),
        (pa.int64(), "5"),
        (pa.int64(), True),
        (pa.int64(), D("1.5")),
        (pa.string(), 5),
        (pa.bool_(), 1),
        (pa.date32(), "31.12.2020"),
        (pa.date32(), 5),
        (pa.decimal128(4, 2), D("1.005")),
        (pa.decimal128(4, 2), 100),
    ],
    ids=str,
)
def test_a_constant_of_another_type_is_refused(kind: pa.DataType, value: object) -> None:
    with pytest.raises(Integrity, match="value"):
        output_type(MaskUse(name="constant", parameters={"value": value}), kind)  # type: ignore[dict-item]
    with pytest.raises(Integrity, match="value"):
        MASKS["constant"](pa.nulls(1, kind), MaskInputs(parameters={"value": value}))  # type: ignore[dict-item]


def test_a_shown_part_is_never_more_than_half_and_stars_hide_the_rest() -> None:
    column = pa.array(["", "a", "ab", "abc", "abcd", "äöüß", "😀" * 9, None])
    last = ["", "*", "**", "***", "**cd", "**üß", "*" * 7 + "😀" * 2, None]
    assert released(column, "keep_last", n=2).to_pylist() == last
    first = ["*****"] * 4 + ["ab***", "äö***", "😀😀***", None]
    assert released(column, "keep_first", n=2, width=5).to_pylist() == first


def test_a_width_hides_how_long_a_text_is() -> None:
    assert MASK_SPECS["keep_last"].leaks_with({"n": 2, "width": 0}) >= {"length", "part"}
    assert "length" not in MASK_SPECS["keep_last"].leaks_with({"n": 2, "width": 8})
    widths = {len(text) for text in released(pa.array(["ab12", "x" * 9000]), "keep_last", n=2, width=8).to_pylist()}
    assert widths == {8}


@pytest.mark.parametrize(
    ("mask", "kind", "stated"),
    [
        ("keep_last", pa.string(), {"n": 0}),
        ("keep_last", pa.string(), {"n": 17}),
        ("keep_last", pa.string(), {"n": 4, "width": 7}),
        ("keep_first", pa.string(), {"n": 4, "width": 65}),
        ("keep_first", pa.string(), {"n": True}),
        ("round", pa.int64(), {}),
        ("round", pa.int64(), {"multiple": 0}),
        ("round", pa.int64(), {"multiple": D("0.5")}),
        ("top_code", pa.int64(), {}),
        ("top_code", pa.int64(), {"low": 5, "high": 5}),
        ("top_code", pa.decimal128(9, 2), {"low": D("0.001")}),
        ("bucket", pa.int64(), {"step": 5, "edges": (D(1),)}),
        ("bucket", pa.int64(), {"edges": (D(2), D(1))}),
        ("bucket", pa.int64(), {"edges": (D(1), D(1))}),
        ("hash_bucket", pa.int64(), {"buckets": 1}),
        ("date_shift", pa.date32(), {"window_days": 0}),
        ("date_shift", pa.date32(), {"window_days": 3651}),
        ("date_shift", pa.int64(), {"window_days": 30}),
        ("generalize", pa.string(), {"table": (("a", ("b",)),), "level": 2}),
        ("generalize", pa.string(), {"table": ()}),
    ],
)
def test_closed_where_policy_lint_would_refuse(mask: str, kind: pa.DataType, stated: dict[str, Any]) -> None:
    inputs = MaskInputs(
        key=Key(bytes(32)), parameters=stated, auxiliary={"subject": Beside(column=pa.nulls(1, pa.int64()))}
    )
    with pytest.raises(Integrity):
        MASKS[mask](pa.nulls(1, kind), inputs)
    with pytest.raises(Integrity):
        output_type(MaskUse(name=mask, parameters=stated), kind)


def test_masks_that_tell_order_keep_it_and_the_coarser_hide_what_is_within() -> None:
    within = pa.array(range(4_000, 5_000))
    for mask, stated in (("bucket", {"edges": [0, 4_000]}), ("round", {"multiple": 10_000}), ("top_code", {"high": 9})):
        assert "order" in MASK_SPECS[mask].leaks
        assert len(released(within, mask, **stated).unique()) == 1


def test_t13_a_huge_text_costs_only_itself() -> None:
    hostile = "é" * 4_000_000
    for mask in ("keep_first", "keep_last"):
        masked = released(pa.array(["abcdefgh", hostile, "x"]), mask, n=4, width=9).to_pylist()
        assert [len(text) for text in masked] == [9, 9, 9]
    assert released(pa.array(["b", hostile]), "generalize", table={"b": ["one"]}).to_pylist() == ["one", None]
