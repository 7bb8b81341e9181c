"""Checkpoints as C2SP signed notes, with Ed25519. Strict: what is not byte for byte canonical is refused.

    origin
    size
    base64(root)

    — origin base64(key id ‖ signature)

Source: C2SP signed-note and tlog-checkpoint; no extension lines.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import re
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.audit.tree import HASH_BYTES
from gateway.errors import Integrity, Invalid

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_SIGNATURE_BYTES: Final = 64
_NAME: Final = re.compile(r"[^\s+]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
"""Up to 19 digits: sizes fit the database's 64-bit numbers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What a checkpoint states."""

    origin: str
    size: int
    root: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """A public key with the name it signs under."""

    name: str
    key_id: bytes
    key: Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read `name+hex(key id)+base64(0x01 ‖ public key)`.

        Raises:
            Invalid: another form or algorithm, or the key id is not the key's.
        """
        name, _, rest = text.partition("+")
        stated, _, encoded = rest.partition("+")
        key = _decoded(encoded)
        if not _NAME.fullmatch(name) or key is None or len(key) != 1 + HASH_BYTES or key[:1] != _ED25519:
            raise Invalid("a verifier key has the form name+hash+key, for Ed25519", code="verifier_key")
        key_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:_KEY_ID_BYTES]
        if stated != key_id.hex():
            raise Invalid("the verifier key's hash is not that of its name and key", code="verifier_key")
        return cls(name=name, key_id=key_id, key=Ed25519PublicKey.from_public_bytes(key[1:]))


def checkpoint_text(tree: Tree) -> str:
    """The text that is signed."""
    return f"{tree.origin}\n{tree.size}\n{base64.b64encode(tree.root).decode()}\n"


def open_checkpoint(note: str, *, verifier: Verifier) -> Tree:
    """What a checkpoint states, once its one signature is found to be the verifier's.

    Cosignatures of witnesses are kept with the witness, not in the log's own notes, so a second line is refused.

    Raises:
        Integrity: another form, signer or signature; the text says which.
    """
    try:
        text = open_note(note, verifier=verifier)
    except Integrity as error:
        raise _broken(error.message) from None
    return _parsed(text.removesuffix("\n"), origin=verifier.name)


def open_note(note: str, *, verifier: Verifier) -> str:
    """A note's text with its line feed, once its one signature is found to be the verifier's.

    Raises:
        Integrity: another form, signer or signature; the text says which.
    """
    text, gap, signature = note.partition("\n\n")
    head = f"— {verifier.name} "
    if not gap or not signature.startswith(head) or not signature.endswith("\n"):
        raise Integrity(f"it is not signed by {verifier.name} alone", code="note")
    signed = _decoded(signature[len(head) : -1])
    if signed is None or len(signed) != _KEY_ID_BYTES + _SIGNATURE_BYTES or signed[:_KEY_ID_BYTES] != verifier.key_id:
        raise Integrity("it is signed with another key", code="note")
    try:
        verifier.key.verify(signed[_KEY_ID_BYTES:], f"{text}\n".encode())
    except (InvalidSignature, UnicodeEncodeError):
        raise Integrity("its signature does not match its text", code="note") from None
    return f"{text}\n"


def _parsed(text: str, *, origin: str) -> Tree:
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != origin or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004 - origin, size, root
        raise _broken("it is not origin, size and root")
    root = _decoded(lines[2])
    if root is None or len(root) != HASH_BYTES:
        raise _broken("its root is not a hash")
    return Tree(origin=origin, size=int(lines[1]), root=root)


def _broken(problem: str) -> Integrity:
    return Integrity(f"the checkpoint does not hold: {problem}", code="checkpoint")


def _decoded(text: str) -> bytes | None:
    """Base64, canonical: Python's decoder ignores the last character's spare bits, which would be a second spelling."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == text else None
