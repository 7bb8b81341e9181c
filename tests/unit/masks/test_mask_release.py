"""apply: what it releases, what it refuses, when it reads and closes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import Integrity, Unavailable
from gateway.masks import apply
from gateway.terms.dataset import Column
from gateway.terms.key import Key, KeyScope
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.streams import RawStream
from tests.unit.masks.mask_builders import ScopedKeys, applied, bytes_of, decide, raw, release

TWO = {"id": pa.array([1, 2]), "name": pa.array(["Anna", "Bo"]), "subject": pa.array([7, 8])}


def test_columns_come_in_the_order_of_the_decisions() -> None:
    batch = release(TWO, decide("name", "keep"), decide("id", "keep"))
    assert batch.to_pydict() == {"name": ["Anna", "Bo"], "id": [1, 2]}


def test_an_auxiliary_column_is_dropped() -> None:
    assert release(TWO, decide("id", "keep")).schema.names == ["id"]


def test_rows_can_be_counted_without_a_column() -> None:
    batch = release(TWO)
    assert batch.schema == pa.schema([("__row", pa.int8())])
    assert batch.to_pydict() == {"__row": [1, 1]}


def declared(name: str, kind: pa.DataType) -> Column:
    return Column(name=name, type=kind, classification="quasi_identifier")


@pytest.mark.parametrize("kind", [pa.string(), pa.date32(), pa.decimal128(12, 2), pa.bool_(), pa.binary()], ids=str)
def test_a_redacted_column_that_was_not_read_is_null_in_every_row(kind: pa.DataType) -> None:
    columns = (declared("street", kind), declared("id", pa.int64()))
    decisions = (decide("street", "redact"), decide("id", "keep"))
    (batch,) = apply(raw(TWO), decisions, columns=columns, keys=ScopedKeys(), project="p")
    assert batch.schema == pa.schema([("street", kind), ("id", pa.int64())])
    assert batch.to_pydict() == {"street": [None, None], "id": [1, 2]}
    assert not any(bytes_of(batch.column("street")))


def test_redacted_columns_alone_have_as_many_rows_as_were_counted() -> None:
    sizes = [3, 0, 2]
    batches = [pa.record_batch({"__row": pa.array([0] * size, pa.int8())}) for size in sizes]
    stream = applied(RawStream(batches[0].schema, iter(batches)), decide("street", "redact"), decide("city", "redact"))
    assert [batch.num_rows for batch in stream] == sizes
    assert stream.schema == pa.schema([("street", pa.string()), ("city", pa.string())])


def test_a_redacted_column_is_not_looked_at_when_a_row_filter_had_it_read() -> None:
    """Released as declared, even where the source delivers another type, or the column twice."""
    batch = pa.record_batch([pa.array([1, 2]), pa.array(["a", "b"])], names=["street", "street"])
    (released,) = apply(
        RawStream(batch.schema, iter([batch])),
        (decide("street", "redact"),),
        columns=(declared("street", pa.string()),),
        keys=ScopedKeys(),
        project="p",
    )
    assert released.to_pydict() == {"street": [None, None]}
    assert released.schema.types == [pa.string()]


@pytest.mark.parametrize("names", [[], ["name"], ["id", "name"]], ids=str)
def test_refused_when_the_decisions_are_about_other_columns_than_the_released(names: list[str]) -> None:
    closed: list[bool] = []
    stream = raw(TWO, close=lambda: closed.append(True))
    columns = tuple(declared(name, pa.string()) for name in names)
    with pytest.raises(Integrity, match="other columns"):
        apply(stream, (decide("id", "redact"),), columns=columns, keys=ScopedKeys(), project="p")
    assert closed == [True]


def test_the_schema_tells_nothing_of_the_sources_metadata() -> None:
    field = pa.field("id", pa.int64(), nullable=False, metadata={"max": "2"})
    schema = pa.schema([field], metadata={"rows": "2"})
    batch = pa.record_batch([pa.array([1, 2])], schema=schema)
    stream = applied(RawStream(schema, iter([batch])), decide("id", "keep"))
    assert stream.schema.metadata is None
    assert stream.schema.field("id").metadata is None
    assert next(iter(stream)).schema.equals(stream.schema, check_metadata=True)


def test_each_key_is_derived_once_for_project_domain_and_mask() -> None:
    keys = ScopedKeys()
    batches = [pa.record_batch({"id": pa.array([number])}) for number in range(3)]
    stream = applied(RawStream(batches[0].schema, iter(batches)), decide("id", "pseudonym"), keys=keys)
    assert len(list(stream)) == 3
    assert keys.asked == [KeyScope(project="credit-risk", domain="customer", mask="pseudonym")]


def test_no_key_is_asked_for_by_a_mask_without_one() -> None:
    keys = ScopedKeys()
    applied(raw(TWO), decide("id", "keep"), decide("name", "redact"), keys=keys)
    assert keys.asked == []


def test_one_value_has_one_pseudonym_in_every_column_of_its_domain() -> None:
    batch = release(
        {"a": pa.array([123]), "b": pa.array(["123"])},
        decide("a", "pseudonym", canon="integer_text"),
        decide("b", "pseudonym", canon="integer_text"),
    )
    assert batch.column("a").equals(batch.column("b"))


@pytest.mark.parametrize("other", [{"domain": "account"}, {"project": "fraud"}])
def test_pseudonyms_of_another_domain_or_project_cannot_be_linked(other: dict[str, str]) -> None:
    project, domain = other.get("project", "credit-risk"), other.get("domain", "customer")
    ours = release(TWO, decide("id", "pseudonym"))
    theirs = release(TWO, decide("id", "pseudonym", domain=domain), project=project)
    assert not set(ours.column(0).to_pylist()) & set(theirs.column(0).to_pylist())


def test_nothing_is_read_before_the_first_next() -> None:
    def never() -> Iterator[pa.RecordBatch]:
        raise AssertionError("read")
        yield

    schema = pa.record_batch(TWO).schema
    applied(RawStream(schema, never()), decide("id", "keep")).close()


def test_closing_the_released_stream_closes_the_raw_one_once() -> None:
    closed: list[bool] = []
    stream = applied(raw(TWO, close=lambda: closed.append(True)), decide("id", "keep"))
    assert closed == []
    stream.close()
    stream.close()
    assert closed == [True]


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ((decide("iban", "keep"),), "integrity.masks.columns"),
        ((decide("id", "keep"), decide("id", "redact")), "integrity.masks.columns"),
        ((decide("id", "keep", level=Level.AGGREGATED),), "integrity.masks.level"),
        ((decide("id", "redact", level=Level.AGGREGATED),), "integrity.masks.level"),
        ((decide("id", "pseudonym", domain=None),), "integrity.masks.domain"),
        ((decide("id", "rot13"),), "integrity.masks.unknown"),
        ((decide("id", "truncate_date", unit="year"),), "integrity.masks.type"),
        ((decide("id", "bucket"),), "integrity.masks.parameters"),
        ((decide("id", "bucket", step=True),), "integrity.masks.parameters"),
        ((decide("id", "bucket", step="5"),), "integrity.masks.parameters"),
        ((decide("id", "keep", step=5),), "integrity.masks.parameters"),
    ],
    ids=[
        "missing column",
        "column twice",
        "aggregated level",
        "aggregated level, redacted",
        "no domain",
        "unknown mask",
        "type not accepted",
        "parameter missing",
        "parameter a bool",
        "parameter a text",
        "parameter too many",
    ],
)
def test_refused_before_reading_and_raw_stream_closed(decisions: tuple[ColumnDecision, ...], code: str) -> None:
    closed: list[bool] = []
    stream = raw(TWO, close=lambda: closed.append(True))
    with pytest.raises(Integrity) as caught:
        applied(stream, *decisions)
    assert caught.value.code == code
    assert closed == [True]


def test_refused_when_the_source_delivers_a_column_twice() -> None:
    batch = pa.record_batch([pa.array([1]), pa.array([2])], names=["id", "id"])
    with pytest.raises(Integrity, match="2 columns named id"):
        applied(RawStream(batch.schema, iter([batch])), decide("id", "keep"))


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.binary(16), pa.time64("us"), pa.null()], ids=str)
def test_refused_when_no_mask_is_for_the_type(kind: pa.DataType) -> None:
    for mask in ("keep", "redact", "pseudonym"):
        with pytest.raises(Integrity, match="does not accept"):
            release({"c": pa.nulls(1, kind)}, decide("c", mask))


def test_refused_when_a_batch_is_not_as_announced() -> None:
    schema = pa.schema([("id", pa.int64())])
    stream = RawStream(schema, iter([pa.record_batch({"id": pa.array(["x"])})]))
    with pytest.raises(Integrity, match="changed its columns"):
        list(applied(stream, decide("id", "keep")))


def test_stopped_when_the_key_store_does_not_answer() -> None:
    class Broken(ScopedKeys):
        def derive(self, scope: KeyScope) -> Key:
            raise Unavailable("no answer")

    closed: list[bool] = []
    with pytest.raises(Unavailable):
        applied(raw(TWO, close=lambda: closed.append(True)), decide("id", "pseudonym"), keys=Broken())
    assert closed == [True]


def test_an_error_inside_a_mask_names_the_column_and_no_value() -> None:
    zone = pa.array([1], pa.timestamp("us", tz="No/Such_Zone"))
    with pytest.raises(Integrity) as caught:
        release({"seen": zone}, decide("seen", "truncate_date", unit="day"))
    assert caught.value.message == "mask truncate_date failed on column seen"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_refused_when_offsets_point_outside_the_body() -> None:
    offsets = pa.py_buffer(pa.array([0, 5, 2], pa.int32()).buffers()[1].to_pybytes()[:12])
    lying = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abc")])
    for mask in ("keep", "pseudonym"):
        with pytest.raises(Integrity, match="offsets"):
            release({"c": lying}, decide("c", mask))


@pytest.mark.parametrize("canon", ["rot13", "trim_nfc_casefold"])
def test_refused_when_the_canonical_form_is_unknown_or_not_for_the_type(canon: str) -> None:
    with pytest.raises(Integrity, match="canonical form"):
        release(TWO, decide("id", "pseudonym", canon=canon))


def test_a_dictionary_that_changes_from_batch_to_batch_is_masked_anew() -> None:
    """Entries are remembered by their place in memory while they are held: another dictionary is never taken for it."""
    words = [[f"{letter}{number:03}" for number in range(50)] for letter in "abca"]
    kind = pa.dictionary(pa.int32(), pa.string())
    encoded = [pa.array(list(reversed(each)) + each, pa.string()).dictionary_encode().cast(kind) for each in words]
    shared = pa.DictionaryArray.from_arrays(pa.array([3, 1, None, 1] * 20, pa.int32()), encoded[0].dictionary)
    columns = [encoded[0], encoded[0], shared, *encoded[1:]]
    batches = [pa.record_batch({"id": column}) for column in columns]

    def masked(given: list[pa.RecordBatch]) -> list[list[str]]:
        stream = applied(RawStream(batches[0].schema, iter(given)), decide("id", "pseudonym"))
        return [batch.column("id").to_pylist() for batch in stream]

    plain = pa.schema([("id", pa.string())])
    one_by_one = [masked([batch])[0] for batch in batches]
    assert masked(batches) == one_by_one
    assert one_by_one[0] == one_by_one[5]
    assert [text is None for text in one_by_one[2]] == [False, False, True, False] * 20
    assert len({*one_by_one[0], *one_by_one[3], *one_by_one[4]}) == 150
    assert applied(RawStream(batches[0].schema, iter(())), decide("id", "pseudonym")).schema == plain


@pytest.mark.parametrize("place", [-1, 3, 2**31 - 1])
def test_a_place_beyond_the_dictionary_is_refused(place: int) -> None:
    """A source's mistake, or its malice: memory behind the entries would leave as a pseudonym."""
    buffers = [None, pa.array([0, place, 1, 2], pa.int32()).buffers()[1]]
    column = pa.DictionaryArray.from_buffers(
        pa.dictionary(pa.int32(), pa.string()), 4, buffers, pa.array(["aaa", "bbb", "ccc"])
    )
    batch = pa.record_batch({"id": column})
    with pytest.raises(Integrity):
        list(applied(RawStream(batch.schema, iter([batch])), decide("id", "pseudonym")))


def test_entries_that_are_encoded_themselves_are_not_taken_for_others() -> None:
    indices = pa.array([0, 1, 1], pa.int32())
    inner = [
        pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(list(words))) for words in ("xy", "yz")
    ]
    batches = [pa.record_batch({"id": pa.DictionaryArray.from_arrays(indices, entries)}) for entries in inner]
    stream = applied(RawStream(batches[0].schema, iter(batches)), decide("id", "keep"))
    assert [batch.column("id").to_pylist() for batch in stream] == [["x", "y", "y"], ["y", "z", "z"]]
