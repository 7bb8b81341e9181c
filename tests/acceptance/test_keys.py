"""Keys on the command line, against a running `gateway serve`: list, rotate, destroy by two, refuse what came back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Control
from gateway.keys import projects_folder
from gateway.terms.proposal import Verdict
from tests import bank
from tests.acceptance.shell import Shell
from tests.house import settings_for
from tests.server import Server

SQL, PURPOSE, PROJECT = "SELECT customer_id FROM core.customers", bank.ANA[1], "credit-risk"


class Keys:
    """A served gateway, and people at the command line."""

    def __init__(self, root: Path) -> None:
        self.settings = settings_for(root, bank=bank.write(bank.first_world(), root / "core.db"))
        self.shell = Shell(self.settings, "")
        assert self.shell.run("init").exit_code == 0
        self.server = Server(self.settings, stderr=root / "stderr", sandbox_warm_children="1")
        self.stderr = root / "stderr"
        for name, role in (("ana", bank.ANA[0]), ("alma", "admin"), ("arno", "admin")):
            self.shell.tokens[name] = self.shell.token(name, role)

    def start(self) -> None:
        self.server.start()
        self.shell.url = self.server.url

    def json(self, *arguments: str, who: str = "") -> Any:
        done = self.shell.run(*arguments, "--json", who=who)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def pseudonyms(self) -> set[str]:
        done = self.shell.run("query", SQL, "-p", PURPOSE, "--format", "json", who="ana")
        assert done.exit_code == 0, done.output
        return {row[0] for row in json.loads(done.stdout)["rows"]}


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys(tmp_path)
    keys.start()
    yield keys
    if keys.server.process is not None and keys.server.process.poll() is None:
        keys.server.kill()


@pytest.mark.slow
def test_the_life_of_a_projects_key(keys: Keys) -> None:
    assert keys.json("key", "list") == []
    first = keys.pseudonyms()
    (state,) = keys.json("key", "list")
    assert {**state, "created": "…"} == {
        "project": PROJECT,
        "epoch": 1,
        "created": "…",
        "destroyed": None,
        "entry": None,
    }
    assert keys.json("key", "rotate", PROJECT) == {"project": PROJECT, "epoch": 2}
    second = keys.pseudonyms()
    assert first and not first & second

    refused = keys.shell.run("key", "destroy", PROJECT, who="ana")
    assert (refused.exit_code, "key.destroy" in " ".join(refused.stderr.split())) == (1, True)
    proposal = keys.json(
        "key", "destroy", PROJECT, "--epoch", "1", "--reason", "the first model is retired", who="alma"
    )
    assert proposal["kind"] == "key-destroy"
    assert keys.shell.run("approve", proposal["id"], "--yes", who="alma").exit_code == 1
    approved = keys.json("approve", proposal["id"], "--yes", who="arno")
    assert approved["state"] == "approved"
    listed = keys.json("key", "list")
    assert [(each["epoch"], each["destroyed"] is None) for each in listed] == [(1, False), (2, True)]
    assert keys.pseudonyms() == second

    whole = keys.json("key", "destroy", PROJECT, who="alma")
    keys.json("approve", whole["id"], "--yes", who="arno")
    gone = keys.shell.run("query", SQL, "-p", PURPOSE, who="ana")
    assert gone.exit_code != 0
    assert "project credit-risk, epoch 2 was destroyed" in " ".join(gone.stderr.split())
    assert "gateway key rotate credit-risk" in " ".join(gone.stderr.split())
    assert "destroyed" not in keys.shell.run("key", "list").stderr
    assert keys.json("key", "rotate", PROJECT)["epoch"] == 3
    assert not keys.pseudonyms() & (first | second)
    for folder in (keys.settings.home, projects_folder(keys.settings.kek_path)):
        assert [path.name for path in folder.rglob(f"{PROJECT}.*.kek*")] in ([], [f"{PROJECT}.3.kek"])


@pytest.mark.slow
def test_serve_refuses_a_ring_that_was_put_back_and_settle_mends_it(keys: Keys, tmp_path: Path) -> None:
    keys.pseudonyms()
    ring = keys.settings.home / "keys" / "ring.json"
    shutil.copy2(ring, tmp_path / "backup.json")
    proposal = keys.json("key", "destroy", PROJECT, who="alma")
    keys.json("approve", proposal["id"], "--yes", who="arno")
    keys.server.stop()
    shutil.copy2(tmp_path / "backup.json", ring)
    with pytest.raises(AssertionError) as refused:
        keys.start()
    assert "put back" in str(refused.value)
    assert "gateway key settle" in str(refused.value)
    assert keys.json("key", "settle") == [{"project": PROJECT, "epoch": 1}]
    keys.start()
    assert "was destroyed" in " ".join(keys.shell.run("query", SQL, "-p", PURPOSE, who="ana").stderr.split())


@pytest.mark.slow
def test_versions_under_the_key_are_listed_and_asked_about(keys: Keys, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        f'name: loans\nsql: "SELECT customer_id, region FROM core.customers"\npurpose: {PURPOSE}\n'
        "environment: dev\nsubject: customer_id\n"
    )
    made = keys.shell.run("extract", "run", str(spec), "--wait", who="ana")
    assert made.exit_code == 0, made.output
    asked = keys.shell.run("key", "destroy", PROJECT, who="alma")
    assert (asked.exit_code, "loans@1" in " ".join(asked.stderr.split())) == (1, True)
    told = keys.shell.run("key", "destroy", PROJECT, "--json", who="alma")
    assert (told.exit_code, "loans@1" in told.output) == (2, True)
    proposal = keys.json("key", "destroy", PROJECT, "--unattributable", who="alma")
    assert proposal["document"]["unattributable"] == ["loans@1"]
    shown = keys.shell.run("approve", proposal["id"], who="arno")
    assert "loans@1" in shown.stdout
    keys.json("approve", proposal["id"], "--yes", who="arno")
    keys.shell.tokens["aude"] = keys.shell.token("aude", "auditor")
    found = keys.json("audit", "search", "--action", "version-unattributable", who="aude")
    assert [entry["payload"]["detail"]["version"] for entry in found] == ["loans@1"]


@pytest.mark.slow
def test_serve_refuses_while_an_approved_destruction_cannot_be_done_and_finishes_it_once_it_can(keys: Keys) -> None:
    keys.pseudonyms()
    kek = projects_folder(keys.settings.kek_path) / f"{PROJECT}.1.kek"
    target = keys.settings.kek_path.with_name("real.kek")
    kek.rename(target)
    kek.symlink_to(target)
    used = keys.shell.run("query", SQL, "-p", PURPOSE, who="ana")
    assert (used.exit_code != 0, "is a symbolic link" in " ".join(used.stderr.split())) == (True, True)
    proposal = keys.json("key", "destroy", PROJECT, who="alma")
    told = keys.shell.run("approve", proposal["id"], "--yes", who="arno")
    assert (told.exit_code != 0, "epoch 1 is a symbolic link" in " ".join(told.stderr.split())) == (True, True)
    waits = keys.shell.run("key", "rotate", PROJECT)
    assert (waits.exit_code != 0, "approved and not finished" in " ".join(waits.stderr.split())) == (True, True)
    keys.server.stop()
    with pytest.raises(AssertionError) as refused:
        keys.start()
    assert "epoch 1 is a symbolic link" in str(refused.value)
    kek.unlink()
    target.rename(kek)
    keys.start()
    assert not kek.exists()
    assert keys.json("approve", "--all", who="alma")[0]["state"] == "approved"
    assert keys.json("key", "rotate", PROJECT)["epoch"] == 2


@pytest.mark.slow
def test_what_was_approved_and_not_done_is_not_shown_as_approved(keys: Keys) -> None:
    keys.pseudonyms()
    proposal = keys.json("key", "destroy", PROJECT, who="alma")
    control = Control(keys.settings)
    now = control.clock.now()
    control.proposals.decide(
        Verdict(proposal=proposal["id"], approved=True, by="arno", by_issuer="token", digest=proposal["digest"], at=now)
    )
    control.proposals.close(proposal["id"], outcome="stale", now=now)
    control.close()
    (listed,) = keys.json("approve", "--all", who="alma")
    assert listed["state"] == "stale"
    assert "stale" in keys.shell.run("approve", "--all", who="alma").stdout
    assert keys.json("key", "list")[0]["destroyed"] is None


_LOOP = """
import sys
from pathlib import Path
from gateway.control import SystemClock, SystemEntropy
from gateway.keys import FileKeyRing, FileWrapper, projects_folder
from gateway.terms.key import KeyScope
home, kek = map(Path, sys.argv[1:])
wrapper = FileWrapper(projects_folder(kek), entropy=SystemEntropy())
ring = FileKeyRing(home, kek_path=kek, wrapper=wrapper, clock=SystemClock(), entropy=SystemEntropy())
for number in range(10**9):
    project = f"p{number}"
    if any(state.epoch.project == project for state in ring.listed()):
        continue
    key = ring.derive(KeyScope(project=project, domain="d", mask="m"))
    print(project, key.secret().hex(), flush=True)
"""


@pytest.mark.slow
def test_kill_9_while_keys_are_made_loses_no_key_that_was_used(tmp_path: Path) -> None:
    """What a process printed before it was killed derives the same afterwards, and the next project can begin."""
    settings = settings_for(tmp_path, bank=tmp_path / "none.db")
    assert Shell(settings, "").run("init").exit_code == 0
    told: dict[str, str] = {}
    for round_ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", _LOOP, str(settings.home), str(settings.kek_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
            text=True,
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        assert first.startswith("p"), first
        time.sleep(0.003 * round_)
        child.send_signal(signal.SIGKILL)
        lines = [first, *child.stdout.readlines()]
        child.wait()
        child.stdout.close()
        told |= dict(line.split() for line in lines if line.endswith("\n"))
    from gateway.terms.key import KeyScope

    control = Control(settings)
    ring = control.open_keys()
    ring.check({})
    assert len(told) >= 12
    assert all(
        ring.derive(KeyScope(project=project, domain="d", mask="m")).secret().hex() == secret
        for project, secret in told.items()
    )
    control.close()
