"""The residual scan: what it finds, what it lets pass, and that it says no value."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.masks import Inspection, apply
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.streams import RawStream
from tests.unit.masks.mask_builders import ScopedKeys, decide
from tests.unit.masks.mask_samples import card, iban
from tests.unit.masks.text_builders import Finds, known, text_decision

RANDOM = random.Random(6)


def released(
    *batches: Sequence[str | None],
    decision: ColumnDecision | None = None,
    rate: float = 1.0,
    kind: pa.DataType | None = None,
    detector: Finds | None = None,
) -> list[str | None]:
    """The values through the masks, read to their end."""
    schema = pa.schema([("c", kind or pa.string()), ("subject", pa.int64())])
    made = [
        pa.record_batch([pa.array(batch, schema.types[0]), pa.array(range(len(batch)), pa.int64())], schema=schema)
        for batch in batches
    ]
    decision = decision or decide("c", "keep")
    stream = apply(
        RawStream(schema, iter(made)),
        (decision,),
        columns=(Column(name=decision.column, type=schema.types[0], classification="public"),),
        keys=ScopedKeys(),
        project="p",
        inspection=Inspection(detector=detector or Finds(), scan_rate=rate),
    )
    with stream:
        return [value for batch in stream for value in batch.column(0).to_pylist()]


def finding(*batches: Sequence[str | None], **told: object) -> str:
    """The kind that ended the stream."""
    with pytest.raises(Integrity) as ended:
        released(*batches, **told)  # type: ignore[arg-type]  # as in released
    error = ended.value
    assert error.code == "integrity.masks.residual"
    assert error.fix
    for batch in batches:
        assert not any(value and value in f"{error} {error.fix} {error!r}" for value in batch)
    return error.message.partition("of the kind ")[2].partition(" ")[0]


def numbers(count: int, digits: int) -> list[str]:
    return [str(RANDOM.randrange(10 ** (digits - 1), 10**digits)) for _ in range(count)]


IBANS = ["DE89370400440532013000", "gb33 bukb 2020 1555 5555 55", "Re. FR76-3000-6000-0112-3456-7890-189 PAID TWICE"]


@pytest.mark.parametrize("value", ["anna.weber@bank.test", "to <anna@bank.test>, thanks", *IBANS])
def test_one_mail_address_or_iban_ends_the_stream(value: str) -> None:
    assert finding(["quiet", value, None]) in {"email", "iban"}


SHAPES = {
    "card": [card(number) for number in range(20)],
    "phone": [f"+49 30 {901820 + number}" for number in range(40)],
}


def test_a_column_of_cards_ends_the_stream() -> None:
    assert finding([f"paid by {each[:4]} {each[4:8]} {each[8:12]} {each[12:]} ok" for each in SHAPES["card"]]) == "card"


def test_a_column_of_international_phones_ends_the_stream() -> None:
    assert finding(SHAPES["phone"]) == "phone"


def test_a_column_of_national_numbers_ends_the_stream() -> None:
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    bare = [f"{60 + year:02d}{month:02d}15{year:04d}" for year in range(10) for month in (3, 7)]
    pesels = [each + str(-sum(w * int(d) for w, d in zip(weights, each, strict=True)) % 10) for each in bare]
    assert finding(pesels) == "national_id"


@pytest.mark.parametrize("digits", [9, 10, 11, 12, 13, 15, 16, 19])
def test_random_numbers_have_check_digits_by_accident_and_pass(digits: int) -> None:
    values = numbers(5_000, digits)
    assert released(values[:2_500], values[2_500:]) == values


def test_counted_numbers_pass() -> None:
    values = [f"4{10**14 + number}" for number in range(5_000)]
    assert released(values) == values


def test_codes_that_look_like_ibans_pass_though_one_in_a_hundred_is_one() -> None:
    values = [f"DE{RANDOM.randrange(100):02d}{RANDOM.randrange(10**18):018d}" for _ in range(3_000)]
    assert released([value for value in values if int(value[2:4]) > 1]) != []


@pytest.mark.parametrize("form", ["%d%m%y", "%y%m%d", "%d%m%Y", "%Y%m%d", "1%y%m%d", "9%y%m%d"])
@pytest.mark.parametrize("width", [3, 4, 5, 6])
def test_order_numbers_that_begin_with_a_day_pass(form: str, width: int) -> None:
    days = [datetime.date(1960, 1, 1) + datetime.timedelta(11 * day) for day in range(2_000)]
    values = [day.strftime(form) + f"{RANDOM.randrange(10**width):0{width}d}" for day in days]
    assert released(values) == values


def test_words_amounts_and_days_pass() -> None:
    values = ["Main branch", "1.234.567,89 EUR", "2024-01-31 12:00:00.000000", "+12 %", "AB12 3456", "a@b", None]
    assert released(values * 200) == values * 200


def test_a_single_card_by_accident_passes_until_there_are_more() -> None:
    assert released([card(1)] * 500) == [card(1)] * 500


def test_evidence_adds_up_over_batches_and_the_batch_of_the_finding_is_kept_back() -> None:
    batches = [[card(number)] for number in range(20)]
    seen: list[str] = []
    schema = pa.schema([("c", pa.string())])
    stream = apply(
        RawStream(schema, (pa.record_batch([pa.array(batch)], schema=schema) for batch in batches)),
        (decide("c", "keep"),),
        columns=(Column(name="c", type=pa.string(), classification="public"),),
        keys=ScopedKeys(),
        project="p",
    )
    with pytest.raises(Integrity):
        seen.extend(value for batch in stream for value in batch.column(0).to_pylist())
    assert 5 <= len(seen) < 10


@pytest.mark.parametrize(
    "decision",
    [
        decide("c", "keep", level=Level.FULL),
        decide("c", "iban"),
        decide("c", "pseudonym"),
        decide("c", "fpe"),
        decide("c", "generalize", table={"x": ("y",)}),  # type: ignore[arg-type]  # as YAML has it
    ],
    ids=lambda decision: f"{decision.mask.name} {decision.level}",
)
def test_what_is_full_or_made_up_is_not_looked_at(decision: ColumnDecision) -> None:
    assert len(released([iban(number) for number in range(50)], decision=decision)) == 50


def test_regenerated_numbers_of_a_mask_that_keeps_a_part_are_its_own_kind() -> None:
    phones = [f"+49 30 {901820 + number}" for number in range(60)]
    made = released(phones, decision=decide("c", "phone", keep_country=True))
    assert len(made) == 60


def test_a_part_of_a_value_is_looked_at() -> None:
    assert finding(["x@yy.zz..........."], decision=decide("c", "keep_first", n=7)) == "email"


def test_in_a_text_only_what_stands_outside_of_labels_counts() -> None:
    decision = text_decision(column="c")
    mail = "anna@bank.test"
    assert released([f"to {mail}"], decision=decision, detector=Finds({mail: "email"})) == ["to [EMAIL 1]"]
    assert finding([f"to {mail}"], decision=decision, detector=Finds()) == "email"
    assert finding([f"[EMAIL {mail}]"], decision=decision, detector=Finds()) == "email"


def test_a_label_with_the_rows_own_pseudonym_is_no_finding() -> None:
    own = iban(7)
    schema = pa.schema([("c", pa.string()), ("subject", pa.int64()), (known("iban").alias, pa.string())])
    batch = pa.record_batch([pa.array([f"to {own}"]), pa.array([1], pa.int64()), pa.array([own])], schema=schema)
    stream = apply(
        RawStream(schema, iter([batch])),
        (text_decision(known("iban", mask=MaskUse(name="iban")), column="c"),),
        columns=(Column(name="c", type=pa.string(), classification="free_text"),),
        keys=ScopedKeys(),
        project="p",
        inspection=Inspection(detector=Finds()),
    )
    (made,) = next(iter(stream)).column(0).to_pylist()
    assert made.startswith("to [IBAN DE")
    assert own not in made


def test_a_share_of_the_rows_is_looked_at_always_the_same() -> None:
    quiet, loud = ["quiet"] * 3, ["quiet", "quiet", "quiet", "anna@bank.test"]
    assert released(["anna@bank.test", *quiet], rate=0.25) == ["anna@bank.test", *quiet]
    assert finding(loud, rate=0.25) == "email"
    assert finding(quiet, ["anna@bank.test"], rate=0.25) == "email", "places are those of the stream"
    assert released(loud, rate=0.0) == loud


def test_bytes_that_are_no_text_do_not_break_the_scan() -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff 12345678", b"a@bank.test"], pa.binary()).buffers())
    schema = pa.schema([("c", pa.string())])
    stream = apply(
        RawStream(schema, iter([pa.record_batch([broken], schema=schema)])),
        (decide("c", "keep"),),
        columns=(Column(name="c", type=pa.string(), classification="public"),),
        keys=ScopedKeys(),
        project="p",
    )
    with pytest.raises(Integrity) as ended:
        list(stream)
    assert ended.value.code == "integrity.masks.residual"


def test_large_strings_and_dictionaries_are_looked_at() -> None:
    assert finding(["anna@bank.test"], kind=pa.large_string()) == "email"
    assert finding(["anna@bank.test"], kind=pa.dictionary(pa.int8(), pa.string())) == "email"


def test_a_value_after_others_of_its_look_is_found() -> None:
    assert finding(["AB12345678901234567 CD12345678901234567 DE89370400440532013000"]) == "iban"
