"""From a denial to a grant and back, from a folder to the active bundle: `gateway serve` and the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import Client, Refused
from tests import bank
from tests.acceptance.shell import Shell
from tests.house import POLICIES, settings_for
from tests.server import Server
from tests.unit.http.door import caller

SQL = "SELECT amount FROM core.loans"
PURPOSE = "data-quality"
PEOPLE = {
    "ana": bank.ANA[0],
    "bob": bank.ANA[0],
    "olga": "data-owner",
    "alma": "admin",
    "arno": "admin",
    "aude": "auditor",
}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    root = tmp_path_factory.mktemp("approvals")
    settings = settings_for(root, bank=bank.write(bank.first_world(), root / "core.db"))
    shell = Shell(settings, "")
    assert shell.run("init").exit_code == 0
    with Server(settings, stderr=root / "stderr", sandbox_warm_children="1", requests_per_minute="100000") as server:
        shell.url = server.url
        shell.tokens |= {name: shell.token(name, role) for name, role in PEOPLE.items()}
        yield shell


def client(shell: Shell, who: str) -> Client:
    return Client(shell.url, token=shell.tokens[who])


def http(shell: Shell, who: str) -> httpx.Client:
    return caller(shell.url, shell.tokens[who])


def asked(shell: Shell, **changes: object) -> dict[str, Any]:
    with client(shell, "ana") as ana:
        return ana.request_access(
            **{"datasets": ["core.loans"], "purposes": [PURPOSE], "level": "pseudonymized", **changes}
        )


# The command line


def test_a_denial_is_pasted_approved_used_and_revoked(shell: Shell) -> None:
    denied = shell.run("query", SQL, "-p", PURPOSE, who="ana")
    assert denied.exit_code == 1
    command = next(line.split("→ ", 1)[1] for line in denied.stderr.splitlines() if "→ gateway request" in line)

    made = shell.run(*command.split()[1:], "--reason", "default rates per segment", who="ana")
    assert made.exit_code == 0, made.output
    proposal = made.stdout.strip()
    assert f"gateway approve {proposal}" in made.stderr

    waiting = shell.run("approve", who="olga").stdout
    assert all(word in waiting for word in (proposal, "ana", "core.loans pseudonymized", "yours to decide"))
    assert proposal not in shell.run("approve", who="bob").stdout
    shown = shell.run("approve", proposal, "--json", who="olga")
    assert json.loads(shown.stdout)["state"] == "open"

    decided = shell.run("approve", proposal, "--yes", "--note", "fine", who="olga")
    assert (decided.exit_code, f"approved {proposal}" in decided.stdout) == (0, True)
    assert "everybody with role credit-risk-scientist in dev" in decided.stdout
    assert "token that this gateway's host made" in " ".join(decided.stderr.split())
    assert shell.run("query", SQL, "-p", PURPOSE, who="ana").exit_code == 0

    listed = json.loads(shell.run("grants", "--json", who="ana").stdout)
    (grant,) = [grant for grant in listed if grant["proposal"] == proposal]
    assert grant["id"] in shell.run("grants", who="ana").stdout
    assert shell.run("grants", "--revoke", grant["id"], who="bob").exit_code == 1
    assert shell.run("grants", "--revoke", grant["id"], who="olga").exit_code == 0
    assert shell.run("query", SQL, "-p", PURPOSE, who="ana").exit_code == 1


def test_the_log_tells_the_whole_story_and_verifies(shell: Shell) -> None:
    proposal = asked(shell, reason="for the story")["id"]
    assert shell.run("approve", proposal, "--yes", who="olga").exit_code == 0
    told = json.loads(shell.run("audit", "search", "--kind", "event", "--json", who="aude").stdout)
    story = [e["payload"]["action"] for e in told if e["payload"]["detail"].get("proposal") == proposal]
    assert story == ["access-request", "proposal-approve", "grant-add"]
    assert shell.run("audit", "verify").exit_code == 0


def test_a_verdict_wants_an_answer(shell: Shell) -> None:
    proposal = asked(shell)["id"]
    silent = shell.run("approve", proposal, who="olga")  # nobody types anything
    assert silent.exit_code == 1
    assert json.loads(shell.run("approve", proposal, "--json", who="olga").stdout)["state"] == "open"
    denied = shell.run("approve", proposal, "--deny", "--yes", "--note", "groups are enough", "--json", who="olga")
    assert json.loads(denied.stdout)["verdict"]["note"] == "groups are enough"
    assert "groups are enough" in shell.run("approve", proposal, who="ana").stdout
    again = shell.run("approve", proposal, "--yes", who="olga")
    assert (again.exit_code, "denied.closed" in again.stderr) == (1, True)


def test_a_proposers_own_word_does_not_count(shell: Shell) -> None:
    with client(shell, "olga") as olga:
        made = olga.request_access(datasets=["core.loans"], purposes=[PURPOSE], level="full", role="data-owner")
    own = shell.run("approve", made["id"], "--yes", who="olga")
    assert (own.exit_code, "denied.four_eyes" in own.stderr) == (1, True)
    polite = shell.run("approve", made["id"], who="olga")
    assert (polite.exit_code, "not yours to decide" in polite.stderr) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("core.loans", "-p", PURPOSE, "-l", "everything"),
        ("core.loans", "-p", PURPOSE, "-l", "full", "--days", "91"),
        ("core.loans", "-p", PURPOSE, "-l", "full", "--column", "amount"),
        ("core.nothing", "-p", PURPOSE, "-l", "full"),
        ("core.customers", "-p", PURPOSE, "-l", "full", "--where", "region ="),
        ("core.loans", "-l", "full"),
    ],
)
def test_a_wrong_request_is_a_usage_error(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell.run("request", *arguments, who="ana").exit_code == 2


def test_where_binds_to_the_first_dataset_and_others_follow(shell: Shell) -> None:
    given = ("core.customers", "core.loans", "-p", PURPOSE, "-l", "full", "--where", "region = 'DE'", "--json")
    made = json.loads(shell.run("request", *given, who="ana").stdout)
    assert made["document"]["rows"] == {"dataset": "core.customers", "where": "region = 'DE'"}
    assert made["document"]["rows_follow"] == ["core.loans"]


def test_a_policy_is_compared_proposed_and_activated_by_two(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    grants = folder / "grants.yaml"
    line = "- {id: owners-dev, role: data-owner, environment: dev, datasets: [core.loans], purposes: [churn-model],"
    grants.write_text(f"{grants.read_text()}{line}\n   level: aggregated, expires: 2027-06-30}}\n")

    compared = shell.run("policy", "diff", str(folder), who="alma")
    assert compared.exit_code == 0, compared.output
    assert "~ grants.yaml" in compared.stdout
    assert f"+{line}" in compared.stdout
    (gain,) = [row.split() for row in compared.stdout.splitlines() if "core.loans.amount" in row]
    assert gain == ["data-owner", "dev", "core.loans.amount", "—", "aggregated"]

    made = shell.run("policy", "activate", str(folder), "--reason", "groups for owners", "--json", who="alma")
    proposal = json.loads(made.stdout)
    assert shell.run("approve", proposal["id"], "--yes", who="alma").exit_code == 1
    assert shell.run("approve", proposal["id"], "--yes", who="olga").exit_code == 1
    decided = shell.run("approve", proposal["id"], "--yes", who="arno")
    assert decided.exit_code == 0, decided.output
    assert "~ grants.yaml" in decided.stdout
    with client(shell, "alma") as alma:
        assert alma.active_policy()["digest"] == proposal["document"]["bundle"]
    groups = "SELECT loan_purpose, count(*) FROM core.loans GROUP BY loan_purpose"
    assert shell.run("query", groups, "-p", "churn-model", who="olga").exit_code == 0


def test_a_broken_policy_names_its_lines(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    (folder / "roles.yaml").write_text("intern: {may: [everything]}\n")
    for act in ("diff", "activate"):
        refused = shell.run("policy", act, str(folder), who="alma")
        assert refused.exit_code == 2
        assert "roles.yaml:1: unknown capability" in refused.stderr


# HTTP


def test_proposals_have_two_addresses_and_one_meaning(shell: Shell) -> None:
    made = asked(shell)
    with http(shell, "olga") as olga:
        one, other = (olga.get(f"/v1/{name}/{made['id']}").json() for name in ("access-requests", "proposals"))
        assert one == other
        assert one["digest"] == made["digest"]
        body = {"digest": made["digest"], "note": "no"}
        assert olga.post(f"/v1/access-requests/{made['id']}/deny", json=body).json()["state"] == "denied"
        assert olga.post(f"/v1/proposals/{made['id']}/deny", json=body).status_code == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/access-requests", {"datasets": [], "purposes": [PURPOSE], "level": "full"}),
        ("/v1/access-requests", {"datasets": ["core.loans"], "purposes": [PURPOSE], "level": "full", "effect": "deny"}),
        ("/v1/access-requests", {"datasets": ["core.loans"], "purposes": [PURPOSE], "level": "full", "days": 10**30}),
        ("/v1/access-requests", {"datasets": ["core.loans"], "purposes": [PURPOSE], "level": "full", "days": True}),
        ("/v1/access-requests", {"datasets": ["core.loans"], "purposes": [PURPOSE], "level": "full", "reason": "\x00"}),
        ("/v1/proposals/p-1/approve", {"digest": "short"}),
        ("/v1/proposals/p-1/approve", {}),
        ("/v1/policies", {"files": {"grants.yaml": 1}}),
    ],
)
def test_malformed_bodies_are_refused(shell: Shell, path: str, body: dict[str, object]) -> None:
    with http(shell, "alma") as alma:
        assert alma.post(path, json=body).status_code == 422


def test_lone_surrogates_are_refused_everywhere(shell: Shell) -> None:
    bodies = {
        "/v1/policies": b'{"files": {"grants.yaml": "\\ud800"}}',
        "/v1/access-requests": b'{"datasets": ["core.loans"], "purposes": ["churn-model"], "level": "full",'
        b' "role": "admin", "reason": "\\ud800"}',
    }
    with http(shell, "alma") as alma:
        for path, body in bodies.items():
            answer = alma.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422


def test_nothing_here_is_open_to_strangers(shell: Shell) -> None:
    with httpx.Client(base_url=shell.url, trust_env=False) as stranger:
        for path in ("/v1/access-requests", "/v1/proposals", "/v1/proposals/p-1", "/v1/grants", "/v1/policies"):
            assert stranger.get(path).status_code == 401
        assert stranger.delete("/v1/grants/g-1").status_code == 401


def test_a_refusal_has_a_receipt_that_its_owner_finds(shell: Shell) -> None:
    made = asked(shell)
    with client(shell, "bob") as bob:
        with pytest.raises(Refused) as refused:
            bob.approve(made["id"], digest=made["digest"])
        assert refused.value.code == "denied.proposal"
        assert bob.receipt(refused.value.receipt)["status"] == "denied"
