"""T25: re-identification alone, without the right, twice, or after its time."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Denied, GatewayError, Unavailable, Unsupported
from gateway.terms.identity import Credentials
from gateway.terms.request import ReidentifyRequest
from tests.cases import Bureau, bureaus, in_database, refused
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Bureau]]:
    with bureaus(tmp_path) as build:
        yield build


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with bureaus(tmp_path_factory.mktemp("cases")) as build:
        yield build(reidentify_cases_per_day=1000)


# Who, and when


@pytest.mark.parametrize("who", ["hugo", "ana"])
def test_nobody_approves_alone_or_without_the_capability(bureau: Bureau, who: str) -> None:
    view = bureau.propose(bureau.shown())
    error = refused(bureau.approve, view, who=getattr(bureau, who))
    assert error.code == {"hugo": "denied.four_eyes", "ana": "denied.proposal"}[who]
    assert refused(bureau.fetch, view.proposal.id, bureau.shown()).code == "denied.unapproved"


def test_who_may_do_both_still_needs_another(bureau: Bureau) -> None:
    both = bureau.house.token("bodo", "case-handler", "privacy-officer")
    view = bureau.propose(bureau.shown(), who=both)
    assert refused(bureau.approve, view, who=both).code == "denied.four_eyes"


def test_a_denied_case_gives_nothing(bureau: Bureau) -> None:
    view = bureau.propose(bureau.shown())
    approvals = bureau.house.gateway.approvals.approvals
    approvals.deny(Credentials(bearer=bureau.petra), view.proposal.id, digest=view.proposal.digest)
    shown = bureau.shown()
    assert refused(bureau.fetch, view.proposal.id, shown).code == "denied.unapproved"
    asked = ReidentifyRequest(
        credentials=Credentials(bearer=bureau.hugo), proposal=view.proposal.id, pseudonyms=tuple(shown)
    )
    cases, hugo = bureau.house.enforcement._rooms.cases, bureau.house.principal(bureau.hugo)
    assert refused(cases.approved, hugo, asked).code == "denied.unapproved"  # by the book,
    with pytest.raises(Denied):  # and by the database
        bureau.house.gateway.control.proposals.spend(
            view.proposal.id, by="hugo", within=datetime.timedelta(days=1), per_day=1000
        )


def test_proposing_needs_the_capability_and_the_column_in_full(bureau: Bureau) -> None:
    assert refused(bureau.propose, ["x"], who=bureau.ana).code == "denied.capability"
    assert refused(bureau.propose, ["x"], purpose="regulatory-reporting").code == "denied.grant"
    error = refused(bureau.propose, ["x"], column="full_name")
    assert isinstance(error, Unsupported) and error.code == "unsupported.recover"


def test_only_pseudonyms_that_one_sees_are_not_enough(opened: Callable[..., Bureau]) -> None:
    """The handler's other grant shows the column too, but as pseudonyms."""
    bureau = opened(
        old="purposes: [fraud-detection], level: full, rows", new="purposes: [data-quality], level: full, rows"
    )
    error = refused(bureau.propose, ["x"])
    assert (error.code, "full" in error.message) == ("denied.grant", True)
    assert error.fix.endswith("--level full")


@pytest.mark.parametrize("who", ["hans", "petra", "ana"])
def test_the_result_is_the_proposers(bureau: Bureau, who: str) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    error = refused(bureau.fetch, case, shown, who=getattr(bureau, who))
    expected = {"hans": "denied.proposal", "petra": "denied.capability", "ana": "denied.capability"}[who]
    assert (error.code, bool(error.receipt)) == (expected, True)
    assert bureau.fetch(case, shown)["rows"]


def test_another_id_and_another_kind_of_proposal_are_equally_unknown(bureau: Bureau) -> None:
    from gateway.governance import AccessRequest

    wanted = AccessRequest(datasets=("core.customers",), purposes=("data-quality",), level="pseudonymized")
    other = bureau.house.gateway.approvals.access.request(Credentials(bearer=bureau.hugo), wanted).proposal.id
    told = {refused(bureau.fetch, case, ["x"]).message for case in (other, "p-0000000000000000", "")}
    assert len(told) == 1
    cases = bureau.house.gateway.approvals.cases
    assert refused(cases.shown, Credentials(bearer=bureau.hugo), other).code == "denied.proposal"


