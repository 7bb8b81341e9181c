"""T12: what was destroyed stays so, whatever backup is put back; and no answer is made under two epochs of a key."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Control, Gateway
from gateway.errors import Denied, GatewayError, Integrity
from gateway.keys import projects_folder
from gateway.sources import open_sources
from gateway.terms.key import Key, KeyScope
from tests import bank
from tests.house import House, open_house
from tests.unit.etl.factory import factory, manifest
from tests.unit.governance.people import People
from tests.unit.http.door import entries

PROJECT, PURPOSE = "credit-risk", bank.ANA[1]
SELF_JOIN = (
    "SELECT c.customer_id AS one, a.customer_id AS other FROM core.customers c "
    "JOIN core.accounts a ON a.customer_id = c.customer_id"
)
PLAIN = "SELECT customer_id FROM core.customers ORDER BY customer_id"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    source = bank.write(bank.first_world(), tmp_path / "core.db")
    with open_house(tmp_path, bank=source, requests_per_minute=100_000) as house:
        yield house


def rows(house: House, token: str, sql: str = PLAIN) -> list[list[str]]:
    body, _ = house.ask(token, sql, purpose=PURPOSE)
    return [list(row) for row in json.loads(body)["rows"]]


def destroy(house: House) -> None:
    people = People(house)
    view = people.desks.keys.propose(people.alma, project=PROJECT)
    people.desks.approvals.approve(people.arno, view.proposal.id, digest=view.proposal.digest)


def saved(house: House, folder: Path, *, with_keys: bool) -> Path:
    """A backup of the home, and where an operator went against the advice of the projects' keys."""
    shutil.copytree(house.settings.home, folder / "home")
    if with_keys:
        shutil.copytree(projects_folder(house.settings.kek_path), folder / "projects")
    return folder


def put_back(house: House, backup: Path, *, only: str = "") -> None:
    home, keys = house.settings.home, projects_folder(house.settings.kek_path)
    if only:
        shutil.copy2(backup / "home" / only, home / only)
    else:
        shutil.rmtree(home)
        shutil.copytree(backup / "home", home)
    if (backup / "projects").exists():
        shutil.rmtree(keys)
        shutil.copytree(backup / "projects", keys)


def started(house: House) -> GatewayError | None:
    """What `serve` and `worker` say when they start on this home."""
    gateway = Gateway(Control(house.settings), sources=open_sources(house.settings.sources))
    with contextlib.closing(gateway):
        try:
            gateway.start()
        except GatewayError as error:
            return error
    return None


# What was destroyed stays so


@pytest.mark.parametrize(
    ("what", "with_keys"),
    [("keys/ring.json", False), ("keys/ring.json", True), ("", False)],
    ids=["ring", "ring and keys", "home"],
)
def test_t12_a_backup_put_back_brings_no_destroyed_key_back(
    house: House,
    tmp_path: Path,
    what: str,
    with_keys: bool,
) -> None:
    token = house.token("ana", bank.ANA[0])
    assert rows(house, token)
    backup = saved(house, tmp_path / "backup", with_keys=with_keys)
    assert started(house) is None
    destroy(house)
    assert started(house) is None
    house.gateway.close()
    put_back(house, backup, only=what)
    refused = started(house)
    assert refused is not None
    assert refused.code == "integrity.keys.resurrected"
    assert "project credit-risk, epoch 1" in refused.reasons[0]
    if not with_keys:
        with contextlib.closing(Control(house.settings)) as control, pytest.raises(Integrity, match="was destroyed"):
            control.open_keys().derive(KeyScope(project=PROJECT, domain="customer", mask="pseudonym"))
    with house.host.key_operator(house.settings) as (operator, actor):
        assert [str(epoch) for epoch in operator.settle(actor)] == ["project credit-risk, epoch 1"]
    assert started(house) is None
    with contextlib.closing(Control(house.settings)) as control, pytest.raises(Integrity, match="was destroyed"):
        control.open_keys().derive(KeyScope(project=PROJECT, domain="customer", mask="pseudonym"))


def test_t12_the_whole_home_and_its_keys_put_back_are_what_only_a_kept_checkpoint_finds(
    house: House, tmp_path: Path
) -> None:
    """The limit of what one host can know, as docs/keys.md says: keys belong in no backup."""
    token = house.token("ana", bank.ANA[0])
    assert rows(house, token)
    backup = saved(house, tmp_path / "backup", with_keys=True)
    destroy(house)
    kept = house.gateway.control.log_store.checkpoint()
    assert kept is not None
    house.gateway.close()
    put_back(house, backup)
    assert started(house) is None
    assert house.host.verify(house.settings).ok
    assert not house.host.verify(house.settings, kept=[kept.note]).ok


def test_t12_a_destroyed_project_answers_nothing_and_says_why_until_a_new_epoch(house: House) -> None:
    token = house.token("ana", bank.ANA[0])
    before = rows(house, token)
    destroy(house)
    for ask in (lambda: rows(house, token), lambda: house.explain(token, PLAIN, purpose=PURPOSE)):
        with pytest.raises(Integrity) as refused:
            ask()
        assert refused.value.code == "integrity.keys.destroyed"
        (entry,) = entries(house, receipt=refused.value.receipt)
        assert (entry.kind, (entry.payload or {})["code"]) == ("denial", "integrity.keys.destroyed")
    with house.host.key_operator(house.settings) as (operator, actor):
        assert operator.rotate(actor, project=PROJECT).number == 2
    after = rows(house, token)
    assert len(after) == len(before)
    assert not {row[0] for row in after} & {row[0] for row in before}


