"""A dataset version's files: each row once, a subject in one file, and nothing of the order in which rows came."""

from __future__ import annotations

import hashlib
import json
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import masks
from gateway.delivery import Folder, as_dataset, encode_dataset, partitions
from gateway.errors import GatewayError, Integrity, Invalid, Unavailable
from gateway.planning import ORDER_COLUMN
from gateway.terms.streams import AnswerStream, Tally
from tests.unit.masks.mask_builders import ScopedKeys

Lines = list[dict[str, object]]
HASHES = masks.subject_hash(ScopedKeys(), project="credit-risk")
SCHEMA = pa.schema([("who", pa.string()), ("x", pa.float64()), ("n", pa.decimal128(12, 2)), ("on", pa.bool_())])


def ordered(table: pa.Table) -> pa.Table:
    """With the order column, as the child's SQL makes it."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("answer", table)
    made = connection.sql(f'SELECT answer.*, hash(answer) AS "{ORDER_COLUMN}" FROM answer').to_arrow_table()
    return made.cast(pa.schema([*table.schema, pa.field(ORDER_COLUMN, pa.uint64())]))


def write(
    table: pa.Table,
    path: Path,
    *,
    subject: str | None = "who",
    rows: int = 1000,
    hashes: Callable[[pa.Array], partitions.Hashes] = HASHES,
    tally: Tally | None = None,
    fail: bool = False,
) -> Lines:
    """The lines of the body, for a table with its order column."""
    path.mkdir(exist_ok=True)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=rows)
        if fail:
            raise Unavailable("the source went away", code="source")

    body = encode_dataset(
        AnswerStream(table.schema, batches()),
        folder=Folder(path=path, subject=subject),
        order=ORDER_COLUMN,
        hashes=hashes,
        trailer={"receipt": "r-1"},
        tally=tally or Tally(),
    )
    return [json.loads(line) for line in b"".join(body).splitlines()]


def files(lines: Lines) -> list[dict[str, object]]:
    return [line["file"] for line in lines if "file" in line]  # type: ignore[misc]  # the test's own documents


def digests(lines: Lines) -> list[object]:
    return [file["sha256"] for file in files(lines)]


def multiset(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


def sample(count: int, *, subjects: int = 50, seed: int = 1) -> pa.Table:
    draw = np.random.default_rng(seed)
    who = [None if n % 17 == 0 else f"p{draw.integers(subjects)}" for n in range(count)]
    x = [None if n % 5 == 0 else float(draw.integers(100)) / 4 for n in range(count)]
    n = pa.array(draw.integers(0, 10**6, count)).cast(pa.decimal128(21, 2)).cast(pa.decimal128(12, 2))
    return ordered(pa.table([pa.array(who, pa.string()), pa.array(x), n, pa.array(draw.random(count) < 0.5)], SCHEMA))


def small(monkeypatch: pytest.MonkeyPatch, *, bucket: int = 100, held: int = 1 << 14, sort: int = 64) -> None:
    """Sizes at which a thousand rows take every path that a billion does."""
    monkeypatch.setattr(as_dataset, "BUCKET_ROWS", bucket)
    monkeypatch.setattr(partitions, "HELD_BYTES", held)
    monkeypatch.setattr(partitions, "SORTED_ROWS", sort)


def test_every_row_is_in_exactly_one_file_and_a_subjects_rows_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    table = sample(3000)
    lines = write(table, tmp_path / "v")
    told = files(lines)
    assert [file["path"] for file in told] == [f"bucket-{n:02d}.parquet" for n in range(30)]
    tables = [pq.read_table(tmp_path / "v" / str(file["path"])) for file in told]
    assert multiset(pa.concat_tables(tables)) == multiset(table.drop_columns([ORDER_COLUMN]))
    homes = [(who, number) for number, one in enumerate(tables) for who in one["who"].unique().to_pylist()]
    assert len({who for who, _ in homes}) == len(homes)


def test_what_the_lines_say_is_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    tally = Tally()
    lines = write(sample(1000), tmp_path / "v", tally=tally)
    assert {file.name for file in (tmp_path / "v").iterdir()} == {str(file["path"]) for file in files(lines)}
    for file in files(lines):
        path = tmp_path / "v" / str(file["path"])
        assert (file["bytes"], file["rows"]) == (path.stat().st_size, pq.read_metadata(path).num_rows)
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert pq.read_schema(path).equals(SCHEMA)
    (schema,) = (line["schema"] for line in lines if "schema" in line)
    assert schema == [{"name": field.name, "type": str(field.type)} for field in SCHEMA]
    assert lines[-1] == {"trailer": {"receipt": "r-1", "rows": 1000, "status": "complete"}}
    assert tally.delivered_rows == 1000


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (1, 1), (249_999, 1), (500_000, 2), (16_000_000, 64), (10**9, 64)])
def test_buckets_are_counted_by_rows(rows: int, count: int) -> None:
    assert as_dataset._bucket_count(rows) == min(max(rows // 250_000, 1), 64) == count


def _shuffled(table: pa.Table, seed: int) -> pa.Table:
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))


@pytest.mark.parametrize("subject", ["who", None])
@pytest.mark.parametrize("held", [1 << 14, 1 << 30], ids=["spilled", "in memory"])
def test_the_same_rows_in_any_order_and_cut_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: str | None, held: int
) -> None:
    small(monkeypatch, held=held, bucket=400)
    table = sample(3000)
    first = write(table, tmp_path / "0", subject=subject)
    assert len(files(first)) > 1
    for seed, rows in ((1, 1000), (2, 7), (3, 3000)):
        again = write(_shuffled(table, seed), tmp_path / str(seed), subject=subject, rows=rows)
        assert digests(again) == digests(first)
        assert files(again) == files(first)


def test_whether_rows_were_spilled_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, held=1 << 30)
    table = sample(3000)
    in_memory = write(table, tmp_path / "0")
    monkeypatch.setattr(partitions, "HELD_BYTES", 1 << 12)
    assert digests(write(table, tmp_path / "1")) == digests(in_memory)


VALUES = st.tuples(
    st.sampled_from([None, "a", "b", "ä"]),
    st.sampled_from([None, 0.0, -0.0, 1.5, float("inf"), float("nan")]),
    st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=2),
)


@given(rows=st.lists(VALUES, max_size=40), seed=st.integers(0, 5), cut=st.integers(1, 9), same=st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_order_shows_even_where_the_order_column_says_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, ...]], seed: int, cut: int, same: bool
) -> None:
    """Who asks can make rows that share their order value: then the source's order must not show instead (T7)."""
    kinds = [pa.string(), pa.float64(), pa.list_(pa.int64())]
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
    order = pa.array([7 if same else len(str(row[0])) for row in rows], pa.uint64())
    table = pa.table([*columns, order], names=["who", "x", "l", ORDER_COLUMN])
    root = tmp_path_factory.mktemp("any")
    one, other = write(table, root / "0", rows=40), write(_shuffled(table, seed), root / "1", rows=cut)
    assert digests(one) == digests(other)
    assert sum(int(str(file["rows"])) for file in files(one)) == len(rows)


