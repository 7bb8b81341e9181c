"""From pseudonyms back to values, for the controller: mask the column again, and keep the rows that were asked for.

No pair is stored anywhere. It needs no way back: whoever has the key and the column can make each pseudonym again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity, Unsupported
from gateway.masks.keep import keep
from gateway.masks.kernel import MaskInputs
from gateway.masks.registry import plain_column, plain_type
from gateway.masks.release import MaskedColumn, prepare
from gateway.ports import KeyRing
from gateway.terms.mask_spec import NAMING
from gateway.terms.plan import RECOVERED
from gateway.terms.policy import ColumnDecision
from gateway.terms.streams import RawStream, ReleasedStream

_HEX: Final = "\\x"
"""Before binary pseudonyms, as PostgreSQL and our own answers write them."""


def recover(  # noqa: PLR0913 - one step of the flow with all that it takes
    raw: RawStream,
    decision: ColumnDecision,
    *,
    declared: pa.DataType,
    wanted: Sequence[str],
    keys: KeyRing,
    project: str,
    unresolved: Callable[[int], None],
    noted: Callable[[pa.RecordBatch], None] = lambda _: None,
) -> ReleasedStream:
    """Release RECOVERED, the column's values beside their pseudonyms, of the rows whose pseudonym is wanted.

    A pair comes once a batch, however many rows have it. Lazy as apply, and closes as apply.

    Args:
        decision: about the column as the pseudonyms' readers saw it.
        declared: the column's type.
        wanted: distinct; as text, as answers show them. Text that is no pseudonym of this mask stays unresolved.
        unresolved: is told once, after the last row, how many of them no row has.
        noted: is given the raw rows that are about to be released.

    Raises:
        Unsupported: `recover`: the mask's result does not stand for one value.
        Integrity, Unavailable: as apply; the key of a destroyed epoch (`keys.destroyed`).
    """
    with contextlib.ExitStack() as unless_built:
        unless_built.callback(raw.close)
        check_recoverable(decision)
        masked = prepare(raw.schema, decision, declared=declared, keys=keys, project=project)
        found = _Found(masked, wanted, plain_type(raw.schema.field(decision.column).type))
        unless_built.pop_all()
    return ReleasedStream(found.schema, _pairs(raw, found, noted=noted, unresolved=unresolved), close=raw.close)


def check_recoverable(decision: ColumnDecision) -> None:
    """Whether pseudonyms of a column released so can be made again.

    Raises:
        Unsupported: `recover`: the mask's result does not stand for one value.
    """
    if decision.mask.name not in NAMING:
        raise Unsupported(
            f"mask {decision.mask.name} of {decision.dataset}.{decision.column} stands for no single value",
            code="recover",
            fix=f"columns with one of these masks can be re-identified: {', '.join(sorted(NAMING))}",
        )


class _Found:
    """The wanted pseudonyms in the mask's own type, and which of them were found."""

    def __init__(self, masked: MaskedColumn, wanted: Sequence[str], kind: pa.DataType) -> None:
        """`kind`: of the identifiers."""
        fitting = [fit for fit in (_fit(text, masked.kind) for text in wanted) if fit is not None]
        self.schema = pa.schema(list(zip(RECOVERED, (masked.kind, kind), strict=True)))
        self._masked = masked
        self._wanted = pa.array(fitting, masked.kind)
        self._unfit = len(wanted) - len(fitting)
        self._is_found: npt.NDArray[np.bool_] = np.zeros(len(fitting), np.bool_)

    @property
    def unresolved(self) -> int:
        """Those that no row had so far."""
        return self._unfit + int(np.count_nonzero(~self._is_found))

    def rows(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Of a raw batch the rows that have one, and their pairs, each once."""
        pseudonyms = self._masked.release(batch)
        places = pc.index_in(pseudonyms, value_set=self._wanted, skip_nulls=True)
        hits = places.is_valid()
        rows, places = batch.filter(hits), np.asarray(places.drop_null(), np.int64)
        self._is_found[places] = True
        identifiers = plain_column(rows.column(self._masked.name))
        codes = np.asarray(identifiers.dictionary_encode().indices, np.int64)
        _, first = np.unique(places * len(codes) + codes, return_index=True)
        pairs = (pseudonyms.filter(hits).take(first), identifiers.take(first))
        return rows, pa.RecordBatch.from_arrays([keep(each, MaskInputs()) for each in pairs], schema=self.schema)


def _fit(text: str, kind: pa.DataType) -> str | bytes | int | None:
    """A pseudonym as a value of the mask's type; None: it is none of this mask."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return text
    try:
        if pa.types.is_binary(kind):
            return bytes.fromhex(text.removeprefix(_HEX))
        number = int(text)
    except ValueError:
        return None
    limit = 1 << (kind.bit_width - 1)
    return number if str(number) == text and -limit <= number < limit else None


def _pairs(
    raw: RawStream,
    found: _Found,
    *,
    noted: Callable[[pa.RecordBatch], None],
    unresolved: Callable[[int], None],
) -> Iterator[pa.RecordBatch]:
    for batch in raw:
        if not batch.schema.equals(raw.schema):
            raise Integrity("the source changed its columns while reading", code="masks.columns")
        rows, pairs = found.rows(batch)
        if rows.num_rows:
            noted(rows)
            yield pairs
    unresolved(found.unresolved)
