"""From pseudonyms back: every mask whose result stands for one value, every type; nulls, slices, and whose rows."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from gateway.errors import Integrity, Unsupported
from gateway.masks import MASKS, check_recoverable, recover
from gateway.terms.mask_spec import NAMING
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.streams import RawStream
from tests.unit.masks.mask_builders import ScopedKeys, bytes_of, decide, raw, released
from tests.unit.masks.mask_samples import TEXTS

ROWS = 40


def ids(mask: str) -> pa.Array:
    if mask == "permute_int":
        return pa.array(range(ROWS), pa.int64())
    return pa.array([TEXTS.get(mask, lambda number: f"anna.{number}@bank.example")(number) for number in range(ROWS)])


def texts(pseudonyms: pa.Array) -> list[str]:
    """As answers spell them."""
    values = pseudonyms.to_pylist()
    return [f"\\x{value.hex()}" if isinstance(value, bytes) else str(value) for value in values]


class Recovered:
    """A column's way back."""

    def __init__(
        self,
        column: pa.Array | Sequence[pa.Array],
        decision: ColumnDecision,
        wanted: Sequence[str],
        *,
        project: str = "credit-risk",
    ) -> None:
        chunks = column if isinstance(column, list) else [column]
        batches = [pa.record_batch(self._columns(chunk, decision)) for chunk in chunks]
        self.closed: list[int] = []
        self.noted: list[pa.RecordBatch] = []
        self.unresolved: list[int] = []
        stream = recover(
            RawStream(batches[0].schema, iter(batches), close=lambda: self.closed.append(1)),
            decision,
            declared=chunks[0].type,
            wanted=wanted,
            keys=ScopedKeys(),
            project=project,
            unresolved=self.unresolved.append,
            noted=self.noted.append,
        )
        self.schema = stream.schema
        with stream:
            self.batches = list(stream)
        self.pairs = {pair for batch in self.batches for pair in zip(*(c.to_pylist() for c in batch), strict=True)}

    def _columns(self, column: pa.Array, decision: ColumnDecision) -> dict[str, pa.Array]:
        beside = {a.column: pa.array(range(len(column)), a.type) for a in decision.auxiliary}
        return {"secret": pa.array(["ZQX"] * len(column)), "c": column, **beside}


@pytest.mark.parametrize("mask", sorted(NAMING))
def test_each_pseudonym_leads_to_its_value_and_only_those_that_were_asked_for(mask: str) -> None:
    column = ids(mask)
    pseudonyms = released(column, mask)
    found = Recovered(column, decide("c", mask), texts(pseudonyms.slice(5, 3)))
    assert found.pairs == set(zip(pseudonyms.slice(5, 3).to_pylist(), column.slice(5, 3).to_pylist(), strict=True))
    assert (found.schema.names, found.unresolved, found.closed) == (["pseudonym", "identifier"], [0], [1])


@pytest.mark.parametrize("form", ["b32", "hex", "uuid", "binary"])
def test_every_form_of_pseudonym_leads_back(form: str) -> None:
    column = pa.array([f"anna.{number}@bank.example" for number in range(ROWS)])
    pseudonyms = released(column, "pseudonym", form=form)
    assert Recovered(column, decide("c", "pseudonym", form=form), texts(pseudonyms)).unresolved == [0]


def test_a_text_that_a_subject_encrypts_his_own_way_leads_back() -> None:
    column = ids("fpe")
    pseudonyms = released(column, "fpe", tweak="subject")
    found = Recovered(column, decide("c", "fpe", tweak="subject"), texts(pseudonyms))
    assert set(found.pairs) == set(zip(pseudonyms.to_pylist(), column.to_pylist(), strict=True))


