"""What only a folder of Parquet files can do wrong."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable, Unsupported
from gateway.sources import ParquetSource
from gateway.sources.parquet import files as parquet_files
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, OneOf, Predicate
from gateway.terms.streams import Tally
from tests.scans import column, scan

SECRET = "ZQX-SECRET-000042"


ID, S, DAY = column("i", pa.int64()), column("s", pa.string()), column("day", pa.date32())


def put(folder: Path, path: str, **columns: object) -> Path:
    """A file with these columns; lists, or arrays of a type."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return file


def rows(folder: Path, asked: Scan) -> list[dict[str, Any]]:
    session = ParquetSource("core", folder).session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
    try:
        with session.scan(asked) as stream:
            return [row for batch in stream for row in batch.to_pylist()]
    finally:
        session.close()


def values(folder: Path, asked: Scan) -> list[Any]:
    return sorted((next(iter(row.values())) for row in rows(folder, asked)), key=repr)


def failure(folder: Path, asked: Scan) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        rows(folder, asked)
    assert str(folder) not in str(caught.value)
    assert ".parquet" not in str(caught.value).replace("no .parquet file", "")
    assert SECRET not in str(caught.value)
    return caught.value


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
