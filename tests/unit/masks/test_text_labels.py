"""What is written in the place of a found value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.masks.text.labels import labels_in, rewrite, without_labels
from gateway.terms.recognition import KINDS, Found, Kind, Span

PSEUDONYM = "7K3M9QX2B4T6W8YA"


def span(text: str, word: str, kind: Kind = "person", **told: object) -> Span:
    start = text.index(word)
    return Span(start=start, end=start + len(word), kind=kind, **told)  # type: ignore[arg-type]  # fields of a Span


def found(*spans: Span) -> Found:
    return Found(spans=spans)


def test_the_subjects_own_value_gets_its_pseudonym() -> None:
    text = "Call Anna Weber back"
    spans = found(span(text, "Anna Weber", own="name"))
    assert rewrite(text, spans, {"name": PSEUDONYM}) == f"Call [PERSON {PSEUDONYM}] back"


def test_anothers_value_gets_a_number_that_joins_nothing() -> None:
    text = "Call Bo Lind back"
    assert rewrite(text, found(span(text, "Bo Lind")), {"name": PSEUDONYM}) == "Call [PERSON 1] back"


def test_numbers_count_by_kind_and_are_equal_for_equal_values() -> None:
    text = "Bo, Cy, DE1, bo"
    spans = found(
        span(text, "Bo", same_as=7), span(text, "Cy", same_as=2), span(text, "DE1", "iban"), span(text, "bo", same_as=7)
    )
    assert rewrite(text, spans, {}) == "[PERSON 1], [PERSON 2], [IBAN 1], [PERSON 1]"


def test_values_that_were_not_compared_are_told_apart() -> None:
    text = "Bo, Cy"
    assert rewrite(text, found(span(text, "Bo"), span(text, "Cy")), {}) == "[PERSON 1], [PERSON 2]"


def test_an_own_value_without_a_pseudonym_gets_a_number() -> None:
    text = "born 1961-05-03"
    spans = found(span(text, "1961-05-03", "birth_date", own="birth_date"))
    assert rewrite(text, spans, {"name": PSEUDONYM}) == "born [BIRTH_DATE 1]"


@pytest.mark.parametrize("pseudonym", ["a]b", "a[b", "a\nb", "x" * 81])
def test_a_pseudonym_that_would_break_its_label_is_not_written(pseudonym: str) -> None:
    assert rewrite("Anna", found(span("Anna", "Anna", own="name")), {"name": pseudonym}) == "[PERSON 1]"


def test_a_text_that_was_not_looked_at_is_removed_whole() -> None:
    assert rewrite("anything", Found(is_whole=True), {}) == "[REDACTED]"


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_is_left_as_it_is(kind: Kind) -> None:
    for text in (f"to [{kind.upper()} 3] now", f"to [{kind.upper()} {PSEUDONYM}] now"):
        inside = span(text, text[4 : text.index("]")], kind)
        assert rewrite(text, found(inside), {"name": PSEUDONYM}) == text


FORGED = ["[IBAN DE89370400440532013000]", "[PERSON 41111]", "[PERSON RSSMRA85T10A562S]", "[PERSON 4111111111111111]"]


@pytest.mark.parametrize("text", FORGED)
def test_nobody_hides_a_value_in_a_label_of_his_own(text: str) -> None:
    value = text[1:-1].partition(" ")[2]
    masked = rewrite(text, found(span(text, value, "iban")), {"name": PSEUDONYM})
    assert value not in masked


def test_a_label_is_what_this_row_would_get_and_no_other_rows() -> None:
    text = f"[PERSON {PSEUDONYM}]"
    assert labels_in(text, {PSEUDONYM}) == [(0, len(text))]
    assert labels_in(text, {"0" * 16}) == []


def test_a_piece_that_reaches_beyond_a_label_goes_with_it() -> None:
    text = "[PERSON 1] Weber"
    assert rewrite(text, found(Span(start=0, end=len(text), kind="person")), {}) == "[PERSON 1]"


def test_between_labels_stands_what_the_mask_left() -> None:
    assert without_labels("a [PERSON 1] b [REDACTED] c", ()) == "a \n b \n c"


@given(st.text(alphabet="Anb [PERSON12]\n", max_size=40), st.data())
def test_masking_twice_is_masking_once(text: str, data: st.DataObject) -> None:
    """With a detector that finds every A: whatever stands in the text already."""

    def look(it: str) -> Found:
        return found(*(Span(start=at, end=at + 1, kind="person", same_as=1) for at, c in enumerate(it) if c == "A"))

    once = rewrite(text, look(text), {})
    assert "A" not in once
    assert rewrite(once, look(once), {}) == once
