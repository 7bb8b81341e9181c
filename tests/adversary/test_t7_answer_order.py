"""T7: an interactive answer over a streamed scan tells nothing of the order in which its source delivers.

Two worlds as in test_two_worlds.py: their sources deliver the same visible rows in different orders. And the engine
must not skip rows of a stream that come late: then whether a bad row fails the query would tell where it stands.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import GatewayError
from gateway.terms.streams import ReleasedStream
from tests import bank
from tests.adversary.test_two_worlds import Worlds, worlds  # noqa: F401 - a fixture
from tests.house import request
from tests.unit.sandbox.sandboxes import ask, binding, started

STREAMED = [
    "SELECT * FROM core.transactions",
    "SELECT customer_id, income FROM core.customers LIMIT 7",
    "SELECT email FROM core.customers ORDER BY income DESC LIMIT 5 OFFSET 1",
    "SELECT region, count(*) AS n, sum(income) AS s FROM core.customers GROUP BY region",
    "SELECT customer_id, count(*) AS n FROM core.transactions GROUP BY 1 ORDER BY n DESC LIMIT 3",
    "SELECT DISTINCT category FROM core.transactions WHERE amount > 0 ORDER BY 1 LIMIT 2",
    "SELECT count(*), avg(amount) FROM core.transactions",
]
EITHER = "CASE WHEN amount > 0 THEN 1 / (1 - length(left(category, 1))) ELSE CAST(category AS integer) END"
FAILING = [
    f"SELECT customer_id FROM core.transactions WHERE {EITHER} = 1 ORDER BY amount LIMIT 1",
    "SELECT customer_id, max(CAST(category AS integer)) FROM core.transactions GROUP BY 1 ORDER BY 1 LIMIT 1",
]
ROWS, BATCH = 200_000, 16_384
LATE = [
    "SELECT x, CAST(s AS integer) FROM __scan_1 ORDER BY x, 1, 2 LIMIT 1",
    "SELECT x, s FROM __scan_1 WHERE CAST(s AS integer) > 0 ORDER BY x, 1, 2 LIMIT 1",
    "SELECT DISTINCT x, CAST(s AS integer) FROM __scan_1 ORDER BY 1, 2 LIMIT 1",
    "SELECT x, sum(CAST(s AS integer)) FROM __scan_1 GROUP BY x ORDER BY x, 1 LIMIT 1",
    "SELECT max(x), min(x) FROM __scan_1 WHERE x >= 0 AND CAST(s AS integer) > 0",
]


@pytest.mark.parametrize("sql", STREAMED + FAILING)
def test_t7_two_worlds_give_the_same_answer(worlds: Worlds, sql: str) -> None:  # noqa: F811
    house = worlds.houses[0]
    explained = house.enforcement.explain(request(worlds.tokens[0], sql, purpose=bank.ANA[1]))
    assert explained.plan is not None
    assert explained.plan.is_order_free
    first, second = worlds.tell(0, sql, form="json"), worlds.tell(1, sql, form="json")
    assert ("error" in first) is (sql in FAILING)
    assert first == second


def test_t7_the_engine_reads_every_row_of_a_stream_whatever_came_before() -> None:
    """The bad row is far above the limit: it must fail the query where it comes first and where it comes last."""
    with started() as sandbox:
        for sql, place in itertools.product(LATE, ("first", "last")):
            stream = {"__scan_1": ReleasedStream(_schema(), _rows(bad=place))}
            names = ("a", "b")
            with pytest.raises(GatewayError) as failed:
                ask(sandbox, sql, stream, names=names)
            assert failed.value.code == "invalid.execution", (sql, place)
            assert "could not be computed" in failed.value.message


@pytest.mark.parametrize("sql", ["SELECT x, s FROM __scan_1 ORDER BY x, 1, 2", "SELECT count(*), max(x) FROM __scan_1"])
def test_t15_a_source_is_read_to_its_end_before_an_answer_begins(sql: str) -> None:
    """Then its connection can be closed, whatever pace the reader of the answer has."""
    ends: list[str] = []

    def rows() -> Iterator[pa.RecordBatch]:
        yield from _rows(bad="")
        ends.append("end")

    with started() as sandbox:
        answer = sandbox.execute(
            sql,
            {"__scan_1": ReleasedStream(_schema(), rows())},
            binding=binding(),
            output_names=("a", "b"),
            materialized=frozenset(),
            deadline=time.monotonic() + 30,
        )
        with answer:
            assert ends == ["end"]


def _schema() -> pa.Schema:
    return pa.schema([("x", pa.int64()), ("s", pa.string())])


def _rows(*, bad: str) -> Iterator[pa.RecordBatch]:
    bad_row = pa.record_batch([pa.array([5_000]), pa.array(["bad"])], schema=_schema())
    if bad == "first":
        yield bad_row
    for start in range(0, ROWS, BATCH):
        values = [10 + n % 1_000 if n else 1 for n in range(start, min(start + BATCH, ROWS))]
        yield pa.record_batch([pa.array(values), pa.array(["1"] * len(values))], schema=_schema())
    if bad == "last":
        yield bad_row