def test_t12_no_rotation_on_a_ring_that_was_put_back(house: House, tmp_path: Path) -> None:
    assert rows(house, house.token("ana", bank.ANA[0]))
    backup = saved(house, tmp_path / "backup", with_keys=False)
    destroy(house)
    put_back(house, backup, only="keys/ring.json")
    with house.host.key_operator(house.settings) as (operator, actor), pytest.raises(Integrity) as refused:
        operator.rotate(actor, project=PROJECT)
    assert refused.value.code == "integrity.keys.resurrected"


# One answer, one epoch


class Between:
    """Keys that change hands between two of one answer's derivations."""

    def __init__(self, keys: Any, act: Callable[[], object]) -> None:
        self._keys = keys
        self._act = act
        self._derived = 0
        self._lock = threading.Lock()

    def derive(self, scope: KeyScope) -> Key:
        key: Key = self._keys.derive(scope)
        with self._lock:
            if scope.project == PROJECT:
                self._derived += 1
                if self._derived == 1:
                    self._act()
        return key

    def epoch(self, project: str) -> int:
        epoch: int = self._keys.epoch(project)
        return epoch


@contextlib.contextmanager
def between(house: House, act: Callable[[Any], object]) -> Iterator[None]:
    rooms = house.gateway.enforcement._rooms
    keys = rooms.keys
    object.__setattr__(rooms, "keys", Between(keys, lambda: act(keys)))
    try:
        yield
    finally:
        object.__setattr__(rooms, "keys", keys)


def test_t12_a_rotation_between_two_scans_leaves_one_answer_under_one_epoch(house: House) -> None:
    token = house.token("ana", bank.ANA[0])
    before = sorted(rows(house, token, SELF_JOIN))
    with between(house, lambda keys: keys.begin(PROJECT)):
        body, answer = house.ask(token, SELF_JOIN, purpose=PURPOSE)
    during = sorted([list(row) for row in json.loads(body)["rows"]])
    assert before
    assert during == before
    assert answer.key_epoch == 1
    (entry,) = entries(house, receipt=answer.receipt.id)
    assert (entry.payload or {})["key_epoch"] == 1


def test_t12_a_question_asked_again_after_a_rotation_is_answered_under_the_new_epoch(house: House) -> None:
    """The plan is remembered, the child is warm: neither carries an old pseudonym over."""
    token = house.token("ana", bank.ANA[0])
    sandbox, bound = house.gateway.sandbox, []
    execute = sandbox.execute

    def noted(*arguments: Any, **named: Any) -> Any:
        bound.append(named["binding"].key_epoch)
        return execute(*arguments, **named)

    sandbox.execute = noted  # type: ignore[method-assign]
    before = rows(house, token)
    assert rows(house, token) == before
    assert house.explain(token, PLAIN, purpose=PURPOSE).key_epoch == 1
    with house.host.key_operator(house.settings) as (operator, actor):
        operator.rotate(actor, project=PROJECT)
    assert house.explain(token, PLAIN, purpose=PURPOSE).key_epoch == 2
    after, answer = house.ask(token, PLAIN, purpose=PURPOSE)
    fresh = json.loads(after)["rows"]
    assert answer.key_epoch == 2
    assert len(fresh) == len(before)
    assert not {row[0] for row in fresh} & {row[0] for row in before}
    assert {row[0] for row in rows(house, token, SELF_JOIN)} <= {row[0] for row in fresh}
    assert bound == [1, 1, 2, 2]


def test_t12_a_destruction_between_two_scans_ends_the_answer(house: House) -> None:
    token = house.token("ana", bank.ANA[0])
    assert rows(house, token)
    with between(house, lambda _: destroy(house)), pytest.raises(Integrity) as refused:
        house.ask(token, SELF_JOIN, purpose=PURPOSE)
    assert refused.value.code == "integrity.keys.destroyed"


def test_t12_an_extract_is_under_one_epoch_and_its_manifest_says_which(house: House) -> None:
    token = house.token("ana", bank.ANA[0])
    shop = factory(house)
    with between(house, lambda keys: keys.begin(PROJECT)):
        during = shop.made(token)
    after = shop.made(token)
    assert manifest(during)["key_epochs"] == {PROJECT: 1}
    assert manifest(after)["key_epochs"] == {PROJECT: 2}


def test_t12_an_extract_whose_key_is_destroyed_meanwhile_is_not_published(house: House) -> None:
    token = house.token("ana", bank.ANA[0])
    assert rows(house, token)
    shop = factory(house)
    publish = shop.stock.versions.publish

    def late(*arguments: Any, **named: Any) -> Any:
        destroy(house)
        return publish(*arguments, **named)

    shop.stock.versions.publish = late  # type: ignore[method-assign]
    job = shop.order(token)
    shop.worker.run_once()
    ended = shop.job(job)
    assert (ended.state, ended.code, ended.version) == ("failed", "denied.stale", None)
    assert shop.stock.versions.listed() == []


def test_t12_an_access_under_a_destroyed_key_is_not_logged_as_begun(house: House) -> None:
    """Destroyed between the choice of the epoch and the access entry: decided again, then refused."""
    token = house.token("ana", bank.ANA[0])
    assert rows(house, token)
    enforcement = house.gateway.enforcement
    pin = enforcement._pins.pin

    def late(*arguments: Any, **named: Any) -> None:
        enforcement._pins.pin = pin  # type: ignore[method-assign]
        destroy(house)
        pin(*arguments, **named)

    enforcement._pins.pin = late  # type: ignore[method-assign]
    with pytest.raises((Denied, Integrity)) as refused:
        house.ask(token, PLAIN, purpose=PURPOSE)
    assert refused.value.code == "integrity.keys.destroyed"
    (entry,) = entries(house, receipt=refused.value.receipt)
    assert entry.kind == "denial"
