"""How fresh a model's data is, by arithmetic and over real extracts with production's clock in the test's hand."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from etl.freshness import FreshnessView
from etl.freshness.measure import NOT_MOVING, due_at, newest_of, state_of
from gateway.terms.model import ModelVersion
from tests.unit.etl.training import DAY, Training, open_training
from tests.unit.http.door import entries

NOW = datetime.datetime(2026, 12, 1, 9, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "source", "state"),
    [
        (8 * HOUR, NOW, "fresh"),
        (8 * HOUR + datetime.timedelta(seconds=1), NOW, "due"),
        (10 * HOUR, NOW, "due"),
        (10 * HOUR + datetime.timedelta(seconds=1), NOW, "stale"),
        (20 * HOUR, None, "stale"),
        (9 * HOUR, None, "due"),
        (20 * HOUR, NOW - 20 * HOUR, "fresh"),
        (20 * HOUR, NOW - 21 * HOUR, "fresh"),
        (20 * HOUR, NOW - 19 * HOUR, "stale"),
    ],
)
def test_a_state_follows_from_age_and_what_production_has(
    age: datetime.timedelta, source: datetime.datetime | None, state: str
) -> None:
    assert state_of(NOW - age, 10 * HOUR, source=source, now=NOW) == state


def test_without_a_watermark_nothing_is_known_and_without_an_allowed_age_nothing_is_too_old() -> None:
    assert state_of(None, HOUR, source=NOW, now=NOW) == "unknown"
    assert state_of(NOW - 1000 * DAY, None, source=NOW, now=NOW) == "fresh"
    assert due_at(NOW, None) is due_at(None, HOUR) is None
    assert due_at(NOW, HOUR) == NOW + HOUR


def test_the_newest_version_of_each_model_counts() -> None:
    def model(name: str, version: str, hours: int) -> ModelVersion:
        return ModelVersion(
            name=name,
            version=version,
            owner="ana",
            environment="dev",
            registered=NOW + hours * HOUR,
            trained_on=(("x", 1),),
            evidence="declared",
            max_age=None,
            metrics={},
        )

    models = [model("b", "9", 1), model("a", "1", 1), model("b", "10", 2)]
    assert [one.id for one in newest_of(models)] == ["a@1", "b@10"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    with open_training(tmp_path_factory.mktemp("freshness")) as training:
        training.production_is_as_of(training.house.now() - 6 * DAY)
        training.extract("old")
        training.register("slow", "1", "old@1", max_age=60 * DAY)
        training.register("soon", "1", "old@1", max_age=7 * DAY)
        training.register("late", "1", "old@1", max_age=5 * DAY)
        training.register("free", "1", "old@1")
        yield training


def report(house: Training, who: str = "ana") -> dict[str, FreshnessView]:
    return {view.freshness.model.name: view for view in house.desks.freshness.report(house[who])}


def states(house: Training, who: str = "ana") -> dict[str, str]:
    return {name: view.freshness.state for name, view in report(house, who).items()}


def test_a_source_that_does_not_move_makes_no_model_stale(house: Training) -> None:
    house.production_is_as_of(house.works.stock.versions.find("old", 1).watermark)
    assert states(house) == {"slow": "fresh", "soon": "fresh", "late": "fresh", "free": "fresh"}
    found = report(house)
    assert found["late"].findings == found["soon"].findings == (NOT_MOVING,)
    assert found["slow"].findings == found["free"].findings == ()
    assert found["late"].freshness.source_watermark == found["late"].freshness.watermark


def test_newer_rows_in_production_make_old_data_due_and_stale(house: Training) -> None:
    newer = (house.house.now() - HOUR).replace(microsecond=0)
    house.production_is_as_of(newer)
    assert states(house) == {"slow": "fresh", "soon": "due", "late": "stale", "free": "fresh"}
    late = report(house)["late"].freshness
    assert late.source_watermark == newer
    assert late.due == late.watermark + 5 * DAY
    assert report(house)["slow"].freshness.source_watermark is None  # not asked while nothing depends on it


def test_production_is_measured_once_for_one_answer_and_the_log_shows_it(house: Training) -> None:
    house.production_is_as_of(house.house.now())
    before = len(entries(house.house, kind="access", principal="ana"))
    report(house)
    accesses = entries(house.house, kind="access", principal="ana")[before:]
    assert [access.payload["datasets"] for access in accesses] == [["core.customers"]]
    assert accesses[0].result == "ok"
    assert [column["column"] for column in accesses[0].payload["columns"]] == ["updated_at"]


def test_an_auditor_sees_every_model_and_measures_none(house: Training) -> None:
    house.production_is_as_of(house.house.now())
    assert states(house, "aude")["late"] == "stale"
    assert entries(house.house, principal="aude", kind="denial") == []
    assert entries(house.house, principal="aude", kind="access") == []
    assert report(house, "bob") == {}


def test_whoever_may_not_read_the_data_any_more_does_not_learn_how_new_it_is(house: Training) -> None:
    house.production_is_as_of(house.house.now())
    house.tokens["moved"] = house.house.token("ana", "reporting-analyst")  # the same person with another role
    view = report(house, "moved")["late"]
    assert (view.freshness.state, view.freshness.source_watermark) == ("stale", None)
    assert entries(house.house, principal="ana", kind="denial")[-1].payload["datasets"] == ["core.customers"]


def test_findings_tell_of_a_newer_version_and_of_a_job(house: Training) -> None:
    house.production_is_as_of(house.house.now() - 6 * DAY)
    house.extract("series", model="serial")
    house.register("serial", "1", "series@1", max_age=5 * DAY)
    house.production_is_as_of(house.house.now())
    waiting = house.works.order(house.tokens["ana"], name="series", model="serial")
    assert report(house)["serial"].freshness.job == waiting.id
    while house.works.worker.run_once():
        pass
    view = report(house)["serial"]
    assert (view.freshness.state, view.freshness.job) == ("stale", None)
    assert view.findings == ("series@2 is published: train the next version on it",)
    house.register("serial", "2", "series@2", max_age=5 * DAY)
    assert report(house)["serial"].freshness.state == "fresh"
    assert report(house)["serial"].findings == ()
