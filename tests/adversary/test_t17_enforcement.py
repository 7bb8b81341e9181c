"""T17 through the door: what allowed an answer is asked again at its access entry and while its rows flow."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.governance import read_policies
from gateway.store import Bundles
from gateway.terms.audit import AccessEntry
from gateway.terms.document import PolicyFiles
from gateway.terms.policy import Grant, Level, RuleRef
from tests import bank
from tests.house import POLICIES, House, open_house
from tests.unit.http.door import BIG, OWNER, big_bank, caller, ended, entries, open_door, slow_reader, wait_for

RECHECK_SECONDS = 0.1
BOUND_SECONDS = 3.0
"""Housekeeping looks every half second, the bridge polls as often; the rest is for a busy machine."""
SQL = "SELECT income FROM core.customers"
_COUNT = itertools.count()


class Front:
    def __init__(self, house: House, url: str) -> None:
        self.house, self.url = house, url

    def post(self, token: str, sql: str = SQL, *, purpose: str = bank.ANA[1]) -> Any:
        with caller(self.url, token) as client:
            return client.post("/v1/query", json={"sql": sql, "purpose": purpose})

    def ends_when(self, act: Callable[[], object], *, token: str, sql: str = BIG, purpose: str = OWNER[1]) -> object:
        """Act while an answer flows; how the answer ended. What it still sends after that is no whole body."""
        with slow_reader(self.url, token, sql, purpose=purpose) as (connection, receipt):
            act()
            begun = time.monotonic()
            how = ended(self.house, receipt)
            assert time.monotonic() - begun < BOUND_SECONDS
            rest = b""
            while chunk := connection.recv(1 << 16):
                rest += chunk
            assert not rest.endswith(b"0\r\n\r\n")
            return how


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return big_bank(tmp_path_factory.mktemp("bank") / "core.db", transactions=100_000)


@contextlib.contextmanager
def opened(root: Path, source: Path) -> Iterator[Front]:
    more = {"recheck_seconds": RECHECK_SECONDS, "lease_seconds": 600}
    with open_house(root, bank=source, **more) as house, open_door(house.gateway.services()) as url:
        yield Front(house, url)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[Front]:
    """Each test has principals of its own; whichever policy a test leaves active says the same."""
    with opened(tmp_path_factory.mktemp("home"), source) as front:
        yield front


@pytest.fixture
def lone(tmp_path: Path, source: Path) -> Iterator[Front]:
    """May lose its lease."""
    with opened(tmp_path, source) as front:
        yield front


def revoke_token(house: House, token: str) -> None:
    with house.host.token_desk(house.settings) as (desk, actor):
        desk.revoke(actor, token=token)


def other_policies() -> PolicyFiles:
    """The same policy under a digest that was never active."""
    files = dict(read_policies(POLICIES).files)
    files["grants.yaml"] += f"# reviewed again, {next(_COUNT)}\n"
    return PolicyFiles(files)


def dynamic_grant(house: House) -> Grant:
    return Grant(
        id="dyn-transactions",
        effect="allow",
        role="intern",
        environment="dev",
        datasets=frozenset({"core.transactions"}),
        purposes=frozenset({bank.ANA[1]}),
        level=Level.PSEUDONYMIZED,
        columns={},
        denied_columns=frozenset(),
        at_most=None,
        rows=None,
        rows_follow=frozenset(),
        expires=house.now() + datetime.timedelta(hours=1),
        rule=RuleRef(file="requests", line=1, id="dyn-transactions"),
        dynamic=True,
    )


def lose_lease(house: House) -> None:
    """As if the process had been suspended past it."""
    with contextlib.closing(sqlite3.connect(house.settings.home / "control.db")) as connection, connection:
        connection.execute("UPDATE gateway_instance SET lease_until = 0")


def test_t17_a_token_revoked_while_rows_flow_ends_the_answer(front: Front) -> None:
    token = front.house.token("otto", OWNER[0], environment="prod")
    how = front.ends_when(lambda: revoke_token(front.house, token), token=token)
    assert how == ("failed", "denied.stale")
    assert front.post(token).status_code == 401


def test_t17_anothers_revoked_token_ends_nothing(front: Front) -> None:
    tokens = [front.house.token(name, OWNER[0], environment="prod") for name in ("otto", "olga")]
    with slow_reader(front.url, tokens[0], BIG, purpose=OWNER[1]) as (_, receipt):
        revoke_token(front.house, tokens[1])
        time.sleep(1.2)  # several rechecks
        (access,) = entries(front.house, receipt=receipt, kind="access")
        assert access.outcome is None


def test_t17_a_dynamic_grant_opens_a_dataset_and_its_revocation_ends_the_answer(front: Front) -> None:
    control, token = front.house.gateway.control, front.house.token("ida", "intern")
    sql = "SELECT transaction_id, account_id, amount FROM core.transactions"
    assert front.post(token, sql).status_code == 403
    control.grants.add(dynamic_grant(front.house), by="otto", now=front.house.now())

    def revoke() -> None:
        assert control.grants.revoke("dyn-transactions", by="otto", now=front.house.now())

    assert front.ends_when(revoke, token=token, sql=sql, purpose=bank.ANA[1]) == ("failed", "denied.stale")
    assert front.post(token, sql).status_code == 403


def test_t17_a_bundle_activated_while_rows_flow_ends_the_answer(front: Front) -> None:
    token = front.house.token("otto", OWNER[0], environment="prod")
    bundles = Bundles(front.house.gateway.control.engine)
    how = front.ends_when(lambda: bundles.activate(other_policies(), by="ben", now=front.house.now()), token=token)
    assert how == ("failed", "denied.stale")


def test_t17_a_lost_lease_ends_running_answers_and_opens_none(lone: Front) -> None:
    otto, ana = lone.house.token("otto", OWNER[0], environment="prod"), lone.house.token("ana", bank.ANA[0])
    how = lone.ends_when(lambda: lose_lease(lone.house), token=otto)
    assert how == ("failed", "unavailable.lease")
    assert lone.post(ana).json()["code"] == "unavailable.lease"
    assert not entries(lone.house, kind="access", principal="ana")


class Between:
    """The real log, with an act just before access entries: where another replica may come in between."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch, act: Callable[[int], object]) -> None:
        self.decided: list[str] = []
        log = house.gateway.control.log
        append = log.append

        def acted(entry: Any, **more: Any) -> int:
            if isinstance(entry, AccessEntry):
                act(len(self.decided))
                self.decided.append(entry.digest)
            return append(entry, **more)

        monkeypatch.setattr(log, "append", acted)


