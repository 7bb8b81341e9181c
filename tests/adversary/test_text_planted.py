"""T1: who plants a value in a text learns no pseudonym by it, and T14: nor whose row it is."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.detection import DetectorPool
from gateway.masks import MASKS, Inspection, MaskInputs, apply
from gateway.terms.dataset import Column
from gateway.terms.key import Key, KeyScope
from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision, KnownColumn, Level, RuleRef
from gateway.terms.recognition import NameList
from gateway.terms.streams import RawStream
from tests.unit.detection.pools import opened

SUBJECTS = {41: ("Anna Weber", "anna@bank.test", "DE89370400440532013000"), 42: ("Jan Koch", "jan@bank.test", "")}
PSEUDONYM, RULE = MaskUse(name="pseudonym"), RuleRef(file="levels.yaml", line=1, id="test")


class OneKey:
    """A KeyRing whose keys are their scopes."""

    def derive(self, scope: KeyScope) -> Key:
        return Key(repr(scope).encode().ljust(32)[-32:])

    def epoch(self, project: str) -> int:
        return 1


def known(role: str, domain: str, mask: MaskUse = PSEUDONYM) -> KnownColumn:
    return KnownColumn(
        role=role,
        dataset="core.customers",
        table=("customers",),
        column=role,
        type=pa.string(),
        on=(("subject", "id"),),
        mask=mask,
        domain=domain,
        canon="exact",
    )


ABOUT = (known("name", "customer"), known("email", "email"), known("iban", "iban", MaskUse(name="iban")))
DECISION = ColumnDecision(
    dataset="core.notes",
    column="note",
    level=Level.PSEUDONYMIZED,
    mask=MaskUse(name="text"),
    domain=None,
    canon=None,
    use="value",
    rule=RULE,
    auxiliary=(
        AuxiliaryColumn(role="subject", column="subject", type=pa.int64(), domain="customer", canon="integer_text"),
    ),
    known=ABOUT,
)


@pytest.fixture(scope="module")
def pool() -> Iterator[DetectorPool]:
    with opened() as pool:
        yield pool


def masked(pool: DetectorPool, *notes: tuple[int, str]) -> list[str]:
    """Notes of subjects, as they are released."""
    columns: dict[str, pa.Array] = {
        "note": pa.array([text for _, text in notes]),
        "subject": pa.array([subject for subject, _ in notes], pa.int64()),
    }
    for place, each in enumerate(ABOUT):
        columns[each.alias] = pa.array([SUBJECTS[subject][place] or None for subject, _ in notes], pa.string())
    batch = pa.record_batch(columns)
    parts = frozenset(part.casefold() for name, _, _ in SUBJECTS.values() for part in name.split())
    stream = apply(
        RawStream(batch.schema, iter([batch])),
        (DECISION,),
        columns=(Column(name="note", type=pa.string(), classification="free_text"),),
        keys=OneKey(),
        project="p",
        inspection=Inspection(detector=pool, names=NameList(id="n", parts=parts)),
    )
    with stream:
        return [text for each in stream for text in each.column(0).to_pylist()]


def pseudonym(value: object, domain: str, canon: str) -> str:
    key = OneKey().derive(KeyScope(project="p", domain=domain, mask="pseudonym"))
    inputs = MaskInputs(key=key, canon=canon, parameters=PSEUDONYM.parameters)
    made: str = MASKS["pseudonym"](pa.array([value]), inputs)[0].as_py()
    return made


def test_the_subjects_own_values_join_with_the_tables(pool: DetectorPool) -> None:
    (made,) = masked(pool, (41, "Anna Weber wrote from anna@bank.test"))
    own, mail = pseudonym(41, "customer", "integer_text"), pseudonym("anna@bank.test", "email", "exact")
    assert made == f"[PERSON {own}] wrote from [EMAIL {mail}]"


PLANTED = (
    "refund to jan@bank.test please",
    "refund to DE89370400440532013000 please",
    "for Jan Koch, with thanks",
    "JAN@BANK.TEST / de89 3704 0044 0532 0130 00",
)


@pytest.mark.parametrize("text", PLANTED)
def test_t1_a_planted_value_of_another_gets_no_pseudonym(text: str, pool: DetectorPool) -> None:
    """The attacker is subject 41 in turn and 42: none of the pseudonyms of the other one is in his note."""
    for mine, other in ((41, 42), (42, 41)):
        (made,) = masked(pool, (mine, text))
        name, mail, iban = SUBJECTS[other]
        theirs = {
            pseudonym(other, "customer", "integer_text"),
            pseudonym(mail, "email", "exact"),
            pseudonym(iban, "iban", "exact"),
        }
        assert not [label for label in theirs if label in made]
        if mine == 41 and "DE89" not in text.upper():
            assert "1]" in made
        for value in (name, mail, iban):
            assert not value or value.casefold() not in made.casefold()


def test_t1_a_planted_value_joins_no_other_text(pool: DetectorPool) -> None:
    """The same value has the same label in every text only because each text counts anew."""
    one, two = masked(pool, (41, "a@b.test, mallory@evil.test"), (41, "mallory@evil.test"))
    assert one == "[EMAIL 1], [EMAIL 2]"
    assert two == "[EMAIL 1]"


def test_t1_a_label_that_was_planted_hides_nothing(pool: DetectorPool) -> None:
    (made,) = masked(pool, (41, "see [IBAN GB33BUKB20201555555555] and [EMAIL jan@bank.test]"))
    assert "GB33" not in made
    assert "jan@bank.test" not in made


TEMPLATE = "Sehr geehrte Kundin, Herr Richter und Frau Bauer vom klein-Team, Koch und Weber sind im Winter für Sie da."


def test_t14_one_template_sent_to_many_says_nothing_of_the_addressee(pool: DetectorPool) -> None:
    one, two = masked(pool, (41, TEMPLATE), (42, TEMPLATE))
    assert one == two
    assert "Koch" not in one
    assert "Weber" not in one


def test_what_is_released_is_masked_to_itself(pool: DetectorPool) -> None:
    texts = [(41, f"Anna Weber, anna@bank.test, DE89370400440532013000: {text}") for text in PLANTED]
    once = masked(pool, *texts)
    assert masked(pool, *((41, text) for text in once)) == once
