"""T25 at the doors: receipts tell nothing of the log, names are plain, and no text acts on a terminal."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.group import cli
from gateway.errors import Invalid
from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import caller, entries, open_door

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202egnp.exe\u2066\u200b\u061c\ufeff"
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Characters that act on a terminal; a line's end is ours."""
SQL = "SELECT income FROM core.customers"


class Front:
    def __init__(self, house: House, url: str) -> None:
        self.house, self.url = house, url
        self.ana, self.aude = house.token("ana", bank.ANA[0]), house.token("aude", "auditor")

    def run(self, *arguments: str, token: str) -> tuple[int, str]:
        """A command line's exit code and everything it printed."""
        settings = self.house.settings
        environment = {
            "GATEWAY_HOME": str(settings.home),
            "GATEWAY_KEK_FILE": str(settings.kek_path),
            "GATEWAY_URL": self.url,
            "GATEWAY_TOKEN": token,
        }
        result = CliRunner().invoke(cli, list(arguments), obj=self.house.host, env=environment)
        return result.exit_code, result.output


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    root = tmp_path_factory.mktemp("names")
    tables = bank.first_world()
    tables["customers"][0]["segment"] = f"retail{HOSTILE}"  # of DE, and released as it is
    source = bank.write(tables, root / "core.db")
    with open_house(root, bank=source) as house, open_door(house.gateway.services()) as url:
        yield Front(house, url)


def test_t25_receipts_have_no_order_and_do_not_follow_from_the_index(front: Front) -> None:
    with caller(front.url, front.ana) as ana:
        body = {"sql": SQL, "purpose": bank.ANA[1]}
        receipts = [ana.post("/v1/query", json=body).headers["gateway-receipt"] for _ in range(12)]
    assert all(re.fullmatch(r"r_[0-9a-f]{32}", receipt) for receipt in receipts)
    assert receipts not in (sorted(receipts), sorted(receipts, reverse=True))
    numbers = [int(receipt[2:], 16) for receipt in receipts]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    assert len(steps) == len(numbers) - 1
    assert len({number >> 96 for number in numbers}) == len(numbers), "a common beginning: a clock or a counter"


def test_t25_no_answer_of_the_door_tells_an_index(front: Front) -> None:
    with caller(front.url, front.ana) as ana:
        answer = ana.post("/v1/query", json={"sql": SQL, "purpose": bank.ANA[1]})
        receipt = answer.headers["gateway-receipt"]
        told = ana.get(f"/v1/receipts/{receipt}").json()
    (access,) = entries(front.house, receipt=receipt, kind="access")
    assert "index" not in json.dumps([dict(answer.headers), answer.json()["trailer"], told])
    assert str(access.index) not in {str(value) for value in told.values()}


HOSTILE_SQL = (
    f"SELECT '{HOSTILE}' AS x FROM core.customers",
    f'SELECT "{HOSTILE}" FROM core.customers',
    f'SELECT income AS "{HOSTILE}" FROM core.customers',
    f'SELECT 1 FROM "core"."{HOSTILE}"',
    f"SELECT income FROM core.customers -- {HOSTILE}",
    f"{HOSTILE}",
)


@pytest.mark.parametrize("number", range(len(HOSTILE_SQL)))
def test_t25_hostile_sql_comes_back_to_nobody_raw(front: Front, number: int) -> None:
    with caller(front.url, front.ana) as ana:
        response = ana.post("/v1/query", json={"sql": HOSTILE_SQL[number], "purpose": bank.ANA[1]})
    if response.status_code != 200:
        assert all(not ACTING.search(str(value)) for value in response.json().values())
    stored = [json.dumps(entry.payload, ensure_ascii=False) for entry in entries(front.house)]
    assert not any(ACTING.search(text) for text in stored)


@pytest.mark.parametrize("command", ["query", "explain"])
def test_t25_an_error_about_hostile_sql_prints_plain_text(front: Front, command: str) -> None:
    for sql in HOSTILE_SQL:
        _, printed = front.run(command, sql.replace("\x00", ""), "-p", bank.ANA[1], token=front.ana)
        assert not ACTING.search(printed), sql


def test_t25_a_hostile_purpose_prints_plain_text_and_is_not_logged(front: Front) -> None:
    before = len(entries(front.house))
    exit_code, printed = front.run("query", SQL, "-p", HOSTILE, token=front.ana)
    assert exit_code == 2
    assert not ACTING.search(printed)
    assert len(entries(front.house)) == before


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_t25_audit_search_prints_plain_text(front: Front, extra: list[str]) -> None:
    with caller(front.url, front.ana) as ana:
        for sql in HOSTILE_SQL:
            ana.post("/v1/query", json={"sql": sql, "purpose": bank.ANA[1]})
    front.run("audit", "search", "--dataset", HOSTILE.replace("\x00", ""), token=front.aude)
    exit_code, printed = front.run("audit", "search", "--limit", "1000", *extra, token=front.aude)
    assert exit_code == 0
    assert "ana" in printed
    assert not ACTING.search(printed)


def test_t25_a_hostile_value_of_a_row_prints_plain_text(front: Front) -> None:
    exit_code, printed = front.run("query", "SELECT segment FROM core.customers", "-p", bank.ANA[1], token=front.ana)
    assert exit_code == 0
    assert "retail\\u001b[2J" in printed
    assert not ACTING.search(printed)


BAD_NAMES = ("Ana", "ana smith", "ana\x1b[2J", "a" * 64, "-ana", "", "ana/../root", "änna", "ana\n", "ana\u202e")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_t25_no_token_is_made_for_a_name_that_is_not_plain(front: Front, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        front.house.token(name, "intern")
    assert refused.value.code == "invalid.name"
    assert name == "" or name not in refused.value.message


@pytest.mark.parametrize("name", BAD_NAMES)
def test_t25_no_token_is_made_for_an_environment_that_is_not_plain(front: Front, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        front.house.token("ana", "intern", environment=name)
    assert refused.value.code == "invalid.name"


@pytest.mark.parametrize("field", ["purpose", "grant"])
@pytest.mark.parametrize("name", [name for name in BAD_NAMES if name])
def test_t25_the_door_takes_no_name_that_is_not_plain(front: Front, field: str, name: str) -> None:
    body = {"sql": SQL, "purpose": bank.ANA[1], field: name}
    with caller(front.url, front.ana) as ana:
        response = ana.post("/v1/query", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid.request")
    assert name not in response.json()["detail"].replace("body.purpose", "").replace("body.grant", "")


def test_t25_a_receipt_id_of_any_kind_is_looked_up_and_not_repeated(front: Front) -> None:
    with caller(front.url, front.ana) as ana:
        told = {ana.get(f"/v1/receipts/{name}").content for name in ("r_0", "%1b%5b2J", "%e2%80%ae", "x" * 300)}
    assert len(told) == 1


def test_t25_a_role_that_is_not_known_is_not_printed_raw(front: Front, tmp_path: Path) -> None:
    exit_code, printed = front.run(
        "token", "create", "eve", "--role", HOSTILE.replace("\x00", ""), "--environment", "dev", token=""
    )
    assert exit_code == 2
    assert not ACTING.search(printed)