def test_another_environments_credential_is_another_asker(bureau: Bureau) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    elsewhere = bureau.house.token("hugo", "case-handler", environment="prod")
    assert refused(bureau.fetch, case, shown, who=elsewhere).code == "denied.proposal"


# Once


def test_a_second_result_is_refused(bureau: Bureau) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    bureau.fetch(case, shown)
    error = refused(bureau.fetch, case, shown)
    assert (error.code, error.fix) == ("denied.spent", "propose a new one")


def test_a_result_that_broke_off_is_spent(bureau: Bureau) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    bureau.begin(case, shown).body.close()
    assert refused(bureau.fetch, case, shown).code == "denied.spent"


def test_a_failing_source_spends_the_case_and_says_so(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("the source does not answer", code="source")

    shown = bureau.shown()
    case = bureau.approved(shown)
    with monkeypatch.context() as patched:
        patched.setattr(bureau.house.enforcement._rooms.sources["core"], "session", broken)
        error = refused(bureau.fetch, case, shown)
    assert (error.code, error.fix) == ("unavailable.source", "this case is spent: propose a new one")
    assert refused(bureau.fetch, case, shown).code == "denied.spent"


def test_without_an_access_entry_it_is_spent_and_nothing_is_read(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spent before: two results of one case are worse than none."""
    shown = bureau.shown()
    case = bureau.approved(shown)

    def broken(entry: Any, **_: Any) -> int:
        raise Unavailable("the log cannot be written", code="log")

    read: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(bureau.house.gateway.control.log, "append", broken)
        patched.setattr(bureau.house.enforcement._rooms.sources["core"], "session", lambda *_, **__: read.append(1))
        assert refused(bureau.begin, case, shown).code == "unavailable.log"
    assert not read
    assert refused(bureau.fetch, case, shown).code == "denied.spent"


def test_of_two_at_once_one_gets_it(bureau: Bureau) -> None:
    shown = bureau.shown()
    for _ in range(5):
        case, told, start = bureau.approved(shown), [], threading.Barrier(3)

        def take(case: str = case, told: list[str] = told, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                bureau.fetch(case, shown)
                told.append("ok")
            except GatewayError as error:
                told.append(error.code)

        threads = [threading.Thread(target=take) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == ["denied.spent", "denied.spent", "ok"]


@pytest.mark.postgres
def test_a_control_database_of_postgresql_keeps_the_same_rules(
    opened: Callable[..., Bureau],
    postgres_url: str,  # noqa: F811 - the fixture
) -> None:
    bureau = opened(database_url=postgres_url, reidentify_cases_per_day=1)
    shown = bureau.shown()
    case = bureau.approved(shown)
    bureau.fetch(case, shown)
    assert refused(bureau.fetch, case, shown).code == "denied.spent"
    assert refused(bureau.propose, shown).code == "exhausted.cases"
    late = bureau.approved(shown, who=bureau.hans)
    engine = bureau.house.gateway.control.engine
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE proposal_verdict SET decided_at = decided_at - {25 * 3600 * 10**6} WHERE proposal_id = '{late}'"
        )
    assert refused(bureau.fetch, late, shown, who=bureau.hans).code == "denied.expired"


def test_a_day_after_the_verdict_is_too_late(bureau: Bureau) -> None:
    shown = bureau.shown()
    case, other = bureau.approved(shown), bureau.approved(shown)
    day = 24 * 3600 * 1_000_000
    update = "UPDATE proposal_verdict SET decided_at = decided_at - ? WHERE proposal_id = ?"
    in_database(bureau, update, day + 1_000_000, case)
    in_database(bureau, update, day - 60_000_000, other)
    assert refused(bureau.fetch, case, shown).code == "denied.expired"
    assert bureau.fetch(other, shown)["rows"]
