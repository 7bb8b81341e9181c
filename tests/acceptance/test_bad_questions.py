"""Bad input through real HTTP: a clear problem, the right status, an entry; and answers that end before their end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.housekeeping import refusal_counter
from tests import bank
from tests.acceptance.front import SQL, Front, front, refused, small_front
from tests.unit.http.door import BIG, OWNER, big_bank, caller, ended, entries, size, slow_reader


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Good for questions that break nothing for others."""
    root = tmp_path_factory.mktemp("big")
    with front(root, big_bank(root / "core.db"), concurrent_queries=16, max_json_rows=40_000) as open_front:
        yield open_front


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Front]:
    with small_front(tmp_path) as open_front:
        yield open_front


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


def test_the_log_of_all_these_faults_still_verifies(big: Front) -> None:
    big.ask()
    verified = big.house.host.verify(big.house.settings, verifier_key=None, progress=None)
    assert verified.ok, verified.findings
