"""The attacks of sections A, B and C against `gateway serve`, over HTTP and by the real `gateway query`.

Oracles, for every attack: O1, no canary in status, headers, body (with what its compressed pages and metadata hold),
error text, explanation, standard output and standard error; O3, answered or refused as stated, with exactly one record
of the question in the log. At the end O1 once more over what the gateway said and wrote: its output, every file of its
home and its temporary folder, and the whole log as an auditor reads it; there not even what attackers typed may stand.
O2 is test_in_two_worlds.py.

C15, parts that fail, is in test_c_escapes.py and tests/acceptance/test_faults.py.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.app import Host
from gateway.client.connection import MEDIA_TYPES
from tests import bank
from tests.acceptance.test_canaries import Canaries, Gateway, _bank_canaries, _output
from tests.adversary.attacks.questions import ATTACKS, Attack
from tests.house import settings_for

FORMS = ("json", "csv", "arrow", "parquet")
ON_THE_COMMAND_LINE = [attack for attack in ATTACKS if attack.cli]
EXIT = {"rows": 0, "no rows": 0, "failed": 2, "refused": 2}
IDS = (
    *("A1", "A2", "A3", "A4", "A5", "A7", "A9", "A10", "A11", "B1", "B3", "B4", "B5", "B7", "B8"),
    *("C1", "C2", "C3", "C5", "C7", "C8", "C9", "C11", "C12", "C14"),
)
"""C15 and C17 are about paths and parts, not about a query."""


@dataclasses.dataclass
class Served:
    """The gateway, a client of Ana and one of an auditor."""

    gateway: Gateway
    client: httpx.Client
    canaries: Canaries
    ana: dict[str, str]
    vera: dict[str, str]

    seen: int = -1
    """The newest of Ana's records that a test has looked at."""

    def records(self) -> list[dict[str, object]]:
        """What the log holds of Ana since the last call: exactly the records of what she did, ended."""
        for _ in range(200):
            found = self._search(principal="ana", after=self.seen)
            if all(entry["result"] is not None or entry["kind"] == "event" for entry in found):
                break
            time.sleep(0.05)  # an outcome follows the last byte
        self.seen = max([self.seen, *(int(str(entry["index"])) for entry in found)])
        return found

    def _search(self, **wanted: str | int) -> list[dict[str, object]]:
        answer = self.client.get("/v1/audit/entries", params={"limit": 100, **wanted}, headers=self.vera)
        assert answer.status_code == 200
        return list(answer.json())

    def whole_log(self) -> Iterator[str]:
        after = -1
        while found := self._search(after=after):
            yield json.dumps(found, ensure_ascii=False)
            after = int(str(found[-1]["index"]))
            if len(found) < 100:
                return

    def leaked(self, said: str, *, asked: str) -> set[str]:
        """Canaries in it that the question itself does not hold."""
        return {canary for canary in self.canaries.found_in(said) if canary not in asked.casefold()}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    tables = bank.first_world()
    settings = settings_for(root, bank=bank.write(tables, root / "core.db"))
    Host().initialize(settings)
    gateway = Gateway(settings, root)
    with pytest.MonkeyPatch.context() as patch, gateway.running() as client:
        patch.delenv("GATEWAY_TOKEN", raising=False)
        yield Served(
            gateway,
            client,
            _bank_canaries(tables),
            gateway.authorization("ana", bank.ANA[0]),
            gateway.authorization("vera", "auditor"),
        )


def test_every_id_has_an_attack_and_one_on_the_command_line() -> None:
    assert list(dict.fromkeys(attack.id for attack in ATTACKS)) == list(IDS)
    assert [attack.id for attack in ON_THE_COMMAND_LINE] == list(IDS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_over_http(served: Served, attack: Attack) -> None:
    form = FORMS[ATTACKS.index(attack) % len(FORMS)]
    body = {"sql": attack.sql, "purpose": bank.ANA[1]}
    served.records()
    answer = served.client.post("/v1/query", json=body, headers={**served.ana, "Accept": MEDIA_TYPES[form]})
    said = _output(attack.sql, answer)
    assert not served.leaked(said.text, asked=attack.sql)
    (record,) = served.records()
    _judge(attack, record)
    if attack.end in ("rows", "no rows"):
        assert answer.status_code == 200
        assert (_count(answer.content, form) > 0) == (attack.end == "rows")
    else:
        assert answer.status_code == 422
        assert answer.json()["code"].startswith(attack.code or ("unsupported.", "invalid."))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_explained(served: Served, attack: Attack) -> None:
    served.records()
    answer = served.client.post("/v1/explain", json={"sql": attack.sql, "purpose": bank.ANA[1]}, headers=served.ana)
    assert not served.leaked(_output(attack.sql, answer).text, asked=attack.sql)
    assert len(served.records()) == 1
    assert (answer.status_code == 200) == (attack.end != "refused")


def _judge(attack: Attack, record: dict[str, object]) -> None:
    """O3: the decision that was stated, and that record of it."""
    kind, result = {
        "rows": ("access", "ok"),
        "no rows": ("access", "ok"),
        "failed": ("access", "failed"),
        "refused": ("denial", "denied"),
    }[attack.end]
    assert (record["kind"], record["result"]) == (kind, result)


def test_b7_a_request_of_a_megabyte_is_not_even_read(served: Served) -> None:
    """Refused by its size, before anybody is asked who it is from: there is nothing to record."""
    served.records()
    sql = f"SELECT region FROM core.customers WHERE region = '{'x' * 1_000_000}'"
    for path in ("/v1/query", "/v1/explain"):
        answer = served.client.post(path, json={"sql": sql, "purpose": bank.ANA[1]}, headers=served.ana)
        assert (answer.status_code, answer.json()["code"]) == (413, "invalid.size")
    assert not served.records()


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT region FROM core.customers WHERE email = "zqx-email-000001@bank.example"',
        'SELECT region AS "zqx-email-000001@bank.example" FROM core.customers',
    ],
)
def test_b8_a_value_in_double_quotes_is_not_logged(served: Served, sql: str) -> None:
    served.records()
    served.client.post("/v1/query", json={"sql": sql, "purpose": bank.ANA[1]}, headers=served.ana)
    assert "zqx-email-000001" not in json.dumps(served.records())


