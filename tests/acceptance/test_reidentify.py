"""Re-identification on the command line and over HTTP, against a running `gateway serve`."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import connect
from tests import bank
from tests.acceptance.shell import Shell
from tests.acceptance.test_canaries import Canaries
from tests.cases import PROJECT, PURPOSE, policies
from tests.house import settings_for
from tests.server import Server

CASE = "CASE-2026-17"
ASKED = ("--dataset", "core.customers", "-p", PURPOSE, "--case", CASE)
TRUTH = "SELECT customer_id FROM customers WHERE region = 'DE'"


class Bank:
    """A served gateway, and people at the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = bank.write(bank.first_world(), root / "core.db")
        self.settings = settings_for(root, bank=self.path, policies=policies(root))
        self.shell = Shell(self.settings, "")
        assert self.shell.run("init").exit_code == 0
        self.server = Server(self.settings, stderr=root / "stderr", sandbox_warm_children="1")
        people = {"ana": bank.ANA[0], "hugo": "case-handler", "petra": "privacy-officer", "aude": "auditor"}
        for name, role in people.items():
            self.shell.tokens[name] = self.shell.token(name, role)
        self.shell.tokens["hans"] = self.shell.token("hans", "case-handler")

    def json(self, *arguments: str, who: str) -> Any:
        done = self.shell.run(*arguments, "--json", who=who)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def pseudonyms(self) -> list[str]:
        sql = "SELECT customer_id FROM core.customers"
        done = self.shell.run("query", sql, "-p", bank.ANA[1], "--format", "json", who="ana")
        return [row[0] for row in json.loads(done.stdout)["rows"]]

    def listed(self, pseudonyms: list[str]) -> str:
        """A file of them, as people write one."""
        path = self.root / "found.txt"
        path.write_text("\n".join(["", *pseudonyms, f" {pseudonyms[0]} ", ""]))
        return str(path)

    def truth(self) -> set[str]:
        with sqlite3.connect(self.path) as connection:
            return {str(row[0]) for row in connection.execute(TRUTH)}

    def http(self, who: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.shell.tokens[who]}"}
        return httpx.Client(base_url=self.server.url, headers=headers, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    made = Bank(tmp_path_factory.mktemp("reidentify"))
    with made.server:
        made.shell.url = made.server.url
        yield made


@pytest.mark.slow
def test_a_case_on_the_command_line_from_pseudonyms_to_people(served: Bank, tmp_path: Path) -> None:
    shell, shown = served.shell, served.pseudonyms()
    file, out = served.listed(shown), tmp_path / "who.csv"
    told = shell.run("reidentify", "propose", file, *ASKED, "--project", PROJECT, "--reason", "alerts", who="hugo")
    assert told.exit_code == 0, told.output
    case = told.stdout.strip()
    assert f"gateway approve {case}" in told.stderr
    early = shell.run("reidentify", "fetch", case, file, "-o", str(out), who="hugo")
    assert (early.exit_code, "nobody approved" in early.stderr, out.exists()) == (1, True, False)
    assert shell.run("approve", case, "--yes", who="hugo").exit_code == 1
    seen = shell.run("approve", case, who="petra")
    assert CASE in seen.stdout and "alerts" in seen.stdout and shown[0] not in seen.stdout
    assert shell.run("approve", case, "--yes", who="petra").exit_code == 0
    assert shell.run("reidentify", "fetch", case, file, who="hans").exit_code == 1

    done = shell.run("reidentify", "fetch", case, file, "-o", str(out), who="hugo")
    assert done.exit_code == 0, done.output
    with out.open(newline="") as opened:
        rows = list(csv.reader(opened))
    assert rows[0] == ["pseudonym", "identifier"]
    assert {row[1] for row in rows[1:]} == served.truth()
    assert {row[0] for row in rows[1:]} < set(shown)
    assert out.stat().st_mode & 0o777 == 0o600
    assert f"{len(rows) - 1} found · {len(shown) - len(rows) + 1} not" in done.stderr
    again = shell.run("reidentify", "fetch", case, file, who="hugo")
    assert (again.exit_code, "propose a new one" in again.stderr, again.stdout) == (1, True, "")

    found = shell.run("audit", "search", "--principal", "hugo", who="aude").stdout
    lines = [line for line in found.splitlines() if CASE in line]
    assert [line.split()[2] for line in lines] == ["event", "access"]
    assert "core.customers.customer_id full" in lines[1]
    assert CASE in shell.run("audit", "search", "--action", "proposal-approve", who="aude").stdout


@pytest.mark.slow
def test_a_result_file_that_is_there_is_not_spent_for(served: Bank, tmp_path: Path) -> None:
    shell, file = served.shell, served.listed(served.pseudonyms())
    case = served.json("reidentify", "propose", file, *ASKED, "--project", PROJECT, who="hugo")["id"]
    served.json("approve", case, "--yes", who="petra")
    there = tmp_path / "there.csv"
    there.write_text("mine")
    for out in (there, tmp_path / "nowhere" / "who.csv"):
        assert shell.run("reidentify", "fetch", case, file, "-o", str(out), who="hugo").exit_code == 2
    assert there.read_text() == "mine"
    told = json.loads(shell.run("reidentify", "fetch", case, file, "--format", "json", who="hugo").stdout)
    assert {str(row[1]) for row in told["rows"]} == served.truth()
    assert told["trailer"]["unresolved"] == len(served.pseudonyms()) - len(told["rows"])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_over_http_in_other_formats(served: Bank, form: str) -> None:
    shown = served.pseudonyms()
    wanted = {"dataset": "core.customers", "purpose": PURPOSE, "project": PROJECT, "case": CASE}
    with connect(served.server.url, token=served.shell.tokens["hugo"]) as hugo:
        made = hugo.propose_reidentification(shown, **wanted)
        assert shown[0] not in json.dumps(made)
        with connect(served.server.url, token=served.shell.tokens["petra"]) as petra:
            petra.approve(made["id"], digest=petra.reidentification(made["id"])["digest"])
        with hugo.reidentified(made["id"], shown, format=form) as answer:
            body = b"".join(answer.chunks())
        hugo.confirm(answer)
    assert b"unresolved" in body


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        {"pseudonyms": "ZQX-LIST"},
        {"pseudonyms": []},
        {"pseudonyms": [1.5, "ZQX-LIST"]},
        {"pseudonyms": [True]},
        {"pseudonyms": [None]},
        {"pseudonyms": [["ZQX-LIST"]]},
        {"pseudonyms": ["ZQX-LIST"], "more": 1},
        {},
        [],
    ],
    ids=str,
)
def test_a_malformed_list_is_refused_without_repeating_it(served: Bank, body: object) -> None:
    with served.http("hugo") as hugo:
        for path in ("/v1/reidentifications/p-0000000000000000/result", "/v1/reidentifications"):
            told = hugo.post(path, json=body)
            assert (told.status_code, "ZQX" in told.text) == (422, False)


