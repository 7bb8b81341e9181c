"""Signing notes: C2SP signed-note with Ed25519 (https://c2sp.org/signed-note)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import Integrity, Invalid
from gateway.keys import files
from gateway.keys.wrapping import Kek
from gateway.ports import Entropy
from gateway.terms.key import KEY_BYTES, Key

SIGNING_ROLE: Final = "signing key file"
VERIFIER_ROLE: Final = "verifier key file"
_FORMAT: Final = "gateway-signing-key/1"
_ED25519: Final = b"\x01"
"""C2SP signature type."""
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]+")
_NOTE: Final = re.compile(r"[^\x00-\x09\x0b-\x1f]*\n")
"""No control character but line feed, and one at the end."""


class NoteSigner:
    """A Signer with its key in memory. Safe to share between threads."""

    __slots__ = ("_key", "_key_id", "_name", "_verifier_key")

    def __init__(self, name: str, *, seed: Key) -> None:
        """Make a signer from the key's 32-byte seed.

        Raises:
            Invalid: a name that C2SP does not allow.
        """
        check_name(name)
        self._name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed.secret())
        public = _ED25519 + self._key.public_key().public_bytes_raw()
        self._key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
        self._verifier_key = f"{name}+{self._key_id.hex()}+{base64.b64encode(public).decode()}"

    @property
    def name(self) -> str:
        """The log's origin."""
        return self._name

    @property
    def verifier_key(self) -> str:
        """`name+hash+key`, public."""
        return self._verifier_key

    def sign(self, text: str) -> str:
        """The signed note over text, which MUST end in a newline.

        Raises:
            Invalid: it does not, or it has other control characters.
        """
        if not _NOTE.fullmatch(text):
            raise Invalid("a note ends in a line feed and has no other control character", code="keys.note")
        signature = self._key_id + self._key.sign(text.encode())
        return f"{text}\n— {self._name} {base64.b64encode(signature).decode()}\n"

    def __repr__(self) -> str:
        return f"NoteSigner({self._verifier_key!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a NoteSigner is not serialized")


def check_name(name: str) -> None:
    """Whether C2SP allows it as a key's name.

    Raises:
        Invalid: it is empty or has a space, a control character or a plus.
    """
    if not _NAME.fullmatch(name):
        raise Invalid("a log's origin has no space, no control character and no `+`", code="keys.name")


def write_signer(folder: Path, *, origin: str, kek: Kek, entropy: Entropy) -> None:
    """Draw a signing key; write it wrapped, and its verifier key in the clear."""
    seed = Key(entropy.draw(KEY_BYTES))
    wrapped = kek.wrap(seed.secret(), context=("signing", origin), entropy=entropy)
    document = {"format": _FORMAT, "name": origin, "wrapped": wrapped}
    content = json.dumps(document, indent=1).encode() + b"\n"
    files.write_new(folder / "signing.json", content, role=SIGNING_ROLE, mode=files.PRIVATE)
    public = NoteSigner(origin, seed=seed).verifier_key.encode() + b"\n"
    files.write_new(folder / "audit.vkey", public, role=VERIFIER_ROLE, mode=files.PUBLIC)


def load_signer(home: Path, *, kek_path: Path) -> NoteSigner:
    """The signer of a home's log.

    Raises:
        Unavailable: a file cannot be read.
        Integrity: one is damaged, open to others, under another KEK, or the verifier key is not this signer's.
    """
    content = files.read(home / "keys" / "signing.json", role=SIGNING_ROLE, private=True, may_be_link=True)
    try:
        document = json.loads(content)
        known, name, wrapped = document["format"] == _FORMAT, str(document["name"]), str(document["wrapped"])
    except (ValueError, KeyError, TypeError, RecursionError):
        known, name, wrapped = False, "", ""
    if not known:
        raise Integrity(f"the {SIGNING_ROLE} is damaged", code="keys.signing")
    seed = Kek.from_file(kek_path, may_be_link=True).unwrap(wrapped, context=("signing", name), role=SIGNING_ROLE)
    signer = NoteSigner(name, seed=seed)
    if read_verifier_key(home) != signer.verifier_key:
        raise Integrity(f"the {VERIFIER_ROLE} is not the signing key's", code="keys.verifier")
    return signer


def read_verifier_key(home: Path) -> str:
    """What auditors verify with; needs no secret.

    Raises:
        Unavailable: the file cannot be read.
        Integrity: it is no text.
    """
    content = files.read(home / "keys" / "audit.vkey", role=VERIFIER_ROLE, private=False, may_be_link=True)
    if not content.isascii():
        raise Integrity(f"the {VERIFIER_ROLE} is damaged", code="keys.verifier")
    return content.decode("ascii").removesuffix("\n")
