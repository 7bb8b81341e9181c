"""Files of keys and rings: whose they are, which are damaged, and the older format."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest
from key_builders import END, FIRST, PROJECT, CountedEntropy, Home, home_with_keys, ring_file, scope

from gateway.errors import Integrity, Unavailable
from gateway.keys import FileWrapper
from gateway.keys.wrapping import Kek
from gateway.terms.key import Key, KeyEpoch

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
