"""FileKeyRing: which keys are equal, which file is refused, two processes at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from key_builders import CountedEntropy, Home, home_with_keys

from gateway.errors import Integrity, Unavailable
from gateway.keys.wrapping import Kek, frame
from gateway.terms.key import Key, KeyScope

SCOPE = KeyScope(project="credit-risk", domain="customer", mask="pseudonym")


def scope(**changed: str) -> KeyScope:
    return KeyScope(**{"project": "credit-risk", "domain": "customer", "mask": "pseudonym", **changed})


def derive_in_child(home: Path, kek_path: Path, number: int, results: multiprocessing.Queue[bytes]) -> None:
    results.put(Home(home, kek_path).ring(f"process {number}").derive(SCOPE).secret())


def test_a_scope_has_one_key_for_good(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    first = home.ring("one").derive(SCOPE)
    assert home.ring("two").derive(SCOPE).secret() == first.secret()


@pytest.mark.parametrize("changed", [{"project": "fraud"}, {"domain": "account"}, {"mask": "fpe"}])
def test_another_project_domain_or_mask_has_another_key(tmp_path: Path, changed: dict[str, str]) -> None:
    ring = home_with_keys(tmp_path).ring()
    assert ring.derive(scope(**changed)).secret() != ring.derive(SCOPE).secret()


def test_the_key_is_hkdf_of_the_master_over_the_framed_scope(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    derived = home.ring().derive(SCOPE).secret()
    wrapped = json.loads((home.keys / "ring.json").read_bytes())["projects"]["credit-risk"]["1"]["wrapped"]
    context = ("master", "credit-risk", "1")
    kek = Kek.from_file(home.projects / "credit-risk.1.kek")
    master = kek.unwrap(wrapped, context=context, role="test").secret()
    info = b"".join(
        len(part).to_bytes(8, "big") + part for part in (b"gw1", b"credit-risk", b"customer", b"pseudonym", b"1")
    )
    # RFC 5869 by hand: extract under a salt of zeros, then the first block of expand
    extracted = hmac.digest(bytes(32), master, "sha256")
    assert derived == hmac.digest(extracted, info + b"\x01", "sha256")


@given(st.lists(st.text("|a\0", max_size=3), max_size=3), st.lists(st.text("|a\0", max_size=3), max_size=3))
def test_framed_fields_are_equal_only_if_all_fields_are(one: list[str], other: list[str]) -> None:
    assert (frame(*one) == frame(*other)) == (one == other)


def test_the_epoch_is_one_from_the_start_and_asking_makes_no_master(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    before = (home.keys / "ring.json").read_bytes()
    assert home.ring().epoch("credit-risk") == 1
    assert (home.keys / "ring.json").read_bytes() == before
    home.ring().derive(SCOPE)
    assert home.ring().epoch("credit-risk") == 1


@pytest.mark.slow
def test_two_processes_that_create_a_project_at_once_get_one_key(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bytes] = context.Queue()
    children = [
        context.Process(target=derive_in_child, args=(home.home, home.kek_path, number, results)) for number in range(3)
    ]
    for child in children:
        child.start()
    secrets = {results.get(timeout=30) for _ in children}
    for child in children:
        child.join(timeout=30)
    results.close()
    assert secrets == {home.ring().derive(SCOPE).secret()}


def test_a_master_made_by_another_process_meanwhile_is_taken(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    late, early = home.ring("late"), home.ring("early")

    class Racing(CountedEntropy):
        def draw(self, count: int) -> bytes:
            raise AssertionError("a second master was drawn")

    first = early.derive(SCOPE).secret()
    late._entropy = Racing()
    assert late._first("credit-risk").keys() == {1}
    assert late.derive(SCOPE).secret() == first


def test_the_ring_stays_whole_and_private_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    for project in ("a", "b", "c"):
        home.ring(project).derive(scope(project=project))
    assert sorted(json.loads((home.keys / "ring.json").read_bytes())["projects"]) == ["a", "b", "c"]
    assert (home.keys / "ring.json").stat().st_mode & 0o777 == 0o600
    assert not [path for path in home.keys.iterdir() if path.name.startswith(".")]


def tampered(home: Home, how: str) -> bytes:
    content = (home.keys / "ring.json").read_bytes()
    document = json.loads(content)
    match how:
        case "project taken out":
            del document["projects"]["fraud"]
        case "projects exchanged":
            projects = document["projects"]
            projects["fraud"], projects["credit-risk"] = projects["credit-risk"], projects["fraud"]
        case "project put in":
            document["projects"]["new"] = {"1": {"created": None, "wrapped": "AAAA"}}
        case "seal missing":
            del document["seal"]
        case "truncated":
            return content[: len(content) // 2]
        case "empty":
            return b""
        case "no mapping":
            return b"[]"
        case "no text":
            return b"\xff\xfe"
        case "nested too deep":
            return b"[" * 200_000
    return json.dumps(document, sort_keys=True, indent=1).encode() + b"\n"


@pytest.mark.parametrize(
    "how",
    [
        "project taken out",
        "projects exchanged",
        "project put in",
        "seal missing",
        "truncated",
        "empty",
        "no mapping",
        "no text",
        "nested too deep",
    ],
)
def test_refused_when_the_ring_is_not_as_it_was_written(tmp_path: Path, how: str) -> None:
    home = home_with_keys(tmp_path)
    ring = home.ring()
    ring.derive(SCOPE)
    ring.derive(scope(project="fraud"))
    (home.keys / "ring.json").write_bytes(tampered(home, how))
    for use in (home.ring, lambda: ring.derive(SCOPE), lambda: ring.epoch("fraud")):
        with pytest.raises(Integrity, match="key ring file is damaged") as caught:
            use()
        assert caught.value.code == "integrity.keys.ring"


def test_a_master_opens_for_its_project_only(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    kek = Kek.from_file(home.kek_path)
    wrapped = kek.wrap(bytes(32), context=("master", "a", "1"), entropy=CountedEntropy())
    assert kek.unwrap(wrapped, context=("master", "a", "1"), role="test").secret() == bytes(32)
    for context in (("master", "b", "1"), ("master", "a", "2"), ("signing", "a"), ("master", "a1", "")):
        with pytest.raises(Integrity, match="damaged or under another"):
            kek.unwrap(wrapped, context=context, role="key ring file")
    for damaged in ("", wrapped[:-4], "!" * len(wrapped)):
        with pytest.raises(Integrity, match="truncated"):
            kek.unwrap(damaged, context=("master", "a", "1"), role="key ring file")


def test_unavailable_when_the_ring_is_gone_and_none_is_made_anew(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    ring = home.ring()
    (home.keys / "ring.json").unlink()
    with pytest.raises(Unavailable, match="key ring file cannot be read"):
        ring.derive(SCOPE)
    assert not (home.keys / "ring.json").exists()


def test_unavailable_when_the_ring_cannot_be_locked_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_with_keys(tmp_path)
    (home.keys / "ring.lock").mkdir()
    with pytest.raises(Unavailable, match="cannot be locked"):
        home.ring().derive(SCOPE)
    (home.keys / "ring.lock").rmdir()
    before = (home.keys / "ring.json").read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Unavailable, match="cannot be written: No space left"):
        home.ring().derive(SCOPE)
    assert (home.keys / "ring.json").read_bytes() == before
    assert sorted(path.name for path in home.keys.iterdir()) == ["audit.vkey", "ring.json", "ring.lock", "signing.json"]


def test_no_secret_is_printed_or_pickled(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    ring, kek = home.ring(), Kek.from_file(home.kek_path)
    assert (repr(ring), repr(kek), repr(ring.derive(SCOPE))) == ("FileKeyRing(…)", "Kek(…)", "Key(…)")
    for holder in (ring, kek, ring.derive(SCOPE)):
        with pytest.raises(TypeError, match="not serialized"):
            pickle.dumps(holder)


def test_wrapping_and_sealing_use_keys_of_their_own() -> None:
    kek = Key(hashlib.sha256(b"kek").digest())
    assert Kek(kek).seal(b"x") != hmac.digest(kek.secret(), b"x", "sha256").hex()
