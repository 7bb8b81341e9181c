"""From a driver's values to declared types, where the driver's own conversion would lose something."""

from __future__ import annotations

import decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Integrity
from gateway.sources.convert import declared
from gateway.terms.dataset import Column

WIDE = pa.decimal128(38, 10)


def read(*texts: str | None) -> list[object]:
    column = Column(name="v", type=WIDE, classification="public")
    return list(declared(pa.array(texts, pa.string()), column=column, dataset="core.t").to_pylist())


@pytest.mark.parametrize(
    "text",
    [
        "199999999999999999999999999999.9999999980",  # Arrow alone: -4169420152563078078024764459.0609268756
        "340282366920938463463374607431768211456",  # Arrow alone: 0
        "1" + "0" * 80,
        "0." + "0" * 80 + "1",
        "1.00000000001",
        "NaN",
        "ZQX",
    ],
)
def test_a_number_of_too_many_digits_is_refused(text: str) -> None:
    with pytest.raises(Integrity, match=r"core\.t\.v") as caught:
        read(None, text)
    assert text not in str(caught.value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**28) + 1, max_value=10**28 - 1))
def test_a_number_that_fits_is_read_exactly(number: decimal.Decimal) -> None:
    assert read(f"{number:f}", None) == [number, None]
