"""Parquet files: each is held against the catalog, and none is changed while it is read."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.errors import Integrity, Unavailable
from gateway.sources import ParquetSource
from gateway.terms.predicate import Compare
from gateway.terms.streams import Tally
from tests.scans import column, scan
from tests.unit.sources.parquet_folders import ID, SECRET, S, failure, put, rows, values


def test_files_may_differ_within_the_declared_type(tmp_path: Path) -> None:
    put(tmp_path, "t/a.parquet", i=pa.array([1], pa.int8()), m=pa.array([1], pa.decimal128(5, 2)))
    put(tmp_path, "t/b.parquet", m=pa.array([2], pa.decimal128(12, 1)), i=pa.array([2**40], pa.int64()))
    put(tmp_path, "t/c.parquet", i=pa.array([3], pa.uint32()), m=pa.array([3], pa.decimal128(12, 0)), x=[SECRET])
    money = column("m", pa.decimal128(14, 2))
    assert set(values(tmp_path, scan(ID, money))) == {1, 3, 2**40}
    assert sorted(str(row["m"]) for row in rows(tmp_path, scan(money))) == ["1.00", "2.00", "3.00"]


CHANGES: dict[str, dict[str, object]] = {
    "another type": {"i": [SECRET]},
    "missing": {"j": [1]},
    "another case": {"I": [1]},
    "wider": {"i": pa.array([1], pa.uint64())},
    "nested": {"i": [[1]]},
    "nothing but nulls": {"i": pa.nulls(1)},
}


@pytest.mark.parametrize("columns", CHANGES.values(), ids=CHANGES)
def test_every_file_is_held_against_the_catalog(tmp_path: Path, columns: dict[str, object]) -> None:
    put(tmp_path, "t/a.parquet", i=[1])
    put(tmp_path, "t/b.parquet", **columns)
    put(tmp_path, "t/c.parquet", i=[1])
    error = failure(tmp_path, scan(ID))
    assert isinstance(error, Integrity)
    assert "core.t.i" in error.message


def test_a_file_that_changed_is_looked_into_again(tmp_path: Path) -> None:
    source = ParquetSource("core", tmp_path)
    put(tmp_path, "t/a.parquet", i=[1])

    def read() -> list[Any]:
        session = source.session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
        try:
            with session.scan(scan(ID)) as stream:
                return [value for batch in stream for value in batch.column(0).to_pylist()]
        finally:
            session.close()

    assert read() == read() == [1]
    put(tmp_path, "t/a.parquet", i=[SECRET])
    with pytest.raises(Integrity, match=r"core\.t\.i"):
        read()


@pytest.mark.parametrize(
    ("kind", "ticks", "want"),
    [("ns", 1_500_000, 1500), ("ns", 1_500_001, None), ("ms", 2, 2000), ("us", 5, 5)],
)
def test_moments_of_other_units_are_exact_or_refused(tmp_path: Path, kind: str, ticks: int, want: int | None) -> None:
    put(tmp_path, "t/a.parquet", v=pa.array([ticks], pa.timestamp(kind)))
    v = column("v", pa.timestamp("us"))
    if want is None:
        assert "core.t.v" in failure(tmp_path, scan(v)).message
    else:
        (got,) = values(tmp_path, scan(v))
        assert got == datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=want)  # noqa: DTZ001


def test_texts_of_a_dictionary_and_large_ones_are_texts(tmp_path: Path) -> None:
    put(tmp_path, "t/a.parquet", s=pa.array(["a", "b"]).dictionary_encode())
    put(tmp_path, "t/b.parquet", s=pa.array(["c"], pa.large_string()))
    assert values(tmp_path, scan(S)) == ["a", "b", "c"]


@pytest.mark.parametrize("content", [b"", SECRET.encode(), b"PAR1" + bytes(100) + b"PAR1", os.urandom(4096)])
def test_what_is_no_parquet_file_is_integrity(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "t/a.parquet", i=[1])
    (tmp_path / "t/b.parquet").write_bytes(content)
    assert isinstance(failure(tmp_path, scan(ID)), Integrity)


def test_a_file_that_was_cut_is_integrity(tmp_path: Path) -> None:
    file = put(tmp_path, "t/a.parquet", i=list(range(100_000)))
    os.truncate(file, file.stat().st_size // 2)
    assert isinstance(failure(tmp_path, scan(ID)), Integrity)


MANY = 600_000


def large(folder: Path) -> list[Path]:
    return [
        put(folder, f"t/{part}.parquet", i=pa.array(range(part * MANY, (part + 1) * MANY), pa.int64()))
        for part in range(2)
    ]


def renamed_over(files: list[Path]) -> None:
    put(files[1].parents[1], "new.parquet", i=[7] * MANY).rename(files[1])


def written_over(files: list[Path]) -> None:
    put(files[1].parent, files[1].name, i=[7] * MANY)


def first_renamed_over(files: list[Path]) -> None:
    put(files[0].parents[1], "new.parquet", i=[7] * MANY).rename(files[0])


def taken_away(files: list[Path]) -> None:
    files[1].unlink()


def made_a_link(files: list[Path]) -> None:
    files[1].rename(files[1].parents[1] / "moved")
    files[1].symlink_to(files[1].parents[1] / "moved")


@pytest.mark.parametrize("change", [renamed_over, written_over, first_renamed_over, taken_away, made_a_link])
def test_a_file_that_is_changed_while_it_is_read_never_gives_a_mix(
    tmp_path: Path, change: Callable[[list[Path]], None]
) -> None:
    files = large(tmp_path)
    session = ParquetSource("core", tmp_path).session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
    seen: list[int] = []
    with session.scan(scan(ID)) as stream:
        batches = iter(stream)
        seen += next(batches).column(0).to_pylist()
        change(files)
        with pytest.raises(Integrity) as caught:
            for batch in batches:
                seen += batch.column(0).to_pylist()
    session.close()
    assert caught.value.code == "integrity.source.changed"
    assert seen == list(range(len(seen)))


def test_a_file_that_is_added_is_seen_by_the_next_access(tmp_path: Path) -> None:
    large(tmp_path)
    session = ParquetSource("core", tmp_path).session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
    with session.scan(scan(ID)) as stream:
        batches = iter(stream)
        count = next(batches).num_rows
        put(tmp_path, "t/new.parquet", i=[-1])
        assert count + sum(batch.num_rows for batch in batches) == 2 * MANY
    with session.scan(scan(ID)) as stream:
        assert sum(batch.num_rows for batch in stream) == 2 * MANY
    session.close()
    assert len(rows(tmp_path, scan(ID, rows=Compare("i", "=", -1)))) == 1


def test_check_says_in_words_what_is_wrong(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = put(tmp_path, "lake/t/a.parquet", i=[1])
    (tmp_path / "lake").chmod(0o700)
    assert ParquetSource("core", tmp_path / "lake").check() == []
    assert ParquetSource("core", tmp_path / "no").check() == ["source core: the folder does not exist"]
    assert ParquetSource("core", file).check() == ["source core: the folder is a file"]
    (tmp_path / "open").mkdir(mode=0o755)
    assert ParquetSource("core", tmp_path / "open").check() == [
        "source core: the folder is empty",
        "source core: every user of this host can read the folder",
    ]


def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path / "no", scan(ID)), Unavailable)
