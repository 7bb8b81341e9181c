"""The enforcement point without a door: order of steps, denials, places, and what is written when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.errors import Denied, Exhausted, GatewayError, Invalid, Unauthenticated, Unavailable
from gateway.terms.identity import Credentials
from gateway.terms.request import ProfileRequest, WatermarkRequest
from tests import bank
from tests.house import House, open_house, request
from tests.unit.http.door import entries, size

SQL = "SELECT income FROM core.customers"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("enforcement")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, concurrent_queries=1) as house:
        yield house


@pytest.fixture(scope="module")
def ana(house: House) -> str:
    return house.token("ana", bank.ANA[0])


def ask(house: House, token: str, sql: str = SQL, *, purpose: str = bank.ANA[1], **more: Any) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        house.ask(token, sql, purpose=purpose, **more)
    return refused.value


def test_a_bad_credential_is_refused_before_the_sql_is_looked_at(house: House) -> None:
    before = size(house)
    assert isinstance(ask(house, "gw_wrong", "not even SQL"), Unauthenticated)
    assert size(house) == before


REFUSED = {
    "syntax": ("SELECT FROM WHERE", bank.ANA[1], Invalid),
    "dataset": ("SELECT x FROM core.nothing", bank.ANA[1], Invalid),
    "column": ("SELECT password FROM core.customers", bank.ANA[1], Invalid),
    "purpose": (SQL, "curiosity", Denied),
    "grant": (SQL, "fraud-detection", Denied),
    "plan": ("SELECT sum(customer_id) FROM core.customers", bank.ANA[1], Invalid),
}


@pytest.mark.parametrize("step", REFUSED)
def test_whatever_ends_before_the_access_entry_is_one_denial_entry(house: House, ana: str, step: str) -> None:
    sql, purpose, kind = REFUSED[step]
    before = size(house)
    error = ask(house, ana, sql, purpose=purpose)
    assert isinstance(error, kind)
    assert size(house) == before + 1
    (entry,) = entries(house, receipt=error.receipt)
    assert (entry.kind, entry.payload["code"], entry.payload["actor"]["principal"]) == ("denial", error.code, "ana")


def test_a_denial_repeats_no_literal_of_the_sql(house: House, ana: str) -> None:
    error = ask(house, ana, f"{SQL} WHERE full_name = 'ZQX-PERSON'", purpose="fraud-detection")
    (entry,) = entries(house, receipt=error.receipt)
    assert "ZQX-PERSON" not in str(entry.payload)
    assert "customers" in entry.payload["shape"].lower()


def test_the_access_entry_is_durable_before_the_first_row_is_asked_for(
    house: House, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    source = house.gateway.enforcement._rooms.sources["core"]
    session = source.session

    def watched(*given: Any, **more: Any) -> Any:
        seen.append(len(entries(house, kind="access", principal="ana")))
        return session(*given, **more)

    before = len(entries(house, kind="access", principal="ana"))
    monkeypatch.setattr(source, "session", watched)
    house.ask(ana, SQL, purpose=bank.ANA[1])
    assert seen == [before + 1]


def test_nothing_is_read_before_the_first_chunk_is_asked_for(
    house: House, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, asked = house.gateway.enforcement._rooms.sources["core"], []
    monkeypatch.setattr(source, "session", lambda *_, **__: asked.append(1))
    answer = house.enforcement.answer(request(ana, SQL, purpose=bank.ANA[1]), format="csv")
    answer.body.close()
    assert not asked


def test_an_answer_that_is_never_begun_is_cut_and_gives_its_place_back(house: House, ana: str) -> None:
    for _ in range(3):
        answer = house.enforcement.answer(request(ana, SQL, purpose=bank.ANA[1]), format="csv")
        answer.body.close()
        (access,) = entries(house, receipt=answer.receipt.id, kind="access")
        assert access.result == "cut"


def test_a_second_query_at_once_waits_for_the_first_ones_place(house: House, ana: str) -> None:
    answer = house.enforcement.answer(request(ana, SQL, purpose=bank.ANA[1]), format="csv")
    before = size(house)
    error = ask(house, ana)
    assert isinstance(error, Exhausted)
    assert (error.code, error.receipt, size(house)) == ("exhausted.concurrency", "", before)
    answer.body.close()
    house.ask(ana, SQL, purpose=bank.ANA[1])


def test_a_refused_query_gives_its_place_back(house: House, ana: str) -> None:
    for sql in ("nonsense", "SELECT CAST(region AS INTEGER) AS n FROM core.customers"):
        ask(house, ana, sql)
    house.ask(ana, SQL, purpose=bank.ANA[1])


def test_without_a_log_nothing_is_answered_and_no_denial_is_told_either(
    house: House, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise Unavailable("the log cannot be written", code="log")

    monkeypatch.setattr(house.gateway.control.log, "append", broken)
    for sql in (SQL, "nonsense"):
        error = ask(house, ana, sql)
        assert (error.code, error.receipt) == ("unavailable.log", "")
    with pytest.raises(Unavailable):
        house.explain(ana, SQL, purpose=bank.ANA[1])


def test_the_log_holds_an_hmac_of_the_sql_that_the_recipient_can_recompute(house: House, ana: str) -> None:
    import hmac

    sql = f"{SQL} WHERE region = 'DE'"
    _, answer = house.ask(ana, sql, purpose=bank.ANA[1])
    (access,) = entries(house, receipt=answer.receipt.id, kind="access")
    assert access.payload["sql_hmac"] == hmac.digest(bytes.fromhex(answer.receipt.nonce), sql.encode(), "sha256").hex()
    assert answer.receipt.nonce not in str(access.payload)
    assert "'DE'" not in access.payload["shape"]


def test_the_hmac_is_of_the_values_of_parameters_too(house: House, ana: str) -> None:
    import hmac

    sql = f"{SQL} WHERE region = :r"
    _, answer = house.ask(ana, sql, purpose=bank.ANA[1], parameters={"r": "DE"})
    (access,) = entries(house, receipt=answer.receipt.id, kind="access")
    asked = f'{sql}\n{{"r":"DE"}}'.encode()
    assert access.payload["sql_hmac"] == hmac.digest(bytes.fromhex(answer.receipt.nonce), asked, "sha256").hex()


def test_a_nonce_is_not_used_twice(house: House, ana: str) -> None:
    receipts = [house.ask(ana, SQL, purpose=bank.ANA[1])[1].receipt for _ in range(3)]
    assert len({receipt.nonce for receipt in receipts} | {receipt.id for receipt in receipts}) == 6


def test_a_catalog_scan_is_not_for_who_comes_through_a_door(house: House, ana: str) -> None:
    before = size(house)
    with pytest.raises(Denied) as refused:
        house.enforcement.profile(ProfileRequest(credentials=Credentials(bearer=ana), source="core"))
    assert refused.value.code == "denied.profile"
    assert size(house) == before + 1
    assert entries(house, kind="denial")[-1].payload["code"] == "denied.profile"


def test_a_catalog_scan_tells_a_stranger_nothing(house: House) -> None:
    with pytest.raises(Unauthenticated):
        house.enforcement.profile(ProfileRequest(credentials=Credentials(bearer="gw_wrong"), source="core"))


def watermark(house: House, token: str, dataset: str = "core.customers", *, purpose: str = bank.ANA[1]) -> Any:
    asked = WatermarkRequest(credentials=Credentials(bearer=token), dataset=dataset, purpose=purpose)
    return house.enforcement.watermark(asked)


def test_a_watermark_is_the_newest_of_the_rows_that_one_may_see(house: House, ana: str) -> None:
    before = size(house)
    newest = watermark(house, ana)
    seen, _ = house.ask(ana, "SELECT max(updated_at) FROM core.customers", purpose=bank.ANA[1])
    assert newest.strftime("%Y-%m-%d") in seen.decode()
    access, outcome = entries(house, kind="access")[-2:], entries(house, kind="outcome")[-2:]
    assert [c["column"] for c in access[0].payload["columns"]] == ["updated_at"]
    assert outcome[0].payload["result"] == "ok"
    assert size(house) == before + 4


@pytest.mark.parametrize("dataset", ["core.call_notes", "core.nothing"])
def test_a_watermark_of_what_one_may_not_know_of_is_unknown(house: House, ana: str, dataset: str) -> None:
    with pytest.raises(Invalid) as refused:
        watermark(house, ana, dataset)
    assert refused.value.code == "invalid.dataset"
    assert entries(house, receipt=refused.value.receipt)[0].kind == "denial"


def test_a_watermark_needs_a_grant_for_its_purpose(house: House, ana: str) -> None:
    with pytest.raises(Denied):
        watermark(house, ana, purpose="fraud-detection")


def test_a_second_filter_on_groups_is_refused_within_the_window(house: House) -> None:
    token = house.token("rep", "reporting-analyst")
    sql = "SELECT segment, count(*) AS n FROM core.customers{} GROUP BY segment"
    house.ask(token, sql.format(""), purpose="regulatory-reporting")
    error = ask(house, token, sql.format(" WHERE region = 'DE'"), purpose="regulatory-reporting")
    assert error.code == "unsupported.second_filter"
    other = house.token("rex", "reporting-analyst")
    assert ask(house, other, sql.format(" WHERE region = 'DE'"), purpose="regulatory-reporting").code == error.code
