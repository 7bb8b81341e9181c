"""Nothing is lost between Arrow and a data frame."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

from gateway.client.answers.frames import to_pandas, to_polars

TABLE = pa.table(
    {
        "text": pa.array(["a", "", None]),
        "whole": pa.array([2**60 + 1, None, 3], pa.int64()),
        "money": pa.array([Decimal("0.10"), None, Decimal("9999999999.99")], pa.decimal128(12, 2)),
        "day": pa.array([datetime.date(1900, 1, 1), None, datetime.date(2026, 1, 1)]),
        "moment": pa.array([datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)] * 3, pa.timestamp("us", "UTC")),
        "flag": pa.array([True, None, False]),
    }
)


def plain(value: object) -> object:
    return None if pd.isna(value) else value


def test_pandas_has_every_value_as_it_was() -> None:
    frame = to_pandas(TABLE)
    for name in TABLE.column_names:
        assert [plain(value) for value in frame[name]] == TABLE.column(name).to_pylist(), name


def test_types_do_not_depend_on_values() -> None:
    types = to_pandas(TABLE).dtypes
    assert to_pandas(TABLE.slice(0, 1)).dtypes.equals(types)
    assert to_pandas(TABLE.slice(0, 0)).dtypes.equals(types)
    assert str(types["text"]) == "str"


def test_polars_has_every_value_as_it_was() -> None:
    assert to_polars(TABLE).to_arrow().cast(TABLE.schema).equals(TABLE)
    assert to_polars(TABLE.slice(0, 0)).schema == to_polars(TABLE).schema


def test_a_model_takes_whole_numbers_and_decimals_as_they_come() -> None:
    frame = to_pandas(TABLE.select(["whole", "money"]).take([0, 2, 0, 2]))
    assert list(LogisticRegression().fit(frame, [0, 1, 0, 1]).predict(frame)) == [0, 1, 0, 1]


def test_repeated_names_stay_apart() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    frame = to_pandas(table)
    assert (list(frame.columns), [plain(value) for value in frame.iloc[0]]) == (["a", "a"], [1, "x"])
