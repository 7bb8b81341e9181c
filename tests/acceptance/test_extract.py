"""Extracts as people use them: over HTTP, by the client, on the command line; with a second person where wanted."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from etl.extracts import read_spec
from etl.manifest import verify
from gateway import store
from gateway.app import Host
from gateway.cli.extracting import extract
from gateway.client import Client, Refused
from gateway.errors import Invalid
from gateway.governance.approvals import Approvals, ExtractAct
from gateway.settings import Settings
from gateway.terms.identity import Credentials
from gateway.terms.proposal import Proposal
from tests import bank
from tests.house import POLICIES, open_house
from tests.unit.etl.factory import Factory, factory, open_front
from tests.unit.http.door import caller, entries, wait_for

SPEC = {
    "name": "loan-default",
    "sql": "SELECT customer_id, region, income FROM core.customers",
    "purpose": bank.ANA[1],
    "environment": "dev",
    "subject": "customer_id",
}
FRAUD = {
    **SPEC,
    "name": "fraud",
    "sql": "SELECT customer_id, amount FROM core.transactions",
    "purpose": "fraud-detection",
}
PEOPLE = {
    "ana": bank.ANA[0],
    "bob": bank.ANA[0],
    "fay": "fraud-analyst",
    "olga": "data-owner",
    "aude": "auditor",
}


class Front:
    """A house with its door, a worker, people, and approvals."""

    def __init__(self, works: Factory, approvals: Approvals, url: str) -> None:
        self.works, self.approvals, self.url = works, approvals, url
        self.tokens = {name: works.house.token(name, role) for name, role in PEOPLE.items()}

    def http(self, who: str) -> httpx.Client:
        return caller(self.url, self.tokens[who])

    def client(self, who: str) -> Client:
        return Client(self.url, token=self.tokens[who])

    def made(self, who: str = "ana", **changes: object) -> dict[str, Any]:
        with self.client(who) as client:
            job = client.submit_extract({**SPEC, **changes})
            wait_for(lambda: client.job(job["id"])["state"] not in {"queued", "running"}, seconds=60)
            return client.job(job["id"])

    def decide(self, proposal: str, *, approve: bool) -> None:
        olga = Credentials(bearer=self.tokens["olga"])
        digest = self.approvals.shown(olga, proposal).proposal.digest
        (self.approvals.approve if approve else self.approvals.deny)(olga, proposal, digest=digest)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    root = tmp_path_factory.mktemp("extract")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000) as house:
        control = house.gateway.control
        proposals = store.Proposals(control.engine)

        def on_approved(proposal: Proposal) -> None:
            works.desk.on_approved(proposal)

        def on_denied(proposal: Proposal) -> None:
            works.desk.on_denied(proposal)

        act = ExtractAct(proposals=proposals, on_approved=on_approved, on_denied=on_denied)
        approvals = Approvals(control.desk, proposals=proposals, acts={"extract": act}, environment="dev")
        works = factory(house, propose=approvals.propose, proposals=proposals)
        with open_front(works) as url:
            yield Front(works, approvals, url)


# HTTP


def test_an_order_is_accepted_with_its_job_and_becomes_a_version(front: Front) -> None:
    with front.http("ana") as http:
        accepted = http.post("/v1/extracts", json=SPEC)
        assert accepted.status_code == 202
        job = accepted.json()
        wait_for(lambda: http.get(f"/v1/jobs/{job['id']}").json()["state"] == "published")
        ended = http.get(f"/v1/jobs/{job['id']}").json()
        assert ended["rows"] == 12
        assert ended["nonce"] is not None
        version = http.get(f"/v1/dataset-versions/{ended['version']}").json()
        assert version["manifest"]["name"] == "loan-default"
        assert version["id"] in {found["id"] for found in http.get("/v1/dataset-versions").json()}
        assert SPEC["sql"] not in str(version)
        assert job["id"] in {found["id"] for found in http.get("/v1/jobs").json()}
        assert all(found["nonce"] is None for found in http.get("/v1/jobs").json())


MALFORMED = {
    "name": {"name": "Loan Default"},
    "extra": {"surprise": 1},
    "freshness": {"freshness": {"max_age": "a week"}},
    "retention": {"retention": "1y"},
    "run_as": {"run_as": "root"},
    "snapshot": {"snapshot": "maybe"},
    "no sql": {"sql": ""},
}


@pytest.mark.parametrize("field", MALFORMED)
def test_a_malformed_order_is_422_and_repeats_nothing(front: Front, field: str) -> None:
    with front.http("ana") as http:
        answer = http.post("/v1/extracts", json={**SPEC, **MALFORMED[field]})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid.request")
        assert "a week" not in answer.text


def test_a_denied_order_is_403_with_the_way_out(front: Front) -> None:
    with front.http("ana") as http:
        answer = http.post("/v1/extracts", json=FRAUD)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (403, "denied.grant")
        assert told["reasons"]
        assert told["receipt"]


def test_the_same_idempotency_key_is_the_same_job_for_its_owner(front: Front) -> None:
    with front.http("ana") as ana, front.http("bob") as bob:
        key = {"Idempotency-Key": "order-1"}
        first, again = (ana.post("/v1/extracts", json=SPEC, headers=key).json()["id"] for _ in range(2))
        other = ana.post("/v1/extracts", json={**SPEC, "retention": "3d"}, headers=key)
        assert first == again
        assert (other.status_code, other.json()["code"]) == (422, "invalid.idempotency")
        assert bob.post("/v1/extracts", json=SPEC, headers=key).json()["id"] != first


def test_jobs_and_versions_of_others_answer_like_unknown_ones(front: Front) -> None:
    job = front.made()
    with front.http("bob") as bob:
        for known, unknown in (
            (f"/v1/jobs/{job['id']}", "/v1/jobs/j-0000000000000000"),
            (f"/v1/dataset-versions/{job['version']}", "/v1/dataset-versions/nothing@1"),
            (f"/v1/dataset-versions/{job['version']}/files/manifest.json", "/v1/dataset-versions/x@1/files/x"),
        ):
            answers = [bob.get(path) for path in (known, unknown)]
            assert [answer.status_code for answer in answers] == [403, 403]
            assert answers[0].json() == answers[1].json()
        assert bob.delete(f"/v1/jobs/{job['id']}").status_code == 403
        assert all(found["requester"] == "bob" for found in bob.get("/v1/dataset-versions").json())


def test_an_auditor_finds_versions_and_their_reading(front: Front) -> None:
    job = front.made()
    with front.client("ana") as ana, ana.version_file(job["version"], "manifest.json") as chunks:
        assert b"".join(chunks)
    with front.http("aude") as aude:
        found = aude.get(f"/v1/dataset-versions/{job['version']}").json()
        assert (found["requester"], found["files"]) == ("ana", [])
        read = aude.get("/v1/audit/entries", params={"action": "extract-read", "principal": "ana"}).json()
        assert read[-1]["payload"]["detail"] == {"file": "manifest.json", "version": job["version"]}


def test_a_downloaded_version_verifies_offline(front: Front, tmp_path: Path) -> None:
    job = front.made()
    with front.client("ana") as client:
        for file in client.dataset_version(job["version"])["files"]:
            with client.version_file(job["version"], file["path"]) as chunks:
                (tmp_path / file["path"]).write_bytes(b"".join(chunks))
    found = verify(tmp_path, verifier_key=front.works.shop.signer.verifier_key)
    assert found.ok
    assert found.version == job["version"]


def test_a_file_that_may_not_be_read_is_refused_before_its_first_byte(front: Front) -> None:
    job = front.made()
    refused = pytest.raises(Refused)
    with front.client("aude") as client, refused as error, client.version_file(job["version"], "manifest.json"):
        pass
    assert error.value.code == "denied.version"


# A second person


def test_an_extract_for_a_purpose_that_wants_it_waits_for_a_second_person(front: Front) -> None:
    with front.client("fay") as client:
        job = client.submit_extract(FRAUD)
        assert job["state"] == "waiting"
        assert client.job(job["id"])["version"] is None
        front.decide(job["proposal"], approve=True)
        wait_for(lambda: client.job(job["id"])["state"] == "published")

        def told() -> list[object]:
            found = entries(front.works.house, kind="event")
            return [entry.payload["action"] for entry in found if job["id"] in str(entry.payload)]

        wait_for(lambda: len(told()) > 1)  # the entry follows the commit
        assert told() == ["extract-submit", "extract-publish"]


def test_a_denied_extract_never_runs(front: Front) -> None:
    with front.client("fay") as client:
        job = client.submit_extract({**FRAUD, "name": "denied"})
        front.decide(job["proposal"], approve=False)
        ended = client.job(job["id"])
        assert (ended["state"], ended["code"], ended["attempts"]) == ("failed", "denied.approval", 0)


@pytest.mark.parametrize("changes", [{"subject": "none"}, {"run_as": "service:trainer"}], ids=str)
def test_rows_without_a_subject_and_service_runs_wait_too(front: Front, changes: dict[str, str]) -> None:
    with front.client("ana") as client:
        job = client.submit_extract({**SPEC, "name": "special", **changes})
        assert job["state"] == "waiting"
        front.works.house.token("trainer", bank.ANA[0])
        front.decide(job["proposal"], approve=True)
        wait_for(lambda: client.job(job["id"])["state"] == "published")
        done = client.dataset_version(client.job(job["id"])["version"])
        assert done["requester"] == "ana"
        (access,) = entries(front.works.house, receipt=client.job(job["id"])["receipt"], kind="access")
        assert access.payload["actor"]["principal"] == ("trainer" if "run_as" in changes else "ana")


def test_a_service_without_a_token_runs_nothing(front: Front) -> None:
    with front.client("ana") as client:
        job = client.submit_extract({**SPEC, "name": "nobody", "run_as": "service:nobody"})
        front.decide(job["proposal"], approve=True)
        wait_for(lambda: client.job(job["id"])["state"] == "failed")
        assert client.job(job["id"])["code"] == "unauthenticated.job"


def test_a_verdict_whose_act_was_lost_is_acted_on_by_the_next_round(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    with front.client("fay") as client:
        monkeypatch.setattr(front.works.desk, "on_approved", lambda _: None)
        job = client.submit_extract({**FRAUD, "name": "forgotten"})
        front.decide(job["proposal"], approve=True)
        assert client.job(job["id"])["state"] == "waiting"
        front.works.worker._tidying.settle_waiting()
        wait_for(lambda: client.job(job["id"])["state"] == "published")


def test_an_approval_that_expired_runs_nothing(front: Front) -> None:
    with front.client("fay") as client:
        job = client.submit_extract({**FRAUD, "name": "late"})
        with front.works.house.gateway.control.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE proposal SET expires = 1000000 WHERE id = '{job['proposal']}'")
        front.works.stock.queue.release(job["id"])  # as an approval does that came in time
        wait_for(lambda: client.job(job["id"])["state"] == "failed")
        assert client.job(job["id"])["code"] == "denied.approval"
        waiting = client.submit_extract({**FRAUD, "name": "late"})
        with front.works.house.gateway.control.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE proposal SET expires = 1000000 WHERE id = '{waiting['proposal']}'")
        front.works.worker._tidying.settle_waiting()
        assert client.job(waiting["id"])["state"] == "failed"


# The command line


class At(Host):
    """The host's command line with a caller's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def settings(self) -> Settings:
        return self._settings


