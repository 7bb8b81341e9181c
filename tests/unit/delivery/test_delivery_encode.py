"""Bodies: exact, streamed, and never whole unless they are."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery import FORMATS, Format, encode
from gateway.delivery.as_parquet import GROUP_ROWS
from gateway.delivery.text import texts
from gateway.errors import Exhausted, GatewayError, Integrity, Unsupported
from gateway.terms.streams import AnswerStream, Tally

SCHEMA = pa.schema([("id", pa.int64()), ("who", pa.string())])
END_MARK = b"\xff\xff\xff\xff\0\0\0\0"
FACTS = {"receipt": "r-1", "snapshot": "single-scan"}


def batches(count: int, *, rows: int = 10, fail_at: int | None = None) -> Iterator[pa.RecordBatch]:
    for number in range(count):
        if number == fail_at:
            raise Integrity("the answer broke")
        ids = range(number * rows, (number + 1) * rows)
        yield pa.record_batch([pa.array(ids, pa.int64()), pa.array([f"p{i}" for i in ids])], schema=SCHEMA)
    if fail_at == count:
        raise Integrity("the answer broke at its end")


def chunks(
    answer: AnswerStream, name: Format, *, max_json_rows: int = 10**6, tally: Tally | None = None
) -> Iterator[bytes]:
    return encode(answer, format=name, trailer=FACTS, max_json_rows=max_json_rows, tally=tally or Tally())


def body(array: pa.Array, name: Format) -> bytes:
    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    return b"".join(chunks(AnswerStream(batch.schema, iter([batch])), name))


def trailer_of(data: bytes, name: Format) -> dict[str, object] | None:
    """What an honest client finds; None where the body is not whole."""
    try:
        match name:
            case "arrow" | "arrow_lz4" | "arrow_zstd":
                if not data.endswith(END_MARK):
                    return None
                reader = pa.ipc.open_stream(data)
                last: dict[str, object] | None = None
                for _, metadata in reader.iter_batches_with_custom_metadata():
                    last = (
                        json.loads(metadata["gateway.trailer"]) if metadata and "gateway.trailer" in metadata else None
                    )
                return last
            case "parquet":
                metadata = pq.ParquetFile(io.BytesIO(data)).metadata.metadata or {}
                return json.loads(metadata[b"gateway.trailer"]) if b"gateway.trailer" in metadata else None
            case "json":
                return json.loads(data)["trailer"]  # type: ignore[no-any-return]  # the test's own document
            case _:
                return None
    except (pa.ArrowException, OSError, ValueError):
        return None


CHECKABLE: tuple[Format, ...] = ("arrow", "arrow_lz4", "arrow_zstd", "parquet", "json")


@pytest.mark.parametrize("name", CHECKABLE)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_whole_body_ends_with_its_trailer(name: Format, count: int) -> None:
    tally = Tally()
    data = b"".join(chunks(AnswerStream(SCHEMA, batches(count)), name, tally=tally))
    assert trailer_of(data, name) == {**FACTS, "rows": count * 10, "status": "complete"}
    assert tally.delivered_rows == count * 10


@pytest.mark.parametrize("name", CHECKABLE)
def test_a_body_cut_anywhere_is_not_whole(name: Format) -> None:
    data = b"".join(chunks(AnswerStream(SCHEMA, batches(3, rows=3)), name))
    assert trailer_of(data, name) is not None
    assert not [size for size in range(len(data)) if trailer_of(data[:size], name) is not None]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("fail_at", [0, 1, 2, 3])
def test_a_failing_answer_leaves_a_body_without_trailer(name: Format, fail_at: int) -> None:
    whole = b"".join(chunks(AnswerStream(SCHEMA, batches(3)), name))
    sent = io.BytesIO()
    with pytest.raises(Integrity):
        for chunk in chunks(AnswerStream(SCHEMA, batches(3, fail_at=fail_at)), name):
            sent.write(chunk)
    assert trailer_of(sent.getvalue(), name) is None
    if name != "parquet":
        assert whole.startswith(sent.getvalue())


@pytest.mark.parametrize("name", FORMATS)
def test_chunks_come_as_batches_come(name: Format) -> None:
    seen: list[int] = []

    def watched() -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(batches(5, rows=GROUP_ROWS // 2)):
            seen.append(number)
            yield batch

    stream = chunks(AnswerStream(SCHEMA, watched()), name)
    assert not seen, "nothing is read before the first chunk is asked for"
    first = next(stream)
    while not first or len(seen) == 0:
        first = next(stream)
    assert len(seen) <= 3
    stream.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("how", ["end", "error", "close"])
def test_the_answer_is_closed_however_the_body_ends(name: Format, how: str) -> None:
    closed: list[str] = []
    fail_at = 1 if how == "error" else None
    stream = chunks(AnswerStream(SCHEMA, batches(3, fail_at=fail_at), close=lambda: closed.append(how)), name)
    try:
        next(stream)
        if how == "close":
            stream.close()  # type: ignore[attr-defined]  # a generator
        list(stream)
    except GatewayError:
        assert how == "error"
    assert closed == [how]


def test_json_beyond_its_rows_fails_before_it_could_be_whole() -> None:
    sent = io.BytesIO()
    with pytest.raises(Exhausted) as caught:
        for chunk in chunks(AnswerStream(SCHEMA, batches(5)), "json", max_json_rows=45):
            sent.write(chunk)
    assert caught.value.code == "exhausted.json_rows"
    assert "arrow" in caught.value.fix
    assert trailer_of(sent.getvalue(), "json") is None
    assert trailer_of(b"".join(chunks(AnswerStream(SCHEMA, batches(5)), "json", max_json_rows=50)), "json")


@pytest.mark.parametrize("name", ["arrow", "parquet", "csv"])
def test_only_json_has_a_row_limit(name: Format) -> None:
    assert b"".join(chunks(AnswerStream(SCHEMA, batches(5)), name, max_json_rows=1))


def test_parquet_row_groups_gather_batches() -> None:
    data = b"".join(chunks(AnswerStream(SCHEMA, batches(20, rows=16_384)), "parquet"))
    file = pq.ParquetFile(io.BytesIO(data))
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sum(sizes) == 20 * 16_384
    assert all(65_536 <= size <= GROUP_ROWS for size in sizes[:-1])
    assert file.read().num_rows == 20 * 16_384
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize("name", FORMATS)
def test_names_may_repeat(name: Format) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    data = b"".join(chunks(AnswerStream(batch.schema, iter([batch])), name))
    match name:
        case "arrow":
            table = pa.ipc.open_stream(data).read_all()
            assert [c.to_pylist() for c in table.columns] == [[1], [2]]
        case "parquet":
            assert pq.ParquetFile(io.BytesIO(data)).metadata.num_columns == 2
        case "csv":
            assert data == b'"a","a"\r\n1,2\r\n'
        case "json":
            document = json.loads(data)
            assert document["rows"] == [[1, 2]]
            assert [column["name"] for column in document["columns"]] == ["a", "a"]


def test_csv_tells_null_from_empty_and_quotes_by_rfc_4180() -> None:
    assert body(pa.array(["", None, 'a"b', "c,d", "e\r\nf", "é"]), "csv").decode() == (
        '"x"\r\n""\r\n\r\n"a""b"\r\n"c,d"\r\n"e\r\nf"\r\n"é"\r\n'
    )


DAY = datetime.datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=datetime.UTC)
EXACT: Sequence[tuple[pa.Array, str, object]] = [
    (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), '"1.50"', "1.50"),
    (pa.array([Decimal("-0.0000001")], pa.decimal128(20, 7)), '"-0.0000001"', "-0.0000001"),
    (
        pa.array([Decimal("12345678901234567890.1234567890")], pa.decimal128(38, 10)),
        '"12345678901234567890.1234567890"',
        "12345678901234567890.1234567890",
    ),
    (pa.array([DAY], pa.timestamp("us", "UTC")), '"2026-01-02T03:04:05.000600Z"', "2026-01-02T03:04:05.000600Z"),
    (
        pa.array([DAY.replace(tzinfo=None)], pa.timestamp("us")),
        '"2026-01-02T03:04:05.000600"',
        "2026-01-02T03:04:05.000600",
    ),
    (pa.array([1000], pa.timestamp("ns")), '"1970-01-01T00:00:00.000001000"', "1970-01-01T00:00:00.000001000"),
    (pa.array([DAY.date()]), '"2026-01-02"', "2026-01-02"),
    (pa.array([DAY.time()]), '"03:04:05.000600"', "03:04:05.000600"),
    (pa.array([b"\x00\xff"]), '"\\x00ff"', "\\x00ff"),
    (pa.array([2**63], pa.uint64()), "9223372036854775808", 2**63),
    (pa.array([0.1]), "0.1", 0.1),
    (pa.array([float("nan")]), "nan", "NaN"),
    (pa.array([float("-inf")]), "-inf", "-Infinity"),
    (pa.array([float("inf")]), "inf", "Infinity"),
    (pa.array([True]), "true", True),
    (pa.array([[1, None]]), '"[1,null]"', [1, None]),
    (
        pa.array([{"a": DAY.date(), "b": [float("nan")]}]),
        '"{""a"":""2026-01-02"",""b"":[""NaN""]}"',
        {"a": "2026-01-02", "b": ["NaN"]},
    ),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())), '"[[""k"",1]]"', [["k", 1]]),
]


@pytest.mark.parametrize(("array", "as_csv", "as_json"), EXACT, ids=lambda value: str(getattr(value, "type", ""))[:20])
def test_values_are_exact(array: pa.Array, as_csv: str, as_json: object) -> None:
    assert body(array, "csv").decode() == f'"x"\r\n{as_csv}\r\n'
    assert json.loads(body(array, "json"))["rows"] == [[as_json]]
    read = pa.ipc.open_stream(body(array, "arrow")).read_all()["x"]
    assert str(read.to_pylist()) == str(pa.chunked_array([array]).to_pylist())  # as text: NaN is no equal of itself


@pytest.mark.parametrize(("array", "as_csv", "as_json"), EXACT, ids=lambda value: str(getattr(value, "type", ""))[:20])
def test_nulls_are_null_in_every_type(array: pa.Array, as_csv: str, as_json: object) -> None:
    nulls = pa.nulls(2, array.type)
    assert body(nulls, "csv") == b'"x"\r\n\r\n\r\n'
    assert json.loads(body(nulls, "json"))["rows"] == [[None], [None]]
    assert pq.ParquetFile(io.BytesIO(body(nulls, "parquet"))).read()["x"].null_count == 2


@pytest.mark.parametrize("name", ["csv", "json"])
@pytest.mark.parametrize(
    "array",
    [
        pa.array([2**63 - 1], pa.timestamp("us", "UTC")),  # infinity
        pa.array([2**63 - 1], pa.timestamp("us")),
        pa.array([2**31 - 1], pa.int32()).cast(pa.date32()),
    ],
)
def test_a_date_without_spelling_is_refused_and_not_misspelled(array: pa.Array, name: Format) -> None:
    with pytest.raises(Unsupported):
        body(array, name)
    assert body(array, "arrow")


def test_a_value_that_parquet_cannot_hold_is_told_without_its_text() -> None:
    with pytest.raises(Unsupported) as caught:
        body(pa.array([2**62], pa.timestamp("s")), "parquet")
    assert str(2**62) not in str(caught.value)
    assert caught.value.__suppress_context__


FORMULAS = ("=1+1", "+49 30", "-x", "@SUM(A1)", "\t=1", "\r=1", "'=1", "plain", "a=b", "")


def test_csv_gives_a_spreadsheet_no_formula() -> None:
    """Not in a value, and not in a column's name; numbers that begin with a sign stay what they are."""
    texts_ = pa.array(FORMULAS)
    numbers = pa.array([-1] * len(FORMULAS))
    decimals = pa.array([Decimal("-1.5")] * len(FORMULAS))
    batch = pa.RecordBatch.from_arrays([texts_, numbers, decimals], names=["=cmd()", "n", "d"])
    data = b"".join(chunks(AnswerStream(batch.schema, iter([batch])), "csv")).decode()
    head, *rows = csv.reader(io.StringIO(data, newline=""))
    assert head == ["'=cmd()", "n", "d"]
    assert [row[0] for row in rows[:7]] == [f"'{text}" for text in FORMULAS[:7]]
    assert [row[0] for row in rows[7:]] == list(FORMULAS[7:])
    assert {tuple(row[1:]) for row in rows} == {("-1", "-1.5")}


