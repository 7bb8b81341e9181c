"""FF1 against NIST's samples: the masks' own, over columns, and the reference that the other tests hold it against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.masks.ff1.algorithm import Ff1
from gateway.masks.ff1.symbols import SLACK, Letters, Rows, symbols_of
from tests.ff1_reference import ff1_text

SAMPLES = json.loads(Path(__file__).with_name("ff1.json").read_text())


def described(vector: dict[str, Any]) -> str:
    return f"sample {vector['sample']}"


@pytest.mark.parametrize("rows", [1, 3, 8192])
@pytest.mark.parametrize("vector", SAMPLES["vectors"], ids=described)
def test_ff1_of_a_column_is_that_of_nist(vector: dict[str, Any], rows: int) -> None:
    alphabet = SAMPLES["alphabet"][: vector["radix"]]
    length = len(vector["plain"])
    one = Ff1(bytes.fromhex(vector["key"]), radix=vector["radix"], length=length, tweak=bytes.fromhex(vector["tweak"]))
    for symbols in (Letters(alphabet.encode()), *([symbols_of("digits")] if vector["radix"] == 10 else [])):
        for given, wanted, reverse in (("plain", "cipher", False), ("cipher", "plain", True)):
            body = np.frombuffer(vector[given].encode() * rows + bytes(SLACK), np.uint8).copy()
            places = Rows(body=body, start=0, stride=length, count=rows)
            half = length // 2
            first, second = one.crypt(
                symbols.read(places, 0, half), symbols.read(places, half, length - half), reverse=reverse
            )
            symbols.write(first, places, 0, half)
            symbols.write(second, places, half, length - half)
            assert body[:-SLACK].tobytes() == vector[wanted].encode() * rows


@pytest.mark.parametrize("vector", SAMPLES["vectors"], ids=described)
def test_the_reference_is_that_of_nist(vector: dict[str, Any]) -> None:
    stated = {
        "key": bytes.fromhex(vector["key"]),
        "alphabet": SAMPLES["alphabet"][: vector["radix"]],
        "tweak": bytes.fromhex(vector["tweak"]),
    }
    assert ff1_text(**stated, text=vector["plain"]) == vector["cipher"]
    assert ff1_text(**stated, text=vector["cipher"], decrypt=True) == vector["plain"]
