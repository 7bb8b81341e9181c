"""Laws of every mask, with every value of a parameter that matters: a new mask is held to them by being registered."""

from __future__ import annotations

import itertools
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masks import REVERSED
from gateway.masks.registry import output_type
from gateway.terms.mask_spec import MASK_SPECS
from tests.unit.masks.mask_builders import bytes_of
from tests.unit.masks.mask_samples import Case, cases, fits

CASES = [case for case in cases() if fits(case)]
TEXTS = [case for case in CASES if case.kind == pa.string()]
KEYED = [case for case in CASES if MASK_SPECS[case.mask].keyed]
NUMBERS = st.lists(st.none() | st.integers(0, 99_999), min_size=1, max_size=40)
few = settings(max_examples=6, deadline=None)


def every(given_cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", given_cases, ids=str)


@every(CASES)
@few
@given(numbers=NUMBERS)
def test_a_mask_is_a_function_of_its_value(case: Case, numbers: list[int | None]) -> None:
    assert case.released(numbers).equals(case.released(numbers))
    seen: dict[int | None, object] = {}
    for number, masked in zip(numbers, case.released(numbers).to_pylist(), strict=True):
        assert seen.setdefault(number, masked) == masked


@every(CASES)
@few
@given(numbers=NUMBERS, cut=st.integers(0, 40), seed=st.integers(0, 99))
def test_neither_batches_nor_the_order_of_rows_matter(
    case: Case, numbers: list[int | None], cut: int, seed: int
) -> None:
    whole = case.released(numbers)
    parts = [case.released(part) for part in (numbers[:cut], numbers[cut:])]
    assert pa.concat_arrays(parts).to_pylist() == whole.to_pylist()
    order = random.Random(seed).sample(range(len(numbers)), len(numbers))
    assert case.released([numbers[row] for row in order]).equals(whole.take(pa.array(order)))


@every(CASES)
@few
@given(numbers=NUMBERS)
def test_a_null_stays_null_where_nulls_are_told(case: Case, numbers: list[int | None]) -> None:
    masked = case.released(numbers)
    if "null" in case.leaks:
        assert all(name is None for number, name in zip(numbers, masked.to_pylist(), strict=True) if number is None)
    else:
        assert masked.is_null().equals(case.released([1] * len(numbers)).is_null())


@every(CASES)
@pytest.mark.parametrize("rows", [0, 1, 9_000])
def test_the_type_is_the_announced_one_and_the_array_is_sound(case: Case, rows: int) -> None:
    masked = case.released([None if row % 7 == 3 else row for row in range(rows)])
    assert masked.type == output_type(case.use, case.kind)
    assert masked.offset == 0
    masked.validate(full=True)


@every(CASES)
def test_slices_and_what_lies_under_nulls_do_not_count(case: Case) -> None:
    numbers = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    whole = case.column(numbers)
    for start, stop in ((1, 10), (3, 6), (9, 10), (10, 10)):
        assert bytes_of(case.through(whole[start:stop])) == bytes_of(case.released(numbers[start:stop]))
    hidden = [pa.py_buffer(bytes([0b0101_0110, 0b10])), *whole.buffers()[1:]]
    dirty = pa.Array.from_buffers(case.kind, 10, hidden)
    clean = case.column([None, 6, 7, None, 9, None, 11, None, None, 14])
    assert bytes_of(case.through(dirty)) == bytes_of(case.through(clean))


@every(TEXTS)
def test_every_encoding_of_a_text_gives_the_same(case: Case) -> None:
    plain = case.column([1, None, 2, 1, 3, 300])
    wanted = case.through(plain)
    small = plain.dictionary_encode()
    unused = pa.concat_arrays([small.dictionary, case.column([7, 8, 9, 10, 11, 12])])
    for column in (
        *(plain.cast(pa.string_view()), small, pa.DictionaryArray.from_arrays(small.indices, unused)),
        *(plain.cast(pa.string_view()).dictionary_encode(), plain.cast(pa.large_string())),
    ):
        assert case.through(column).to_pylist() == wanted.to_pylist()
    column = plain.cast(pa.string_view())
    assert bytes_of(case.through(column)) == bytes_of(wanted)


@every(KEYED)
def test_another_projects_key_gives_other_values(case: Case) -> None:
    numbers = [*range(1, 40)]
    here, there = case.released(numbers), case.released(numbers, project="another")
    assert here.to_pylist() != there.to_pylist()
    if MASK_SPECS[case.mask].reversible_with(case.use.parameters) or case.mask in {"pseudonym", "email"}:
        assert not set(here.to_pylist()) & set(there.to_pylist())


@every([case for case in KEYED if case.mask in {"pseudonym", "email", "iban", *REVERSED}])
def test_two_values_never_meet(case: Case) -> None:
    numbers = list(range(20_000 if case.kind == pa.string() else 2_000))
    given_ = case.column(numbers)
    assert len(case.through(given_).unique()) == len(given_.unique())


@every([case for case in KEYED if case.mask in REVERSED])
@few
@given(numbers=NUMBERS)
def test_the_key_leads_back_where_the_mask_says_so(case: Case, numbers: list[int | None]) -> None:
    back = case.back(case.released(numbers)).to_pylist()
    if MASK_SPECS[case.mask].reversible_with(case.use.parameters):
        assert back == case.column(numbers).to_pylist()
    else:
        assert back == [None] * len(numbers)


def test_every_reversible_mask_has_a_way_back_and_no_other_one() -> None:
    assert REVERSED.keys() == {name for name, spec in MASK_SPECS.items() if spec.reversible}


@every(CASES)
def test_lengths_are_told_only_where_declared(case: Case) -> None:
    if case.leaks & {"length", "value"} or output_type(case.use, case.kind) not in {pa.string(), pa.binary()}:
        return
    numbers = list(range(300))
    widths = [len(name) for name in case.released(numbers).to_pylist() if name is not None]
    assert widths == [] or len(set(widths[:200])) <= 1 or case.mask == "generalize"


@every(CASES)
def test_order_is_told_only_where_declared(case: Case) -> None:
    if case.leaks & {"order", "value", "range", "part"} or case.kind == pa.bool_():
        return
    masked = case.released(list(range(2_000)))
    if len(masked.unique()) < 3:
        return
    names = [name for name in masked.to_pylist() if name is not None]
    ascending = sum(one < other for one, other in itertools.pairwise(names) if one != other)
    descending = sum(one > other for one, other in itertools.pairwise(names) if one != other)
    assert abs(ascending - descending) < 0.1 * (ascending + descending)


@every(CASES)
def test_equality_and_frequency_are_told_only_where_declared(case: Case) -> None:
    if "equality" in case.leaks:
        assert "frequency" in case.leaks or case.mask == "date_shift"
        return
    one, other = case.released([1, 2, 3, 1, None]), case.released([9, 8, 8, 7, None])
    assert one.equals(other) or "null" in case.leaks


@every([case for case in TEXTS if not case.leaks & {"part", "value", "range"}])
def test_a_part_of_the_value_is_shown_only_where_declared(case: Case) -> None:
    numbers = list(range(1_000, 1_400))
    given_, masked = case.column(numbers).to_pylist(), case.released(numbers).to_pylist()
    if len(set(masked)) < 3 or output_type(case.use, case.kind) != pa.string():
        return
    for place in range(min(map(len, given_))):
        shown = [
            name[place] == value[place]
            for value, name in zip(given_, masked, strict=True)
            if name is not None and len(name) > place and value[place].isalnum()
        ]
        assert sum(shown) < 0.5 * len(shown) + 1