def test_t17_a_bundle_activated_before_the_access_entry_leads_to_a_second_decision(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles, files = Bundles(front.house.gateway.control.engine), other_policies()

    def activate(attempt: int) -> None:
        if attempt == 0:
            bundles.activate(files, by="ben", now=front.house.now())

    token = front.house.token("bea", bank.ANA[0])
    between = Between(front.house, monkeypatch, activate)
    response = front.post(token)
    assert response.status_code == 200
    assert len(between.decided) == 2
    assert between.decided[0] != between.decided[1] == files.digest
    assert f"digest={files.digest[:16]}" in response.headers["gateway-decision"]
    (access,) = entries(front.house, kind="access", principal="bea")
    assert access.payload["digest"] == files.digest


def test_t17_the_second_decision_may_be_a_denial(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    files = dict(read_policies(POLICIES).files)
    files["grants.yaml"] = files["grants.yaml"].replace("columns: {income: full}", "columns: {income: pseudonymized}")
    files["grants.yaml"] += (
        "- {id: no-income, effect: deny, role: credit-risk-scientist, environment: dev, datasets: [core.customers],"
        ' columns: [income], purposes: ["*"]}\n'
    )
    bundles = Bundles(front.house.gateway.control.engine)
    token = front.house.token("cem", bank.ANA[0])
    Between(front.house, monkeypatch, lambda _: bundles.activate(PolicyFiles(files), by="ben", now=front.house.now()))
    response = front.post(token)
    bundles.activate(read_policies(POLICIES), by="ben", now=front.house.now())
    assert (response.status_code, response.json()["code"]) == (403, "denied.grant")
    assert not entries(front.house, kind="access", principal="cem")
    (denial,) = entries(front.house, receipt=response.json()["receipt"])
    assert denial.payload["digest"] == PolicyFiles(files).digest


def test_t17_a_policy_that_keeps_moving_is_not_chased(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    bundles, now = Bundles(front.house.gateway.control.engine), front.house.now
    files = [other_policies(), other_policies()]
    token = front.house.token("dan", bank.ANA[0])
    between = Between(front.house, monkeypatch, lambda n: bundles.activate(files[n % 2], by="ben", now=now()))
    response = front.post(token)
    assert (response.status_code, response.json()["code"]) == (403, "denied.stale")
    assert len(between.decided) == 2
    assert not entries(front.house, kind="access", principal="dan")


def test_t17_a_token_revoked_before_the_access_entry_opens_nothing(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = front.house.token("eva", bank.ANA[0])
    Between(front.house, monkeypatch, lambda _: revoke_token(front.house, token))
    response = front.post(token)
    assert (response.status_code, response.json()["code"]) == (403, "denied.stale")
    assert not entries(front.house, kind="access", principal="eva")
    wait_for(lambda: entries(front.house, receipt=response.json()["receipt"]))
