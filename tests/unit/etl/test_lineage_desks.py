"""Models and lineage over real extracts: who may register what, and what hangs on what."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from etl.lineage import Graph, ModelDesk, Registration
from gateway.errors import Invalid, Unauthenticated
from gateway.terms.identity import Credentials
from tests import bank
from tests.unit.etl.training import DAY, Training, open_training
from tests.unit.http.door import entries

JOINED = """
    SELECT c.customer_id, c.income, l.amount, l.defaulted
    FROM core.customers AS c JOIN core.loans AS l ON c.customer_id = l.customer_id
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    with open_training(tmp_path_factory.mktemp("lineage")) as training:
        training.extract("loan-default", sql=JOINED)
        training.extract("incomes")
        training.extract("bobs", who="bob")
        training.register("loan-default", "1", "loan-default@1", "incomes@1", max_age=7 * DAY, metrics={"auc": 0.74})
        training.register("income-model", "1", "incomes@1")
        yield training


def kinds(graph: Graph, kind: str) -> set[str]:
    return {node.name for node in graph.nodes if node.kind == kind}


def edges(graph: Graph, kind: str) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.edges if edge.kind == kind}


# Models


def test_a_model_is_registered_with_what_it_was_trained_on(house: Training) -> None:
    (found,) = house.desks.models.listed(house["ana"], name="loan-default")
    assert (found.id, found.owner, found.environment) == ("loan-default@1", "ana", "dev")
    assert found.trained_on == (("incomes", 1), ("loan-default", 1))
    assert (found.max_age, found.metrics, found.evidence) == (7 * DAY, {"auc": 0.74}, "declared")


def test_a_registration_is_in_the_log_by_names_only(house: Training) -> None:
    first = entries(house.house, action="model-register")[0].payload
    assert first["actor"]["principal"] == "ana"
    assert first["detail"] == {
        "model": "loan-default@1",
        "trained_on": "incomes@1 loan-default@1",
        "evidence": "declared",
    }


def test_a_registered_version_is_never_changed(house: Training) -> None:
    with pytest.raises(Invalid, match="registered already"):
        house.register("loan-default", "1", "incomes@1")


def test_a_models_name_is_its_first_registrants(house: Training) -> None:
    with pytest.raises(Invalid, match="or the model's name is another's"):
        house.register("loan-default", "2", "bobs@1", who="bob")


def test_nobody_trains_on_anothers_version_and_learns_nothing_of_it(house: Training) -> None:
    told = []
    for name in ("bobs@1", "incomes@9"):
        with pytest.raises(Invalid) as refused:
            house.register("stolen", "1", name)
        told.append((refused.value.code, refused.value.message.replace(name, "?"), refused.value.fix))
    assert told[0] == told[1]
    assert house.house.gateway.control.models.listed(name="stolen") == []


def test_a_version_is_good_for_the_environment_that_it_was_made_in(house: Training) -> None:
    prod = Credentials(bearer=house.house.token("ana", bank.ANA[0], environment="prod"))
    with pytest.raises(Invalid, match="no dataset version incomes@1 of yours in prod"):
        house.desks.models.register(prod, Registration(name="m", version="1", trained_on=["incomes@1"]))


def test_nothing_is_trained_on_an_expired_version(house: Training) -> None:
    class Later:
        def now(self) -> datetime.datetime:
            return datetime.datetime.now(datetime.UTC) + 365.5 * DAY  # kept for 365

    forever = house.house.token("ana", bank.ANA[0], hours=24 * 366)
    desk = ModelDesk(
        dataclasses.replace(house.house.gateway.control.desk, clock=Later()),
        models=house.house.gateway.control.models,
        versions=house.house.gateway.control.versions,
        names=house.desks.models._names,
    )
    with pytest.raises(Invalid, match="incomes@1 has expired"):
        desk.register(Credentials(bearer=forever), Registration(name="m", version="1", trained_on=["incomes@1"]))