def _count(body: bytes, form: str) -> int:
    match form:
        case "arrow":
            return int(pa.ipc.open_stream(body).read_all().num_rows)
        case "parquet":
            return int(pq.read_table(pa.BufferReader(body)).num_rows)
        case "csv":
            return body.count(b"\r\n") - 1
        case _:
            return len(json.loads(body)["rows"])


def _command(served: Served, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """The real thing, as a client: it knows a URL and a token."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", "query", "-p", bank.ANA[1], *arguments],
        env={
            "PATH": os.environ["PATH"],
            "GATEWAY_URL": str(served.client.base_url),
            "GATEWAY_TOKEN": served.ana["Authorization"].removeprefix("Bearer "),
        },
        cwd=cwd,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("attack", ON_THE_COMMAND_LINE, ids=lambda attack: attack.id)
def test_attack_on_the_command_line(served: Served, attack: Attack, tmp_path: Path) -> None:
    served.records()
    form = ("csv", "json", "table")[IDS.index(attack.id) % 3]
    told = _command(served, "--format", form, "--", attack.sql, cwd=tmp_path)
    said = (told.stdout + told.stderr).decode(errors="replace")
    assert not served.leaked(said, asked=attack.sql)
    assert told.returncode == EXIT[attack.end], said
    assert b"Traceback" not in told.stderr
    assert attack.end in ("rows", "no rows") or not told.stdout
    (record,) = (entry for entry in served.records() if entry["kind"] != "event")
    _judge(attack, record)
    assert not list(tmp_path.iterdir())


def test_c17_path_divergence(served: Served, tmp_path: Path) -> None:
    """The same rows and the same decision by every path: four formats over HTTP, and files of the
    command line."""
    sql, headers, rows = "SELECT email, region, segment FROM core.customers", [], []
    for form in FORMS:
        accept = {**served.ana, "Accept": MEDIA_TYPES[form]}
        answer = served.client.post("/v1/query", json={"sql": sql, "purpose": bank.ANA[1]}, headers=accept)
        headers.append((answer.headers["Gateway-Decision"], answer.headers["Gateway-Snapshot"]))
        rows.append(_rows(answer.content, form))
    for form in ("csv", "parquet"):
        path = tmp_path / f"answer.{form}"
        assert _command(served, "--format", form, "-o", str(path), "--", sql, cwd=tmp_path).returncode == 0
        rows.append(_rows(path.read_bytes(), form))
    assert len(rows[0]) == 12
    assert all(each == rows[0] for each in rows)
    assert len(set(headers)) == 1


def _rows(body: bytes, form: str) -> list[list[str]]:
    match form:
        case "arrow":
            return [list(row.values()) for row in pa.ipc.open_stream(body).read_all().to_pylist()]
        case "parquet":
            return [list(row.values()) for row in pq.read_table(pa.BufferReader(body)).to_pylist()]
        case "csv":
            return [line.replace('"', "").split(",") for line in body.decode().split("\r\n")[1:-1]]
        case _:
            return list(json.loads(body)["rows"])


def test_in_the_end_nothing_that_the_gateway_said_wrote_or_logged_holds_a_canary(served: Served) -> None:
    """Not even one that an attacker typed (B8)."""
    log = list(served.whole_log())
    assert sum(entry.count('"denial"') for entry in log) > len(ATTACKS) / 2
    assert not set(itertools.chain.from_iterable(map(served.canaries.found_in, log)))
    files = served.gateway.files()
    assert {"control.db", "control.db-wal", "said.log"} <= {path.name for path in files}
    assert not {found for path in files for found in served.canaries.found_in(path.read_bytes())}
    assert not list(served.gateway.temporary.rglob("*"))


def test_the_oracle_would_see_a_canary(served: Served) -> None:
    """Without this, O1 could look for nothing."""
    source = served.gateway.settings.sources.with_name("core.db").read_bytes().decode(errors="replace")
    assert len(served.leaked(source, asked="")) > 700
    assert served.leaked("x zqx-email-000000@bank.example y", asked="") == {"zqx-email-000000@bank.example"}
