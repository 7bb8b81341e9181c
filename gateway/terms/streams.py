"""Three types that keep raw, released and answered rows apart.

Only sources/ makes a RawStream. Only masks.apply and protection.release make a
ReleasedStream. Only sandbox/ makes an AnswerStream, and delivery takes nothing else.
tests/architecture pins who constructs which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa


class _Batches:
    """A schema and record batches, read once, in order. Lazy: nothing is read before the first `next`.

    MUST be closed: closing ends the reading at its origin (a source's statement, a child's query).
    """

    __slots__ = ("_batches", "_close", "schema")

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        *,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.schema = schema
        self._batches = batches
        self._close = close

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._batches

    def close(self) -> None:
        """End the reading; a second call does nothing."""
        close, self._close = self._close, None
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RawStream(_Batches):
    """Production values. Exists in sources, masks, protection and the catalog's profiler, nowhere else."""

    __slots__ = ()


class ReleasedStream(_Batches):
    """Rows or groups that the principal may see."""

    __slots__ = ()


class AnswerStream(_Batches):
    """What the user's SQL made of released rows. Counts as whole only when iteration ends without an error."""

    __slots__ = ()


class Tally:
    """Counts for the outcome entry; one per answer."""

    __slots__ = ("delivered_rows", "rejected_rows", "subjects")

    def __init__(self) -> None:
        self.rejected_rows = 0
        """Rows that the source let through and the second evaluation of a row filter dropped (T10)."""
        self.delivered_rows = 0
        """Rows encoded for the recipient."""
        self.subjects: dict[str, Callable[[], str]] = {}
        """By dataset: gives the sketch of whose rows were released, as far as the answer has come."""
