"""Folders of Parquet files: which are tables, and what their names tell."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.errors import Exhausted, Integrity, Unsupported
from gateway.sources import ParquetSource
from gateway.sources.parquet import files as parquet_files
from gateway.terms.plan import GuardedScan, Measure
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, OneOf, Predicate
from gateway.terms.streams import Tally
from tests.scans import column, scan
from tests.unit.sources.parquet_folders import DAY, ID, SECRET, S, failure, put, rows, values


def test_a_table_is_a_folder_to_any_depth_or_a_file(tmp_path: Path) -> None:
    put(tmp_path, "t/b.parquet", i=[2])
    put(tmp_path, "t/2024/a.parquet", i=[1])
    put(tmp_path, "one.parquet", i=[3])
    put(tmp_path, "lake/sub/c.parquet", i=[4])
    assert values(tmp_path, scan(ID)) == [1, 2]
    assert values(tmp_path, scan(ID, table=("one",))) == [3]
    assert values(tmp_path, scan(ID, table=("lake", "sub"))) == [4]


def test_what_writers_keep_for_themselves_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "t/a.parquet", i=[1])
    put(tmp_path, "t/.b.parquet", i=[2])
    put(tmp_path, "t/_temporary/c.parquet", i=[3])
    (tmp_path / "t/_SUCCESS").touch()
    (tmp_path / "t/.a.parquet.crc").write_bytes(b"x")
    assert values(tmp_path, scan(ID)) == [1]


def link_to_a_file(folder: Path) -> None:
    (folder / "t/l.parquet").symlink_to(put(folder, "elsewhere/x.parquet", i=[9]))


def link_to_a_folder(folder: Path) -> None:
    put(folder, "elsewhere/x.parquet", i=[9])
    (folder / "t/l").symlink_to(folder / "elsewhere")


def link_in_place_of_the_table(folder: Path) -> None:
    shutil.rmtree(folder / "t")
    put(folder, "elsewhere/x.parquet", i=[9])
    (folder / "t").symlink_to(folder / "elsewhere")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "t/p.parquet")


def delta(folder: Path) -> None:
    (folder / "t/_delta_log").mkdir()


def other_file(folder: Path) -> None:
    (folder / "t/readme.txt").write_text(SECRET)


def pattern(folder: Path) -> None:
    put(folder, "t/[ab].parquet", i=[9])


def twice(folder: Path) -> None:
    put(folder, "t.parquet", i=[9])


def emptied(folder: Path) -> None:
    (folder / "t/a.parquet").unlink()


def without_a_table(folder: Path) -> None:
    shutil.rmtree(folder / "t")


def other_keys(folder: Path) -> None:
    put(folder, "t/day=2024-01-01/x.parquet", i=[9])


def told_twice(folder: Path) -> None:
    (folder / "t/a.parquet").unlink()
    put(folder, "t/I=1/x.parquet", i=[9])


def other_key(folder: Path) -> None:
    (folder / "t/a.parquet").unlink()
    put(folder, "t/a b=1/x.parquet", i=[9])


def two_values(folder: Path) -> None:
    (folder / "t/a.parquet").unlink()
    put(folder, "t/a=1=2/x.parquet", i=[9])


REFUSED = {
    "symbolic link": [link_to_a_file, link_to_a_folder, link_in_place_of_the_table],
    r"no \.parquet file": [pipe, other_file],
    "Delta": [delta],
    "control character": [pattern],
    "at once": [twice],
    "holds no Parquet file": [emptied],
    "no such table": [without_a_table],
    "same keys": [other_keys],
    "by folders and by files": [told_twice],
    "not KEY=VALUE": [other_key, two_values],
}
CASES = [(text, change) for text, changes in REFUSED.items() for change in changes]


@pytest.mark.parametrize(("text", "change"), CASES, ids=[change.__name__ for _, change in CASES])
def test_what_is_refused_is_said(tmp_path: Path, text: str, change: Callable[[Path], None]) -> None:
    put(tmp_path, "t/a.parquet", i=[1])
    assert values(tmp_path, scan(ID)) == [1]
    change(tmp_path)
    error = failure(tmp_path, scan(ID))
    assert isinstance(error, Integrity)
    with pytest.raises(Integrity, match=text):
        raise error


@pytest.mark.parametrize("table", [("..", "t"), ("t/x",), ("",), ("a b",), (".t",), (), ("t*",)])
def test_a_table_is_named_by_plain_words(tmp_path: Path, table: tuple[str, ...]) -> None:
    put(tmp_path, "t/x/a.parquet", i=[1])
    assert isinstance(failure(tmp_path / "t", scan(ID, table=table)), Integrity)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "MAX_FILES", 2)
    for number in range(3):
        put(tmp_path, f"t/{number}.parquet", i=[number])
    assert isinstance(failure(tmp_path, scan(ID)), Exhausted)


def partitioned(folder: Path) -> Path:
    put(folder, "t/s=DE/day=2024-01-01/a.parquet", i=[1, 2])
    put(folder, "t/s=de/day=2024-01-02/a.parquet", i=[3])
    put(folder, "t/s=a%2Fb%3D%20%C3%BC/day=2024-01-02/a.parquet", i=[4])
    put(folder, "t/s=__HIVE_DEFAULT_PARTITION__/day=__HIVE_DEFAULT_PARTITION__/a.parquet", i=[5])
    put(folder, "t/s=/day=2024-01-01/a.parquet", i=[6])
    put(folder, "t/s=NULL/day=2024-01-01/a.parquet", i=[7])
    return folder


TOLD = {1: "DE", 2: "DE", 3: "de", 4: "a/b= ü", 5: None, 6: "", 7: "NULL"}


def test_folders_tell_columns(tmp_path: Path) -> None:
    got = rows(partitioned(tmp_path), scan(ID, S, DAY))
    assert {row["i"]: row["s"] for row in got} == TOLD
    assert {row["i"]: row["day"] for row in got}[3] == datetime.date(2024, 1, 2)
    assert {row["i"]: row["day"] for row in got}[5] is None


FILTERS: list[tuple[Predicate, list[int]]] = [
    (Compare("s", "=", "DE"), [1, 2]),
    (OneOf("s", ("de", "a/b= ü", "")), [3, 4, 6]),
    (IsNull("s"), [5]),
    (Compare("day", "=", datetime.date(2024, 1, 2)), [3, 4]),
    (Compare("day", "<", datetime.date(2024, 1, 2)), [1, 2, 6, 7]),
    (And((Compare("s", "=", "DE"), Compare("i", ">", 1))), [2]),
]


@pytest.mark.parametrize(("predicate", "want"), FILTERS)
def test_rows_are_filtered_by_what_folders_tell(tmp_path: Path, predicate: Predicate, want: list[int]) -> None:
    assert values(partitioned(tmp_path), scan(ID, S, DAY, rows=predicate)) == want


def test_files_that_a_filter_leaves_out_are_not_read(tmp_path: Path) -> None:
    put(tmp_path, "t/s=DE/a.parquet", i=[1])
    damaged = put(tmp_path, "t/s=FR/a.parquet", i=list(range(100_000)))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:4] + b"\xff" * (len(content) // 2) + content[4 + len(content) // 2 :])
    assert values(tmp_path, scan(ID, S, rows=Compare("s", "=", "DE"))) == [1]
    assert isinstance(failure(tmp_path, scan(ID, S)), Integrity)


def test_groups_and_follows_know_what_folders_tell(tmp_path: Path) -> None:
    partitioned(tmp_path)
    put(tmp_path, "people/region=DE/a.parquet", id=[1, 3])
    put(tmp_path, "people/region=FR/a.parquet", id=[2])
    follow = Follow(
        column="i",
        dataset="core.people",
        table=("people",),
        source="core",
        key="id",
        predicate=Compare("region", "=", "DE"),
    )
    assert values(tmp_path, scan(ID, S, follow=follow)) == [1, 3]
    measures = (Measure(name="m", function="sum", column="i"),)
    guarded = GuardedScan(scan=scan(S, ID), subject="i", dimensions=("s",), measures=measures, filter=None)
    session = ParquetSource("core", tmp_path).session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
    with session.group(guarded) as groups:
        found = {row["__subject"]: (row["s"], row["__sum_i"]) for batch in groups for row in batch.to_pylist()}
    session.close()
    assert found == {i: (s, i) for i, s in TOLD.items()}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (pa.int64(), SECRET),
        (pa.int64(), "1.5"),
        (pa.int64(), ""),
        (pa.int32(), "3000000000"),
        (pa.int64(), "99999999999999999999"),
        (pa.date32(), "2024-02-30"),
        (pa.date32(), "20240101"),
        (pa.bool_(), "yes"),
    ],
)
def test_a_folder_that_tells_another_type_is_refused(tmp_path: Path, kind: pa.DataType, told: str) -> None:
    put(tmp_path, f"t/v={told}/a.parquet", i=[1])
    error = failure(tmp_path, scan(column("v", kind)))
    assert isinstance(error, Integrity)
    assert "core.t.v" in error.message


@pytest.mark.parametrize(
    ("kind", "told", "want"),
    [(pa.int32(), "01", 1), (pa.int64(), "-5", -5), (pa.bool_(), "true", True), (pa.string(), "01", "01")],
)
def test_a_folder_tells_a_value_of_the_declared_type(tmp_path: Path, kind: pa.DataType, told: str, want: Any) -> None:
    put(tmp_path, f"t/v={told}/a.parquet", i=[1])
    v = column("v", kind)
    assert values(tmp_path, scan(v, rows=Compare("v", "=", want))) == [want]


def test_a_decimal_is_told_by_no_folder(tmp_path: Path) -> None:
    put(tmp_path, "t/v=1.5/a.parquet", i=[1])
    assert isinstance(failure(tmp_path, scan(column("v", pa.decimal128(9, 2)))), Unsupported)
