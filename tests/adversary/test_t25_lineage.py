"""T25, of lineage: what is another's answers like what does not exist, and hidden names leave nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from etl.lineage import EventWriter, OpaqueNames, Reporter
from gateway.errors import Invalid
from gateway.store import Grants, Outbox
from gateway.terms.key import Key
from tests.unit.etl.factory import extra_grant
from tests.unit.etl.training import Training, open_training

HIDDEN = "core.call_notes"
NOTES = "SELECT customer_id, taken_at FROM core.call_notes"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    """Ana once had a grant on a hidden dataset, and trained on it."""
    with open_training(tmp_path_factory.mktemp("hidden")) as training:
        control = training.house.gateway.control
        grants = Grants(control.engine)
        extra = extra_grant(
            training.house, id="g-notes", datasets=frozenset({HIDDEN}), purposes=frozenset({"churn-model"})
        )
        grants.add(extra, by="olga", now=training.house.now())
        training.extract("notes", sql=NOTES, purpose="churn-model")
        training.register("churn", "1", "notes@1")
        training.extract("plain")
        training.register("plain", "1", "plain@1")
        grants.revoke("g-notes", by="olga", now=training.house.now())
        yield training


def refusal(house: Training, who: str, **root: str) -> tuple[str, str, str, tuple[str, ...]]:
    with pytest.raises(Invalid) as refused:
        house.desks.lineage.trace(house[who], **root)
    error = refused.value
    return error.code, error.message, error.fix, error.reasons


@pytest.mark.parametrize(
    ("foreign", "unknown"),
    [
        ({"model": "plain@1"}, {"model": "plane@1"}),
        ({"dataset": "plain@1"}, {"dataset": "plane@1"}),
        ({"grant": "credit-risk-dev"}, {"grant": "credit-risk-xxx"}),
        ({"column": "core.call_notes.note"}, {"column": "core.call_nodes.note"}),
    ],
)
def test_t25_anothers_thing_answers_exactly_like_an_unknown_one(
    house: Training, foreign: dict[str, str], unknown: dict[str, str]
) -> None:
    assert refusal(house, "bob", **foreign) == refusal(house, "bob", **unknown)
    assert house.desks.lineage.trace(house["aude"], **foreign).root  # it is there


def test_t25_a_grant_that_exists_and_one_that_does_not_answer_alike_to_whoever_never_used_them(house: Training) -> None:
    assert refusal(house, "ana", grant="reporting-prod") == refusal(house, "ana", grant="reporting-xxxx")


def test_t25_a_visible_column_shows_nobody_elses_work(house: Training) -> None:
    graph = house.desks.lineage.trace(house["bob"], column="core.customers.income")
    assert [node.id for node in graph.nodes] == ["column:core.customers.income"]


def test_t25_a_hidden_dataset_is_opaque_to_the_owner_of_what_was_made_of_it(house: Training) -> None:
    graph = house.desks.lineage.trace(house["ana"], model="churn@1")
    columns = [node for node in graph.nodes if node.kind == "column"]
    assert len(columns) == 2
    for node in columns:
        assert re.fullmatch(r"dataset-[0-9a-f]{16}\.column-[0-9a-f]{16}", node.name)
    assert not re.search("call_notes|taken_at|customer_id", str(graph))
    (grant,) = [node for node in graph.nodes if node.kind == "grant"]
    assert (grant.name, grant.facts["origin"], grant.facts["state"]) == ("g-notes", "dynamic", "revoked")


def test_t25_not_even_its_former_reader_gets_a_hidden_name_confirmed(house: Training) -> None:
    assert refusal(house, "ana", column=f"{HIDDEN}.taken_at") == refusal(house, "ana", column="core.nothing.taken_at")


def test_t25_an_auditor_reads_the_real_names(house: Training) -> None:
    graph = house.desks.lineage.trace(house["aude"], column=f"{HIDDEN}.taken_at")
    assert {node.id for node in graph.nodes if node.kind == "model"} == {"model:churn@1"}


def test_t25_opaque_names_join_but_cannot_be_guessed_without_the_key() -> None:
    one, other = OpaqueNames(Key(b"1" * 32)), OpaqueNames(Key(b"2" * 32))
    assert one.dataset(HIDDEN) == one.dataset(HIDDEN) != other.dataset(HIDDEN)
    assert one.column("a", "b") != one.column("b", "a")
    assert one.column("ab", "c") != one.column("a", "bc")


def told(house: Training) -> str:
    """All that leaves by itself, OpenLineage and webhooks."""
    control = house.house.gateway.control
    datasets = control.policy.current().datasets
    writer = EventWriter(
        origin="o", is_discoverable=lambda name: datasets[name].discoverable, names=OpaqueNames(Key(b"1" * 32))
    )
    outbox = Outbox(control.engine)
    reporter = Reporter(
        queue=control.jobs,
        versions=control.versions,
        outbox=outbox,
        writer=writer,
        lineage_channels=["lineage"],
        webhook_channels=["webhook"],
    )
    reporter.run_once(house.house.now())
    bodies = []
    for channel in ("lineage", "webhook"):
        while (waiting := outbox.take(channel, lease_seconds=60)) is not None:
            bodies.append(waiting.notice.body)
            outbox.done(waiting.sequence)
    return "\n".join(bodies)


def test_t25_events_carry_hidden_names_opaque_and_no_sql_host_receipt_or_job_of_production(house: Training) -> None:
    text = told(house)
    events: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    (notes,) = [e for e in events if e.get("eventType") == "COMPLETE" and e["job"]["name"] == "notes"]
    (found,) = notes["inputs"]
    assert re.fullmatch(r"dataset-[0-9a-f]{16}", found["name"])
    assert all(re.fullmatch(r"column-[0-9a-f]{16}", tag["field"]) for tag in found["facets"]["tags"]["tags"])
    assert "call_notes" not in text
    assert "SELECT" not in text
    assert "core.customers" in text  # which anybody may know of
    assert str(house.source) not in text
    assert "sqlite" not in text
    jobs = house.works.stock.queue.listed()
    lineage = "\n".join(json.dumps(event) for event in events if "eventType" in event)
    assert not any(job.id in lineage or job.receipt in lineage for job in jobs)
    assert "access_index" not in text