@pytest.fixture
def shell(front: Front) -> Any:
    def run(*arguments: str, who: str = "ana", **more: object) -> Result:
        known = front.works.house.settings.model_dump()
        settings = Settings(**{**known, "url": front.url, "token": front.tokens[who], **more})
        result = CliRunner().invoke(extract, list(arguments), obj=At(settings), env={"COLUMNS": "200"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in SPEC.items()))
    return path


def test_run_waits_fetches_and_verifies(shell: Any, spec_file: Path, tmp_path: Path, front: Front) -> None:
    done = shell("run", str(spec_file), "-o", str(tmp_path / "data"))
    assert done.exit_code == 0, done.output
    assert "loan-default@" in done.stdout
    assert "verified" in done.stderr
    assert pq.read_table(tmp_path / "data" / "bucket-00.parquet").num_rows == 12
    key = front.works.shop.signer.verifier_key
    checked = shell("verify", str(tmp_path / "data"), "--key", key, "--json")
    assert (checked.exit_code, json.loads(checked.stdout)["ok"]) == (0, True)
    again = shell("run", str(spec_file), "-o", str(tmp_path / "data"))
    assert again.exit_code == 2


def test_run_without_waiting_tells_the_job(shell: Any, spec_file: Path, front: Front) -> None:
    told = json.loads(shell("run", str(spec_file), "--no-wait", "--json").stdout)
    assert told["state"] in {"queued", "running"}
    with front.client("ana") as client:
        wait_for(lambda: client.job(told["id"])["state"] == "published")
    shown = shell("show", told["id"])
    assert shown.exit_code == 0
    assert "published" in shown.stdout


