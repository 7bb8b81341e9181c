"""From a trained model back to columns and grants, and from its age to the next extract: as people use it.

A real `gateway serve` with its worker, scheduler, lineage file and webhook; people on the command line.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.app import Host
from gateway.cli.group import cli
from gateway.client import verify_webhook
from gateway.client.connection import Client
from gateway.settings import Settings
from tests import bank
from tests.house import settings_for
from tests.server import Server
from tests.unit.etl.receiver import Receiver, open_receiver
from tests.unit.http.door import wait_for

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
SPEC = """
name: loan-default
sql: "SELECT customer_id, region, income FROM core.customers"
purpose: credit-default-model
environment: dev
model: loan-default
subject: customer_id
freshness: {max_age: 1m}
"""


class Shell:
    """A running gateway and its people's command lines."""

    def __init__(self, settings: Settings, receiver: Receiver) -> None:
        self.settings, self.receiver = settings, receiver
        self.url = ""
        self.tokens: dict[str, str] = {}

    def run(self, *arguments: str, who: str = "ana") -> Result:
        environment = {
            "GATEWAY_HOME": str(self.settings.home),
            "GATEWAY_POLICIES": str(self.settings.policies),
            "GATEWAY_SOURCES": str(self.settings.sources),
            "GATEWAY_KEK_FILE": str(self.settings.kek_path),
            "GATEWAY_URL": self.url,
            "GATEWAY_TOKEN": self.tokens.get(who, ""),
        }
        result = CliRunner().invoke(cli, list(arguments), obj=Host(), env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def document(self, *arguments: str, who: str = "ana") -> Any:
        result = self.run(*arguments, "--json", who=who)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def calls(self) -> list[dict[str, Any]]:
        """What the webhook's receiver got, each verified."""
        return [verify_webhook(SECRET, headers=headers, body=body) for _, headers, body in self.receiver.calls]

    def client(self, who: str = "ana") -> Client:
        return Client(self.url, token=self.tokens[who])


def production_is_as_of(source: Path, moment: datetime.datetime) -> None:
    with contextlib.closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE customers SET updated_at = ?", [moment.strftime("%Y-%m-%d %H:%M:%S.%f")])


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Ana ordered an extract that was a minute old from the start, and registered a model; then production moved."""
    root = tmp_path_factory.mktemp("lineage")
    source = bank.write(bank.first_world(), root / "core.db")
    production_is_as_of(source, now() - datetime.timedelta(seconds=90))
    (root / "secret").write_text(SECRET)
    (root / "spec.yaml").write_text(SPEC)
    with open_receiver() as receiver:
        shell = Shell(settings_for(root, bank=source), receiver)
        assert shell.run("init").exit_code == 0
        more = {
            "schedule_seconds": "0.5",
            "openlineage_file": str(root / "lineage.jsonl"),
            "webhook_urls": json.dumps([receiver.url]),
            "webhook_secret_file": str(root / "secret"),
            "sandbox_warm_children": "1",
        }
        with Server(shell.settings, stderr=root / "stderr", **more) as server:
            shell.url = server.url
            for name, role in {"ana": bank.ANA[0], "bob": bank.ANA[0], "aude": "auditor"}.items():
                made = shell.run("token", "create", name, "--role", role, "--environment", "dev", "--json", who="")
                shell.tokens[name] = json.loads(made.stdout)["token"]
            assert shell.run("extract", "run", str(root / "spec.yaml")).exit_code == 0
            registered = shell.run(
                *("model", "register", "loan-default", "--version", "2026-11", "--trained-on", "loan-default@1"),
                *("--max-age", "1m", "--metric", "auc=.74"),
            )
            assert registered.exit_code == 0, registered.output
            assert registered.stdout == "loan-default@2026-11 registered\n"
            production_is_as_of(source, now())
            yield shell


def lineage_events(shell: Shell) -> list[dict[str, Any]]:
    path = shell.settings.home.parent / "lineage.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_stale_model_gets_its_next_extract_without_anybody_asking(shell: Shell) -> None:
    def second() -> bool:
        with shell.client() as client:
            return "loan-default@2" in {version["id"] for version in client.dataset_versions(name="loan-default")}

    wait_for(second, seconds=60)
    (found,) = shell.document("freshness")
    assert (found["model"], found["version"], found["state"]) == ("loan-default", "2026-11", "stale")
    assert "loan-default@2 is published: train the next version on it" in found["findings"]
    with shell.client() as client:
        causes = sorted(job["cause"] for job in client.jobs())
    assert causes == ["freshness", "request"]


def test_the_order_is_in_the_log_for_an_auditor(shell: Shell) -> None:
    (entry,) = shell.document("audit", "search", "--action", "extract-schedule", who="aude")
    assert entry["payload"]["actor"]["principal"] == "gateway:scheduler"
    assert entry["payload"]["detail"]["model"] == "loan-default@2026-11"


def test_the_table_of_freshness_shows_age_state_and_what_to_do(shell: Shell) -> None:
    result = shell.run("freshness")
    assert result.exit_code == 0
    assert result.stdout.split()[:5] == ["model", "version", "data", "as", "of"]
    row = next(line for line in result.stdout.splitlines() if line.startswith("loan-default"))
    assert "2026-11" in row
    assert "1min" in row
    assert "stale" in row
    assert "loan-default@2 is published" in result.stderr


def test_webhooks_tell_of_the_stale_model_and_the_extracts(shell: Shell) -> None:
    wait_for(lambda: len(shell.receiver.calls) >= 3, seconds=30)
    told = sorted((call["type"], call["data"].get("version") or call["data"]["model"]) for call in shell.calls())
    assert told == [
        ("extract.published", "loan-default@1"),
        ("extract.published", "loan-default@2"),
        ("model.stale", "loan-default@2026-11"),
    ]


def test_the_lineage_file_has_each_runs_events_in_order(shell: Shell) -> None:
    wait_for(lambda: len(lineage_events(shell)) >= 4, seconds=30)
    events = lineage_events(shell)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 2
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"] != events[2]["run"]["runId"]
    versions = [event["outputs"][0]["facets"]["version"]["datasetVersion"] for event in events[1::2]]
    assert versions == ["1", "2"]


def test_lineage_is_a_tree_from_model_to_column_and_grant(shell: Shell) -> None:
    result = shell.run("lineage", "--model", "loan-default@2026-11")
    assert result.exit_code == 0
    told = result.stdout
    for text in ("model loan-default@2026-11", "version loan-default@1", "dataset core.customers", "income  full"):
        assert text in told
    assert "grant credit-risk-dev  file  holds until 2027-06-30" in told
    assert told.index("model loan") < told.index("version loan") < told.index("income")


def test_lineage_from_a_column_and_from_a_grant_reaches_the_model(shell: Shell) -> None:
    for option, name in (("--column", "core.customers.income"), ("--grant", "credit-risk-dev")):
        told = shell.run("lineage", option, name).stdout
        assert "loan-default@1" in told
        assert "↑ model loan-default@2026-11" in told
    dataset = shell.run("lineage", "--dataset", "loan-default@1").stdout
    assert dataset.startswith("version loan-default@1")
    assert "↑ model loan-default@2026-11" in dataset


def test_lineage_as_json_is_nodes_and_edges(shell: Shell) -> None:
    graph = shell.document("lineage", "--column", "core.customers.income")
    ids = {node["id"] for node in graph["nodes"]}
    assert graph["root"] in ids
    assert {edge["source"] for edge in graph["edges"]} | {edge["target"] for edge in graph["edges"]} <= ids


def test_one_persons_work_is_invisible_to_another_and_visible_to_an_auditor(shell: Shell) -> None:
    foreign = shell.run("lineage", "--model", "loan-default@2026-11", who="bob")
    unknown = shell.run("lineage", "--model", "loan-default@2026-12", who="bob")
    assert foreign.exit_code == unknown.exit_code == 2
    assert foreign.output == unknown.output
    assert shell.document("model", "list", who="bob") == shell.document("freshness", who="bob") == []
    assert shell.document("lineage", "--model", "loan-default@2026-11", who="aude")["root"]
    assert len(shell.document("model", "list", who="aude")) == 1


def test_models_are_listed_with_what_they_were_trained_on(shell: Shell) -> None:
    (model,) = shell.document("model", "list", "loan-default")
    assert (model["trained_on"], model["max_age_seconds"]) == (["loan-default@1"], 60)
    assert model["metrics"] == {"auc": 0.74}
    shown = shell.run("model", "list").stdout
    assert "loan-default@2026-11" in shown
    assert "auc=0.74" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("lineage",), 2),
        (("lineage", "--model", "a@1", "--grant", "b"), 2),
        (("lineage", "--dataset", "loan-default"), 2),
        (("model", "register", "m", "--version", "1"), 2),
        (("model", "register", "m", "--version", "1", "--trained-on", "nobody@1"), 2),
        (("model", "register", "m", "--version", "1", "--trained-on", "loan-default@1", "--metric", "auc"), 2),
        (("model", "register", "m", "--version", "1", "--trained-on", "loan-default@1", "--max-age", "soon"), 2),
        (("model", "register", "loan-default", "--version", "2026-11", "--trained-on", "loan-default@1"), 2),
        (("model", "list", "nobodys"), 2),
    ],
)
def test_what_cannot_be_done_says_why_and_ends_with_its_code(
    shell: Shell, arguments: tuple[str, ...], code: int
) -> None:
    result = shell.run(*arguments)
    assert result.exit_code == code
    assert result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "M", "version": "1", "trained_on": ["loan-default@1"]},
        {"name": "m", "version": "1", "trained_on": []},
        {"name": "m", "version": "1", "trained_on": ["loan-default@1"], "owner": "bob"},
        {"name": "m", "version": "1", "trained_on": ["loan-default@1"], "metrics": {"auc": "high"}},
        {"name": "m", "version": "1", "trained_on": ["loan-default@1"], "evidence": "poll"},
        {"name": "m", "version": "1", "trained_on": ["loan-default@1"], "max_age": "0d"},
    ],
)
def test_a_malformed_registration_is_422(shell: Shell, body: dict[str, Any]) -> None:
    with shell.client() as client:
        answer = client._http.post("/v1/models", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid.request")


def test_without_a_token_nothing_is_told(shell: Shell) -> None:
    with Client(shell.url, token="gw_wrong") as stranger:
        for path in ("models", "models/loan-default/versions", "lineage?grant=credit-risk-dev", "freshness"):
            assert stranger._http.get(f"/v1/{path}").status_code == 401
