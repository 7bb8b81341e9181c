"""What every key_ports.Wrapper does, over files and over a real vault."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pickle
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GatewayError, Integrity, Invalid, Unavailable
from gateway.key_ports import Wrapper
from gateway.keys import FileKeyRing, FileWrapper, VaultWrapper, create_keys
from gateway.terms.key import Destruction, Key, KeyEpoch, KeyScope
from tests.conformance.vaults import Vault, open_vault

MASTER = Key(bytes(range(32)))
END = Destruction(at=datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC), entry="r_0123")


class Clock:
    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)


class Entropy:
    def draw(self, count: int) -> bytes:
        return secrets.token_bytes(count)


@dataclasses.dataclass(frozen=True)
class Kept:
    """One adapter; each test has a project of its own."""

    open: Callable[[], Wrapper]
    project: str

    def epoch(self, number: int = 1) -> KeyEpoch:
        return KeyEpoch(self.project, number)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with open_vault(tmp_path_factory.mktemp("vault")) as vault:
        yield vault


def _of(vault: Vault, **changes: Any) -> VaultWrapper:
    given = {"url": vault.url, "token_file": vault.token_file, "ca_file": vault.ca_file, **changes}
    return VaultWrapper(given.pop("url"), **given)


@pytest.fixture(params=["files", "vault"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    project = f"p{abs(hash(request.node.name)):x}"
    with contextlib.ExitStack() as opened:
        if request.param == "files":
            yield Kept(lambda: FileWrapper(tmp_path / "projects", entropy=Entropy()), project)
        else:
            vault = request.getfixturevalue("vault")
            yield Kept(lambda: opened.enter_context(contextlib.closing(_of(vault))), project)


def test_what_was_wrapped_opens_again_also_for_another_process(kept: Kept) -> None:
    wrapped = kept.open().wrap(kept.epoch(), MASTER)
    assert kept.open().unwrap(kept.epoch(), wrapped).secret() == MASTER.secret()
    assert kept.open().unwrap(kept.epoch(), wrapped).secret() == MASTER.secret()
    assert MASTER.secret().hex() not in wrapped
    assert kept.open().name in {"files", "vault"}


def test_what_was_wrapped_opens_as_no_other_epoch_or_project(kept: Kept) -> None:
    wrapper = kept.open()
    first, second = (wrapper.wrap(kept.epoch(number), MASTER) for number in (1, 2))
    other = KeyEpoch(kept.project + "-x", 1)
    wrapper.wrap(other, MASTER)
    for epoch, wrapped in ((kept.epoch(1), second), (kept.epoch(2), first), (other, first)):
        with pytest.raises(Integrity, match="damaged or under another") as refused:
            wrapper.unwrap(epoch, wrapped)
        assert refused.value.code == "integrity.keys.unwrap"


@pytest.mark.parametrize("damage", ["empty", "truncated", "changed"])
def test_damaged_text_is_refused(kept: Kept, damage: str) -> None:
    wrapper = kept.open()
    wrapped = wrapper.wrap(kept.epoch(), MASTER)
    changed = wrapped[:-6] + ("AAAAA=" if wrapped[-6:] != "AAAAA=" else "BBBBB=")
    given = {"empty": "", "truncated": wrapped[:-8], "changed": changed}[damage]
    with pytest.raises(Integrity):
        wrapper.unwrap(kept.epoch(), given)
    assert wrapper.unwrap(kept.epoch(), wrapped).secret() == MASTER.secret()


def test_no_second_key_is_made_for_an_epoch_that_was_used(kept: Kept) -> None:
    wrapper = kept.open()
    wrapped = wrapper.wrap(kept.epoch(), MASTER)
    assert not wrapper.holds(kept.epoch())
    wrapper.unwrap(kept.epoch(), wrapped)
    assert kept.open().holds(kept.epoch())
    with pytest.raises(Integrity) as refused:
        kept.open().wrap(kept.epoch(), Key(bytes(32)))
    assert refused.value.code == "integrity.keys.older"
    assert wrapper.unwrap(kept.epoch(), wrapped).secret() == MASTER.secret()


def test_a_key_that_a_crash_left_unused_is_made_anew(kept: Kept) -> None:
    lost = kept.open().wrap(kept.epoch(), MASTER)
    wrapper = kept.open()
    wrapped = wrapper.wrap(kept.epoch(), Key(bytes(32)))
    assert wrapper.unwrap(kept.epoch(), wrapped).secret() == bytes(32)
    with pytest.raises(Integrity):
        wrapper.unwrap(kept.epoch(), lost)


def test_after_destruction_nothing_opens_and_others_do(kept: Kept) -> None:
    wrapper = kept.open()
    first, second = (wrapper.wrap(kept.epoch(number), MASTER) for number in (1, 2))
    wrapper.unwrap(kept.epoch(1), first)
    for _ in range(2):
        wrapper.destroy(kept.epoch(1), END)
    assert not kept.open().holds(kept.epoch(1))
    with pytest.raises(GatewayError) as refused:
        kept.open().unwrap(kept.epoch(1), first)
    assert refused.value.code in {"integrity.keys.destroyed", "unavailable.keys.gone"}
    assert kept.open().destroyed(kept.epoch(1)) in {END, None}
    assert wrapper.unwrap(kept.epoch(2), second).secret() == MASTER.secret()


def test_destroying_what_was_never_there_is_no_error(kept: Kept) -> None:
    kept.open().destroy(kept.epoch(), END)
    assert not kept.open().holds(kept.epoch())


def test_nothing_secret_is_printed_or_pickled(kept: Kept) -> None:
    wrapper = kept.open()
    assert repr(wrapper).endswith("Wrapper(…)")
    with pytest.raises(TypeError, match="not serialized"):
        pickle.dumps(wrapper)


def test_a_ring_over_it_lives_its_whole_life(kept: Kept, tmp_path: Path) -> None:
    home, kek = tmp_path / "home", tmp_path / "house.kek"
    create_keys(home, kek_path=kek, origin="gateway.test", entropy=Entropy())

    def ring() -> FileKeyRing:
        return FileKeyRing(home, kek_path=kek, wrapper=kept.open(), clock=Clock(), entropy=Entropy())

    def scope(epoch: int | None = None) -> KeyScope:
        return KeyScope(project=kept.project, domain="d", mask="m", epoch=epoch)

    first = ring().derive(scope()).secret()
    backup = (home / "keys" / "ring.json").read_bytes()
    assert ring().begin(kept.project) == kept.epoch(2)
    assert ring().derive(scope()).secret() != first == ring().derive(scope(1)).secret()
    ring().destroy(kept.epoch(1), END)
    ring().check({kept.epoch(1): END})
    with pytest.raises(Integrity, match="was destroyed"):
        ring().derive(scope(1))
    (home / "keys" / "ring.json").write_bytes(backup)
    with pytest.raises(GatewayError):
        ring().derive(scope(1))
    with pytest.raises(Integrity) as refused:
        ring().check({kept.epoch(1): END})
    assert refused.value.code == "integrity.keys.resurrected"
    assert len(refused.value.reasons) == 2


# The vault alone


def test_a_vaults_key_cannot_be_exported(vault: Vault) -> None:
    with contextlib.closing(_of(vault)) as wrapper:
        wrapper.unwrap(KeyEpoch("export", 1), wrapper.wrap(KeyEpoch("export", 1), MASTER))
    told = vault.ask("GET", "transit/keys/gateway-export-1").json()["data"]
    assert (told["exportable"], told["allow_plaintext_backup"], told["derived"]) == (False, False, True)
    assert told["deletion_allowed"] is False
    assert vault.ask("GET", "transit/export/encryption-key/gateway-export-1").status_code == 400


def test_unavailable_when_the_vault_is_gone_or_refuses(vault: Vault, tmp_path: Path) -> None:
    with contextlib.closing(_of(vault, url="https://127.0.0.1:9")) as gone, pytest.raises(Unavailable) as refused:
        gone.holds(KeyEpoch("p", 1))
    assert (refused.value.code, "127.0.0.1" in str(refused.value)) == ("unavailable.keys.vault", False)
    token = tmp_path / "token"
    token.write_text("hvs.wrong")
    token.chmod(0o600)
    with (
        contextlib.closing(_of(vault, token_file=token)) as stranger,
        pytest.raises(Unavailable, match="refuses") as no,
    ):
        stranger.wrap(KeyEpoch("p", 1), MASTER)
    assert "hvs" not in str(no.value)
    with contextlib.closing(_of(vault, mount="other")) as lost, pytest.raises(Unavailable):
        lost.wrap(KeyEpoch("p", 1), MASTER)


def test_unavailable_when_another_authority_vouches_for_the_vault(vault: Vault) -> None:
    with contextlib.closing(_of(vault, ca_file=None)) as strict, pytest.raises(Unavailable, match="does not answer"):
        strict.holds(KeyEpoch("p", 1))


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        ("", 0o600, "integrity.keys.file"),
        ("two\nlines", 0o600, "integrity.keys.file"),
        ("hvs.x", 0o644, "integrity.keys.permissions"),
    ],
)
def test_refused_when_the_token_file_is_none_or_open(tmp_path: Path, content: str, mode: int, code: str) -> None:
    token = tmp_path / "token"
    token.write_text(content)
    token.chmod(mode)
    with contextlib.closing(VaultWrapper("http://127.0.0.1:9", token_file=token)) as wrapper:
        with pytest.raises(Integrity) as refused:
            wrapper.holds(KeyEpoch("p", 1))
        assert refused.value.code == code


@pytest.mark.parametrize(
    "url", ["http://vault.example", "vault.example", "https://", "https://u:p@h", "https://h/path"]
)
def test_refused_when_the_address_is_no_safe_one(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid, match="https://HOST:PORT"):
        VaultWrapper(url, token_file=tmp_path / "token")


def test_refused_when_a_project_has_no_plain_name(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hvs.x")
    token.chmod(0o600)
    with (
        contextlib.closing(VaultWrapper("http://127.0.0.1:9", token_file=token)) as wrapper,
        pytest.raises(Invalid, match="project"),
    ):
        wrapper.holds(KeyEpoch("../sys", 1))
