"""`aggregates_near_data: false` in the sources file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gateway.errors import Invalid
from gateway.http.models import PlanOut
from gateway.sources import open_sources
from gateway.sources.registry import RowsOnly
from tests import bank
from tests.house import open_house


def sources_file(folder: Path, text: str) -> Path:
    path = folder / "sources.yaml"
    path.write_text(text)
    return path


def test_a_source_may_be_asked_for_groups_unless_its_operator_says_no(tmp_path: Path) -> None:
    url = "sqlite:///bank.db"
    text = (
        f"a: {{url: '{url}'}}\nb: {{url: '{url}', aggregates_near_data: false}}\n"
        f"c: {{url: '{url}', aggregates_near_data: true}}\n"
    )
    found = open_sources(sources_file(tmp_path, text))
    assert {name: source.aggregates_near_data for name, source in found.items()} == {"a": True, "b": False, "c": True}
    assert found["b"].consistency == found["a"].consistency
    assert list(found["b"].check()) == [said.replace("source a", "source b") for said in found["a"].check()]


@pytest.mark.parametrize("word", ["no_please", "1", "[]"])
def test_the_choice_is_true_or_false(tmp_path: Path, word: str) -> None:
    with pytest.raises(Invalid, match="true or false"):
        open_sources(sources_file(tmp_path, f"a: {{url: 'sqlite:///b.db', aggregates_near_data: {word}}}\n"))


def test_the_choice_changes_what_is_read_and_not_the_answer(tmp_path: Path) -> None:
    sql = (
        "SELECT segment, count(*), avg(income) FROM core.customers WHERE income >= 20000.5"
        " GROUP BY segment ORDER BY segment"
    )
    told, answers = [], []
    with open_house(tmp_path, bank=bank.write(bank.first_world(), tmp_path / "core.db")) as house:
        ana, rooms = house.token("ana", bank.ANA[0]), house.enforcement._rooms
        for source in (rooms.sources["core"], RowsOnly(rooms.sources["core"])):
            house.enforcement._rooms = dataclasses.replace(rooms, sources={"core": source})
            explained = house.explain(ana, sql, purpose=bank.ANA[1])
            assert explained.plan is not None
            told.append(PlanOut.of(explained.plan).scans[0])
            answers.append(house.ask(ana, sql, purpose=bank.ANA[1])[0].partition(b"trailer")[0])
    assert [scan.released for scan in told] == ["source_groups", "rows"]
    assert [scan.grouped_by for scan in told] == [["segment"], None]
    assert [scan.prefilter for scan in told] == ["income >= 20000.50"] * 2
    assert [(scan.mentions, scan.has_row_filter, scan.is_read) for scan in told] == [(1, True, True)] * 2
    assert not {"DE", "AT"} & set(repr(told).replace("'", " ").split()), "no constant of the row filter"
    assert answers[0] == answers[1]
