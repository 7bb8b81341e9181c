"""Columns that masks read beside their own: of the same rows, of the declared type, and never released."""

from __future__ import annotations

import dataclasses
import datetime

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.masks import MASKS, apply
from gateway.masks.kernel import Kernel, MaskInputs
from gateway.terms.dataset import Column
from gateway.terms.key import KeyScope
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision
from gateway.terms.streams import RawStream
from tests.unit.masks.mask_builders import ScopedKeys, applied, bytes_of, decide, raw, release

DATES = pa.array([datetime.date(2024, month, 15) for month in (1, 2, 3, 4)])
SHIFT = decide("granted_on", "date_shift", window_days=90)


def by_subject(column: str = "subject", kind: pa.DataType | None = None, canon: str = "exact") -> ColumnDecision:
    beside = AuxiliaryColumn(role="subject", column=column, type=kind or pa.int64(), domain="customer", canon=canon)
    return dataclasses.replace(SHIFT, auxiliary=(beside,))


def test_what_a_mask_reads_beside_its_column_is_not_released() -> None:
    batch = release({"granted_on": DATES, "subject": pa.array([71, 71, 72, 73])}, SHIFT)
    assert batch.schema.names == ["granted_on"]
    for number in (71, 72, 73):
        assert number.to_bytes(8, "little") not in bytes_of(batch.column(0))


def test_a_subject_that_is_released_too_goes_through_its_own_mask() -> None:
    columns = {"granted_on": DATES, "subject": pa.array([71, 71, 72, 73])}
    batch = release(columns, SHIFT, decide("subject", "pseudonym"))
    assert batch.column("granted_on").equals(release(columns, SHIFT).column(0))
    assert len(set(batch.column("subject").to_pylist())) == 3


def test_each_batch_is_masked_with_its_own_rows_of_the_further_column() -> None:
    whole = pa.record_batch({"granted_on": DATES, "subject": pa.array([1, 2, 1, 2])})
    stream = RawStream(whole.schema, iter([whole[:1], whole[1:3], whole[3:3], whole[3:]]))
    pieces = pa.Table.from_batches(list(applied(stream, SHIFT)))
    together = pa.Table.from_batches(list(applied(raw({n: whole.column(n) for n in whole.schema.names}), SHIFT)))
    assert pieces.combine_chunks().equals(together.combine_chunks())


def test_rows_of_a_dictionary_meet_their_own_subjects() -> None:
    """A dictionary's entries are masked once each elsewhere; here one entry stands for rows of several subjects."""
    columns = {"granted_on": pa.array([DATES[0].as_py()] * 4), "subject": pa.array([1, 2, 1, 3])}
    encoded = {name: column.dictionary_encode() for name, column in columns.items()}
    assert release(encoded, SHIFT).equals(release(columns, SHIFT))


@pytest.mark.parametrize("kind", [pa.int32(), pa.string(), pa.decimal128(12, 0), pa.uint64()], ids=str)
def test_closed_when_a_further_column_is_of_another_type_than_declared(kind: pa.DataType) -> None:
    closed: list[bool] = []
    subject = pa.array(["1", "1", "2", "3"]).cast(kind)
    stream = raw({"granted_on": DATES, "subject": subject}, close=lambda: closed.append(True))
    with pytest.raises(Integrity, match="not of the type"):
        applied(stream, SHIFT)
    assert closed == [True]


@pytest.mark.parametrize(
    "auxiliary",
    [
        (),
        (*SHIFT.auxiliary, *SHIFT.auxiliary),
        (dataclasses.replace(SHIFT.auxiliary[0], role="tweak"),),
        (dataclasses.replace(SHIFT.auxiliary[0], column="nowhere"),),
        (dataclasses.replace(SHIFT.auxiliary[0], domain=None),),
    ],
)
def test_closed_when_a_decision_and_its_mask_do_not_agree_on_further_columns(
    auxiliary: tuple[AuxiliaryColumn, ...],
) -> None:
    stream = raw({"granted_on": DATES, "subject": pa.array([1, 1, 2, 3])})
    with pytest.raises(Integrity):
        applied(stream, dataclasses.replace(SHIFT, auxiliary=auxiliary))


