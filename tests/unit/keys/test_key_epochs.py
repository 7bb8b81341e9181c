"""Epochs: begun, destroyed, never the same twice; what is older than its keys, or was cut short, is found."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from key_builders import NOW, CountedEntropy, Home, home_with_keys

from gateway.epochs import PinnedKeys
from gateway.errors import Integrity, Unavailable
from gateway.keys import FileWrapper
from gateway.keys.wrapping import Kek
from gateway.terms.key import Destruction, EpochState, Key, KeyEpoch, KeyScope

PROJECT = "credit-risk"
FIRST, SECOND, THIRD = (KeyEpoch(PROJECT, number) for number in (1, 2, 3))
END = Destruction(at=NOW, entry="r_0123")


def scope(epoch: int | None = None, *, project: str = PROJECT) -> KeyScope:
    return KeyScope(project=project, domain="customer", mask="pseudonym", epoch=epoch)


def ring_file(home: Home) -> Path:
    return home.keys / "ring.json"


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


# Files that are not as they must be


def used(tmp_path: Path) -> tuple[Home, Path]:
    home = home_with_keys(tmp_path)
    home.ring().derive(scope())
    home.ring("other").derive(scope(project="fraud"))
    return home, home.projects / "credit-risk.1.kek"


def test_key_files_and_their_folder_are_the_owners_only_and_lie_outside_the_home(tmp_path: Path) -> None:
    home, kek = used(tmp_path)
    assert (kek.stat().st_mode & 0o777, home.projects.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not home.projects.is_relative_to(home.home)


def test_a_projects_name_leads_to_no_other_folder(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    home.ring().derive(scope(project="../../home/keys/x"))
    assert [path.name for path in home.projects.iterdir()] == ["..%2F..%2Fhome%2Fkeys%2Fx.1.kek"]


def test_unavailable_when_the_key_is_missing_and_none_is_made_anew(tmp_path: Path) -> None:
    home, kek = used(tmp_path)
    kek.unlink()
    with pytest.raises(Unavailable, match="file of project credit-risk, epoch 1 cannot be read: No such file"):
        home.ring().derive(scope())
    assert not kek.exists()
    assert home.ring().derive(scope(project="fraud"))


def test_refused_when_the_key_is_another_projects(tmp_path: Path) -> None:
    home, kek = used(tmp_path)
    kek.write_bytes((home.projects / "fraud.1.kek").read_bytes())
    with pytest.raises(Integrity, match="master of project credit-risk, epoch 1 is damaged or under another") as caught:
        home.ring().derive(scope())
    assert caught.value.code == "integrity.keys.unwrap"


@pytest.mark.parametrize("content", [b"", b"gateway-kek/1 ", b"gateway-kek/1 AAAA\n", b"\xff" * 60])
def test_refused_when_the_key_file_is_truncated_or_none(tmp_path: Path, content: bytes) -> None:
    home, kek = used(tmp_path)
    kek.write_bytes(content)
    with pytest.raises(Integrity, match="key-encryption key file of project credit-risk, epoch 1"):
        home.ring().derive(scope())


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620])
def test_refused_when_the_key_file_is_open_to_others(tmp_path: Path, bits: int) -> None:
    home, kek = used(tmp_path)
    kek.chmod(bits)
    with pytest.raises(Integrity) as caught:
        home.ring().derive(scope())
    assert caught.value.code == "integrity.keys.permissions"


@pytest.mark.parametrize("bits", [0o710, 0o770, 0o701])
def test_refused_when_the_folder_of_keys_is_open_to_others(tmp_path: Path, bits: int) -> None:
    home, _ = used(tmp_path)
    home.projects.chmod(bits)
    for use in (lambda: home.ring().derive(scope()), lambda: home.ring().begin(PROJECT)):
        with pytest.raises(Integrity) as caught:
            use()
        assert caught.value.code == "integrity.keys.permissions"


def test_refused_when_the_folder_of_keys_is_a_link(tmp_path: Path) -> None:
    home, _ = used(tmp_path)
    home.projects.rename(tmp_path / "elsewhere")
    home.projects.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Integrity, match="no folder"):
        home.ring().derive(scope())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["kek", "folder", "ring", "house"])
def test_refused_when_a_secret_belongs_to_another_user(tmp_path: Path, name: str) -> None:
    home, kek = used(tmp_path)
    path = {"kek": kek, "folder": home.projects, "ring": ring_file(home), "house": home.kek_path}[name]
    os.chown(path, 54321, -1)
    with pytest.raises(Integrity, match="belongs to another user") as caught:
        home.ring().derive(scope())
    assert caught.value.code == "integrity.keys.owner"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format": "gateway-key-destroyed/2"}'])
def test_refused_when_the_note_of_a_destruction_is_damaged(tmp_path: Path, content: bytes) -> None:
    home, _ = used(tmp_path)
    home.ring().destroy(FIRST, END)
    (home.projects / "credit-risk.1.destroyed").write_bytes(content)
    with pytest.raises(Integrity, match="note of the destroyed key of project credit-risk, epoch 1 is damaged"):
        home.ring().settle({})


def test_unavailable_when_a_new_key_cannot_be_written_and_the_ring_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = used(tmp_path)
    before = ring_file(home).read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Unavailable, match="No space left"):
        home.ring().begin(PROJECT)
    with pytest.raises(Unavailable, match="No space left"):
        home.ring().destroy(FIRST, END)
    assert ring_file(home).read_bytes() == before


# The older format


def old_home(tmp_path: Path, projects: dict[str, dict[str, Key]]) -> Home:
    """A home as the first version left it: masters wrapped under the house's own key."""
    home = home_with_keys(tmp_path)
    house, entropy = Kek.from_file(home.kek_path), CountedEntropy("old")
    body = {
        "format": "gateway-key-ring/1",
        "projects": {
            name: {
                number: house.wrap(master.secret(), context=("master", name, number), entropy=entropy)
                for number, master in epochs.items()
            }
            for name, epochs in projects.items()
        },
    }
    seal = house.seal(json.dumps(body, sort_keys=True).encode())
    ring_file(home).write_bytes(json.dumps({**body, "seal": seal}, sort_keys=True, indent=1).encode() + b"\n")
    return home


