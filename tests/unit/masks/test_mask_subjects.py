"""Keyed hashes of subjects against a second implementation; types, nulls and slices; and the sketch over them."""

from __future__ import annotations

import base64
import hashlib
import hmac

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Integrity
from gateway.masks import Sketch, SketchWriter, may_contain, sketch_hash, subject_hash
from gateway.terms.key import KeyScope
from tests.unit.masks.mask_builders import ScopedKeys

BUCKET = KeyScope(project="credit-risk", domain="dataset-version", mask="bucket")
SKETCH = KeyScope(project="credit-risk", domain="customer", mask="sketch")


def again(value: str, *, scope: KeyScope, label: bytes) -> int:
    """The same by the book: OpenSSL's CMAC, one value at a time."""
    secret = hashlib.sha256(repr(scope).encode()).digest()
    cmac = CMAC(algorithms.AES(hmac.digest(secret, label, "sha256")))
    cmac.update(value.encode())
    return int.from_bytes(cmac.finalize()[:8], "little")


def hashes(column: pa.Array, *, project: str = "credit-risk") -> list[int]:
    return subject_hash(ScopedKeys(), project=project)(column).tolist()


TEXTS = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=70)), max_size=30)


@given(values=TEXTS)
def test_a_bucket_hash_is_what_a_second_implementation_gives(values: list[str | None]) -> None:
    expected = [0 if v is None else again(v, scope=BUCKET, label=b"gateway-bucket/1") for v in values]
    assert hashes(pa.array(values, pa.string())) == expected


@given(values=TEXTS, cut=st.integers(0, 10))
def test_a_slice_hashes_as_its_rows(values: list[str | None], cut: int) -> None:
    column = pa.array(values, pa.string())
    assert hashes(column.slice(cut, 7)) == hashes(column)[cut : cut + 7]


@pytest.mark.parametrize("kind", [pa.int64(), pa.int16(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_numbers_and_other_spellings_of_text_hash_as_their_text(kind: pa.DataType) -> None:
    values = [7, None, 12345]
    texts = pa.array([None if v is None else str(v) for v in values])
    column = pa.array(values, kind) if pa.types.is_integer(kind) else texts.cast(kind)
    assert hashes(column) == hashes(texts)


def test_an_empty_column_has_no_hash() -> None:
    assert hashes(pa.array([], pa.string())) == []
    assert hashes(pa.nulls(3, pa.string())) == [0, 0, 0]


def test_projects_domains_and_uses_cannot_be_held_against_each_other() -> None:
    column, keys = pa.array(["p1"]), ScopedKeys()
    found = {
        *hashes(column),
        *hashes(column, project="fraud"),
        *sketch_hash(column, keys=keys, project="credit-risk", domain="customer").tolist(),
        *sketch_hash(column, keys=keys, project="fraud", domain="customer").tolist(),
        *sketch_hash(column, keys=keys, project="credit-risk", domain="account").tolist(),
    }
    assert len(found) == 5


def test_hashes_are_spread_evenly_over_partitions() -> None:
    counts = np.bincount(np.array(hashes(pa.array(range(64_000))), np.uint64) >> np.uint64(58), minlength=64)
    assert counts.min() > 850
    assert counts.max() < 1150


def sketched(*batches: dict[str, list[object]]) -> str:
    sketch = Sketch()
    writer = SketchWriter(sketch, column="who", keys=ScopedKeys(), project="credit-risk", domain="customer")
    for batch in batches:
        writer.note(pa.record_batch({name: pa.array(values) for name, values in batch.items()}))
    return sketch.text()


def test_a_sketch_is_what_a_second_implementation_gives() -> None:
    bits = bytearray(1024)
    for who in ("a", "b", "ö"):
        hash_ = again(who, scope=SKETCH, label=b"gateway-sketch/1")
        for step in range(7):
            place = ((hash_ & 0xFFFFFFFF) + step * (hash_ >> 32 | 1)) % 8192
            bits[place // 8] |= 1 << place % 8
    assert sketched({"who": ["a", None, "b"]}, {"who": ["a", "ö"]}) == base64.b64encode(bits).decode()


@given(st.lists(st.integers(), max_size=200))
def test_nobody_who_is_in_a_sketch_is_missed(numbers: list[int]) -> None:
    texts = pa.array([str(n) for n in numbers], pa.string())
    text = sketched({"who": texts.to_pylist()}) if numbers else sketched()
    found = sketch_hash(texts, keys=ScopedKeys(), project="credit-risk", domain="customer")
    assert all(may_contain(text, one) for one in found.tolist())


@pytest.mark.parametrize("batch", [{"other": ["a"]}, {"who": [b"\xff\xfe"]}], ids=["it is not read", "it is no text"])
def test_a_subject_that_cannot_be_told_is_anybody(batch: dict[str, list[object]]) -> None:
    assert sketched({"who": ["a"]} if "who" not in batch else {"who": [b"a"]}, batch, {"who": ["b"]}) == "any"


def test_without_rows_it_is_nobody() -> None:
    empty = base64.b64encode(bytes(1024)).decode()
    assert sketched() == sketched({"other": []}) == empty
    assert not may_contain(empty, 1)


def test_a_text_that_is_no_sketch_is_told() -> None:
    with pytest.raises(Integrity):
        may_contain(base64.b64encode(bytes(1023)).decode(), 1)
