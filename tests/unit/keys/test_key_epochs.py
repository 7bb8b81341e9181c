"""Epochs: begun, destroyed, never the same twice; what is older than its keys, or was cut short, is found."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest
from key_builders import END, FIRST, NOW, PROJECT, SECOND, Home, home_with_keys, ring_file, scope

from gateway.epochs import PinnedKeys
from gateway.errors import Integrity
from gateway.terms.key import EpochState, KeyEpoch

# Rotation


def test_a_new_epoch_has_another_key_and_the_old_one_stays(tmp_path: Path) -> None:
    ring = home_with_keys(tmp_path).ring()
    first = ring.derive(scope()).secret()
    assert ring.begin(PROJECT) == SECOND
    assert ring.epoch(PROJECT) == 2
    assert ring.derive(scope()).secret() == ring.derive(scope(2)).secret() != first
    assert ring.derive(scope(1)).secret() == first


def test_a_project_that_never_had_a_key_begins_at_one(tmp_path: Path) -> None:
    ring = home_with_keys(tmp_path).ring()
    assert ring.begin(PROJECT) == FIRST
    assert ring.epoch(PROJECT) == 1


@pytest.mark.parametrize("epoch", [2, 7])
def test_refused_when_the_project_has_no_such_epoch(tmp_path: Path, epoch: int) -> None:
    home = home_with_keys(tmp_path)
    for _ in range(2):  # before and after the first use
        with pytest.raises(Integrity, match=f"no key of project credit-risk, epoch {epoch}") as caught:
            home.ring().derive(scope(epoch))
        assert caught.value.code == "integrity.keys.epoch"
        home.ring().derive(scope())


def test_what_is_pinned_stays_at_its_epoch_through_a_rotation(tmp_path: Path) -> None:
    ring = home_with_keys(tmp_path).ring()
    pinned = PinnedKeys(ring, KeyEpoch(PROJECT, ring.epoch(PROJECT)))
    before = pinned.derive(scope()).secret()
    ring.begin(PROJECT)
    assert pinned.derive(scope()).secret() == before != ring.derive(scope()).secret()
    assert (pinned.epoch(PROJECT), pinned.epoch("fraud")) == (1, 1)
    assert pinned.derive(scope(2)).secret() == ring.derive(scope(2)).secret()
    assert pinned.derive(scope(project="fraud")).secret() == ring.derive(scope(project="fraud")).secret()


def test_listed_epochs_say_when_and_show_no_byte_of_a_key(tmp_path: Path) -> None:
    ring = home_with_keys(tmp_path).ring()
    ring.begin(PROJECT)
    ring.begin(PROJECT)
    ring.destroy(FIRST, END)
    assert ring.listed() == [
        EpochState(epoch=FIRST, created=NOW, destroyed=END),
        EpochState(epoch=SECOND, created=NOW, destroyed=None),
    ]


# Destruction


def test_after_destruction_nothing_derives_and_the_error_says_which_when_and_where(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    ring = home.ring()
    ring.derive(scope())
    ring.destroy(FIRST, END)
    for use in (lambda: ring.derive(scope()), lambda: ring.derive(scope(1)), lambda: ring.epoch(PROJECT)):
        with pytest.raises(Integrity) as caught:
            use()
        assert caught.value.code == "integrity.keys.destroyed"
        assert "project credit-risk, epoch 1 was destroyed" in str(caught.value)
        assert "2026-11-23T12:00:00Z" in str(caught.value)
        assert "r_0123" in str(caught.value)
        assert "gateway key rotate credit-risk" in caught.value.fix


def test_a_destroyed_project_starts_again_at_a_new_number_with_a_new_key(tmp_path: Path) -> None:
    ring = home_with_keys(tmp_path).ring()
    first = ring.derive(scope()).secret()
    ring.destroy(FIRST, END)
    assert ring.begin(PROJECT) == SECOND
    assert ring.derive(scope()).secret() != first
    with pytest.raises(Integrity, match="destroyed"):
        ring.derive(scope(1))


def test_destroying_one_epoch_leaves_the_others_and_other_projects(tmp_path: Path) -> None:
    ring = home_with_keys(tmp_path).ring()
    ring.derive(scope())
    ring.begin(PROJECT)
    kept = [ring.derive(scope(2)).secret(), ring.derive(scope(project="fraud")).secret()]
    ring.destroy(FIRST, END)
    assert [ring.derive(scope()).secret(), ring.derive(scope(project="fraud")).secret()] == kept


def test_destruction_deletes_the_key_and_the_wrapped_master_and_bears_a_repetition(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    ring = home.ring()
    ring.derive(scope())
    kek = (home.projects / "credit-risk.1.kek").read_bytes()
    wrapped = json.loads(ring_file(home).read_bytes())["projects"][PROJECT]["1"]["wrapped"]
    for _ in range(2):
        ring.destroy(FIRST, END)
    assert [path.name for path in home.projects.iterdir()] == ["credit-risk.1.destroyed"]
    left = b"".join(path.read_bytes() for folder in (home.projects, home.keys) for path in folder.iterdir())
    assert kek.split()[1] not in left
    assert wrapped.encode() not in left


def test_a_deletion_that_was_cut_short_after_its_note_does_not_open_and_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_with_keys(tmp_path)
    ring = home.ring()
    ring.derive(scope())

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("gateway.keys.files.erase", killed)
        with pytest.raises(KeyboardInterrupt):
            ring.destroy(FIRST, END)
    assert (home.projects / "credit-risk.1.kek").exists()
    with pytest.raises(Integrity, match="was destroyed"):
        home.ring().derive(scope())
    with pytest.raises(Integrity, match="put back") as caught:
        home.ring().check({})
    assert "not in the ring" in caught.value.reasons[0]
    home.ring().destroy(FIRST, END)
    home.ring().check({FIRST: END})
    assert not (home.projects / "credit-risk.1.kek").exists()


# A ring that is put back


def test_a_ring_put_back_opens_nothing_that_was_destroyed_and_is_found_by_log_and_by_note(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    ring = home.ring()
    ring.derive(scope())
    backup = ring_file(home).read_bytes()
    ring.destroy(FIRST, END)
    ring.check({FIRST: END})
    ring_file(home).write_bytes(backup)
    with pytest.raises(Integrity, match="was destroyed"):
        home.ring().derive(scope())
    for told in ({FIRST: END}, {}):
        with pytest.raises(Integrity) as caught:
            home.ring().check(told)
        assert caught.value.code == "integrity.keys.resurrected"
        assert "project credit-risk, epoch 1" in caught.value.reasons[0]
    assert home.ring().settle({FIRST: END}) == [FIRST]
    home.ring().check({FIRST: END})
    assert home.ring().settle({FIRST: END}) == []


def test_a_ring_and_its_keys_put_back_together_are_found_by_the_log(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    home.ring().derive(scope())
    shutil.copytree(tmp_path, tmp_path.with_name("backup"))
    home.ring().destroy(FIRST, END)
    shutil.rmtree(tmp_path)
    shutil.copytree(tmp_path.with_name("backup"), tmp_path)
    with pytest.raises(Integrity) as caught:
        home.ring().check({FIRST: END})
    assert caught.value.reasons == (
        "project credit-risk, epoch 1: the log tells of its destruction (r_0123), the ring does not",
    )
    assert home.ring().settle({FIRST: END}) == [FIRST]
    with pytest.raises(Integrity, match="was destroyed"):
        home.ring().derive(scope())


def test_a_key_put_back_beside_a_ring_that_noted_its_end_is_found_and_opens_nothing(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    home.ring().derive(scope())
    kek = home.projects / "credit-risk.1.kek"
    saved = kek.read_bytes()
    home.ring().destroy(FIRST, END)
    kek.write_bytes(saved)
    kek.chmod(0o600)
    with pytest.raises(Integrity) as caught:
        home.ring().check({FIRST: END})
    assert caught.value.reasons == ("project credit-risk, epoch 1: its key is there again",)
    with pytest.raises(Integrity, match="was destroyed"):
        home.ring().derive(scope())
    assert home.ring().settle({}) == [FIRST]
    assert not kek.exists()


def test_a_ring_from_before_a_project_or_a_rotation_makes_no_second_key_of_a_number(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    empty = ring_file(home).read_bytes()
    home.ring().derive(scope())
    first = ring_file(home).read_bytes()
    home.ring().begin(PROJECT)
    ring_file(home).write_bytes(first)
    with pytest.raises(Integrity) as caught:
        home.ring().check({})
    assert caught.value.reasons == ("project credit-risk, epoch 2: its key is there, the ring does not know it",)
    with pytest.raises(Integrity) as caught:
        home.ring().begin(PROJECT)
    assert caught.value.code == "integrity.keys.older"
    ring_file(home).write_bytes(empty)
    with pytest.raises(Integrity) as caught:
        home.ring().derive(scope())
    assert caught.value.code == "integrity.keys.older"


def test_what_the_log_tells_of_a_project_that_the_ring_does_not_know_stays_destroyed(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    with pytest.raises(Integrity, match="put back"):
        home.ring().check({FIRST: END})
    assert home.ring().settle({FIRST: END}) == [FIRST]
    with pytest.raises(Integrity, match="was destroyed"):
        home.ring().derive(scope())
    assert home.ring().begin(PROJECT) == SECOND


# First use, cut short or at once


@pytest.mark.parametrize("at", ["before the ring", "before the name"])
def test_a_first_use_cut_short_is_made_anew_or_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    home = home_with_keys(tmp_path)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        place = "ring.FileKeyRing._write" if at == "before the ring" else "local.FileWrapper._name"
        cut.setattr(f"gateway.keys.{place}", killed)
        with pytest.raises(KeyboardInterrupt):
            home.ring().derive(scope())
    assert [path.name for path in home.projects.iterdir()] == ["credit-risk.1.kek.new"]
    home.ring().check({})
    first = home.ring("other").derive(scope()).secret()
    assert home.ring("third").derive(scope()).secret() == first
    assert [path.name for path in home.projects.iterdir()] == ["credit-risk.1.kek"]
    home.ring().check({})


def rotate_in_child(home: Home, number: int, results: multiprocessing.Queue[tuple[int, bytes]]) -> None:
    ring = home.ring(f"process {number}")
    epoch = ring.begin(PROJECT).number
    results.put((epoch, ring.derive(scope(epoch)).secret()))


@pytest.mark.slow
def test_processes_that_begin_epochs_at_once_get_one_each(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[int, bytes]] = context.Queue()
    children = [context.Process(target=rotate_in_child, args=(home, number, results)) for number in range(3)]
    for child in children:
        child.start()
    made = dict(results.get(timeout=60) for _ in children)
    for child in children:
        child.join(timeout=60)
    results.close()
    assert sorted(made) == [1, 2, 3]
    assert all(home.ring().derive(scope(epoch)).secret() == secret for epoch, secret in made.items())