@pytest.mark.parametrize("name", ["arrow_lz4", "arrow_zstd"])
def test_a_compressed_arrow_body_is_smaller_and_the_same(name: Format) -> None:
    data = {form: b"".join(chunks(AnswerStream(SCHEMA, batches(3, rows=5_000)), form)) for form in ("arrow", name)}
    assert len(data[name]) < len(data["arrow"]) * 0.8
    tables = [pa.ipc.open_stream(body).read_all() for body in data.values()]
    assert tables[0].equals(tables[1])


def test_wide_rows_become_json_in_small_chunks() -> None:
    wide = pa.RecordBatch.from_arrays([pa.array(range(2_000))] * 400, names=["x"] * 400)
    sizes = [len(chunk) for chunk in chunks(AnswerStream(wide.schema, iter([wide])), "json")]
    assert len(sizes) > 10
    assert max(sizes) < 400_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.none() | st.text(max_size=6), st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=20))
def test_csv_read_back_is_what_was_sent(rows: list[tuple[str | None, int | None]]) -> None:
    """As it is where formulas are kept, and where they are not, once a leading apostrophe is taken off."""
    batch = pa.record_batch(
        [pa.array([r[0] for r in rows], pa.string()), pa.array([r[1] for r in rows], pa.int64())], names=["t", "n"]
    )
    sent = [["t", "n"], *[[t or "", "" if n is None else str(n)] for t, n in rows]]
    read = {}
    for name in ("csv", "csv_exact"):
        data = b"".join(chunks(AnswerStream(batch.schema, iter([batch])), name)).decode()
        read[name] = list(csv.reader(io.StringIO(data, newline="")))
    assert read["csv_exact"] == sent
    assert [[t.removeprefix("'"), n] for t, n in read["csv"]] == sent
    assert not [t for t, _ in read["csv"] if t.startswith(tuple("=+-@\t\r"))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.decimals(-(10**20), 10**20, places=12), max_size=8), st.integers(0, 2))
def test_decimals_are_plain_digits_also_in_a_slice(values: list[Decimal | None], start: int) -> None:
    array = pa.array(values, pa.decimal128(38, 12)).slice(start)
    expected = [None if v is None else format(v.copy_abs() if v == 0 else v, "f") for v in values[start:]]
    assert texts(array).to_pylist() == expected


def test_slices_of_nested_values_keep_their_place() -> None:
    array = pa.array([[("a", 1)], None, [("b", 2), ("c", 3)], []], pa.map_(pa.string(), pa.int8())).slice(1)
    assert json.loads(body(array, "json"))["rows"] == [[None], [[["b", 2], ["c", 3]]], [[]]]
    array = pa.array([{"a": [1]}, None, {"a": [2, 3]}]).slice(1)
    assert json.loads(body(array, "json"))["rows"] == [[None], [{"a": [2, 3]}]]
