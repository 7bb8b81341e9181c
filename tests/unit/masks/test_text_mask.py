"""The mask `text` in a stream: what the detector is given, and what becomes of its answer."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.masks import MASKS, Inspection, MaskInputs, apply
from gateway.terms.dataset import Column
from gateway.terms.key import KeyScope
from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import ColumnDecision
from gateway.terms.recognition import NameList
from tests.unit.masks.mask_builders import ScopedKeys, raw
from tests.unit.masks.text_builders import Finds, known, text_decision

PSEUDONYM = MaskUse(name="pseudonym")
NAMES = NameList(id="n1", parts=frozenset({"anna", "weber"}))


def masked(
    columns: dict[str, pa.Array], decision: ColumnDecision, detector: Finds | None, keys: ScopedKeys | None = None
) -> list[str | None]:
    subject = columns.pop("subject", pa.array(range(len(columns["note"])), pa.int64()))
    kind = columns["note"].type
    stream = apply(
        raw({**columns, "subject": subject}),
        (decision,),
        columns=(Column(name="note", type=kind, classification="free_text"),),
        keys=keys or ScopedKeys(),
        project="p",
        inspection=Inspection(detector=detector, names=NAMES),
    )
    batch = pa.Table.from_batches(list(stream), stream.schema)
    assert batch.schema.types == [kind if not pa.types.is_dictionary(kind) else kind.value_type]
    return batch.column(0).to_pylist()  # type: ignore[no-any-return]  # of a text column


def notes(*texts: str | None) -> dict[str, pa.Array]:
    return {"note": pa.array(texts, pa.string())}


def test_what_is_found_is_replaced_and_the_rest_stays() -> None:
    assert masked(notes("met Bo", "met nobody"), text_decision(), Finds({"Bo": "person"})) == [
        "met [PERSON 1]",
        "met nobody",
    ]


def test_a_null_stays_null_and_an_empty_text_empty_and_neither_is_asked_about() -> None:
    detector = Finds()
    assert masked(notes(None, "", "x"), text_decision(), detector) == [None, "", "x"]
    assert [[note.text for note in asked] for asked, _, _ in detector.asked] == [["x"]]


def test_a_text_that_could_not_be_looked_at_is_removed_whole() -> None:
    assert masked(notes("long", "x"), text_decision(), Finds(whole=["long"])) == ["[REDACTED]", "x"]


def test_bytes_that_are_no_text_cost_themselves_alone() -> None:
    broken = pa.array([b"\xff\xfe", b"Bo", None], pa.binary())
    column = pa.Array.from_buffers(pa.string(), 3, broken.buffers())
    assert masked({"note": column}, text_decision(), Finds({"Bo": "person"})) == ["[REDACTED]", "[PERSON 1]", None]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_texts_of_any_encoding(kind: pa.DataType) -> None:
    column = pa.array(["Bo", "Bo", None], pa.string()).cast(kind)
    assert masked({"note": column}, text_decision(), Finds({"Bo": "person"})) == ["[PERSON 1]", "[PERSON 1]", None]


def test_without_a_detector_nothing_is_released() -> None:
    with pytest.raises(Integrity) as refused:
        masked(notes("x"), text_decision(), None)
    assert refused.value.code == "integrity.masks.detector"
    with pytest.raises(Integrity):
        MASKS["text"](pa.array(["x"]), MaskInputs(parameters={"strict": True}))


def test_a_detector_that_answers_about_other_texts_releases_nothing() -> None:
    class Short(Finds):
        def find(self, notes, *, names, is_strict):  # type: ignore[no-untyped-def]  # as the port has it
            return super().find(notes, names=names, is_strict=is_strict)[1:]

    with pytest.raises(Integrity):
        masked(notes("x", "y"), text_decision(), Short())


@pytest.mark.parametrize("strict", [True, False])
def test_the_detector_gets_names_and_strictness(strict: bool) -> None:
    detector = Finds()
    masked(notes("x"), text_decision(strict=strict), detector)
    assert [(names, is_strict) for _, names, is_strict in detector.asked] == [(NAMES, strict)]


def test_the_detector_gets_what_is_known_of_the_row() -> None:
    detector = Finds()
    about = (known("name"), known("birth_date", type_=pa.date32()), known("iban"))
    beside = {
        known("name").alias: pa.array(["Anna Weber", None]),
        known("birth_date").alias: pa.array([datetime.date(1961, 5, 3), None], pa.date32()),
        known("iban").alias: pa.array(["", "DE89"]),
    }
    masked({**notes("x", "y"), **beside}, text_decision(*about), detector)
    asked = [dict(note.known) for note in detector.asked[0][0]]
    assert asked == [{"name": "Anna Weber", "birth_date": "1961-05-03"}, {"iban": "DE89"}]


def test_a_known_value_that_is_no_text_is_not_looked_for() -> None:
    detector = Finds()
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"], pa.binary()).buffers())
    assert masked({**notes("x"), known("name").alias: broken}, text_decision(known("name")), detector) == ["x"]
    assert dict(detector.asked[0][0][0].known) == {}


def test_a_name_gets_the_pseudonym_of_the_subject_so_that_the_text_joins() -> None:
    keys, ids = ScopedKeys(), pa.array([41, 42], pa.int64())
    (one, two) = masked(
        {**notes("Anna called", "Bo called"), known("name").alias: pa.array(["Anna", "Bo"]), "subject": ids},
        text_decision(known("name", mask=PSEUDONYM)),
        Finds(),
        keys,
    )
    assert KeyScope(project="p", domain="customer", mask="pseudonym") in keys.asked
    key = keys.derive(KeyScope(project="p", domain="customer", mask="pseudonym"))
    inputs = MaskInputs(key=key, canon="integer_text", parameters=PSEUDONYM.parameters)
    pseudonyms = MASKS["pseudonym"](ids, inputs).to_pylist()
    assert [one, two] == [f"[PERSON {pseudonyms[0]}] called", f"[PERSON {pseudonyms[1]}] called"]


def test_another_value_gets_the_pseudonym_of_its_own_column() -> None:
    keys = ScopedKeys()
    value = "DE89370400440532013000"
    (made,) = masked(
        {**notes(f"paid to {value}"), known("iban").alias: pa.array([value])},
        text_decision(known("iban", mask=MaskUse(name="iban"))),
        Finds(),
        keys,
    )
    key = keys.derive(KeyScope(project="p", domain="iban", mask="iban"))
    inputs = MaskInputs(key=key, canon="exact", parameters=MaskUse(name="iban").parameters)
    assert made == f"paid to [IBAN {MASKS['iban'](pa.array([value]), inputs)[0].as_py()}]"
    assert value not in (made or "")


@pytest.mark.parametrize("mask", [None, MaskUse(name="keep"), MaskUse(name="keep_first", parameters={"n": 4})])
def test_a_mask_that_shows_the_value_makes_no_label(mask: MaskUse | None) -> None:
    (made,) = masked(
        {**notes("Anna called"), known("other").alias: pa.array(["Anna"])},
        text_decision(known("other", mask=mask)),
        Finds(),
    )
    assert made == "[OTHER 1] called"


def test_a_known_value_without_its_masks_format_ends_nothing() -> None:
    use = MaskUse(name="iban", parameters={"on_bad": "error"})
    (made,) = masked(
        {**notes("to none"), known("iban").alias: pa.array(["none"])}, text_decision(known("iban", mask=use)), Finds()
    )
    assert made == "to [IBAN 1]"


def test_a_known_column_of_another_type_is_refused() -> None:
    with pytest.raises(Integrity):
        masked({**notes("x"), known("name").alias: pa.array([1])}, text_decision(known("name")), Finds())


def test_a_known_column_that_is_not_delivered_is_refused() -> None:
    with pytest.raises(Integrity):
        masked(notes("x"), text_decision(known("name")), Finds())


def test_many_rows_are_looked_at_in_pieces_and_stay_in_order() -> None:
    detector = Finds({"Bo": "person"})
    count = 20_000
    column = notes(*(f"Bo {row}" for row in range(count)))
    subjects = pa.array(range(count), pa.int64())
    assert masked({**column, "subject": subjects}, text_decision(), detector) == [
        f"[PERSON 1] {row}" for row in range(count)
    ]
    assert max(len(asked) for asked, _, _ in detector.asked) <= 2_048


def test_masking_its_own_output_changes_nothing() -> None:
    decision = text_decision(known("name", mask=PSEUDONYM))
    beside = {known("name").alias: pa.array(["Anna"]), "subject": pa.array([41], pa.int64())}
    once = masked({**notes("Anna met Bo"), **beside}, decision, Finds({"Bo": "person"}))
    assert masked({**notes(*once), **beside}, decision, Finds({"Bo": "person"})) == once
    assert once[0] is not None
    assert "Anna" not in once[0]