def test_closed_when_a_mask_is_given_a_column_that_it_does_not_read() -> None:
    keep = dataclasses.replace(decide("granted_on", "keep"), auxiliary=SHIFT.auxiliary)
    with pytest.raises(Integrity, match="reads"):
        applied(raw({"granted_on": DATES, "subject": pa.array([1, 1, 2, 3])}), keep)


def test_one_key_serves_all_dates_of_the_subjects_domain_and_no_other_does() -> None:
    keys = ScopedKeys()
    other = dataclasses.replace(SHIFT, column="closed_on", domain="elsewhere")
    columns = {"granted_on": DATES, "closed_on": DATES, "subject": pa.array([1, 2, 3, 4])}
    (batch,) = applied(raw(columns), SHIFT, other, keys=keys)
    assert set(keys.asked) == {KeyScope(project="credit-risk", domain="customer", mask="date_shift")}
    assert batch.column("granted_on").equals(batch.column("closed_on"))
    (elsewhere,) = applied(raw(columns), SHIFT, keys=ScopedKeys(), project="fraud")
    assert not elsewhere.column(0).equals(batch.column(0))


def test_a_subject_has_one_shift_in_every_form_that_its_domain_calls_one() -> None:
    numbers = release({"granted_on": DATES, "subject": pa.array([1, 1, 2, 3])}, by_subject(canon="integer_text"))
    texts = release(
        {"granted_on": DATES, "subject": pa.array(["1", "1", "2", "3"])},
        by_subject(kind=pa.string(), canon="integer_text"),
    )
    assert numbers.equals(texts)


def test_two_worlds_a_further_column_tells_of_itself_only_what_the_mask_does() -> None:
    """Another subject's number with the same shift changes no byte; what is not shifted hears nothing of it at all."""
    columns = {"granted_on": DATES, "subject": pa.array([1, 1, 2, 3]), "kind": pa.array(list("abca"))}
    first = release(columns, SHIFT, decide("kind", "keep"))
    shifts = {
        who: release({**columns, "subject": pa.array([who] * 4)}, SHIFT).column(0)
        for who in (1, 2, 3, *range(100, 1_500))
    }
    twins = {who: next(twin for twin in range(100, 1_500) if shifts[twin].equals(shifts[who])) for who in (1, 2, 3)}
    second = release(
        {**columns, "subject": pa.array([twins[who] for who in (1, 1, 2, 3)])}, SHIFT, decide("kind", "keep")
    )
    assert [bytes_of(column) for column in first.columns] == [bytes_of(column) for column in second.columns]
    strangers = release({**columns, "subject": pa.array([9, 9, 9, 9])}, decide("kind", "keep"))
    assert bytes_of(strangers.column(0)) == bytes_of(first.column("kind"))


def test_an_error_of_a_mask_quotes_neither_its_value_nor_the_further_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
        raise ValueError(f"{column[0]} {inputs.beside('subject').column[0]}")

    kernels: dict[str, Kernel] = {**MASKS, "date_shift": failing}
    monkeypatch.setattr("gateway.masks.release.MASKS", kernels)
    with pytest.raises(Integrity) as caught:
        release({"granted_on": DATES, "subject": pa.array([987_654_321] * 4)}, SHIFT)
    assert "987654321" not in str(caught.value)
    assert "2024" not in str(caught.value)


def test_a_mask_that_needs_no_values_reads_no_further_column_either() -> None:
    assert not [spec.name for spec in MASK_SPECS.values() if spec.auxiliary and not spec.leaks]
    columns = (Column(name="granted_on", type=pa.date32(), classification="public"),)
    stream = raw({"other": pa.array([1])})
    (batch,) = apply(stream, (decide("granted_on", "redact"),), columns=columns, keys=ScopedKeys(), project="p")
    assert batch.column(0).null_count == 1
