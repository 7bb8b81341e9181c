"""People whose names no list has: the row finds its own, titles, cues and strict mode most of the others."""

from __future__ import annotations

from tests.quality.__main__ import ours
from tests.quality.holdout import held_out, without
from tests.quality.notes import HARD, read
from tests.quality.score import Score, score


def _measured() -> Score:
    notes = read(HARD)
    with held_out():
        return score(notes, ours({}, is_strict=True)(notes))


def test_the_lists_names_are_left_out() -> None:
    whole, part = without(0.0), without()
    count = sum(bool(bits & 3) for bits in whole.values())
    assert 0.69 < sum(bool(bits & 3) for bits in part.values()) / count < 0.71
    assert whole.keys() == part.keys()


def test_without_a_third_of_the_names_people_are_found_still() -> None:
    total = _measured()
    own, other = total.recall("PERSON", "own"), total.recall("PERSON", "other")
    assert own is not None
    assert other is not None
    assert own >= 0.98
    assert other >= 0.93
    assert total.leak <= 0.06
    assert total.over <= 0.05