def test_a_million_equal_rows_are_as_cheap_as_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, bucket=10**6, sort=64)
    table = ordered(pa.table([["p"] * 999 + ["q"], [1.0] * 1000], names=["who", "x"]))
    lines = write(table, tmp_path / "v", subject=None)
    read = pq.read_table(tmp_path / "v" / "bucket-00.parquet")
    assert multiset(read) == multiset(table.drop_columns([ORDER_COLUMN]))
    assert digests(write(_shuffled(table, 1), tmp_path / "w", subject=None, rows=13)) == digests(lines)


def test_t7_more_rows_than_can_be_sorted_under_one_order_value_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-0.0 and 0.0 are equal to a hash: in the source's order they would spell one bit of each of its rows."""
    small(monkeypatch, bucket=10**6, sort=64)
    table = ordered(pa.table([["p"] * 1000, [0.0, -0.0] * 500], names=["who", "x"]))
    assert len(table[ORDER_COLUMN].unique()) == 1
    with pytest.raises(Invalid) as refused:
        write(table, tmp_path / "v")
    assert refused.value.code == "invalid.order"
    assert refused.value.fix
    assert not list((tmp_path / "v").iterdir())


BIG = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np, pyarrow as pa
from tests.unit.delivery.test_delivery_dataset import ORDER_COLUMN, HASHES, Folder, encode_dataset, AnswerStream, Tally
ROWS, STEP = 1_200_000, 20_000
schema = pa.schema([("who", pa.string()), ("note", pa.string()), (ORDER_COLUMN, pa.uint64())])
draw = np.random.default_rng(1)
pad = "x" * 400
def batches():
    for start in range(0, ROWS, STEP):
        who = pa.array(["the one"] * STEP)
        note = pa.array([f"{n:09d}{pad}" for n in range(start, start + STEP)])
        yield pa.record_batch([who, note, pa.array(draw.integers(0, 2**64, STEP, np.uint64))], schema=schema)
for line in encode_dataset(AnswerStream(schema, batches()), folder=Folder(path=Path(sys.argv[2]), subject="who"),
                           order=ORDER_COLUMN, hashes=HASHES, trailer={}, tally=Tally()):
    if b'"file"' in line:
        print(line.decode(), end="")
