"""Bad input and broken parts, through real HTTP: a clear problem, the right status, an entry, nothing unlogged."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.client import Client, Incomplete
from gateway.housekeeping import refusal_counter
from gateway.terms.audit import OutcomeEntry
from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import BIG, OWNER, big_bank, caller, ended, entries, open_door, size, slow_reader

SQL = "SELECT customer_id, income FROM core.customers"


class Front:
    """A house with its door and clients."""

    def __init__(self, house: House, url: str, source: Path) -> None:
        self.house, self.url, self.source = house, url, source
        self.tokens = {
            "ana": house.token("ana", bank.ANA[0]),
            "otto": house.token("otto", OWNER[0], environment="prod"),
        }

    def ask(self, sql: str = SQL, *, who: str = "ana", purpose: str = bank.ANA[1], **more: Any) -> httpx.Response:
        accept = {"Accept": more.pop("accept", "text/csv")}
        with caller(self.url, self.tokens[who]) as client:
            return client.post("/v1/query", json={"sql": sql, "purpose": purpose, **more}, headers=accept)


@contextlib.contextmanager
def front(root: Path, source: Path, **more: Any) -> Iterator[Front]:
    with open_house(root, bank=source, **more) as house, open_door(house.gateway.services()) as url:
        yield Front(house, url, source)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Good for questions that break nothing for others."""
    root = tmp_path_factory.mktemp("big")
    with front(root, big_bank(root / "core.db"), concurrent_queries=16, max_json_rows=40_000) as open_front:
        yield open_front


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Front]:
    """To be broken."""
    source = bank.write(bank.first_world(), tmp_path / "core.db")
    with front(tmp_path, source, database_lock_seconds=0.3) as open_front:
        yield open_front


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, checked for what every one has."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:gateway:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert isinstance(problem["reasons"], list)
    return problem


# Credentials


def bad_tokens(front: Front) -> dict[str, str]:
    house = front.house
    revoked = house.token("rita", bank.ANA[0])
    with house.host.token_desk(house.settings) as (desk, actor):
        desk.revoke(actor, token=revoked)
    expired = house.token("elsa", bank.ANA[0], hours=1e-7)
    time.sleep(0.01)
    good = front.tokens["ana"]
    return {
        "unknown": "gw_0123456789_" + "0" * 32,
        "wrong secret": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "malformed": "gw_nonsense",
        "upper case": good.upper(),
        "revoked": revoked,
        "expired": expired,
    }


