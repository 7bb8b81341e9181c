"""Masks as a stream goes through them, against what one would write first: a Python loop, one value at a time."""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from gateway.masks import apply
from gateway.terms.dataset import Column
from gateway.terms.key import Key, KeyScope
from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision, Level, RuleRef
from gateway.terms.streams import RawStream
from tests.bench.harness import ratio

ROWS = 1_000_000
BATCH = 65_536
SECRET = bytes(range(32))


class OneKey:
    """A KeyRing of one key."""

    def derive(self, scope: KeyScope) -> Key:
        return Key(SECRET)

    def epoch(self, project: str) -> int:
        return 1


def released(column: pa.Array, use: MaskUse, *, canon: str | None = None) -> Callable[[], int]:
    """Release the column in batches, masks, buffers, batches and all; gives the bytes that were released."""
    batches = [pa.record_batch({"c": column[start : start + BATCH]}) for start in range(0, len(column), BATCH)]
    decision = ColumnDecision(
        dataset="core.bench",
        column="c",
        level=Level.PSEUDONYMIZED,
        mask=use,
        domain="bench",
        canon=canon,
        use="value",
        rule=RuleRef(file="bench.yaml", line=1, id="bench"),
    )

    columns = (Column(name="c", type=column.type, classification="public"),)

    def run() -> int:
        raw = RawStream(batches[0].schema, iter(batches))
        with apply(raw, (decision,), columns=columns, keys=OneKey(), project="bench") as stream:
            return sum(batch.nbytes for batch in stream)  # each is dropped then, as its feeder does

    return run


def _each(column: pa.Array, convert: Callable[[object], object]) -> Callable[[], object]:
    """The naive mask, as it stands in many a notebook."""
    return lambda: [
        pa.array([convert(value) for value in column[start : start + BATCH].to_pylist()])
        for start in range(0, len(column), BATCH)
    ]


def _hmac(value: object) -> str:
    return hmac.digest(SECRET, str(value).encode(), "sha256").hex()


def _pseudonym(name: str, column: pa.Array, *, canon: str, op: str) -> None:
    ours, peer = released(column, MaskUse(name="pseudonym"), canon=canon), _each(column, _hmac)
    ratio(name, ours, peer, peer_name="hmac.digest(sha256).hex() per value", op=op, count=len(column), runs=5)


def _numbers() -> list[int]:
    return list(np.random.default_rng(7).permutation(ROWS).tolist())


def int64() -> None:
    column = pa.array([10**9 + number for number in _numbers()])
    _pseudonym("mask.int64.vs_hmac", column, canon="integer_text", op="pseudonym of a unique int64")


def email() -> None:
    column = pa.array([f"anna.{number:07d}@banks.test" for number in _numbers()])
    op = "pseudonym of a unique e-mail of 23 bytes"
    _pseudonym("mask.email.vs_hmac", column, canon="trim_nfc_casefold", op=op)


def mixed_email() -> None:
    column = pa.array([f"{'Christopher'[: 2 + number % 10]}.{number}@mail.test" for number in _numbers()])
    op = "pseudonym of a unique e-mail of 14 to 28 bytes with capitals"
    _pseudonym("mask.mixed_email.vs_hmac", column, canon="trim_nfc_casefold", op=op)


def short_text() -> None:
    column = pa.array([f"{'abcdefghij'[: 3 + number % 8]}{number % 100_000}" for number in _numbers()])
    _pseudonym("mask.short_text.vs_hmac", column, canon="exact", op="pseudonym of a text of 4 to 15 bytes")


def iban() -> None:
    column = pa.array([f"DE{number % 97:02d} 3704 0044 {number:010d}" for number in _numbers()])
    _pseudonym("mask.iban.vs_hmac", column, canon="alnum_upper", op="pseudonym of a unique IBAN with spaces")


