"""A key-encryption key (KEK) wraps secrets and seals files.

It encrypts nothing itself: one key is derived from it for each of the two.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from pathlib import Path
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import Integrity
from gateway.keys import files
from gateway.ports import Entropy
from gateway.terms.key import KEY_BYTES, Key

KEK_ROLE: Final = "key-encryption key file"
_KEK_HEADER: Final = b"gateway-kek/1 "
_NONCE_BYTES: Final = 12


def frame(*fields: str) -> bytes:
    """Join fields so that no two lists give the same bytes: each after its length in 8 bytes, big-endian."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in map(str.encode, fields))


def write_kek(path: Path, secret: bytes) -> None:
    """Write a new KEK file.

    Raises:
        Invalid: the file exists.
        Unavailable: it cannot be written.
    """
    files.write_new(path, kek_content(secret), role=KEK_ROLE, mode=files.PRIVATE)


def kek_content(secret: bytes) -> bytes:
    """A KEK file, byte for byte."""
    return _KEK_HEADER + base64.b64encode(secret) + b"\n"


class Kek:
    """Wraps and seals. Safe to share between threads."""

    __slots__ = ("_sealing", "_wrapping")

    def __init__(self, kek: Key) -> None:
        self._wrapping = Key(hmac.digest(kek.secret(), b"gateway-kek/1 wrap", "sha256"))
        self._sealing = Key(hmac.digest(kek.secret(), b"gateway-kek/1 seal", "sha256"))

    @classmethod
    def from_file(cls, path: Path, *, role: str = KEK_ROLE, may_be_link: bool = False) -> Kek:
        """Read the KEK.

        Raises:
            Unavailable: the file cannot be read.
            Integrity: open to others than its owner, truncated, a link that it may not be, or no KEK file.
        """
        content = files.read(path, role=role, private=True, may_be_link=may_be_link)
        if not content.startswith(_KEK_HEADER):
            raise Integrity(f"the {role} does not begin as one", code="keys.kek")
        return cls(Key(_decoded(content.removeprefix(_KEK_HEADER).rstrip(b"\n"), KEY_BYTES, role=role)))

    def wrap(self, secret: bytes, *, context: tuple[str, ...], entropy: Entropy) -> str:
        """Encrypt 32 bytes for one context only: AES-256-GCM, base64 of nonce and ciphertext."""
        nonce = entropy.draw(_NONCE_BYTES)
        sealed = AESGCM(self._wrapping.secret()).encrypt(nonce, secret, frame(*context))
        return base64.b64encode(nonce + sealed).decode()

    def unwrap(self, wrapped: str, *, context: tuple[str, ...], role: str) -> Key:
        """The secret.

        Raises:
            Integrity: damaged, of another context, or wrapped under another KEK.
        """
        sealed = _decoded(wrapped.encode(), _NONCE_BYTES + KEY_BYTES + 16, role=role)
        try:
            nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return Key(AESGCM(self._wrapping.secret()).decrypt(nonce, ciphertext, frame(*context)))
        except InvalidTag:
            raise Integrity(f"the {role} is damaged or under another key-encryption key", code="keys.unwrap") from None

    def seal(self, content: bytes) -> str:
        """HMAC-SHA-256 of a file's content, hex."""
        return hmac.digest(self._sealing.secret(), content, "sha256").hex()

    def __repr__(self) -> str:
        return "Kek(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Kek is not serialized")


def _decoded(text: bytes, size: int, *, role: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        content = b""
    if len(content) != size:
        raise Integrity(f"the {role} is truncated or damaged", code="keys.file")
    return content
