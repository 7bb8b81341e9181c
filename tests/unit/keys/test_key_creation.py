"""create_keys: where secrets come to lie, and what is never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from key_builders import ORIGIN, CountedEntropy, Home, home_with_keys

from gateway.errors import Integrity, Invalid, Unavailable
from gateway.keys import create_keys, load_signer


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_files_are_these_and_secrets_are_the_owners_only(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    assert sorted(path.name for path in home.keys.iterdir()) == ["audit.vkey", "ring.json", "signing.json"]
    assert [mode(home.keys / name) for name in ("ring.json", "signing.json", "audit.vkey")] == [0o600, 0o600, 0o644]
    assert (mode(home.kek_path), mode(home.keys)) == (0o600, 0o700)
    assert [path.name for path in home.kek_path.parent.iterdir()] == ["gateway.kek"]


def test_no_secret_stands_in_clear_in_the_home(tmp_path: Path) -> None:
    drawn: list[bytes] = []

    class Recorded(CountedEntropy):
        def draw(self, count: int) -> bytes:
            drawn.append(super().draw(count))
            return drawn[-1]

    create_keys(tmp_path / "home", kek_path=tmp_path / "kek", origin=ORIGIN, entropy=Recorded())
    written = b"".join(path.read_bytes() for path in (tmp_path / "home" / "keys").iterdir())
    secrets = [secret for secret in drawn if len(secret) == 32]
    assert len(secrets) == 2
    for secret in secrets:
        assert secret not in written
        assert secret.hex().encode() not in written


@pytest.mark.parametrize("inside", ["home/kek", "home/keys/kek", "home/../home/kek", "linked/kek"])
def test_refused_when_the_kek_would_lie_in_the_home(tmp_path: Path, inside: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "home")
    with pytest.raises(Invalid, match="must not lie in the home"):
        create_keys(tmp_path / "home", kek_path=tmp_path / inside, origin=ORIGIN, entropy=CountedEntropy())
    assert list((tmp_path / "home").iterdir()) == []


def test_refused_when_the_kek_exists(tmp_path: Path) -> None:
    (tmp_path / "kek").write_text("another's")
    with pytest.raises(Invalid, match="never overwritten"):
        create_keys(tmp_path / "home", kek_path=tmp_path / "kek", origin=ORIGIN, entropy=CountedEntropy())
    assert (tmp_path / "kek").read_text() == "another's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "kek"]


def test_refused_when_the_home_has_keys(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    before = (home.keys / "ring.json").read_bytes()
    with pytest.raises(Invalid, match="has keys already"):
        create_keys(home.home, kek_path=tmp_path / "second.kek", origin=ORIGIN, entropy=CountedEntropy("2"))
    assert (home.keys / "ring.json").read_bytes() == before
    assert not (tmp_path / "second.kek").exists()


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_refused_when_the_origin_is_no_key_name(tmp_path: Path, origin: str) -> None:
    with pytest.raises(Invalid, match="origin"):
        create_keys(tmp_path / "home", kek_path=tmp_path / "kek", origin=origin, entropy=CountedEntropy())
    assert list(tmp_path.iterdir()) == []


def test_unavailable_when_a_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="folder"):
        create_keys(tmp_path / "home", kek_path=tmp_path / "file" / "kek", origin=ORIGIN, entropy=CountedEntropy())


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o610])
@pytest.mark.parametrize("name", ["kek", "ring.json", "signing.json"])
def test_refused_when_a_secret_file_is_open_to_others(tmp_path: Path, bits: int, name: str) -> None:
    home = home_with_keys(tmp_path)
    path = home.kek_path if name == "kek" else home.keys / name
    path.chmod(bits)
    with pytest.raises(Integrity, match="open to its group or to others") as caught:
        home.ring()
        load_signer(home.home, kek_path=home.kek_path)
    assert caught.value.code == "integrity.keys.permissions"


@pytest.mark.parametrize(
    "content",
    [b"", b"gateway-kek/1 ", b"gateway-kek/1 AAAA\n", b"A" * 44, b"gateway-kek/1 " + b"!" * 44, b"\xff" * 60],
    ids=["empty", "header only", "truncated", "no header", "no base64", "binary"],
)
def test_refused_when_the_kek_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    home = home_with_keys(tmp_path)
    home.kek_path.write_bytes(content)
    for use in (home.ring, lambda: load_signer(home.home, kek_path=home.kek_path)):
        with pytest.raises(Integrity, match="key-encryption key file") as caught:
            use()
        assert "AAAA" not in str(caught.value)


def test_refused_when_the_kek_is_of_another_home(tmp_path: Path) -> None:
    home, other = home_with_keys(tmp_path / "a"), home_with_keys(tmp_path / "b", seed="other")
    with pytest.raises(Integrity, match="another key-encryption key"):
        Home(home.home, other.kek_path).ring()
    with pytest.raises(Integrity, match="another key-encryption key"):
        load_signer(home.home, kek_path=other.kek_path)


def test_unavailable_when_a_file_is_missing(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    home.kek_path.rename(tmp_path / "gone")
    with pytest.raises(Unavailable, match="key-encryption key file cannot be read: No such file"):
        home.ring()


def test_refused_when_a_file_is_no_regular_file(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    home.kek_path.unlink()
    os.mkfifo(home.kek_path, 0o600)
    with pytest.raises(Integrity, match="no regular file"):
        home.ring()
