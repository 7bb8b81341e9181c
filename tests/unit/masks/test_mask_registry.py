"""The registry, the declarations and the types that are released."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.masks import CANONS, MASKS, MaskInputs, output_type
from gateway.terms.key import Key
from gateway.terms.mask_spec import MASK_SPECS, MaskUse
from tests.unit.masks.mask_builders import decide, options, release, released

TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.int8(),
    pa.int64(),
    pa.uint64(),
    pa.decimal128(12, 2),
    pa.decimal32(5, 2),
    pa.decimal64(12, 2),
    pa.decimal256(50, 2),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.date32(),
    pa.timestamp("s"),
    pa.timestamp("ns"),
    pa.timestamp("us", tz="UTC"),
    pa.timestamp("us", tz="Europe/Berlin"),
    pa.bool_(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
]


def accepted() -> list[tuple[str, pa.DataType]]:
    pairs = []
    for mask in MASKS:
        for kind in TYPES:
            try:
                output_type(MaskUse(name=mask, parameters=options(mask, kind)), kind)
            except Integrity:
                continue
            pairs.append((mask, kind))
    return pairs


def test_every_declared_mask_has_a_kernel_and_every_kernel_a_declaration() -> None:
    assert MASKS.keys() == MASK_SPECS.keys()


def test_canonical_forms_are_these() -> None:
    assert set(CANONS) == {"exact", "integer_text", "trim_nfc_casefold", "alnum_upper"}
    assert CANONS["exact"].accepts == MASK_SPECS["pseudonym"].accepts


@pytest.mark.parametrize(("mask", "kind"), accepted(), ids=str)
@pytest.mark.parametrize("rows", [0, 3])
def test_released_type_is_the_announced_one(mask: str, kind: pa.DataType, rows: int) -> None:
    parameters = options(mask, kind)
    masked = released(pa.nulls(rows, kind), mask, **parameters)
    assert masked.type == output_type(MaskUse(name=mask, parameters=parameters), kind)
    assert masked.null_count == (0 if mask == "constant" else rows)
    masked.validate(full=True)


@pytest.mark.parametrize("unit", sorted(MASK_SPECS["truncate_date"].parameters["unit"].words))
def test_every_declared_unit_is_offered(unit: str) -> None:
    """A day of a timestamp: of a date it would be the date itself."""
    batch = release({"c": pa.array([0], pa.timestamp("us"))}, decide("c", "truncate_date", unit=unit))
    assert batch.column(0).null_count == 0


@pytest.mark.parametrize("parameters", [{}, {"unit": "hour"}, {"unit": 1}])
def test_truncation_refused_without_a_known_unit(parameters: dict[str, int | str]) -> None:
    with pytest.raises(Integrity, match="unit"):
        MASKS["truncate_date"](pa.nulls(1, pa.date32()), MaskInputs(parameters=parameters))


@pytest.mark.parametrize("step", [0, -1, 2**63, True, "5", None])
def test_bucket_refused_without_a_positive_step(step: int) -> None:
    with pytest.raises(Integrity, match="step"):
        MASKS["bucket"](pa.array([1]), MaskInputs(parameters={"step": step}))


def test_bucket_refused_for_what_is_no_number() -> None:
    with pytest.raises(Integrity, match="numbers"):
        MASKS["bucket"](pa.array(["1"]), MaskInputs(parameters={"step": 5}))


def test_bucket_refused_for_decimals_without_units() -> None:
    with pytest.raises(Integrity, match="scale"):
        MASKS["bucket"](pa.nulls(1, pa.decimal128(5, -2)), MaskInputs(parameters={"step": 5}))


def test_pseudonym_refused_without_a_key() -> None:
    with pytest.raises(Integrity, match="key"):
        MASKS["pseudonym"](pa.array([1]), MaskInputs(parameters=MaskUse(name="pseudonym").parameters))


def test_pseudonym_refused_for_a_batch_that_32_bit_offsets_cannot_hold() -> None:
    column = pa.nulls(2**27, pa.int8())
    with pytest.raises(Integrity, match="rows"):
        MASKS["pseudonym"](column, MaskInputs(key=Key(bytes(32)), parameters=MaskUse(name="pseudonym").parameters))