def test_all_bad_tokens_get_one_answer_byte_for_byte(big: Front) -> None:
    answers = set()
    for token in bad_tokens(big).values():
        with caller(big.url, token) as client:
            response = client.post("/v1/query", json={"sql": SQL, "purpose": bank.ANA[1]})
        refused(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"
        answers.add(response.content)
    assert len(answers) == 1


def test_no_token_is_refused_with_a_way_to_mend_it(big: Front) -> None:
    problem = refused(
        httpx.post(f"{big.url}/v1/query", json={"sql": SQL, "purpose": bank.ANA[1]}), 401, "unauthenticated"
    )
    assert "Authorization" in problem["fix"]


def test_refused_credentials_are_counted_and_become_one_entry(small: Front) -> None:
    tokens = bad_tokens(small)
    before = size(small.house)
    for token in tokens.values():
        with caller(small.url, token) as client:
            assert client.get("/v1/datasets").status_code == 401
    assert size(small.house) == before
    control = small.house.gateway.control
    refusal_counter(control.gate, log=control.log, clock=control.clock, entropy=control.entropy)()
    (entry,) = entries(small.house, action="refused-credentials")
    assert entry.payload is not None
    assert entry.payload["detail"] == {"count": len(tokens)}
    assert size(small.house) == before + 1


# Questions that cannot be answered


def test_a_hidden_dataset_answers_like_an_unknown_one_byte_for_byte(big: Front) -> None:
    told = []
    for name in ("core.call_notes", "core.call_notez"):
        response = big.ask(f"SELECT note FROM {name}")
        problem = refused(response, 422, "invalid.dataset")
        told.append(response.content.replace(name.encode(), b"?").replace(problem["receipt"].encode(), b"r"))
    assert told[0] == told[1]


def test_a_hidden_dataset_by_name_answers_like_an_unknown_one(big: Front) -> None:
    with caller(big.url, big.tokens["ana"]) as client:
        answers = {client.get(f"/v1/datasets/{name}").content for name in ("core.call_notes", "core.call_notez")}
    assert len(answers) == 1


BAD = {
    "two statements": ("SELECT 1 FROM core.customers; SELECT 2 FROM core.customers", "unsupported.statement"),
    "an update": ("UPDATE core.customers SET income = 0", "unsupported.statement"),
    "a table made": ("CREATE TABLE x AS SELECT * FROM core.customers", "unsupported.statement"),
    "no SQL": ("tell me all", "unsupported.statement"),
    "nothing": ("", "invalid.syntax"),
    "half a query": ("SELECT income FROM", "invalid.syntax"),
    "an unlisted column": ("SELECT password FROM core.customers", "invalid.column"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_question_that_cannot_be_understood_is_told_and_logged(big: Front, what: str) -> None:
    sql, code = BAD[what]
    problem = refused(big.ask(sql), 422, code)
    (entry,) = entries(big.house, receipt=problem["receipt"])
    assert (entry.kind, entry.payload["code"]) == ("denial", code)


def test_an_unknown_purpose_is_denied_with_those_that_one_has(big: Front) -> None:
    problem = refused(big.ask(purpose="curiosity"), 403, "denied.grant")
    assert any("credit-default-model" in reason for reason in problem["reasons"])
    (entry,) = entries(big.house, receipt=problem["receipt"])
    assert (entry.kind, entry.payload["purpose"]) == ("denial", "")


def test_a_denial_names_what_is_missing_and_how_to_ask_for_it(big: Front) -> None:
    problem = refused(
        big.ask("SELECT reference FROM core.transactions", purpose="fraud-detection"), 403, "denied.grant"
    )
    assert problem["detail"]
    assert problem["fix"]
    assert entries(big.house, receipt=problem["receipt"], result="denied")


def test_an_answer_that_nobody_offers_is_refused_before_anything_is_read(big: Front) -> None:
    refused(big.ask(accept="image/png"), 422, "invalid.accept")


MALFORMED = (
    b"{",
    b'{"sql": 5, "purpose": "x"}',
    b'{"sql": "SELECT 1", "purpose": "A B"}',
    b'{"sql": "SELECT 1", "purpose": "x\\n"}',
    b'{"sql": "SELECT 1", "purpose": "x", "limit": 1e40}',
    b'{"sql": "SELECT 1", "purpose": "x", "limit": 99999999999999999999}',
    b'{"sql": "SELECT 1", "purpose": "x", "secret_word": 1}',
    b"\xff\xfe",
)


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_body_is_refused_without_being_repeated(big: Front, body: bytes) -> None:
    with caller(big.url, big.tokens["ana"]) as client:
        response = client.post("/v1/query", content=body, headers={"Content-Type": "application/json"})
    problem = refused(response, 422, "invalid.request")
    assert "A B" not in problem["detail"]


@pytest.mark.parametrize("query", ["after=" + "9" * 30, "after=x", "limit=0", "since=2026-01-01", "column=income"])
def test_a_search_that_cannot_be_understood_is_refused(big: Front, query: str) -> None:
    with caller(big.url, big.house.token("aude", "auditor")) as client:
        response = client.get(f"/v1/audit/entries?{query}")
    assert response.status_code == 422
    assert response.json()["code"].startswith("invalid.")


def test_an_unknown_path_is_a_problem_document_too(big: Front) -> None:
    response = httpx.get(f"{big.url}/v2/query")
    assert (response.status_code, response.json()["code"]) == (404, "http.404")
    assert response.headers["content-type"] == "application/problem+json"


# A source that is down, and one that dies


def test_a_source_that_is_down_is_unavailable_and_its_access_failed(small: Front) -> None:
    small.source.rename(small.source.with_suffix(".away"))
    problem = refused(small.ask(), 503, "unavailable.source")
    assert str(small.source) not in problem["detail"]
    (access,) = entries(small.house, kind="access")
    assert (access.result, access.outcome["code"], access.outcome["rows"]) == ("failed", "unavailable.source", 0)


def test_a_source_that_comes_back_answers_again(small: Front) -> None:
    away = small.source.rename(small.source.with_suffix(".away"))
    assert small.ask().status_code == 503
    away.rename(small.source)
    assert small.ask().status_code == 200


def test_a_file_that_is_no_database_is_an_integrity_error(small: Front) -> None:
    small.source.write_bytes(b"not a database at all")
    refused(small.ask(), 500, "integrity.source.file")


def test_a_source_that_dies_in_the_middle_serves_no_byte(tmp_path: Path) -> None:
    """All rows are read before the first leaves (T7), so a source's death keeps its own status."""
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    pages = source.stat().st_size // 4096
    with front(tmp_path, source) as broken:
        assert broken.ask(BIG, who="otto", purpose=OWNER[1]).status_code == 200
        with source.open("r+b") as file:
            file.truncate(pages // 2 * 4096)
        refused(broken.ask(BIG, who="otto", purpose=OWNER[1]), 500, "integrity.source.file")
        result = [(e.result, e.outcome["code"]) for e in entries(broken.house, kind="access")]
        assert result == [("ok", ""), ("failed", "integrity.source.file")]


def test_an_undeclared_value_in_the_source_is_told_without_the_value(small: Front) -> None:
    with contextlib.closing(sqlite3.connect(small.source)) as connection, connection:
        connection.execute("UPDATE customers SET income = 'ZQX-TEXT' WHERE region = 'DE'")
    response = small.ask()
    refused(response, 500, "integrity.source.value")
    assert b"ZQX-TEXT" not in response.content


# Answers that end before their end


def test_a_query_that_fails_after_rows_went_out_breaks_the_body(big: Front) -> None:
    """One of 200,000 casts fails; the status was sent long before. Floating-point numbers are not sorted first."""
    cast = "CAST(CASE WHEN amount = 1999.99 THEN 'x' ELSE '1' END AS DOUBLE PRECISION) AS n"
    sql = f"SELECT transaction_id, account_id, customer_id, {cast} FROM core.transactions"
    got, receipt = b"", ""
    with (
        caller(big.url, big.tokens["otto"]) as client,
        client.stream(
            "POST", "/v1/query", json={"sql": sql, "purpose": OWNER[1]}, headers={"Accept": "text/csv"}
        ) as response,
    ):
        assert response.status_code == 200
        receipt = response.headers["gateway-receipt"]
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            for chunk in response.iter_bytes():
                got += chunk
    assert got
    assert ended(big.house, receipt) == ("failed", "invalid.execution")


def test_a_query_whose_rows_are_sorted_fails_before_any_row_goes_out(big: Front) -> None:
    cast = "CAST(CASE WHEN amount = 1999.99 THEN 'x' ELSE '1' END AS INTEGER) AS n"
    sql = f"SELECT transaction_id, {cast} FROM core.transactions"
    with caller(big.url, big.tokens["otto"]) as client:
        response = client.post("/v1/query", json={"sql": sql, "purpose": OWNER[1]}, headers={"Accept": "text/csv"})
    refused(response, 422, "invalid.execution")


def test_a_json_answer_that_grows_too_long_has_no_closing_member(big: Front) -> None:
    body = {"sql": BIG, "purpose": OWNER[1]}
    got = b""
    with (
        caller(big.url, big.tokens["otto"]) as client,
        client.stream("POST", "/v1/query", json=body, headers={"Accept": "application/json"}) as response,
        pytest.raises(httpx.RemoteProtocolError, match="incomplete"),
    ):
        for chunk in response.iter_bytes():
            got += chunk
    assert got
    assert b"trailer" not in got
    assert ended(big.house, response.headers["gateway-receipt"]) == ("exhausted", "exhausted.json_rows")


def test_a_client_that_leaves_is_cut(big: Front) -> None:
    with slow_reader(big.url, big.tokens["otto"], BIG, purpose=OWNER[1]) as (_, receipt):
        pass
    assert ended(big.house, receipt) == ("cut", "cut")


def test_a_client_that_leaves_before_the_last_bytes_is_never_ok(big: Front) -> None:
    """What the server has still to write when the client leaves fits the bridge's queue: it must not pass as sent."""
    for rows in (60_000, 120_000):
        sql = f"{BIG} LIMIT {rows}"
        with slow_reader(big.url, big.tokens["otto"], sql, purpose=OWNER[1]) as (_, receipt):
            time.sleep(0.7)  # the rest of the answer waits in the queue
        result, _ = ended(big.house, receipt)
        assert result == "cut", rows


def test_a_client_that_does_not_read_ends_as_stalled(tmp_path: Path) -> None:
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    with (
        front(tmp_path, source, stall_seconds=1.0) as strict,
        slow_reader(strict.url, strict.tokens["otto"], BIG, purpose=OWNER[1]) as (connection, receipt),
    ):
        assert ended(strict.house, receipt) == ("exhausted", "exhausted.stalled")
        rest = b""
        while chunk := connection.recv(1 << 16):  # and who reads on after all meets a broken connection, not a wait
            rest += chunk
        assert not rest.endswith(b"0\r\n\r\n")


def test_an_ended_answer_gives_its_place_back(tmp_path: Path) -> None:
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    with front(tmp_path, source, concurrent_queries=1) as one:
        for _ in range(2):
            with slow_reader(one.url, one.tokens["otto"], BIG, purpose=OWNER[1]) as (_, receipt):
                pass
            assert ended(one.house, receipt)[0] == "cut"
        assert one.ask(f"{BIG} LIMIT 5", who="otto", purpose=OWNER[1]).status_code == 200


# A log that cannot be written


def served(small: Front, response: httpx.Response) -> bool:
    """Whether a body came; if so it was logged before."""
    if response.status_code != 200:
        return False
    assert entries(small.house, kind="access", receipt=response.headers["gateway-receipt"])
    return True


def test_a_full_disk_stops_serving(small: Front) -> None:
    engine = small.house.gateway.control.engine

    @sa.event.listens_for(engine, "checkout")
    def full(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the file's present size for it

    assert not entries(small.house, kind="access", result="ok")
    for _ in range(200):
        try:
            response = small.ask()
        except httpx.RemoteProtocolError:  # access written, outcome not: the body breaks
            continue
        if not served(small, response):
            break
    problem = refused(response, 503, "unavailable.control")
    assert "SQLITE_FULL" in problem["detail"]
    sa.event.remove(engine, "checkout", full)


def test_a_full_disk_is_told_without_a_body_for_denials_too(small: Front) -> None:
    engine = small.house.gateway.control.engine

    @sa.event.listens_for(engine, "checkout")
    def read_only(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    before = size(small.house)
    refused(small.ask(), 503, "unavailable.control")
    refused(small.ask("SELECT nothing FROM core.nowhere"), 503, "unavailable.control")
    sa.event.remove(engine, "checkout", read_only)
    assert size(small.house) == before


def test_a_log_that_another_writer_holds_is_waited_for_and_no_longer(small: Front) -> None:
    held = sqlite3.connect(small.house.settings.home / "control.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    refused(small.ask(), 503, "unavailable.control")
    assert time.monotonic() - begun < 5
    held.rollback()
    held.close()
    assert small.ask().status_code == 200


def test_an_outcome_that_cannot_be_written_is_not_confirmed(small: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    log = small.house.gateway.control.log
    append = log.append
    held = sqlite3.connect(small.house.settings.home / "control.db", isolation_level=None, check_same_thread=False)

    def late(entry: Any, **more: Any) -> int:
        if isinstance(entry, OutcomeEntry) and not held.in_transaction:
            held.execute("BEGIN IMMEDIATE")
        return append(entry, **more)

    monkeypatch.setattr(log, "append", late)
    with Client(small.url, token=small.tokens["ana"]) as client:
        with client.stream(SQL, purpose=bank.ANA[1], format="csv") as answer:
            assert b"".join(answer.chunks())
        with pytest.raises(Incomplete):
            client.confirm(answer)
    held.rollback()
    held.close()
    (access,) = entries(small.house, receipt=answer.receipt, kind="access")
    assert access.outcome is None


def test_a_control_database_that_is_gone_lets_nobody_in(small: Front) -> None:
    control = small.house.gateway.control
    control.engine.dispose()
    home = small.house.settings.home
    kept = {path: path.read_bytes() for path in home.glob("control.db*")}
    for path in kept:
        path.write_bytes(b"\0" * 8192)
    try:
        response = small.ask()
        assert response.status_code == 503
        assert response.json()["code"] == "unavailable.control"
    finally:
        control.engine.dispose()
        for path, content in kept.items():
            path.write_bytes(content)


def test_readiness_tells_a_log_without_room(tmp_path: Path) -> None:
    source = bank.write(bank.first_world(customers=4), tmp_path / "core.db")
    with front(tmp_path, source, audit_reserve_mb=10**9) as full:
        told = httpx.get(f"{full.url}/health/ready")
        assert (told.status_code, told.json()["problems"]) == (503, ["unavailable.audit_reserve"])
        assert httpx.get(f"{full.url}/health/live").status_code == 200


def test_a_stopping_gateway_ends_running_answers_and_says_so(tmp_path: Path) -> None:
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    with front(tmp_path, source) as stopping:
        house = stopping.house
        with slow_reader(stopping.url, stopping.tokens["otto"], BIG, purpose=OWNER[1]) as (_, receipt):
            closing = threading.Thread(target=house.gateway.housekeeping.close)
            closing.start()
            assert ended(house, receipt) == ("failed", "unavailable.stopping")
            closing.join()


def test_the_log_of_all_these_faults_still_verifies(big: Front) -> None:
    big.ask()
    verified = big.house.host.verify(big.house.settings, verifier_key=None, progress=None)
    assert verified.ok, verified.findings
