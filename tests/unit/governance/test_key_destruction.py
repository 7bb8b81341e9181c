"""Destroying a key: who proposes and who decides, what becomes of versions, what a crash or a rotation leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Denied, Integrity, Invalid, Unavailable
from gateway.governance import ProposalView
from gateway.governance.destruction import KeyAct
from gateway.keys import projects_folder
from gateway.terms.audit import EntryFilter
from gateway.terms.key import Destruction, KeyEpoch, KeyScope
from tests import bank
from tests.house import open_house
from tests.unit.etl.factory import Factory, factory, manifest
from tests.unit.governance.people import SELF, People
from tests.unit.http.door import entries

PROJECT = "credit-risk"
SCOPE = KeyScope(project=PROJECT, domain="customer", mask="pseudonym")
OTHER = KeyScope(project="fraud", domain="customer", mask="pseudonym")


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    source = bank.write(bank.first_world(), tmp_path / "core.db")
    with open_house(tmp_path, bank=source, requests_per_minute=100_000) as house:
        people = People(house)
        keys_of(people).derive(SCOPE)
        yield people


def keys_of(people: People) -> Any:
    return people.house.gateway.enforcement._rooms.keys


def proposed(people: People, **wanted: Any) -> ProposalView:
    return people.desks.keys.propose(people.alma, **{"project": PROJECT, **wanted})


def approved(people: People, view: ProposalView) -> ProposalView:
    return people.desks.approvals.approve(people.arno, view.proposal.id, digest=view.proposal.digest)


def told(people: People, action: str) -> list[dict[str, Any]]:
    found = people.house.gateway.control.log_store.search(EntryFilter(kind="event", action=action))
    return [dict(entry.payload or {}) for entry in found]


def live(people: People) -> list[int]:
    states = keys_of(people).listed()
    return [s.epoch.number for s in states if s.epoch.project == PROJECT and s.destroyed is None]


def works(people: People) -> Factory:
    return factory(people.house)


def test_a_key_is_destroyed_by_two_and_the_log_says_who_and_which(people: People) -> None:
    view = proposed(people, reason="the project has ended")
    assert live(people) == [1]
    assert "project credit-risk, epoch 1" in view.summary
    done = approved(people, view)
    assert done.state == "approved"
    (entry,) = told(people, "key-destroy")
    assert (entry["actor"]["principal"], entry["detail"]["project"], entry["detail"]["epoch"]) == ("arno", PROJECT, 1)
    assert entry["detail"]["digest"] == view.proposal.digest
    with pytest.raises(Integrity) as caught:
        keys_of(people).derive(SCOPE)
    assert caught.value.code == "integrity.keys.destroyed"
    assert entry["receipt"] in str(caught.value)


def test_nobody_destroys_alone(people: People) -> None:
    view = proposed(people)
    for same in (people.alma, people.make("alma", "admin")):
        with pytest.raises(Denied) as refused:
            people.desks.approvals.approve(same, view.proposal.id, digest=view.proposal.digest)
        assert refused.value.code == "denied.four_eyes"
    assert live(people) == [1]
    assert told(people, "key-destroy") == []


@pytest.mark.parametrize("who", ["ana", "olga"])
def test_who_lacks_the_capability_neither_sees_keys_nor_proposes_nor_decides(people: People, who: str) -> None:
    credentials = getattr(people, who)
    view = proposed(people)
    for act in (
        lambda: people.desks.keys.listed(credentials),
        lambda: people.desks.keys.propose(credentials, project=PROJECT),
    ):
        with pytest.raises(Denied) as refused:
            act()
        assert refused.value.code == "denied.capability"
        assert len(entries(people.house, receipt=refused.value.receipt)) == 1
    with pytest.raises(Denied, match="no proposal of yours"):
        people.desks.approvals.approve(credentials, view.proposal.id, digest=view.proposal.digest)
    assert live(people) == [1]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"project": "unknown"}, "invalid.keys.project"),
        ({"project": "fraud"}, "invalid.keys.project"),
        ({"project": "gateway"}, "invalid.keys.project"),
        ({"epoch": 2}, "invalid.keys.epoch"),
        ({"unattributable": ["loan-default@1"]}, "invalid.keys.versions"),
        ({"reason": "two\nlines"}, "invalid.text"),
    ],
    ids=["unknown project", "no key yet", "the house", "unknown epoch", "versions that are not there", "reason"],
)
def test_refused_when_there_is_no_such_thing_to_destroy(people: People, wanted: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        proposed(people, **wanted)
    assert refused.value.code == code


def test_the_log_gets_a_declaration_for_each_version_under_the_key(people: People) -> None:
    shop = works(people)
    made = [shop.made(people.ana.bearer) for _ in range(2)]
    keys_of(people).begin(PROJECT)
    later = shop.made(people.ana.bearer)
    assert [manifest(version)["key_epochs"] for version in (*made, later)] == [{PROJECT: 1}, {PROJECT: 1}, {PROJECT: 2}]
    names = sorted(version.id for version in made)
    with pytest.raises(Invalid) as refused:
        proposed(people, epoch=1)
    assert (refused.value.code, list(refused.value.reasons)) == ("invalid.keys.versions", names)
    shown = {view.state.epoch.number: list(view.versions) for view in people.desks.keys.listed(people.alma)}
    assert shown == {1: names, 2: [later.id]}
    approved(people, proposed(people, epoch=1, unattributable=names))
    declared = [entry["detail"]["version"] for entry in told(people, "version-unattributable")]
    assert declared == names
    assert live(people) == [2]


def test_stale_when_a_version_was_made_since(people: People) -> None:
    view = proposed(people)
    works(people).made(people.ana.bearer)
    with pytest.raises(Denied) as refused:
        approved(people, view)
    assert refused.value.code == "denied.stale"
    assert live(people) == [1]


@pytest.mark.parametrize("crashed", [False, True])
def test_stale_when_the_project_was_to_end_and_has_begun_another_epoch(people: People, crashed: bool) -> None:
    view = proposed(people)
    if crashed:
        people.decided_but_not_done(view)
    keys_of(people).begin(PROJECT)
    if crashed:
        assert people.desks.approvals.settle(SELF) == 0
    else:
        with pytest.raises(Denied) as refused:
            approved(people, view)
        assert refused.value.code == "denied.stale"
    assert live(people) == [1, 2]
    (listed,) = people.desks.approvals.listed(people.alma, everything=True)
    shown = people.desks.approvals.shown(people.alma, view.proposal.id)
    assert {listed.state, shown.state} == {"stale" if crashed else "open"}


def half_done(people: People, view: ProposalView, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies with one epoch destroyed, and another not."""
    log = KeyAct._log

    def dies(act: KeyAct, epoch: KeyEpoch, *arguments: Any, **named: Any) -> Destruction:
        if epoch.number == 2:
            raise KeyboardInterrupt
        return log(act, epoch, *arguments, **named)

    with monkeypatch.context() as cut:
        cut.setattr(KeyAct, "_log", dies)
        with pytest.raises(KeyboardInterrupt):
            approved(people, view)
    assert live(people) == [2]


