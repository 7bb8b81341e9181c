"""OpenLineage events: valid against the specification's own schemas, and true to job, version and manifest."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

import etl.lineage
from etl.lineage import EventWriter, OpaqueNames, Reporter
from etl.lineage.openlineage import run_id
from gateway.store import Outbox
from gateway.terms.extract import Job
from gateway.terms.identity import JobTicket
from gateway.terms.key import Key
from tests.unit.etl.training import DAY, Training, open_training

SPEC = Path(__file__).parents[4] / "shared" / "vectors" / "openlineage" / "spec"
OURS = Path(etl.lineage.__file__).parent / "schemas" / "GatewayMaskingFacet.json"
CHANNEL = "openlineage-1"
ORIGIN = "bank.example/audit"
NAMES = OpaqueNames(Key(b"n" * 32))


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    if not SPEC.is_dir():
        pytest.skip("the OpenLineage schemas are not here")
    documents = [json.loads(path.read_text()) for path in [*SPEC.rglob("*.json"), OURS]]
    schemas = [document for document in documents if isinstance(document, dict) and "$id" in document]
    return Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)


def check(document: dict[str, Any], url: str, registry: Registry[Any]) -> None:
    Draft202012Validator({"$ref": url}, registry=registry, format_checker=FormatChecker()).validate(document)


def facets_in(document: Any) -> Iterator[dict[str, Any]]:
    """Every facet, wherever it stands."""
    if isinstance(document, dict):
        if "_schemaURL" in document:
            yield document
        for value in document.values():
            yield from facets_in(value)
    elif isinstance(document, list):
        for item in document:
            yield from facets_in(item)


def check_event(event: dict[str, Any], registry: Registry[Any]) -> None:
    check(event, event["schemaURL"], registry)
    for facet in facets_in(event):
        check(facet, facet["_schemaURL"], registry)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    """One job of each end."""
    with open_training(tmp_path_factory.mktemp("openlineage")) as training:
        queue = training.works.stock.queue
        training.extract("published")
        training.works.order(training.tokens["ana"], name="failed")
        claimed = queue.claim(lease_seconds=60)
        assert claimed is not None
        queue.end(ticket(claimed), state="failed", code="denied.grant", message="of core.customers", receipt="")
        training.works.order(training.tokens["ana"], name="aborted")
        claimed = queue.claim(lease_seconds=0)
        again = queue.claim(lease_seconds=60)
        assert claimed is not None
        assert again is not None
        assert queue.cancel(again.id)
        unstarted = training.works.order(training.tokens["ana"], name="unstarted")
        assert queue.cancel(unstarted.id)
        yield training


def ticket(job: Job) -> JobTicket:
    return JobTicket(job=job.id, epoch=job.epoch)


def writer(house: Training) -> EventWriter:
    datasets = house.house.gateway.control.policy.current().datasets
    return EventWriter(origin=ORIGIN, is_discoverable=lambda name: datasets[name].discoverable, names=NAMES)


def reporter(house: Training, **channels: Any) -> Reporter:
    return Reporter(
        queue=house.works.stock.queue,
        versions=house.works.stock.versions,
        outbox=Outbox(house.house.gateway.control.engine),
        writer=writer(house),
        **channels,
    )


def drained(house: Training, channel: str) -> list[dict[str, Any]]:
    outbox, told = Outbox(house.house.gateway.control.engine), []
    while (waiting := outbox.take(channel, lease_seconds=60)) is not None:
        told.append(json.loads(waiting.notice.body))
        outbox.done(waiting.sequence)
    return told


@pytest.fixture(scope="module")
def events(house: Training) -> list[dict[str, Any]]:
    told = reporter(house, lineage_channels=[CHANNEL])
    assert told.run_once(house.house.now()) == 4
    assert told.run_once(house.house.now()) == 0
    reporter(house, lineage_channels=[CHANNEL]).run_once(house.house.now())  # a replica, or the same after a crash
    return drained(house, CHANNEL)


def of(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["job"]["name"] == name]


@pytest.fixture(scope="module")
def output(events: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = of(events, "published")[1]["outputs"]
    return dict(found)


def test_every_event_and_each_of_its_facets_is_valid(events: list[dict[str, Any]], registry: Registry[Any]) -> None:
    assert len(events) == 8
    for event in events:
        check_event(event, registry)
        assert len(list(facets_in(event))) >= 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event["run"].update(runId="run-7"),
        lambda event: event.update(eventType="DONE"),
        lambda event: event.update(eventTime="yesterday"),
        lambda event: event["job"].pop("namespace"),
        lambda event: event["outputs"][0]["facets"]["gateway_masking"].update(level="open"),
        lambda event: event["outputs"][0]["facets"]["gateway_masking"].pop("policyVersion"),
        lambda event: event["outputs"][0]["facets"]["columnLineage"].pop("fields"),
    ],
)
def test_a_spoilt_event_is_not(events: list[dict[str, Any]], registry: Registry[Any], spoil: Any) -> None:
    event = json.loads(json.dumps(of(events, "published")[1]))
    spoil(event)
    with pytest.raises(ValidationError):
        check_event(event, registry)


def test_each_attempt_is_a_run_with_one_beginning_and_one_end(events: list[dict[str, Any]]) -> None:
    told = {name: [event["eventType"] for event in of(events, name)] for name in ("published", "failed", "aborted")}
    assert told == {
        "published": ["START", "COMPLETE"],
        "failed": ["START", "FAIL"],
        "aborted": ["START", "FAIL", "START", "ABORT"],
    }
    assert of(events, "unstarted") == []
    runs = [event["run"]["runId"] for event in of(events, "aborted")]
    assert runs[0] == runs[1] != runs[2] == runs[3]


def test_a_run_is_named_by_gateway_job_and_attempt() -> None:
    assert run_id("a", "j-1", 1) == run_id("a", "j-1", 1)
    assert len({run_id(*key) for key in [("a", "j-1", 1), ("b", "j-1", 1), ("a", "j-2", 1), ("a", "j-1", 2)]}) == 4


def test_a_failure_tells_its_code_and_no_text(events: list[dict[str, Any]]) -> None:
    (_, failed) = of(events, "failed")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "denied.grant"
    assert "of core.customers" not in json.dumps(events)


def test_the_output_is_what_the_manifest_says(house: Training, output: dict[str, Any]) -> None:
    version = house.works.stock.versions.find("published", 1)
    assert (output["namespace"], output["name"]) == (f"gateway://{ORIGIN}", "published")
    facets = output["facets"]
    assert facets["version"]["datasetVersion"] == "1"
    assert [field["name"] for field in facets["schema"]["fields"]] == ["customer_id", "region", "income"]
    tags = {tag["field"]: tag["value"] for tag in facets["tags"]["tags"]}
    assert tags == {"customer_id": "pseudonymized", "region": "pseudonymized", "income": "full"}
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (version.rows, version.bytes, 1)


def test_our_own_facet_links_policy_and_log(house: Training, output: dict[str, Any]) -> None:
    version = house.works.stock.versions.find("published", 1)
    masking = output["facets"]["gateway_masking"]
    assert (masking["policyVersion"], masking["level"]) == (version.digest, "full")
    assert masking["columns"] == [
        {"name": "customer_id", "level": "pseudonymized", "mask": "pseudonym"},
        {"name": "region", "level": "pseudonymized", "mask": "keep"},
        {"name": "income", "level": "full", "mask": "keep"},
    ]
    note = json.loads(version.manifest)["audit"]["checkpoint"]
    assert masking["auditCheckpoint"] == f"sha256:{hashlib.sha256(note.encode()).hexdigest()}"


def test_inputs_are_datasets_by_the_catalogs_names(events: list[dict[str, Any]]) -> None:
    (found,) = of(events, "published")[1]["inputs"]
    assert (found["namespace"], found["name"]) == (f"gateway://{ORIGIN}", "core.customers")
    tags = {tag["field"]: tag["value"] for tag in found["facets"]["tags"]["tags"]}
    assert tags["income"] == "full"
    assert of(events, "published")[0]["inputs"] == []  # decided later


def test_columns_that_are_passed_on_are_direct_and_others_indirect(house: Training, registry: Registry[Any]) -> None:
    event = complete(house, sources={"customer_id": [["core.customers", "customer_id"]], "income": [SOURCE, REGION]})
    check_event(event, registry)
    lineage = event["outputs"][0]["facets"]["columnLineage"]
    (customer,) = lineage["fields"]["customer_id"]["inputFields"]
    assert customer["transformations"] == [
        {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "pseudonym", "masking": True}
    ]
    income, region = lineage["fields"]["income"]["inputFields"]
    assert (income["field"], income["transformations"][0]["masking"]) == ("income", False)
    assert (region["field"], region["transformations"][0]["masking"]) == ("region", True)
    whole = {found["field"]: found["transformations"][0] for found in lineage["dataset"]}
    assert {"customer_id", "income", "region"}.isdisjoint(whole)
    assert all(transformation["type"] == "INDIRECT" for transformation in whole.values())
    alone = complete(house, sources={"income": [SOURCE]})["outputs"][0]["facets"]["columnLineage"]
    assert alone["fields"]["income"]["inputFields"][0]["transformations"][0]["subtype"] == "IDENTITY"
    assert {"customer_id", "region"} <= {found["field"] for found in alone["dataset"]}


SOURCE, REGION = ["core.customers", "income"], ["core.customers", "region"]


def complete(house: Training, *, sources: dict[str, Any]) -> dict[str, Any]:
    """The COMPLETE event of a manifest whose columns name these sources."""
    version = house.works.stock.versions.find("published", 1)
    job = house.works.stock.queue.find(version.job)
    told = json.loads(version.manifest)
    for column in told["columns"]:
        column["sources"] = sources.get(column["name"], [])
    version = dataclasses.replace(version, manifest=json.dumps(told).encode())
    return writer(house).complete(job, version, at=datetime.datetime.now(datetime.UTC))


def test_webhooks_tell_of_published_and_failed_extracts(house: Training) -> None:
    reporter(house, webhook_channels=["webhook-1"]).run_once(house.house.now())
    told = {call["type"]: call["data"] for call in drained(house, "webhook-1")}
    assert told.keys() == {"extract.published", "extract.failed"}
    assert told["extract.published"]["version"] == "published@1"
    assert told["extract.failed"]["code"] == "denied.grant"


def test_history_is_not_told(house: Training) -> None:
    later = house.house.now() + 2 * DAY
    assert reporter(house, lineage_channels=["new"]).run_once(later) == 0
    assert reporter(house).run_once(house.house.now()) == 0
