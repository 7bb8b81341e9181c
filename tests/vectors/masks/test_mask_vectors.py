"""The masks against vectors that a second implementation could read."""

from __future__ import annotations

import datetime
import decimal
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gateway.masks import CANONS, MASKS, MaskInputs
from gateway.masks.buffers import text_parts
from gateway.masks.cmac import Cmac
from gateway.terms.key import Key
from gateway.terms.mask_spec import MaskUse

HERE = Path(__file__).parent


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / name).read_text())


RFC4493, PSEUDONYM = load("rfc4493.json"), load("pseudonym.json")


def pseudonyms(*, canon: str) -> MaskInputs:
    usual = MaskUse(name="pseudonym").parameters
    return MaskInputs(key=Key(bytes.fromhex(PSEUDONYM["key"])), canon=canon, parameters=usual)


def type_of(text: str) -> pa.DataType:
    if found := re.fullmatch(r"(decimal\d+)\((\d+),(\d+)\)", text):
        return getattr(pa, found[1])(int(found[2]), int(found[3]))
    if found := re.fullmatch(r"timestamp\[(\w+)(?:, tz=(.+))?\]", text):
        return pa.timestamp(found[1], found[2])
    return {"double": pa.float64(), "float": pa.float32(), "halffloat": pa.float16()}.get(text) or getattr(pa, text)()


def column_of(kind: pa.DataType, value: Any) -> pa.Array:
    if value is None:
        return pa.nulls(1, kind)
    if pa.types.is_decimal(kind):
        value = decimal.Decimal(value)
    elif pa.types.is_date32(kind):
        value = datetime.date.fromisoformat(value)
    elif pa.types.is_timestamp(kind):
        value = datetime.datetime.fromisoformat(value)
    elif pa.types.is_binary(kind):
        value = bytes.fromhex(value)
    elif pa.types.is_floating(kind):
        value = float(value)
    return pa.array([value], kind)


def described(vector: dict[str, Any]) -> str:
    return " ".join(str(part)[:24] for part in list(vector.values())[:3])


@pytest.mark.parametrize("vector", RFC4493["vectors"], ids=lambda v: f"{len(v['message']) // 2} bytes")
def test_cmac_is_that_of_rfc_4493(vector: dict[str, str]) -> None:
    column = pa.array([bytes.fromhex(vector["message"])])
    tags = Cmac(bytes.fromhex(RFC4493["key"])).of_texts(*text_parts(column))
    assert tags.tobytes().hex() == vector["tag"]


def test_cmac_vectors_hold_in_one_column() -> None:
    column = pa.array([bytes.fromhex(vector["message"]) for vector in RFC4493["vectors"]])
    tags = Cmac(bytes.fromhex(RFC4493["key"])).of_texts(*text_parts(column))
    assert [tag.tobytes().hex() for tag in tags] == [vector["tag"] for vector in RFC4493["vectors"]]


@pytest.mark.parametrize("vector", PSEUDONYM["vectors"], ids=described)
def test_canonical_form_is_the_message_of_the_vector(vector: dict[str, Any]) -> None:
    (part,) = CANONS[vector["canon"]].parts(column_of(type_of(vector["type"]), vector["value"]))
    assert part.space == vector["space"]
    message = part.messages[0].as_py()
    if isinstance(message, int):
        message = message.to_bytes(8, "little", signed=True)
    assert (message.encode() if isinstance(message, str) else message).hex() == vector["message"]


@pytest.mark.parametrize("vector", PSEUDONYM["vectors"], ids=described)
def test_pseudonym_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    inputs = pseudonyms(canon=vector["canon"])
    column = column_of(type_of(vector["type"]), vector["value"])
    assert MASKS["pseudonym"](column, inputs).to_pylist() == [vector["pseudonym"]]


@pytest.mark.parametrize(("canon", "kind"), sorted({(v["canon"], v["type"]) for v in PSEUDONYM["vectors"]}))
def test_pseudonyms_are_those_of_the_vectors_in_one_column(canon: str, kind: str) -> None:
    vectors = [v for v in PSEUDONYM["vectors"] if (v["canon"], v["type"]) == (canon, kind)] * 2
    columns = [column_of(type_of(kind), vector["value"]) for vector in vectors]
    inputs = pseudonyms(canon=canon)
    released = MASKS["pseudonym"](pa.concat_arrays([pa.nulls(1, type_of(kind)), *columns]), inputs)
    assert released.to_pylist() == [None, *(vector["pseudonym"] for vector in vectors)]


@pytest.mark.parametrize("vector", load("truncate_date.json")["vectors"], ids=described)
def test_truncated_date_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    kind = type_of(vector["type"])
    released = MASKS["truncate_date"](column_of(kind, vector["value"]), MaskInputs(parameters={"unit": vector["unit"]}))
    assert released.equals(column_of(kind, vector["expected"]))


@pytest.mark.parametrize("vector", load("bucket.json")["vectors"], ids=described)
def test_bucket_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    kind = type_of(vector["type"])
    released = MASKS["bucket"](column_of(kind, vector["value"]), MaskInputs(parameters={"step": vector["step"]}))
    expected = column_of(kind, vector["expected"])
    assert released.equals(expected)
    if pa.types.is_floating(kind) and vector["expected"] is not None:
        assert not np.signbit(released[0].as_py()) or vector["expected"] < 0
