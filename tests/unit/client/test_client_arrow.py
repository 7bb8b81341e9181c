"""An Arrow answer is whole, or Incomplete; there is nothing between."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import Incomplete
from gateway.client.wire.arrow import ArrowAnswer, read_arrow
from gateway.delivery.as_arrow import encode

TABLE = pa.table({"n": pa.array(range(300), pa.int64()), "t": ["a"] * 300})
TRAILER = {"rows": 300, "receipt": "r_1", "snapshot": "single-scan", "status": "complete"}


def body(table: pa.Table = TABLE, **trailer: object) -> bytes:
    """As the gateway's own encoder writes it."""
    sealed = json.dumps({**TRAILER, "rows": table.num_rows, **trailer})
    batches = iter(table.to_batches(max_chunksize=100))
    return b"".join(encode(table.schema, batches, seal=lambda: sealed))


def test_a_whole_answer_is_its_table() -> None:
    assert read_arrow(body()).equals(TABLE)
    empty = TABLE.slice(0, 0)
    assert read_arrow(body(empty)).schema == TABLE.schema


@given(st.integers(min_value=0, max_value=len(body()) - 1), st.integers(min_value=1, max_value=4096))
def test_a_cut_anywhere_is_incomplete(length: int, step: int) -> None:
    """In the end mark too, and just before it, where Arrow's own reader takes it for whole."""
    cut = body()[:length]
    with pytest.raises(Incomplete):
        ArrowAnswer([cut[at : at + step] for at in range(0, len(cut), step)]).table()


WRONG = {"rows": {"rows": 299}, "status": {"status": "cut"}, "receipt": {"receipt": "r_2"}}


@pytest.mark.parametrize("defect", WRONG)
def test_a_trailer_that_tells_otherwise_is_incomplete(defect: str) -> None:
    with pytest.raises(Incomplete):
        ArrowAnswer([body(**WRONG[defect])], receipt="r_1").table()


def test_a_stream_that_ends_in_good_order_without_a_trailer_is_incomplete() -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pytest.raises(Incomplete):
        read_arrow(sink.getvalue())


def test_rows_after_the_trailer_are_incomplete() -> None:
    sink = io.BytesIO()
    (batch,) = TABLE.to_batches()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_batch(batch.slice(0, 0), custom_metadata={"gateway.trailer": json.dumps(TRAILER)})
        writer.write_batch(batch)
    with pytest.raises(Incomplete):
        read_arrow(sink.getvalue())


@pytest.mark.parametrize("left", [0, 1, 7])
def test_a_body_without_its_end_mark_is_incomplete(left: int) -> None:
    with pytest.raises(Incomplete):
        read_arrow(body()[: -8 + left])


def test_what_breaks_below_is_told_as_it_is() -> None:
    """The connection's own error comes through Arrow's reader unchanged."""

    def chunks() -> object:
        yield body()[:600]
        raise Incomplete("the answer broke off (ReadError): do not use it")

    with pytest.raises(Incomplete, match="ReadError"):
        ArrowAnswer(chunks()).table()