def test_a_ring_of_the_older_format_keeps_its_masters_under_keys_of_their_own(tmp_path: Path) -> None:
    masters = {PROJECT: {"1": Key(b"1" * 32), "2": Key(b"2" * 32)}, "fraud": {"1": Key(b"3" * 32)}}
    home = old_home(tmp_path, masters)
    ring = home.ring()
    document = json.loads(ring_file(home).read_bytes())
    assert document["format"] == "gateway-key-ring/2"
    wrapper = FileWrapper(home.projects, entropy=CountedEntropy())
    for project, epochs in masters.items():
        for number, master in epochs.items():
            held = document["projects"][project][number]
            assert held["created"] is None
            assert wrapper.unwrap(KeyEpoch(project, int(number)), held["wrapped"]).secret() == master.secret()
    assert sorted(path.name for path in home.projects.iterdir()) == [
        *("credit-risk.1.kek", "credit-risk.2.kek", "fraud.1.kek"),
    ]
    assert ring.epoch(PROJECT) == 2
    ring.check({})
    assert home.ring("again").derive(scope(1)).secret() == ring.derive(scope(1)).secret()


def test_a_ring_of_the_older_format_put_back_after_a_destruction_is_refused(tmp_path: Path) -> None:
    home = old_home(tmp_path, {PROJECT: {"1": Key(b"1" * 32)}})
    backup = ring_file(home).read_bytes()
    home.ring().destroy(FIRST, END)
    ring_file(home).write_bytes(backup)
    with pytest.raises(Integrity) as caught:
        home.ring()
    assert caught.value.code == "integrity.keys.older"


def test_a_rewriting_cut_short_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = old_home(tmp_path, {PROJECT: {"1": Key(b"1" * 32)}, "fraud": {"1": Key(b"3" * 32)}})

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("gateway.keys.ring.FileKeyRing._write", killed)
        with pytest.raises(KeyboardInterrupt):
            home.ring()
    home.ring().check({})
    assert home.ring().derive(scope())


@pytest.mark.parametrize("damage", ["seal", "wrapped"])
def test_a_damaged_ring_of_the_older_format_is_refused(tmp_path: Path, damage: str) -> None:
    home = old_home(tmp_path, {PROJECT: {"1": Key(b"1" * 32)}})
    document = json.loads(ring_file(home).read_bytes())
    if damage == "seal":
        document["seal"] = "0" * 64
    else:
        document["projects"][PROJECT]["1"] = "AAAA"
    ring_file(home).write_bytes(json.dumps(document, sort_keys=True, indent=1).encode() + b"\n")
    with pytest.raises(Integrity, match="damaged or under another"):
        home.ring()
    assert not home.projects.exists()


def test_times_are_kept_to_the_second_in_utc(tmp_path: Path) -> None:
    home, _ = used(tmp_path)
    state = home.ring().listed()[0]
    assert state.created is not None
    assert state.created.utcoffset() == datetime.timedelta(0)
