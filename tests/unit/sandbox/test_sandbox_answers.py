"""What a question to a real child answers, and how it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Invalid, Unavailable, Unsupported
from gateway.sandbox import Sandbox
from gateway.terms.streams import ReleasedStream
from tests.unit.sandbox.sandboxes import SCHEMA, ask, binding, rows, scan, started

SECRET = "DE89370400440532013000"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with started(warm_children=2) as sandbox:
        yield sandbox


def test_a_join_of_two_streams_is_answered(sandbox: Sandbox) -> None:
    streams = {**scan(2_000), "__scan_2": ReleasedStream(SCHEMA, rows(500))}
    sql = "SELECT a.who, count(*) FROM __scan_1 a JOIN __scan_2 b USING (id) GROUP BY 1"
    table = ask(sandbox, sql, streams, names=("who", "count"))
    assert table.num_rows == 97
    assert sum(table["count"].to_pylist()) == 500


def test_rows_come_back_as_they_went_in(sandbox: Sandbox) -> None:
    table = ask(sandbox, "SELECT id, who FROM __scan_1", scan(30_000), names=("id", "who"))
    assert table.combine_chunks().equals(pa.Table.from_batches(rows(30_000)).combine_chunks())


def test_two_columns_may_share_a_name(sandbox: Sandbox) -> None:
    table = ask(sandbox, "SELECT 1, 2", names=("a", "a"))
    assert table.schema.names == ["a", "a"]
    assert [column.to_pylist() for column in table.columns] == [[1], [2]]


def test_a_scan_without_columns_counts_its_rows(sandbox: Sandbox) -> None:
    batches = [batch.select([]) for batch in rows(2_500)]
    streams = {"__scan_1": ReleasedStream(pa.schema([]), iter(batches))}
    assert ask(sandbox, "SELECT count(*) FROM __scan_1", streams)["x"].to_pylist() == [2_500]


def test_a_materialized_scan_may_be_read_twice(sandbox: Sandbox) -> None:
    sql = "SELECT (SELECT count(*) FROM __scan_1), (SELECT max(id) FROM __scan_1)"
    table = ask(sandbox, sql, scan(), names=("n", "top"), materialized=["__scan_1"])
    assert table.to_pylist() == [{"n": 3_000, "top": 2_999}]


def test_a_streamed_scan_read_twice_fails_and_is_never_silently_empty(sandbox: Sandbox) -> None:
    with pytest.raises(Invalid):
        ask(sandbox, "SELECT (SELECT count(*) FROM __scan_1), (SELECT max(id) FROM __scan_1)", scan(), names=("a", "b"))


def test_a_child_that_wanted_five_rows_serves_the_next_query(sandbox: Sandbox) -> None:
    by = binding("limit")
    for _ in range(3):
        assert ask(sandbox, "SELECT id FROM __scan_1 LIMIT 5", scan(200_000), by=by).num_rows == 5
    assert ask(sandbox, "SELECT count(*) FROM __scan_1", scan(10), by=by)["x"].to_pylist() == [10]


def test_wide_batches_are_cut_on_both_ways(sandbox: Sandbox) -> None:
    texts = pa.record_batch({"t": pa.array([f"{i:07d}" * 20_000 for i in range(200)])})  # 28 MB
    table = ask(sandbox, "SELECT t FROM s", {"s": ReleasedStream(texts.schema, iter([texts]))})
    assert table["x"].combine_chunks().equals(pa.chunked_array([texts["t"]]).combine_chunks())
    assert table["x"].num_chunks > 1


def test_integers_divide_and_nulls_sort_as_in_postgresql(sandbox: Sandbox) -> None:
    assert ask(sandbox, "SELECT 7 / 2")["x"].to_pylist() == [3]
    sql = "SELECT * FROM (VALUES (1), (NULL), (2)) t(v) ORDER BY v"
    assert ask(sandbox, sql)["x"].to_pylist() == [1, 2, None]
    assert ask(sandbox, f"{sql} DESC")["x"].to_pylist() == [None, 2, 1]


def test_times_are_utc(sandbox: Sandbox) -> None:
    assert ask(sandbox, "SELECT now()").schema.field("x").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("sql", "code", "word"),
    [
        ("SELECT CAST(who AS INT) FROM __scan_1", "invalid.execution", "TRY_CAST"),
        ("SELECT CAST('1' || who AS INT) FROM __scan_1", "invalid.execution", "TRY_CAST"),
        ("SELECT 9223372036854775807 + id FROM __scan_1", "invalid.execution", "range"),
        ("SELECT id / (id - id) FROM __scan_1", "invalid.execution", "NULLIF"),
        ("SELECT regexp_matches(who, '(') FROM __scan_1", "invalid.execution", "argument"),
        ("SELECT who + 1 FROM __scan_1", "invalid.execution", "cast"),
        ("SELECT nosuch(who) FROM __scan_1", "invalid.execution", "engine"),
        ("SELECT 1; SELECT 2", "invalid.execution", "one SELECT"),
        ("CREATE TABLE t AS SELECT 1 AS a", "invalid.execution", "one SELECT"),
        ("SELECT array_agg(range) FROM range(200000000)", "exhausted.memory", "memory"),
        ("SELECT repeat('x', 100000000)", "exhausted.row", "64 MiB"),
    ],
)
def test_an_error_in_the_engine_is_told_in_our_words(sandbox: Sandbox, sql: str, code: str, word: str) -> None:
    with pytest.raises(GatewayError) as caught:
        ask(sandbox, sql, scan())
    assert caught.value.code == code
    assert word in caught.value.message


def test_no_value_of_a_row_stands_in_an_error(sandbox: Sandbox) -> None:
    batch = pa.record_batch({"iban": pa.array([SECRET])})
    for sql in ("SELECT iban::INT FROM s", "SELECT error(iban) FROM s", "SELECT iban::DATE FROM s", f"SELECT {SECRET}"):
        with pytest.raises(GatewayError) as caught:
            ask(sandbox, sql, {"s": ReleasedStream(batch.schema, iter([batch]))})
        assert SECRET not in f"{caught.value.message}{caught.value.reasons}{caught.value.fix}{caught.value.__cause__}"


@pytest.mark.parametrize("sql", ["SELECT INTERVAL 1 DAY", "SELECT 'a'::ENUM('a')", "SELECT union_value(k := 1)"])
def test_a_type_that_answers_do_not_carry_is_refused_by_column(sandbox: Sandbox, sql: str) -> None:
    with pytest.raises(Unsupported, match="'x'"):
        ask(sandbox, sql)


def test_the_deadline_ends_a_query_that_ignores_everything_else(sandbox: Sandbox) -> None:
    ask(sandbox, "SELECT 1")
    begin = time.monotonic()
    with pytest.raises(Exhausted) as caught:
        ask(sandbox, "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))", seconds=0.5)
    assert caught.value.code == "exhausted.time"
    assert time.monotonic() - begin < 1.5


def failing(error: BaseException, *, after: int) -> Iterator[pa.RecordBatch]:
    yield from rows(after)
    raise error


@pytest.mark.parametrize("after", [0, 3_000])
@pytest.mark.parametrize("sql", ["SELECT id FROM __scan_1", "SELECT count(*) FROM __scan_1"])
def test_a_failing_source_passes_its_own_error_through(sandbox: Sandbox, sql: str, after: int) -> None:
    error = Integrity("column core.customers.iban is not what it was", code="source")
    with pytest.raises(Integrity) as caught:
        ask(sandbox, sql, {"__scan_1": ReleasedStream(SCHEMA, failing(error, after=after))})
    assert caught.value is error


def test_a_foreign_error_of_a_source_loses_its_text(sandbox: Sandbox) -> None:
    error = RuntimeError(f"could not mask {SECRET}")
    with pytest.raises(Unavailable) as caught:
        ask(sandbox, "SELECT id FROM __scan_1", {"__scan_1": ReleasedStream(SCHEMA, failing(error, after=1_000))})
    assert caught.value.code == "unavailable.source"
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_streams_are_closed_however_the_query_ends(sandbox: Sandbox) -> None:
    def one(closed: list[str], count: int = 1_000) -> dict[str, ReleasedStream]:
        return {"__scan_1": ReleasedStream(SCHEMA, rows(count), close=lambda: closed.append("closed"))}

    good: list[str] = []
    ask(sandbox, "SELECT count(*) FROM __scan_1", one(good))
    bad: list[str] = []
    with pytest.raises(Invalid):
        ask(sandbox, "SELECT who::INT FROM __scan_1", one(bad))
    limited: list[str] = []
    ask(sandbox, "SELECT id FROM __scan_1 LIMIT 1", one(limited, 10**6))
    assert good == bad == limited == ["closed"]


def test_too_many_scans_are_refused_and_their_streams_closed(sandbox: Sandbox) -> None:
    closed: list[int] = []
    streams = {f"s{i}": ReleasedStream(SCHEMA, rows(1), close=lambda: closed.append(1)) for i in range(4)}
    with pytest.raises(Invalid) as caught:
        ask(sandbox, "SELECT 1", streams)
    assert caught.value.code == "invalid.scans"
    assert len(closed) == 4


def test_closing_an_answer_in_mid_stream_ends_child_and_source_within_a_second(sandbox: Sandbox) -> None:
    closed = threading.Event()
    streams = {"__scan_1": ReleasedStream(SCHEMA, rows(10**9), close=closed.set)}
    answer = sandbox.execute(
        "SELECT id, who FROM __scan_1",
        streams,
        binding=binding(),
        output_names=("id", "who"),
        materialized=frozenset(),
        deadline=time.monotonic() + 20,
    )
    next(iter(answer))
    begin = time.monotonic()
    answer.close()
    assert closed.wait(1.0)
    assert time.monotonic() - begin < 1.0
    with pytest.raises(Unavailable):
        next(iter(answer))


def test_a_close_from_another_thread_wakes_a_blocked_reader(sandbox: Sandbox) -> None:
    slow = threading.Event()

    def waiting() -> Iterator[pa.RecordBatch]:
        yield from rows(100_000)
        slow.wait(20)

    answer = sandbox.execute(
        "SELECT id FROM __scan_1",
        {"__scan_1": ReleasedStream(SCHEMA, waiting(), close=slow.set)},
        binding=binding(),
        output_names=("id",),
        materialized=frozenset(),
        deadline=time.monotonic() + 20,
    )
    threading.Timer(0.3, answer.close).start()
    begin = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        list(answer)
    assert caught.value.code == "unavailable.cancelled"
    assert time.monotonic() - begin < 2.5


def test_a_source_that_hangs_does_not_hold_a_limited_answer(sandbox: Sandbox) -> None:
    slow = threading.Event()

    def hanging() -> Iterator[pa.RecordBatch]:
        yield from rows(50_000)
        slow.wait(20)

    stream = ReleasedStream(SCHEMA, hanging(), close=slow.set)
    begin = time.monotonic()
    assert ask(sandbox, "SELECT id FROM __scan_1 LIMIT 3", {"__scan_1": stream}).num_rows == 3
    assert time.monotonic() - begin < 3
    assert slow.is_set()


def test_a_dropped_principal_loses_the_running_answer(sandbox: Sandbox) -> None:
    threading.Timer(0.3, sandbox.drop, ("anna",)).start()
    with pytest.raises(Denied) as caught:
        ask(sandbox, "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))", seconds=10)
    assert caught.value.code == "denied.revoked"