BAD: dict[str, dict[str, Any]] = {
    "name": {"name": "Loan default"},
    "version": {"version": "../1"},
    "no data": {"trained_on": []},
    "a table": {"trained_on": ["core.customers"]},
    "version nought": {"trained_on": ["incomes@0"]},
    "age": {"max_age": datetime.timedelta(0)},
    "metric's name": {"metrics": {"auc\n": 1.0}},
    "metric's value": {"metrics": {"auc": float("nan")}},
    "many metrics": {"metrics": {f"m{number}": 1.0 for number in range(101)}},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_a_malformed_registration_is_refused(house: Training, change: dict[str, Any]) -> None:
    given = {"name": "malformed", "version": "1", "trained_on": ["incomes@1"], **change}
    with pytest.raises(Invalid):
        house.desks.models.register(house["ana"], Registration(**given))


def test_one_lists_ones_own_models_and_an_auditor_lists_all(house: Training) -> None:
    assert [model.id for model in house.desks.models.listed(house["ana"])] == ["income-model@1", "loan-default@1"]
    assert house.desks.models.listed(house["bob"]) == []
    assert len(house.desks.models.listed(house["aude"])) == 2
    with pytest.raises(Invalid, match="unknown model"):
        house.desks.models.listed(house["bob"], name="loan-default")


# Lineage


def test_a_model_leads_to_versions_columns_policy_and_grants(house: Training) -> None:
    graph = house.desks.lineage.trace(house["ana"], model="loan-default@1")
    assert graph.root == "model:loan-default@1"
    assert kinds(graph, "version") == {"incomes@1", "loan-default@1"}
    assert {"core.customers.income", "core.loans.amount", "core.loans.defaulted"} <= kinds(graph, "column")
    assert kinds(graph, "policy") == {house.house.gateway.control.policy.current().pdp.digest}
    assert kinds(graph, "grant") == {"credit-risk-dev"}
    assert edges(graph, "trained_on") == {
        ("model:loan-default@1", "version:incomes@1"),
        ("model:loan-default@1", "version:loan-default@1"),
    }
    (read,) = [
        edge
        for edge in graph.edges
        if (edge.source, edge.target) == ("version:loan-default@1", "column:core.customers.income")
    ]
    assert read.facts == {"level": "full", "grant": "credit-risk-dev"}


def test_grants_and_policy_carry_where_they_stand(house: Training) -> None:
    nodes = {node.id: node for node in house.desks.lineage.trace(house["ana"], model="loan-default@1").nodes}
    grant = nodes["grant:credit-risk-dev"].facts
    assert (grant["origin"], grant["state"]) == ("file", "holds")
    assert str(grant["until"]).startswith("2027-06-30")
    (policy,) = [node for node in nodes.values() if node.kind == "policy"]
    assert policy.facts == {"is_active": True}


def test_a_dataset_version_leads_down_to_columns_and_up_to_models(house: Training) -> None:
    graph = house.desks.lineage.trace(house["ana"], dataset="incomes@1")
    assert kinds(graph, "model") == {"income-model@1", "loan-default@1"}
    assert kinds(graph, "version") == {"incomes@1"}
    assert "core.loans.amount" not in kinds(graph, "column")


def test_a_column_leads_to_every_version_that_read_it_and_their_models(house: Training) -> None:
    graph = house.desks.lineage.trace(house["ana"], column="core.loans.amount")
    assert (graph.root, kinds(graph, "column")) == ("column:core.loans.amount", {"core.loans.amount"})
    assert kinds(graph, "version") == {"loan-default@1"}
    assert kinds(graph, "model") == {"loan-default@1"}


def test_a_column_that_nothing_read_stands_alone(house: Training) -> None:
    graph = house.desks.lineage.trace(house["ana"], column="core.customers.city")
    assert [node.id for node in graph.nodes] == ["column:core.customers.city"]


def test_a_grant_leads_to_what_rests_on_it(house: Training) -> None:
    graph = house.desks.lineage.trace(house["ana"], grant="credit-risk-dev")
    assert kinds(graph, "version") == {"incomes@1", "loan-default@1"}
    assert kinds(graph, "model") == {"income-model@1", "loan-default@1"}
    everybodys = house.desks.lineage.trace(house["aude"], grant="credit-risk-dev")
    assert kinds(everybodys, "version") == {"bobs@1", "incomes@1", "loan-default@1"}


def test_an_auditor_finds_a_grant_that_nothing_rests_on(house: Training) -> None:
    graph = house.desks.lineage.trace(house["aude"], grant="reporting-prod")
    assert [node.id for node in graph.nodes] == ["grant:reporting-prod"]


def test_a_question_is_in_the_log(house: Training) -> None:
    house.desks.lineage.trace(house["aude"], model="loan-default@1")
    last = entries(house.house, action="lineage-read")[-1].payload
    assert (last["actor"]["principal"], last["detail"]) == ("aude", {"model": "loan-default@1"})


@pytest.mark.parametrize(
    "roots",
    [
        {},
        {"model": "loan-default@1", "grant": "credit-risk-dev"},
        {"model": "loan-default"},
        {"dataset": "incomes@x"},
        {"column": "customers.income"},
        {"column": "core.customers.income\n"},
        {"grant": "a b"},
    ],
)
def test_a_question_without_one_well_formed_root_is_refused(house: Training, roots: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        house.desks.lineage.trace(house["ana"], **roots)


def test_desks_let_no_stranger_in(house: Training) -> None:
    nobody = Credentials(bearer="gw_wrong")
    with pytest.raises(Unauthenticated):
        house.desks.lineage.trace(nobody, grant="credit-risk-dev")
    with pytest.raises(Unauthenticated):
        house.desks.models.listed(nobody)
    with pytest.raises(Unauthenticated):
        house.desks.freshness.report(nobody)
