"""Parameters of a query by every door: a value is data, wherever it comes in, and stays out of the log."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner

import gateway.client as gw
from gateway.app import Host
from gateway.cli.group import cli
from gateway.settings import Settings
from tests import bank
from tests.house import settings_for
from tests.server import Server

PURPOSE = bank.ANA[1]
SQL = "SELECT count(*) AS n FROM core.customers WHERE region = :region AND income >= :least"
PLAIN = "SELECT count(*) AS n FROM core.customers WHERE region = 'DE' AND income >= 100.5"
VALUES = {"region": "DE", "least": 100.5}


class Place:
    def __init__(self, server: Server, settings: Settings) -> None:
        with Host().token_desk(settings) as (desk, actor):
            people = {"ana": (bank.ANA[0], "dev"), "aude": ("auditor", "dev")}
            self.tokens = {
                name: desk.create(
                    actor,
                    principal=name,
                    roles=frozenset({role}),
                    environment=environment,
                    lifetime=datetime.timedelta(hours=1),
                )[1]
                for name, (role, environment) in people.items()
            }
        self.url = server.url
        self.sessions = {name: gw.connect(self.url, token=token) for name, token in self.tokens.items()}

    def http(self, path: str = "/v1/query", **body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens['ana']}", "Accept": "application/json"}
        return httpx.post(self.url + path, json={"purpose": PURPOSE, **body}, headers=headers)

    def sdk(self, who: str = "ana") -> gw.Gateway:
        return self.sessions[who]

    def cli(self, *arguments: str) -> object:
        environment = {"GATEWAY_URL": self.url, "GATEWAY_TOKEN": self.tokens["ana"]}
        done = CliRunner().invoke(cli, [*arguments, "-p", PURPOSE], obj=Host(), env=environment)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("parameters")
    settings = settings_for(root, bank=bank.write(bank.first_world(), root / "core.db"))
    Host().initialize(settings)
    with Server(settings, stderr=root / "stderr", sandbox_warm_children="1") as server:
        place = Place(server, settings)
        yield place
        for session in place.sessions.values():
            session.close()


@pytest.fixture(scope="module")
def expected(place: Place) -> int:
    found = int(place.http(sql=PLAIN).json()["rows"][0][0])
    assert 0 < found < int(place.http(sql="SELECT count(*) FROM core.customers").json()["rows"][0][0])
    return found


def test_by_http_named_and_numbered(place: Place, expected: int) -> None:
    numbered = SQL.replace(":region", "$1").replace(":least", "$2")
    assert place.http(sql=SQL, parameters=VALUES).json()["rows"] == [[expected]]
    assert place.http(sql=numbered, parameters=["DE", 100.5]).json()["rows"] == [[expected]]


def test_by_the_sdk_with_pythons_own_types(place: Place, expected: int) -> None:
    given = {"region": "DE", "least": decimal.Decimal("100.5")}
    assert place.sdk().query(SQL, purpose=PURPOSE, parameters=given).to_arrow().to_pylist() == [{"n": expected}]
    dated = "SELECT count(*) AS n FROM core.customers WHERE birth_date > $1"
    since = place.sdk().query(dated, purpose=PURPOSE, parameters=[datetime.date(1900, 1, 1)]).to_arrow().to_pylist()
    assert since[0]["n"] > 0
    assert place.sdk().explain(SQL, purpose=PURPOSE, parameters=given)["allowed"]


def test_by_the_command_line_json_or_text(place: Place, expected: int) -> None:
    given = ("--parameter", "region=DE", "--parameter", "least=100.5")
    told = place.cli("query", SQL, "--format", "json", *given)
    assert isinstance(told, dict)
    assert told["rows"] == [[expected]]
    explained = place.cli("explain", SQL, "--json", *given)
    assert isinstance(explained, dict)
    assert explained["allowed"]


@pytest.mark.parametrize("path", ["/v1/query", "/v1/explain"])
@pytest.mark.parametrize("parameters", [{}, {"region": "DE"}, {**VALUES, "more": 1}, ["DE", 1]])
def test_missing_and_unused_values_are_refused_by_name(place: Place, path: str, parameters: object) -> None:
    refused = place.http(path, sql=SQL, parameters=parameters)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid.parameter")


@pytest.mark.parametrize("parameters", ["DE", [["DE"]], {"region": {"a": 1}}, 1])
def test_only_single_values_are_taken(place: Place, parameters: object) -> None:
    assert place.http(sql=SQL, parameters=parameters).status_code == 422


def test_a_hostile_value_is_a_value(place: Place) -> None:
    hostile = {"region": "DE' OR '1'='1", "least": 0}
    assert place.http(sql=SQL, parameters=hostile).json()["rows"] == [[0]]


def test_no_value_comes_into_the_log(place: Place) -> None:
    secret = {"region": "ZQX-SECRET", "least": 31415.93}
    receipt = place.http(sql=SQL, parameters=secret).headers["Gateway-Receipt"]
    refused = place.http(sql=SQL, parameters={**secret, "ZQX": "ZQX"})
    assert "SECRET" not in refused.text
    log = json.dumps(place.sdk("aude").audit_entries(limit=500))
    assert receipt in log
    assert "ZQX" not in log
    assert "31415" not in log
