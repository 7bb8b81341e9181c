"""What all sources share when they describe tables and draw samples."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Exhausted
from gateway.sources.described import COMMENT_CHARACTERS, MAX_DEFINITION, Draft, Drafts, drafts
from gateway.sources.described.sampling import enough, typed, windows_of
from gateway.terms.dataset import Column


def batch(*values: object) -> pa.RecordBatch:
    return pa.record_batch({"v": pa.array(values)})


@given(low=st.integers(-(2**63), 2**63 - 1), high=st.integers(-(2**63), 2**63 - 1), count=st.integers(1, 40))
def test_windows_hold_every_key_once(low: int, high: int, count: int) -> None:
    low, high = sorted((low, high))
    windows = windows_of((low, high), count=count)
    assert (windows[0][0], windows[-1][1]) == (low, high)
    assert all(begin <= end for begin, end in windows)
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(windows))
    assert len(windows) <= count


@pytest.mark.parametrize("edges", [(None, None), ("a", "b"), (1.5, 2.5)])
def test_keys_that_are_no_whole_numbers_have_no_windows(edges: tuple[object, object]) -> None:
    assert windows_of(edges, count=4) == []


def spread(*batches: pa.RecordBatch, is_all: bool = False) -> Generator[pa.RecordBatch, None, bool]:
    yield from batches
    return is_all


def never() -> Iterator[pa.RecordBatch]:
    raise AssertionError


def values(batches: Iterator[pa.RecordBatch]) -> list[object]:
    return [value for each in batches for value in each.column(0).to_pylist()]


def test_a_sample_of_enough_rows_is_taken_as_it_comes() -> None:
    assert values(enough(spread(batch(1), batch(2)), never, rows=8)) == [1, 2]


def test_a_sample_of_few_rows_gives_way_to_the_first_ones() -> None:
    assert values(enough(spread(batch(1)), lambda: iter([batch(1), batch(2)]), rows=8)) == [1, 2]


def test_a_sample_of_all_rows_is_enough() -> None:
    assert values(enough(spread(batch(1), is_all=True), never, rows=8)) == [1]


def test_a_value_that_does_not_fit_is_null_and_no_other() -> None:
    column = Column(name="v", type=pa.date32(), classification="public")
    texts = [f"2020-01-{day:02d}" for day in range(1, 32)]
    (found,) = typed(iter([batch(*texts, "ZQX", *texts)]), [column], dataset="core.t")
    assert [i for i, value in enumerate(found.column(0).to_pylist()) if value is None] == [31]


def test_a_column_that_never_fits_is_null_and_costs_little() -> None:
    column = Column(name="v", type=pa.date32(), classification="public")
    (found,) = typed(iter([batch(*["ZQX"] * 60_000)]), [column], dataset="core.t")
    assert found.column(0).null_count == 60_000


def test_a_schema_of_too_many_columns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MAX_COLUMNS", 3)
    found = Drafts("core")
    found.add("t", Draft(name=("t",)))
    for place in range(3):
        found.add_column("t", f"c{place}", spelled="int", kind=pa.int64(), is_nullable=True)
    with pytest.raises(Exhausted) as caught:
        found.add_column("t", "c3", spelled="int", kind=pa.int64(), is_nullable=True)
    assert caught.value.code == "exhausted.memory"


def test_what_is_too_long_is_cut_or_left_out() -> None:
    found = Drafts("core")
    found.add("t", Draft(name=("t",), kind="view", comment="c" * 5_000, definition="d" * (MAX_DEFINITION + 1)))
    found.add_column("t", "v", spelled="int", kind=pa.int64(), is_nullable=True, comment="c" * 5_000)
    (table,) = found.schema(dialect="sqlite").tables
    assert (len(table.comment), len(table.columns[0].comment)) == (COMMENT_CHARACTERS, COMMENT_CHARACTERS)
    assert table.definition == ""


def test_what_no_statement_can_name_is_told_and_not_read() -> None:
    found = Drafts("core")
    found.add("t", Draft(name=("t",)))
    found.add("u", Draft(name=("a\nb",)))
    found.add_column("t", "tab\there", spelled="int", kind=pa.int64(), is_nullable=True)
    hidden, table = found.schema(dialect="sqlite").tables
    assert table.columns[0].type is None
    assert "control characters" in hidden.refused


def test_a_table_is_found_as_a_catalog_names_it() -> None:
    found = Drafts("core")
    for name in [("public", "t"), ("other", "t"), ("other", "u")]:
        found.add(name, Draft(name=name))
    schema = found.schema(dialect="postgres", default_schema="public")
    names = {asked: schema.find(asked) for asked in [("t",), ("other", "t"), ("u",), ("public", "u")]}
    assert {asked: each and each.name for asked, each in names.items()} == {
        ("t",): ("public", "t"),
        ("other", "t"): ("other", "t"),
        ("u",): None,
        ("public", "u"): None,
    }
