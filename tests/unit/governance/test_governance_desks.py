"""Desks of auditors, of everybody's catalog, and of the host's operator."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from gateway.errors import Denied, Exhausted, Integrity, Invalid, Unauthenticated, Unavailable
from gateway.governance import AuditDesk, CatalogDesk
from gateway.terms.audit import EntryFilter
from gateway.terms.identity import Credentials
from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import entries, size

SQL = "SELECT income FROM core.customers"
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("desks")
    with open_house(root, bank=bank.write(bank.first_world(customers=16), root / "core.db")) as house:
        yield house


@pytest.fixture(scope="module")
def ana(house: House) -> Credentials:
    return Credentials(bearer=house.token("ana", bank.ANA[0]))


@pytest.fixture(scope="module")
def aude(house: House) -> Credentials:
    return Credentials(bearer=house.token("aude", "auditor"))


@pytest.fixture
def auditing(house: House) -> AuditDesk:
    return house.gateway.services().auditing


@pytest.fixture
def browsing(house: House) -> CatalogDesk:
    return house.gateway.services().browsing


def test_a_search_is_in_the_log_before_its_answer(house: House, auditing: AuditDesk, aude: Credentials) -> None:
    found = auditing.search(aude, EntryFilter(action="audit-search", limit=1000))
    assert found[-1].payload["detail"]["action"] == "audit-search"
    assert found[-1].index == size(house) - 1


def test_a_search_that_cannot_be_logged_finds_nothing(
    house: House, auditing: AuditDesk, aude: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise Unavailable("full", code="log")

    monkeypatch.setattr(house.gateway.control.log, "append", broken)
    with pytest.raises(Unavailable):
        auditing.search(aude, EntryFilter())
    with pytest.raises(Unavailable):
        auditing.inclusion(aude, index=0)


def test_the_log_keeps_what_was_searched_for(house: House, auditing: AuditDesk, aude: Credentials) -> None:
    since = house.now() - HOUR
    auditing.search(aude, EntryFilter(principal="ana", dataset="core.loans", since=since, limit=5))
    detail = entries(house, action="audit-search")[-1].payload["detail"]
    assert detail == {"principal": "ana", "dataset": "core.loans", "since": str(since), "after": -1, "limit": 5}


@pytest.mark.parametrize("wanted", [EntryFilter(limit=0), EntryFilter(limit=1001), EntryFilter(column="income")])
def test_a_search_that_makes_no_sense_is_refused(auditing: AuditDesk, aude: Credentials, wanted: EntryFilter) -> None:
    with pytest.raises(Invalid):
        auditing.search(aude, wanted)


def test_a_time_without_a_zone_is_refused(auditing: AuditDesk, aude: Credentials) -> None:
    naive = datetime.datetime(2026, 11, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(Invalid, match="time zone"):
        auditing.search(aude, EntryFilter(since=naive))


def test_who_may_not_read_the_log_learns_what_it_needs(house: House, auditing: AuditDesk, ana: Credentials) -> None:
    with pytest.raises(Denied) as refused:
        auditing.search(ana, EntryFilter())
    assert "audit.read" in refused.value.message
    assert entries(house, receipt=refused.value.receipt)[0].payload["code"] == "denied.capability"


def test_a_receipt_is_its_owners_alone(house: House, auditing: AuditDesk, ana: Credentials) -> None:
    _, answer = house.ask(ana.bearer, SQL, purpose=bank.ANA[1])
    assert auditing.receipt(ana, receipt=answer.receipt.id).result == "ok"
    bob = Credentials(bearer=house.token("bob", bank.ANA[0]))
    told = []
    for receipt in (answer.receipt.id, "r_unknown"):
        with pytest.raises(Denied) as refused:
            auditing.receipt(bob, receipt=receipt)
        told.append((refused.value.code, refused.value.message, refused.value.fix, refused.value.reasons))
    assert told[0] == told[1]


def test_two_tokens_of_one_person_share_receipts(house: House, auditing: AuditDesk, ana: Credentials) -> None:
    _, answer = house.ask(ana.bearer, SQL, purpose=bank.ANA[1])
    again = Credentials(bearer=house.token("ana", bank.ANA[0]))
    assert auditing.receipt(again, receipt=answer.receipt.id).result == "ok"


def test_desks_let_no_stranger_in(auditing: AuditDesk, browsing: CatalogDesk) -> None:
    nobody = Credentials(bearer="gw_wrong")
    with pytest.raises(Unauthenticated):
        browsing.datasets(nobody)
    with pytest.raises(Unauthenticated):
        auditing.receipt(nobody, receipt="r_1")


def test_the_catalog_is_what_policy_makes_visible(house: House, browsing: CatalogDesk, ana: Credentials) -> None:
    active = house.gateway.control.policy.current()
    visible = active.pdp.visible(house.principal(ana.bearer), now=house.now())
    assert [view.name for view in browsing.datasets(ana)] == sorted(visible & active.datasets.keys())


def test_a_grant_makes_a_hidden_dataset_visible(house: House, browsing: CatalogDesk, ana: Credentials) -> None:
    analyst = Credentials(bearer=house.token("fay", "fraud-analyst", environment="prod"))
    assert browsing.dataset(analyst, name="core.call_notes").columns
    with pytest.raises(Invalid) as hidden:
        browsing.dataset(ana, name="core.call_notes")
    with pytest.raises(Invalid) as unknown:
        browsing.dataset(ana, name="core.nothing")
    assert (hidden.value.message, hidden.value.fix) == (unknown.value.message, unknown.value.fix)


def test_the_rate_holds_for_desks_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("rate")
    source = bank.write(bank.first_world(customers=4), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=1) as house:
        ana = Credentials(bearer=house.token("ana", bank.ANA[0]))
        services = house.gateway.services()
        services.browsing.datasets(ana)
        with pytest.raises(Exhausted):
            services.auditing.receipt(ana, receipt="r_1")


# Tokens


def test_a_token_is_logged_before_it_is_stored_and_without_its_secret(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = house.token("tia", "intern")
    payload = entries(house, action="token-create")[-1].payload
    assert payload["detail"]["principal"] == "tia"
    assert text.split("_")[2] not in str(payload)

    with house.host.token_desk(house.settings) as (desk, actor):

        def broken(*_: object, **__: object) -> int:
            raise Unavailable("full", code="log")

        monkeypatch.setattr(desk._desk.log, "append", broken)
        before = len(desk.listed())
        with pytest.raises(Unavailable):
            desk.create(actor, principal="eve", roles=frozenset({"intern"}), environment="dev", lifetime=HOUR)
        assert len(desk.listed()) == before


def test_a_revocation_is_logged_and_holds_from_the_next_request(house: House, browsing: CatalogDesk) -> None:
    text = house.token("rita", "intern")
    browsing.datasets(Credentials(bearer=text))
    with house.host.token_desk(house.settings) as (desk, actor):
        revoked = desk.revoke(actor, token=text)
    assert entries(house, action="token-revoke")[-1].payload["detail"] == {"token": revoked.id, "principal": "rita"}
    with pytest.raises(Unauthenticated):
        browsing.datasets(Credentials(bearer=text))


def test_an_unknown_role_is_refused_with_those_that_there_are(house: House) -> None:
    with pytest.raises(Invalid) as refused:
        house.token("eve", "king")
    assert refused.value.code == "invalid.role"
    assert "credit-risk-scientist" in refused.value.fix


def test_what_is_no_token_cannot_be_revoked(house: House) -> None:
    with house.host.token_desk(house.settings) as (desk, actor):
        for wrong in ("", "nothing", "gw_0123456789_" + "0" * 32):
            with pytest.raises(Invalid):
                desk.revoke(actor, token=wrong)


def test_the_operator_is_named_in_the_log(house: House) -> None:
    house.token("olaf", "intern")
    actor = entries(house, action="token-create")[-1].payload["actor"]
    assert actor["principal"].startswith("operator:")
    assert actor["door"] == "host"


def test_a_token_that_is_stored_twice_is_refused(house: House) -> None:
    house.token("twin", "intern")
    stored = house.gateway.control.tokens.listed()[-1]
    with pytest.raises(Integrity):
        house.gateway.control.tokens.add(stored)
