"""NoteSigner: C2SP signed notes, checked by the specification's text, not by our own code."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from key_builders import ORIGIN, home_with_keys

from gateway.errors import Integrity, Invalid, Unavailable
from gateway.keys import NoteSigner, load_signer, read_verifier_key
from gateway.terms.key import Key

TEXT = "gateway.test/audit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def opened(note: str, verifier_key: str) -> str:
    """The text of a note, or an exception: https://c2sp.org/signed-note, section Verifying."""
    name, key_id, encoded = verifier_key.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    assert key[:1] == b"\x01"
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id
    text, signatures = note.rsplit("\n\n", 1)
    dash, signed_by, signature = signatures.removesuffix("\n").split(" ")
    raw = base64.b64decode(signature, validate=True)
    assert (dash, signed_by, raw[:4].hex()) == ("—", name, key_id)
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], (text + "\n").encode())
    return text + "\n"


def test_a_note_verifies_by_the_public_file_alone(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    note = load_signer(home.home, kek_path=home.kek_path).sign(TEXT)
    assert opened(note, read_verifier_key(home.home)) == TEXT


def test_the_verifier_key_is_that_of_the_go_implementations_example() -> None:
    # golang.org/x/mod/sumdb/note, package example
    seed = Key(base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:])
    signer = NoteSigner("PeterNeumann", seed=seed)
    assert signer.verifier_key == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = signer.sign(
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    )
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    assert note.endswith(f"\n\n— PeterNeumann {signature}\n")


def test_one_home_has_one_signer(tmp_path: Path) -> None:
    home = home_with_keys(tmp_path)
    one, other = (load_signer(home.home, kek_path=home.kek_path) for _ in range(2))
    assert one.name == ORIGIN
    assert one.sign(TEXT) == other.sign(TEXT)


@pytest.mark.parametrize("text", ["", "no line feed", "tab\t\n", "return\r\n", "nul\x00\n"])
def test_refused_when_the_text_is_no_note(tmp_path: Path, text: str) -> None:
    signer = NoteSigner(ORIGIN, seed=Key(bytes(32)))
    with pytest.raises(Invalid, match="line feed"):
        signer.sign(text)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"format": "gateway-signing-key/2", "name": "x", "wrapped": "x"}', b"\xff"],
    ids=["empty", "no fields", "no mapping", "another format", "no text"],
)
def test_refused_when_the_signing_key_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    home = home_with_keys(tmp_path)
    (home.keys / "signing.json").write_bytes(content)
    with pytest.raises(Integrity, match="signing key file is damaged"):
        load_signer(home.home, kek_path=home.kek_path)


@pytest.mark.parametrize("field", ["name", "wrapped"])
def test_refused_when_name_or_key_was_exchanged(tmp_path: Path, field: str) -> None:
    home, other = home_with_keys(tmp_path / "a"), home_with_keys(tmp_path / "b", seed="other")
    document = json.loads((home.keys / "signing.json").read_bytes())
    document[field] = "evil.test" if field == "name" else json.loads((other.keys / "signing.json").read_bytes())[field]
    (home.keys / "signing.json").write_text(json.dumps(document))
    with pytest.raises(Integrity, match="signing key file is damaged or under another"):
        load_signer(home.home, kek_path=home.kek_path)


@pytest.mark.parametrize("content", [b"gateway.test/audit+00000000+AAAA\n", b"", b"\xff\n"])
def test_refused_when_the_verifier_key_is_not_the_signers(tmp_path: Path, content: bytes) -> None:
    home = home_with_keys(tmp_path)
    (home.keys / "audit.vkey").write_bytes(content)
    with pytest.raises(Integrity, match="verifier key file"):
        load_signer(home.home, kek_path=home.kek_path)


def test_unavailable_when_the_verifier_key_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="verifier key file cannot be read"):
        read_verifier_key(tmp_path)


def test_the_signer_prints_its_public_key_only_and_is_not_pickled() -> None:
    signer = NoteSigner(ORIGIN, seed=Key(bytes(32)))
    assert repr(signer) == f"NoteSigner('{signer.verifier_key}')"
    with pytest.raises(TypeError, match="not serialized"):
        pickle.dumps(signer)
