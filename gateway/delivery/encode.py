"""From an answer to bytes. The mark of completeness is written after the answer has ended well, and only then."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from gateway.delivery import as_arrow, as_csv, as_dataset, as_json, as_parquet
from gateway.delivery.formats import Format
from gateway.delivery.partitions import Hashes
from gateway.errors import Exhausted, Unsupported
from gateway.terms.streams import AnswerStream, Tally

_FIX: Final = "ask for less, or for groups; more is an extract: gateway extract run SPEC.yaml"


class _Seal(Protocol):
    def __call__(self) -> str: ...


class _Encoder(Protocol):
    def __call__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, seal: _Seal) -> Iterator[bytes]: ...


_ENCODERS: Final[dict[Format, _Encoder]] = {
    "arrow": as_arrow.encode,
    "arrow_lz4": functools.partial(as_arrow.encode, compression="lz4"),
    "arrow_zstd": functools.partial(as_arrow.encode, compression="zstd"),
    "parquet": as_parquet.encode,
    "csv": as_csv.encode,
    "csv_exact": functools.partial(as_csv.encode, escaped=False),
    "json": as_json.encode,
}


def encode(  # noqa: PLR0913 - each is a fact of the one answer
    answer: AnswerStream,
    *,
    format: Format,  # noqa: A002 - the contract's word
    trailer: Mapping[str, str | int],
    max_json_rows: int,
    max_rows: int | None = None,
    max_mb: int | None = None,
    tally: Tally,
    charge: Callable[[pa.RecordBatch], None] = lambda _: None,
) -> Iterator[bytes]:
    """The answer's body in chunks, lazily, in memory bounded by one batch (Parquet: one row group).

    The trailer gains `rows` and `"status": "complete"`. Closes the answer at its end, at an error, and when the
    iterator is closed; one that is never begun MUST have its answer closed by the caller.

    Args:
        max_json_rows: a longer answer fails as JSON.
        max_rows: a longer answer fails in every format; None: none does.
        max_mb: so does a larger body.
        tally: its `delivered_rows` grow as rows are encoded.
        charge: asked for each batch before any of it is encoded; may raise.

    Raises:
        Exhausted: more rows than JSON may have (`exhausted.json_rows`), or than an answer (`exhausted.result_rows`), or
            more bytes (`exhausted.result_size`).
        Unsupported: the format cannot carry a value.
        GatewayError: the answer's own error. After any of them the body is not complete and never passes for it.
    """
    with answer:
        caps = [_Cap(max_rows, _too_many_rows)] if max_rows is not None else []
        caps += [_Cap(max_json_rows, _too_many_for_json)] if format == "json" else []
        batches = _counted(answer, caps=caps, tally=tally, charge=charge)
        try:
            chunks = _ENCODERS[format](answer.schema, batches, seal=_Trailer(trailer, batches, tally))
            yield from chunks if max_mb is None else _bounded(chunks, max_mb=max_mb)
        except (pa.ArrowException, OverflowError):  # its text may hold a value
            raise Unsupported(f"a value of this answer has no form in {format}: take Arrow") from None


def encode_dataset(
    answer: AnswerStream,
    *,
    folder: as_dataset.Folder,
    order: str,
    hashes: Callable[[pa.Array], Hashes],
    trailer: Mapping[str, str | int],
    tally: Tally,
) -> Iterator[bytes]:
    """A dataset version's files, into the folder; the body tells of them as as_dataset.py says. Otherwise as encode.

    The tally's `delivered_rows` is set at the end: of files that fail nothing is delivered, and how many rows came
    before an error would tell of the source's order (T7).
    """
    own = Tally()
    with answer:
        batches = _counted(answer, caps=[], tally=own)
        seal = _Trailer(trailer, batches, own)
        try:
            yield from as_dataset.encode(answer.schema, batches, folder=folder, order=order, hashes=hashes, seal=seal)
        except (pa.ArrowException, OverflowError):  # its text may hold a value
            raise Unsupported("a value of this answer has no form in Parquet") from None
    tally.delivered_rows = own.delivered_rows


class _Trailer:
    """Makes the trailer; asks the answer once more for its end, so that no encoder can seal too early."""

    def __init__(self, facts: Mapping[str, str | int], batches: Iterator[pa.RecordBatch], tally: Tally) -> None:
        self._facts = facts
        self._batches = batches
        self._tally = tally

    def __call__(self) -> str:
        if next(self._batches, None) is not None:
            raise AssertionError("the mark of completeness before the answer's end")
        facts = {**self._facts, "rows": self._tally.delivered_rows, "status": "complete"}
        return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


class _Cap(NamedTuple):
    max_rows: int
    error: Callable[[int], Exhausted]


def _counted(
    answer: AnswerStream,
    *,
    caps: Sequence[_Cap],
    tally: Tally,
    charge: Callable[[pa.RecordBatch], None] = lambda _: None,
) -> Iterator[pa.RecordBatch]:
    for batch in answer:
        for cap in caps:
            if tally.delivered_rows + batch.num_rows > cap.max_rows:
                raise cap.error(cap.max_rows)
        charge(batch)
        tally.delivered_rows += batch.num_rows
        yield batch


def _bounded(chunks: Iterator[bytes], *, max_mb: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_mb << 20:
            raise Exhausted(f"an answer has at most {max_mb} MB", code="result_size", fix=_FIX)
        yield chunk


def _too_many_for_json(limit: int) -> Exhausted:
    return Exhausted(
        f"as JSON an answer has at most {limit} rows",
        code="json_rows",
        fix="ask for application/vnd.apache.arrow.stream, or add a LIMIT",
    )


def _too_many_rows(limit: int) -> Exhausted:
    return Exhausted(f"an answer has at most {limit} rows", code="result_rows", fix=_FIX)
