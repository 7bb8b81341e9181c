"""T17: decision, access entry and scan are three moments; what broke between them is noticed at the entry."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit import MerkleLog
from gateway.errors import Denied, Unavailable
from gateway.store import Bundles, Leases, SqlLogStore, Tokens
from gateway.terms.audit import Conditions
from gateway.terms.document import PolicyFiles
from gateway.terms.identity import StoredToken
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.audit.building import SIGNER, SeededEntropy, access, open_log, open_migrated

NOW = datetime.datetime.now(datetime.UTC)
FILES = PolicyFiles({"roles.yaml": "{}"})


class ClockSetBack:
    """A host whose clock was set back ten years."""

    def now(self) -> datetime.datetime:
        return NOW - datetime.timedelta(days=3650)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def replicas(url: str) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    first, second = open_migrated(url), open_migrated(url)
    Bundles(first).activate(FILES, by="operator:test", now=NOW)
    yield first, second
    first.dispose()
    second.dispose()


def conditions(engine: sa.Engine, *, expires: datetime.timedelta, ttl_seconds: int = 60) -> Conditions:
    token = StoredToken(
        id="0123456789",
        secret_sha256=bytes(32),
        principal="ana",
        roles=frozenset({"intern"}),
        environment="dev",
        created=NOW,
        expires=NOW + expires,
    )
    Tokens(engine).add(token)
    instance = Leases(engine).begin(ttl_seconds=ttl_seconds)
    return Conditions(digest=FILES.digest, dynamic_grants=(), credential_id=token.id, instance=instance)


HOUR = datetime.timedelta(hours=1)


def test_t17_a_token_revoked_on_one_replica_opens_nothing_on_another(replicas: tuple[sa.Engine, sa.Engine]) -> None:
    first, second = replicas
    decided = conditions(second, expires=HOUR)
    log = open_log(second)
    assert log.append(access(0), conditions=decided) == 0
    assert Tokens(first).revoke("0123456789", now=NOW)
    with pytest.raises(Denied) as stale:
        log.append(access(1), conditions=decided)
    assert stale.value.code == "denied.stale"
    log.close()


def test_t17_a_bundle_activated_on_one_replica_ends_decisions_of_another(
    replicas: tuple[sa.Engine, sa.Engine],
) -> None:
    first, second = replicas
    decided = conditions(second, expires=HOUR)
    Bundles(first).activate(PolicyFiles({"roles.yaml": "{a: {}}"}), by="ben", now=NOW)
    log = open_log(second)
    with pytest.raises(Denied):
        log.append(access(0), conditions=decided)
    log.close()


def test_t17_a_hosts_clock_set_back_revives_no_token(replicas: tuple[sa.Engine, sa.Engine]) -> None:
    _, second = replicas
    decided = conditions(second, expires=-HOUR)
    log = MerkleLog(
        SqlLogStore(second), signer=SIGNER, clock=ClockSetBack(), entropy=SeededEntropy(), has_space=lambda: True
    )
    with pytest.raises(Denied):
        log.append(access(0), conditions=decided)
    log.close()


def test_t17_an_instance_suspended_past_its_lease_opens_nothing(replicas: tuple[sa.Engine, sa.Engine]) -> None:
    _, second = replicas
    decided = conditions(second, expires=HOUR, ttl_seconds=0)
    log = open_log(second)
    with pytest.raises(Unavailable):
        log.append(access(0), conditions=decided)
    log.close()


def test_t17_a_running_answer_learns_of_a_revocation(replicas: tuple[sa.Engine, sa.Engine]) -> None:
    first, second = replicas
    decided = conditions(second, expires=HOUR)
    standing = SqlLogStore(second)
    assert standing.broken(decided) == ""
    Tokens(first).revoke("0123456789", now=NOW)
    assert standing.broken(decided) == "credential"


def test_t17_no_access_slips_in_after_a_revocation_returned(replicas: tuple[sa.Engine, sa.Engine]) -> None:
    """Appends race with the revocation; every index that was given is smaller than what revoke saw."""
    first, second = replicas
    decided = conditions(second, expires=HOUR)
    log, given, refused = open_log(second), [], threading.Event()

    def keep_asking() -> None:
        while not refused.is_set():
            try:
                given.append(log.append(access(0), conditions=decided))
            except Denied:
                refused.set()

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(given) < 20:
        refused.wait(0.001)
    Tokens(first).revoke("0123456789", now=NOW)
    newest = SqlLogStore(first).checkpoint()
    for thread in threads:
        thread.join()
    log.close()
    assert max(given) < newest.size