@pytest.mark.parametrize("begun", [False, True], ids=["at rest", "a newer epoch has begun"])
def test_what_has_begun_to_be_destroyed_is_finished_whatever_began_since(
    people: People, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    made = works(people).made(people.ana.bearer)
    keys_of(people).begin(PROJECT)
    view = proposed(people, unattributable=[made.id])
    half_done(people, view, monkeypatch)
    if begun:
        keys_of(people).begin(PROJECT)
    assert people.desks.approvals.settle(SELF) == 1
    assert live(people) == ([3] if begun else [])
    assert [entry["detail"]["version"] for entry in told(people, "version-unattributable")] == [made.id]
    assert [entry["detail"]["epoch"] for entry in told(people, "key-destroy")] == [1, 2]
    assert told(people, "proposal-fail") == []
    assert people.desks.approvals.shown(people.alma, view.proposal.id).state == "approved"


def test_no_epoch_begins_while_an_approved_destruction_is_not_done(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_of(people).begin(PROJECT)
    half_done(people, proposed(people), monkeypatch)
    with people.house.host.key_operator(people.house.settings) as (operator, actor):
        with pytest.raises(Unavailable, match="approved and not finished") as refused:
            operator.rotate(actor, project=PROJECT)
        assert (refused.value.code, "gateway serve" in refused.value.fix) == ("unavailable.keys.destroy", True)
        assert operator.rotate(actor, project="fraud").number == 1
        people.desks.approvals.settle(SELF)
        assert operator.rotate(actor, project=PROJECT).number == 3
    assert [each["detail"]["project"] for each in told(people, "key-rotate")] == ["fraud", PROJECT]


def test_a_destruction_that_cannot_be_done_stays_to_be_done_and_the_gateway_does_not_start(people: People) -> None:
    """What two people ended is neither given up nor served on; the other proposals do not wait for it."""
    made = works(people).made(people.ana.bearer)
    view = proposed(people, unattributable=[made.id])
    folder = projects_folder(people.house.settings.kek_path)
    kek, target = folder / f"{PROJECT}.1.kek", folder.with_name("real.kek")
    kek.rename(target)
    kek.symlink_to(target)
    with pytest.raises(Unavailable) as refused:
        approved(people, view)
    assert "epoch 1 is a symbolic link" in refused.value.message
    assert "the file itself" in refused.value.fix
    other = proposed(people, project="fraud") if keys_of(people).derive(OTHER) else view
    people.decided_but_not_done(other)
    with pytest.raises(Unavailable, match="key of project credit-risk is not finished"):
        people.house.gateway.start()
    states = {state.epoch.project: state.destroyed is not None for state in keys_of(people).listed()}
    assert (states[PROJECT], states["fraud"]) == (False, True)
    assert told(people, "proposal-fail") == []
    with pytest.raises(Integrity, match="was destroyed"):
        keys_of(people).derive(SCOPE)
    kek.unlink()
    target.rename(kek)
    assert people.desks.approvals.settle(SELF) == 1
    assert [path.name for path in folder.glob(f"{PROJECT}*")] == [f"{PROJECT}.1.destroyed"]
    assert [entry["detail"]["version"] for entry in told(people, "version-unattributable")] == [made.id]
    assert len([each for each in told(people, "key-destroy") if each["detail"]["project"] == PROJECT]) == 1


@pytest.mark.parametrize("project", ["unknown", "gateway", ""])
def test_no_epoch_begins_of_what_is_no_project(people: People, project: str) -> None:
    before = keys_of(people).listed()
    with people.house.host.key_operator(people.house.settings) as (operator, actor):
        with pytest.raises(Invalid) as refused:
            operator.rotate(actor, project=project)
        assert refused.value.code == "invalid.keys.project"
        assert operator.listed() == [state for state in before if state.epoch.project == PROJECT]
    assert keys_of(people).listed() == before
    assert told(people, "key-rotate") == []


def test_a_rotation_is_in_the_log(people: People) -> None:
    with people.house.host.key_operator(people.house.settings) as (operator, actor):
        operator.rotate(actor, project=PROJECT)
        operator.rotate(actor, project="fraud")
    assert [(each["detail"]["project"], each["detail"]["epoch"]) for each in told(people, "key-rotate")] == [
        (PROJECT, 2),
        ("fraud", 1),
    ]


def test_one_epoch_is_destroyed_whatever_began_since(people: People) -> None:
    view = proposed(people, epoch=1)
    keys_of(people).begin(PROJECT)
    approved(people, view)
    assert live(people) == [2]


def test_what_a_crash_cut_short_is_done_at_the_next_start(people: People) -> None:
    people.decided_but_not_done(proposed(people))
    assert live(people) == [1]
    assert people.desks.approvals.settle(SELF) == 1
    assert live(people) == []
    assert people.desks.approvals.settle(SELF) == 0
    assert len(told(people, "key-destroy")) == 1


def test_what_was_changed_in_the_control_database_is_not_destroyed(people: People) -> None:
    keys_of(people).begin(PROJECT)
    view = proposed(people, epoch=1)
    people.decided_but_not_done(view)
    with people.house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql("""UPDATE proposal SET document = json_set(document, '$.epochs[0]', 2)""")
    assert people.desks.approvals.settle(SELF) == 0
    assert live(people) == [1, 2]
