"""The whole gateway on a PostgreSQL control database, and two gateways at once on one control database of each kind."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import Control, Host
from gateway.client import Client
from gateway.errors import GatewayError
from gateway.governance import TokenDesk
from gateway.settings import Settings
from gateway.terms.audit import Actor, EntryFilter
from tests import bank
from tests.house import House, open_house, settings_for
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.server import Server

QUERIES_EACH = 15


@pytest.fixture
def house(tmp_path: Path, postgres_url: str) -> Iterator[House]:  # noqa: F811 - the fixture
    path = bank.write(bank.first_world(), tmp_path / "core.db")
    with open_house(tmp_path, bank=path, database_url=postgres_url) as opened:
        yield opened


def rows(house: House, token: str, sql: str, *, purpose: str) -> list[list[object]]:
    return json.loads(house.ask(token, sql, purpose=purpose)[0])["rows"]


@pytest.mark.postgres
def test_it_answers_at_three_levels(house: House) -> None:
    ana = house.token("ana", bank.ANA[0])
    rita = house.token("rita", "reporting-analyst")
    otto = house.token("otto", "data-owner", environment="prod")
    emails = "SELECT email FROM core.customers"
    assert len(masked := rows(house, ana, emails, purpose=bank.ANA[1])) == 12
    assert len(full := rows(house, otto, emails, purpose="data-quality")) == 48
    assert not {row[0] for row in masked} & {row[0] for row in full}
    groups = "SELECT segment, count(*) FROM core.customers GROUP BY segment ORDER BY segment"
    assert rows(house, rita, groups, purpose="regulatory-reporting") == [
        ["affluent", 16],
        ["business", 16],
        ["retail", 16],
    ]


@pytest.mark.postgres
def test_nothing_of_it_lies_in_the_home(house: House) -> None:
    rows(house, house.token("ana", bank.ANA[0]), "SELECT count(*) FROM core.customers", purpose=bank.ANA[1])
    assert {path.name for path in house.settings.home.iterdir()} == {"keys"}


@pytest.mark.postgres
def test_its_log_is_searched_and_verified(house: House) -> None:
    ana = house.token("ana", bank.ANA[0])
    rows(house, ana, "SELECT income FROM core.customers", purpose=bank.ANA[1])
    with pytest.raises(GatewayError, match="unknown dataset"):
        house.ask(ana, "SELECT note FROM core.call_notes", purpose=bank.ANA[1])
    log = house.gateway.control.log_store
    (seen,) = log.search(EntryFilter(column="core.customers.income", principal="ana"))
    assert (seen.kind, seen.result) == ("access", "ok")
    (denied,) = log.search(EntryFilter(result="denied"))
    assert denied.payload is not None
    assert denied.payload["code"] == "invalid.dataset"
    verified = house.host.verify(house.settings, verifier_key=None, progress=None)
    assert (verified.ok, verified.size) == (True, 6)


@pytest.mark.postgres
def test_a_revoked_token_opens_nothing(house: House) -> None:
    token = house.token("ana", bank.ANA[0])
    with house.host.token_desk(house.settings) as (desk, actor):
        desk.revoke(actor, token=token)
    with pytest.raises(GatewayError) as refused:
        house.ask(token, "SELECT region FROM core.customers", purpose=bank.ANA[1])
    assert refused.value.code == "unauthenticated"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A home on a new control database."""
    more = {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}
    settings = settings_for(tmp_path, bank=bank.write(bank.first_world(), tmp_path / "core.db"), **more)
    Host().initialize(settings)
    return settings


def test_two_gateways_append_to_one_log_without_a_fork(shared: Settings, tmp_path: Path) -> None:
    with Host().token_desk(shared) as (desk, actor):
        tokens = [_token(desk, actor, f"ana{number}") for number in range(4)]
    more = {"database_url": shared.database_url} if shared.database_url else {}
    receipts: list[str] = []
    with (
        Server(shared, stderr=tmp_path / "0.log", **more) as first,
        Server(shared, stderr=tmp_path / "1.log", **more) as second,
    ):
        threads = [
            threading.Thread(target=_ask, args=((first, second)[number % 2].url, token, receipts))
            for number, token in enumerate(tokens)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first.stop()
        second.stop()
    assert len(set(receipts)) == 4 * QUERIES_EACH
    control = Control(shared)
    accesses = control.log_store.search(EntryFilter(kind="access", limit=1000))
    control.close()
    assert {entry.payload["receipt"] for entry in accesses if entry.payload} == set(receipts)
    assert {entry.result for entry in accesses} == {"ok"}
    told_by = {entry.payload["instance"] for entry in accesses if entry.payload}
    assert len(told_by) == 2
    verified = Host().verify(shared, verifier_key=None, progress=None)
    assert verified.findings == ()
    assert verified.size == 2 + 4 + 2 * len(receipts), "init, activation, four tokens; an access and an outcome each"


def _token(desk: TokenDesk, actor: Actor, name: str) -> str:
    lifetime = datetime.timedelta(hours=1)
    _, text = desk.create(actor, principal=name, roles=frozenset({bank.ANA[0]}), environment="dev", lifetime=lifetime)
    return text


def _ask(url: str, token: str, receipts: list[str]) -> None:
    with Client(url, token=token) as client:
        for _ in range(QUERIES_EACH):
            _, answer = client.table("SELECT region, income FROM core.customers", purpose=bank.ANA[1])
            receipts.append(answer.receipt)
