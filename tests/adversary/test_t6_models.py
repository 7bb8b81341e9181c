"""T6, of models: a model is trained on dataset versions; what was taken by query cannot be passed off as one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.errors import Invalid
from tests import bank
from tests.unit.etl.training import Training, open_training

SQL = "SELECT customer_id, income FROM core.customers"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    with open_training(tmp_path_factory.mktemp("taken")) as training:
        yield training


def test_t6_an_answer_is_no_training_data(house: Training) -> None:
    _, answer = house.house.ask(house.tokens["ana"], SQL, purpose=bank.ANA[1], form="parquet")
    for name in (answer.receipt.id, f"{answer.receipt.id}@1", "core.customers", "core.customers@1"):
        with pytest.raises(Invalid):
            house.register("taken", "1", name)


def test_t6_a_job_that_failed_or_still_runs_is_no_version(house: Training) -> None:
    house.works.order(house.tokens["ana"], name="ordered")
    with pytest.raises(Invalid, match="no dataset version ordered@1 of yours"):
        house.register("early", "1", "ordered@1")


def test_t6_a_link_says_what_it_rests_on(house: Training) -> None:
    house.extract("linked")
    assert house.register("linked", "1", "linked@1").evidence == "declared"
    assert house.register("linked", "2", "linked@1", evidence="sdk").evidence == "sdk"
    nodes = {node.id: node for node in house.desks.lineage.trace(house["ana"], dataset="linked@1").nodes}
    assert nodes["model:linked@1"].facts["evidence"] == "declared"
    assert nodes["model:linked@2"].facts["evidence"] == "sdk"