@pytest.mark.slow
def test_a_stranger_is_told_nothing(served: Bank) -> None:
    with httpx.Client(base_url=served.server.url, trust_env=False) as stranger:
        for path in ("/v1/reidentifications/p-0000000000000000/result", "/v1/reidentifications"):
            assert stranger.post(path, json={"pseudonyms": ["x"]}).status_code in {401, 422}
        assert stranger.get("/v1/reidentifications/p-0000000000000000").status_code == 401


@pytest.mark.slow
def test_no_identifier_and_no_pseudonym_is_left_in_the_home_or_said(served: Bank) -> None:
    """After all that this file did."""
    shown = served.pseudonyms()
    file = served.listed(shown)
    case = served.json("reidentify", "propose", file, *ASKED, "--project", PROJECT, who="hugo")["id"]
    served.json("approve", case, "--yes", who="petra")
    assert served.shell.run("reidentify", "fetch", case, file, who="hugo").exit_code == 0
    canaries = Canaries([*shown, *(f"zqx-{word}" for word in ("name", "email"))], served.truth())
    home, said = served.settings.home, (served.root / "stderr").read_bytes()
    found = {
        (path.name, canary)
        for path in home.rglob("*")
        if path.is_file() and "extracts" not in path.parts
        for canary in canaries.found_in(path.read_bytes())
    }
    assert not found
    assert not canaries.found_in(said)
