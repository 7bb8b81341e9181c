"""O2 for the attacks of sections A, B and C: asked in two worlds that differ only in what Ana may not see.

Random questions are test_fuzz.py's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.delivery import FORMATS
from tests.adversary.attacks.questions import ATTACKS, Attack
from tests.fuzz.banks.people import PEOPLE
from tests.fuzz.worlds import Question, Worlds, open_worlds


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with open_worlds(tmp_path_factory.mktemp("attacks")) as opened:
        opened.about(PEOPLE[0], seed=1)
        yield opened


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_two_worlds_answer_an_attack_alike(worlds: Worlds, attack: Attack) -> None:
    form = FORMATS[ATTACKS.index(attack) % len(FORMATS)]
    assert worlds.differs(Question(sql=attack.sql, form=form)) == {}
    assert worlds.answered == (attack.end in ("rows", "no rows"))