@pytest.mark.parametrize("mask", sorted(MASKS.keys() - NAMING))
def test_what_stands_for_no_single_value_is_refused_and_its_source_closed(mask: str) -> None:
    decision = decide("c", mask, **({"buckets": 7} if mask == "hash_bucket" else {}))
    with pytest.raises(Unsupported) as refused:
        check_recoverable(decision)
    assert refused.value.code == "unsupported.recover"
    closed: list[int] = []
    with pytest.raises(Unsupported):
        recover(
            raw({"c": pa.array(["a"])}, close=lambda: closed.append(1)),
            decision,
            declared=pa.string(),
            wanted=["a"],
            keys=ScopedKeys(),
            project="credit-risk",
            unresolved=lambda _: None,
        )
    assert closed == [1]


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.int16(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_a_number_is_the_same_identifier_in_whatever_type_it_comes(kind: pa.DataType) -> None:
    """The pseudonym was made of another source's type: the domain's canonical form is what counts."""
    pseudonyms = released(pa.array([7, 12345], pa.int64()), "pseudonym", canon="integer_text")
    column = pa.array([1, 7, None, 12345], pa.int64()).cast(pa.string() if pa.types.is_dictionary(kind) else kind)
    column = column.dictionary_encode() if pa.types.is_dictionary(kind) else column
    found = Recovered(column, decide("c", "pseudonym", canon="integer_text"), texts(pseudonyms))
    assert {str(identifier) for _, identifier in found.pairs} == {"7", "12345"}
    assert not pa.types.is_dictionary(found.schema.field("identifier").type)


def test_spellings_of_one_identifier_all_come() -> None:
    column = pa.array(["Anna@Bank.example", " anna@bank.example", "bert@bank.example"])
    (pseudonym, *_) = texts(released(column, "pseudonym", canon="trim_nfc_casefold"))
    found = Recovered(column, decide("c", "pseudonym", canon="trim_nfc_casefold"), [pseudonym])
    assert {identifier for _, identifier in found.pairs} == {"Anna@Bank.example", " anna@bank.example"}


def test_nulls_and_a_slices_neighbours_stay_out() -> None:
    whole = pa.array(["ZQX-before", "anna", None, "bert", "ZQX-after"])
    column = whole.slice(1, 3)
    found = Recovered(column, decide("c", "pseudonym"), texts(released(pa.array(["bert"]), "pseudonym")))
    (batch,) = found.batches
    assert batch.column(1).to_pylist() == ["bert"]
    assert b"ZQX" not in bytes_of(batch.column(1)) and b"anna" not in bytes_of(batch.column(1))


def test_a_pair_comes_once_a_batch_and_the_unresolved_are_counted_over_all_of_them() -> None:
    pseudonyms = texts(released(pa.array(["anna", "bert", "carl"]), "pseudonym"))
    batches = [pa.array(["anna", "anna", "dora"]), pa.array(["dora"]), pa.array(["anna", "bert"])]
    found = Recovered(batches, decide("c", "pseudonym"), [*pseudonyms, "NOTHING"])
    assert [batch.num_rows for batch in found.batches] == [1, 2]
    assert found.unresolved == [2]


def test_only_rows_that_are_released_are_noted() -> None:
    column = pa.array(["anna", "bert", "anna"])
    found = Recovered(column, decide("c", "pseudonym"), texts(released(pa.array(["anna"]), "pseudonym")))
    assert [batch.column("c").to_pylist() for batch in found.noted] == [["anna", "anna"]]
    assert not Recovered(column, decide("c", "pseudonym"), ["NOTHING"]).noted


@pytest.mark.parametrize(
    "wrong", ["", "9" * 40, "-0", "07", " 7", "７", "abc", "\\x", "\\xzz", "1e3", str(2**63), "NULL", "None"]
)
@pytest.mark.parametrize("mask, more", [("permute_int", {}), ("pseudonym", {"form": "binary"}), ("pseudonym", {})])
def test_what_is_no_pseudonym_of_the_mask_is_unresolved(wrong: str, mask: str, more: dict[str, str]) -> None:
    column = pa.array([None, 1, 2], pa.int64())
    found = Recovered(
        column, decide("c", mask, canon="integer_text" if more or mask == "pseudonym" else None, **more), [wrong]
    )
    assert (found.batches, found.unresolved) == ([], [1])


def test_another_projects_pseudonyms_lead_nowhere() -> None:
    column = pa.array(["anna"])
    found = Recovered(column, decide("c", "pseudonym"), texts(released(column, "pseudonym")), project="fraud")
    assert (found.batches, found.unresolved) == ([], [1])


def test_a_source_that_changes_its_columns_is_refused() -> None:
    batches = [pa.record_batch({"c": pa.array(["anna"])}), pa.record_batch({"d": pa.array(["anna"])})]
    stream = recover(
        RawStream(batches[0].schema, iter(batches)),
        decide("c", "pseudonym"),
        declared=pa.string(),
        wanted=["x"],
        keys=ScopedKeys(),
        project="credit-risk",
        unresolved=lambda _: None,
    )
    with pytest.raises(Integrity):
        list(stream)


def test_a_column_at_the_aggregated_level_has_no_pseudonyms() -> None:
    with pytest.raises(Integrity):
        Recovered(pa.array(["anna"]), decide("c", "pseudonym", level=Level.AGGREGATED), ["x"])


def test_naming_masks_give_distinct_results_for_distinct_values() -> None:
    for mask in sorted(NAMING):
        made = released(ids(mask), mask).to_pylist()
        assert len(set(made)) == ROWS, mask