print(pa.default_memory_pool().max_memory() >> 20)
"""


@pytest.mark.slow
def test_a_subject_of_more_than_a_million_rows_takes_bounded_memory(tmp_path: Path) -> None:
    """500 MB of rows of one subject, 1.2 million of them: sorted in pieces."""
    root = Path(as_dataset.__file__).parents[2]
    command = [sys.executable, "-c", BIG, str(root), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=240, check=True, text=True)
    *told, most_mb = done.stdout.splitlines()
    rows = [json.loads(line)["file"]["rows"] for line in told]
    assert sorted(rows) == [0, 0, 0, 1_200_000]
    assert int(most_mb) < 450


def test_without_rows_there_is_one_empty_file(tmp_path: Path) -> None:
    lines = write(sample(0), tmp_path / "v")
    assert [file["rows"] for file in files(lines)] == [0]
    assert pq.read_table(tmp_path / "v" / "bucket-00.parquet").schema.equals(SCHEMA)


def test_rows_without_a_subject_are_kept_in_one_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    table = ordered(pa.table([pa.nulls(500, pa.string()), range(500)], names=["who", "n"]))
    told = files(write(table, tmp_path / "v"))
    assert [file["rows"] for file in told] == [500, 0, 0, 0, 0]


@pytest.mark.parametrize("missing", ["who", ORDER_COLUMN])
def test_an_answer_without_its_subject_or_order_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(Integrity) as refused:
        write(sample(10).drop_columns([missing]), tmp_path / "v")
    assert refused.value.code == "integrity.delivery.subject"


def test_an_answer_that_breaks_leaves_nothing_and_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many rows came before the error would tell where in the source's order it stands (T7)."""
    small(monkeypatch)
    tally = Tally()
    with pytest.raises(Unavailable):
        write(sample(1000), tmp_path / "v", tally=tally, fail=True)
    assert not list((tmp_path / "v").iterdir())
    assert tally.delivered_rows == 0


def test_a_body_that_is_given_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    table = sample(3000)
    before = len(list(Path("/proc/self/fd").iterdir()))
    body = encode_dataset(
        AnswerStream(table.schema, iter(table.to_batches(max_chunksize=100))),
        folder=Folder(path=tmp_path, subject="who"),
        order=ORDER_COLUMN,
        hashes=HASHES,
        trailer={},
        tally=Tally(),
    )
    assert next(line for line in body if b'"file"' in line)
    body.close()  # type: ignore[attr-defined]  # a generator
    assert not list(tmp_path.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.unit.delivery import test_delivery_dataset as t
people, secrets = [f"p{n}" for n in range(40_000)], [f"secret{n * 7919 % 10**7}" for n in range(40_000)]
table = t.ordered(t.pa.table([people, secrets], names=["who", "n"]))
if sys.argv[3] == "spill":
    t.partitions.HELD_BYTES = 1 << 20
    hashes = lambda column: t.np.zeros(len(column), t.np.uint64)
else:
    hashes = t.HASHES
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    t.write(table, Path(sys.argv[2]), hashes=hashes, rows=5000)
except t.GatewayError as error:
    print(error.code, "|", error.message, "|", error.fix)
"""


@pytest.mark.parametrize("where", ["spill", "file"])
def test_a_full_disk_is_told_as_such_and_leaves_nothing(tmp_path: Path, where: str) -> None:
    root = Path(as_dataset.__file__).parents[2]
    command = [sys.executable, "-c", FULL, str(root), str(tmp_path / "v"), where]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True, text=True)
    code, message, fix = done.stdout.strip().split(" | ")
    assert code == "unavailable.disk"
    assert "File too large" in message
    assert "free space" in fix
    assert str(tmp_path) not in done.stdout
    assert "secret" not in done.stdout
    assert not list((tmp_path / "v").iterdir())


def test_a_folder_that_is_gone_is_told_without_its_path(tmp_path: Path) -> None:
    table = sample(10)
    body = encode_dataset(
        AnswerStream(table.schema, iter(table.to_batches())),
        folder=Folder(path=tmp_path / "nowhere", subject="who"),
        order=ORDER_COLUMN,
        hashes=HASHES,
        trailer={},
        tally=Tally(),
    )
    with pytest.raises(GatewayError) as refused:
        next(body)
    assert refused.value.code == "unavailable.disk"
    assert str(tmp_path) not in refused.value.message


def test_a_file_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / ".bucket-00.parquet.part").write_bytes(b"of an older attempt")
    with pytest.raises(Unavailable):
        write(sample(10), tmp_path)


def test_limits_are_raised_by_nobody() -> None:
    """The test above lowers one in a process of its own."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