def test_a_failed_job_ends_the_command_by_its_code(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(json.dumps({**SPEC, "sql": f"{SPEC['sql']} WHERE region = 'XX'"}))
    done = shell("run", str(path))
    assert done.exit_code == 2
    assert "invalid.empty" in done.stderr


def test_a_wrong_spec_is_told_by_file_and_line_before_anything_is_sent(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\nsql: SELECT 1\npurpose: p\nenvironment: dev\nsubject: s\nretention: 1y\n")
    done = shell("run", str(path))
    assert done.exit_code == 2
    assert "wrong.yaml:6: a number of days (365d) is needed here" in done.stderr.replace("\n", "")


def test_a_waiting_job_says_whom_it_waits_for(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "fraud.yaml"
    path.write_text(json.dumps({**FRAUD, "name": "cli"}))
    done = shell("run", str(path), who="fay")
    assert done.exit_code == 0
    assert "waits for approval: gateway approve p-" in done.stderr
    listed = json.loads(shell("list", "--json", who="fay").stdout)
    (job,) = [job for job in listed["jobs"] if job["name"] == "cli"]
    cancelled = shell("cancel", job["id"], who="fay")
    assert (cancelled.exit_code, "is cancelled" in cancelled.stderr) == (0, True)


def test_list_and_show_print_what_the_manifest_says(shell: Any, front: Front) -> None:
    version = front.made()["version"]
    assert version in shell("list").stdout
    shown = shell("show", version).stdout
    for word in ("pseudonymized", "customer", "credit-risk-dev", "not measured", "bucket-00.parquet"):
        assert word in shown
    assert json.loads(shell("show", version, "--json").stdout)["id"] == version


def test_get_leaves_nothing_that_does_not_verify(shell: Any, front: Front, tmp_path: Path) -> None:
    version = front.made()["version"]
    assert shell("get", version, "-o", str(tmp_path / "a")).exit_code == 0
    name, _, number = version.partition("@")
    stored = front.works.stock.versions.find(name, int(number))
    assert stored is not None
    damaged = front.works.folder(stored) / "bucket-00.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    refused = shell("get", version, "-o", str(tmp_path / "b"))
    assert refused.exit_code == 1
    assert "bucket-00.parquet: its SHA-256" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_verify_names_what_was_changed_and_exits_1(shell: Any, front: Front, tmp_path: Path) -> None:
    version = front.made()["version"]
    shell("get", version, "-o", str(tmp_path / "a"))
    note = tmp_path / "a" / "manifest.sig"
    note.write_text(note.read_text().replace("gateway-dataset/1", "gateway-dataset/2"))
    checked = shell("verify", str(tmp_path / "a"))
    assert checked.exit_code == 1
    assert "manifest.sig" in checked.stdout
    nowhere = shell("verify", str(tmp_path / "a"), home=tmp_path / "nowhere")
    assert (nowhere.exit_code, "--key" in nowhere.stderr) == (2, True)


@pytest.mark.parametrize("command", sorted(extract.commands))
def test_each_command_shows_how_to_call_it(command: str) -> None:
    told = CliRunner().invoke(extract, [command, "--help"])
    assert f"gateway extract {command}" in told.stdout
    assert isinstance(extract, click.Group)


# Specs


@pytest.mark.parametrize("path", sorted((POLICIES / "extracts").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_banks_own_specs_read_and_are_allowed(front: Front, path: Path) -> None:
    spec = read_spec(path.read_text(), file=path.name)
    who = "fay" if spec.purpose == "fraud-detection" else "ana"
    with contextlib.closing(front.http(who)) as http:
        asked = {"sql": spec.sql, "purpose": spec.purpose}
        assert http.post("/v1/explain", json=asked).json()["allowed"], path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("name: Loan", "x.yaml:1: a name is 1..63 of a-z 0-9 -"),
        ("freshness: {max_age: 1w}", "x.yaml:1: a number with d, h or m (7d) is needed here"),
        ("run_as: somebody", "x.yaml:1: `requester` or `service:NAME` is needed here"),
        ("snapshot: both", "x.yaml:1: `any` or `consistent` is needed here"),
        ("owner: me", "x.yaml:1: unknown key 'owner'"),
    ],
)
def test_a_specs_mistakes_are_named_by_line(line: str, said: str) -> None:
    key = line.partition(":")[0]
    rest = [f"{name}: {json.dumps(value)}" for name, value in SPEC.items() if name != key]
    with pytest.raises(Invalid) as wrong:
        read_spec("\n".join([line, *rest]), file="x.yaml")
    assert wrong.value.message.startswith(said)