def dictionary() -> None:
    entries = pa.array([f"anna.{number:07d}@banks.test" for number in range(ROWS // 100)])
    indices = pa.array(np.random.default_rng(7).integers(0, len(entries), ROWS, np.int32))
    column = pa.DictionaryArray.from_arrays(indices, entries)
    op = "pseudonym of a dictionary-encoded e-mail, 1 % unique"
    _pseudonym("mask.dictionary.vs_hmac", column, canon="trim_nfc_casefold", op=op)


def truncate_date() -> None:
    column = pa.array(np.random.default_rng(7).integers(-20_000, 20_000, ROWS, np.int32)).cast(pa.date32())
    use = MaskUse(name="truncate_date", parameters={"unit": "month"})
    ratio(
        "mask.truncate_date.vs_loop",
        released(column, use),
        _each(column, lambda value: value.replace(day=1) if isinstance(value, datetime.date) else None),
        peer_name="date.replace per value",
        op="date32 to the first of its month",
        count=ROWS,
        runs=3,
    )


def bucket_decimal() -> None:
    cents = np.random.default_rng(7).integers(-(10**7), 10**9, ROWS)
    words = np.column_stack([cents, cents >> 63])
    column = pa.Array.from_buffers(pa.decimal128(12, 2), ROWS, [None, pa.py_buffer(words)])
    ratio(
        "mask.bucket_decimal.vs_loop",
        released(column, MaskUse(name="bucket", parameters={"step": 5000})),
        _each(column, lambda value: value - value % 5000),  # type: ignore[operator]  # a Decimal
        peer_name="Decimal arithmetic per value",
        op="decimal128(12, 2) to steps of 5000",
        count=ROWS,
        runs=3,
    )


def date_shift() -> None:
    """Dates by subject: two columns in, one out; the naive mask draws each subject's days by HMAC-SHA-256."""
    dates = pa.array(np.random.default_rng(7).integers(-20_000, 20_000, ROWS, np.int32)).cast(pa.date32())
    subjects = pa.array([10**9 + number for number in _numbers()])
    table = pa.record_batch({"c": dates, "subject": subjects})
    batches = [table[start : start + BATCH] for start in range(0, ROWS, BATCH)]
    beside = AuxiliaryColumn(role="subject", column="subject", type=pa.int64(), domain="bench", canon="integer_text")
    decision = ColumnDecision(
        dataset="core.bench",
        column="c",
        level=Level.PSEUDONYMIZED,
        mask=MaskUse(name="date_shift", parameters={"window_days": 365}),
        domain=None,
        canon=None,
        use="value",
        rule=RuleRef(file="bench.yaml", line=1, id="bench"),
        auxiliary=(beside,),
    )
    columns = (Column(name="c", type=pa.date32(), classification="public"),)

    def ours() -> object:
        raw = RawStream(table.schema, iter(batches))
        with apply(raw, (decision,), columns=columns, keys=OneKey(), project="bench") as stream:
            return sum(batch.nbytes for batch in stream)  # each is dropped then, as its feeder does

    def shifted(day: datetime.date, subject: int) -> datetime.date:
        number = int.from_bytes(hmac.digest(SECRET, str(subject).encode(), "sha256")[:8], "little") % 730 - 365
        return day + datetime.timedelta(days=number + (number >= 0))

    def naive() -> object:
        pairs = ((batch.column(0).to_pylist(), batch.column(1).to_pylist()) for batch in batches)
        return [pa.array(map(shifted, days, subjects)) for days, subjects in pairs]

    op = "date32 shifted by its unique int64 subject"
    ratio("mask.date_shift.vs_python", ours, naive, peer_name="hmac.digest per value", op=op, count=ROWS, runs=3)


BENCHES: dict[str, Callable[[], None]] = {
    "mask.bucket_decimal.vs_loop": bucket_decimal,
    "mask.date_shift.vs_python": date_shift,
    "mask.dictionary.vs_hmac": dictionary,
    "mask.email.vs_hmac": email,
    "mask.iban.vs_hmac": iban,
    "mask.int64.vs_hmac": int64,
    "mask.mixed_email.vs_hmac": mixed_email,
    "mask.short_text.vs_hmac": short_text,
    "mask.truncate_date.vs_loop": truncate_date,
}
