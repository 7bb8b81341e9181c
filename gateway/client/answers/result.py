"""One question and its answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from gateway.client.answers.decision import Decision, decision_of
from gateway.client.answers.explanation import Explanation
from gateway.client.answers.frames import to_pandas, to_polars
from gateway.client.connection import Answer, Client
from gateway.client.errors import Refused, Unreachable
from gateway.client.wire.arrow import ArrowAnswer

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Result:
    """Lazy: the question is asked when something of its answer is first needed, and at most once.

    Every way to the rows raises Refused, Unreachable or Incomplete; an answer that was cut is never handed out whole.
    """

    def __init__(self, client: Client, sql: str, *, purpose: str, options: Mapping[str, object]) -> None:
        """`options`: `dialect`, `grant`, `limit`, `parameters`; None is left out."""
        self._client = client
        self._sql = sql
        self._purpose = purpose
        self._options = dict(options)
        self._lock = threading.RLock()
        self._is_asked = False
        self._answer: Answer | None = None
        self._table: pa.Table | None = None
        self._decision: Decision | None = None

    def __repr__(self) -> str:
        if self._answer is None:
            return f"Result(not asked yet, purpose {self._purpose})"
        rows = "streamed" if self._table is None else f"{self._table.num_rows} rows"
        return f"Result({rows}, receipt {self._answer.receipt})"

    def to_arrow(self) -> pa.Table:
        """All rows, in memory; kept for the next call.

        Raises:
            RuntimeError: the answer was streamed by `to_batches` and is gone.
        """
        with self._lock:
            if self._table is None:
                with self._asked() as arrow:
                    self._table = arrow.table()
            return self._table

    def to_pandas(self) -> pd.DataFrame:
        """All rows; text is `str`, the rest keeps its Arrow type: decimals are exact (answers/frames.py)."""
        return to_pandas(self.to_arrow())

    def to_polars(self) -> pl.DataFrame:
        """All rows; needs Polars."""
        return to_polars(self.to_arrow())

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as they arrive, in bounded memory; once, unless they are in memory already.

        MUST be read to its end without an error before anything is made of its rows: only then were they whole.
        """
        with self._lock:
            table = self._table
        if table is not None:
            yield from table.to_batches()
            return
        with self._asked() as arrow:
            yield from arrow

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """For whatever reads Arrow. Nothing is handed over before the whole answer has arrived."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    @property
    def receipt(self) -> str:
        """The answer's id, with which an auditor finds it; asks if not asked yet."""
        return self._head().receipt

    @property
    def snapshot(self) -> str:
        """`single-scan`, `exported` or `per-scan`: what several scans have in common; asks if not asked yet."""
        return self._head().snapshot

    @property
    def decision(self) -> Decision:
        """What was decided about each source column; asks if not asked yet. Explains the query, which is logged."""
        head = self._head()
        with self._lock:
            if self._decision is None:
                receipt = self._client.receipt(head.receipt)
                options = {name: value for name, value in self._options.items() if name != "limit"}
                told = Explanation(self._client.explain(self._sql, purpose=self._purpose, **options))
                self._decision = decision_of(head.decision, receipt, told)
            return self._decision

    def _head(self) -> Answer:
        if self._answer is None:
            self.to_arrow()
        assert self._answer is not None  # noqa: S101 - to_arrow asked, or raised
        return self._answer

    @contextmanager
    def _asked(self) -> Iterator[ArrowAnswer]:
        with self._lock:
            if self._is_asked:
                raise RuntimeError("this answer was streamed and is gone: query again, or begin with to_arrow()")
            self._is_asked = True
        try:
            with self._client.stream(self._sql, purpose=self._purpose, format="arrow", **self._options) as answer:
                self._answer = answer
                yield ArrowAnswer(answer.chunks(), receipt=answer.receipt)
        except (Refused, Unreachable):
            self._is_asked = False  # nothing came: the caller may try again
            raise
