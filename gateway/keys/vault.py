"""Projects' keys in HashiCorp Vault or OpenBao: a Wrapper over their transit engine. No key ever leaves it.

Each project and epoch has a derived AES-256-GCM key `gateway-PROJECT-EPOCH`, not exportable; the context is the framed
project and epoch, so that what one wrapped opens as no other. A key may be deleted (`deletion_allowed`) only until the
ring that holds what it wrapped was read back, and again once it is being destroyed. A vault keeps no note of a key that
is gone: whether it was destroyed is the log's and the ring's to say.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NoReturn

import httpx

from gateway.errors import Integrity, Invalid, Unavailable
from gateway.keys import files
from gateway.keys.refusals import older
from gateway.keys.wrapping import frame
from gateway.terms.identity import is_name
from gateway.terms.key import KEY_BYTES, Destruction, Key, KeyEpoch

TOKEN_ROLE: Final = "vault token file"  # noqa: S105 - a name for errors
_SECONDS: Final = 5.0
"""For one request, connecting included; nothing is tried twice."""
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_MAX_TOKEN: Final = 8192


class VaultWrapper:
    """A Wrapper (key_ports.Wrapper). Safe to share between threads and processes. MUST be closed."""

    name = "vault"

    def __init__(self, url: str, *, token_file: Path, ca_file: Path | None = None, mount: str = "transit") -> None:
        """Nothing is asked before the first use.

        Args:
            url: https, or http to loopback; without a path.
            token_file: the owner's only; read at each request, so that an agent may renew it.
            ca_file: PEM; certificates of others are not trusted. None: the system's authorities.
            mount: of the transit engine.

        Raises:
            Invalid: the address is of another kind.
            Unavailable: the authority's file cannot be read.
        """
        parts = urllib.parse.urlsplit(url)
        is_plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (parts.hostname and (parts.scheme == "https" or is_plain)) or parts.path.strip("/") or parts.username:
            raise Invalid("a vault's address is https://HOST:PORT, or http to loopback", code="settings")
        try:
            trusted = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise Unavailable(
                f"the vault's authority file cannot be read: {error.strerror}", code="keys.file"
            ) from None
        self._token_file = token_file
        self._mount = urllib.parse.quote(mount, safe="/")
        self._named: set[KeyEpoch] = set()
        self._client = httpx.Client(
            base_url=f"{parts.scheme}://{parts.netloc}", verify=trusted, timeout=_SECONDS, trust_env=False
        )

    def wrap(self, epoch: KeyEpoch, master: Key) -> str:
        """Make the epoch's key and wrap its one master with it; text for the ring. The caller holds the ring's lock."""
        if (state := self._state(epoch)) is not None:
            if not state["deletion_allowed"]:
                raise older(epoch)
            self._ask("DELETE", self._key(epoch))  # of a first use that was cut short: nothing is under it
        self._ask("POST", self._key(epoch), {"type": "aes256-gcm96", "derived": True, "exportable": False})
        self._ask("POST", f"{self._key(epoch)}/config", {"deletion_allowed": True})
        plaintext = base64.b64encode(master.secret()).decode()
        answer = self._ask("POST", self._path("encrypt", epoch), {"plaintext": plaintext, "context": _context(epoch)})
        return str(_of(answer, "ciphertext"))

    def unwrap(self, epoch: KeyEpoch, wrapped: str) -> Key:
        """The master; a new key can no longer be deleted by mistake."""
        asked = {"ciphertext": wrapped, "context": _context(epoch)}
        answer = self._ask("POST", self._path("decrypt", epoch), asked, missing=HTTPStatus.BAD_REQUEST)
        if answer is None:
            if self._state(epoch) is None:
                raise Unavailable(f"the vault has no key of {epoch}", code="keys.gone")
            raise Integrity(f"the master of {epoch} is damaged or under another key-encryption key", code="keys.unwrap")
        try:
            secret = base64.b64decode(str(_of(answer, "plaintext")), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise Integrity(f"the master of {epoch} is truncated or damaged", code="keys.file")
        self._settle_name(epoch)
        return Key(secret)

    def destroy(self, epoch: KeyEpoch, destruction: Destruction) -> None:  # noqa: ARG002 - a vault keeps no note
        """Delete the key for good; a second call does nothing more."""
        if self._state(epoch) is None:
            return
        self._ask("POST", f"{self._key(epoch)}/config", {"deletion_allowed": True})
        self._ask("DELETE", self._key(epoch))
        self._named.discard(epoch)
        if self._state(epoch) is not None:
            raise Unavailable(f"the vault still has the key of {epoch}", code="keys.vault", fix="try again")

    def holds(self, epoch: KeyEpoch) -> bool:
        """Whether its key is there, and was in use."""
        state = self._state(epoch)
        return state is not None and not state["deletion_allowed"]

    def destroyed(self, epoch: KeyEpoch) -> Destruction | None:  # noqa: ARG002 - a vault keeps no note
        """None."""
        return None

    def close(self) -> None:
        """Leave the vault; a second call does nothing."""
        self._client.close()

    def _settle_name(self, epoch: KeyEpoch) -> None:
        if epoch in self._named:
            return
        if (state := self._state(epoch)) is not None and state["deletion_allowed"]:
            self._ask("POST", f"{self._key(epoch)}/config", {"deletion_allowed": False})
        self._named.add(epoch)

    def _state(self, epoch: KeyEpoch) -> Mapping[str, Any] | None:
        answer = self._ask("GET", self._key(epoch), missing=HTTPStatus.NOT_FOUND)
        if answer is None:
            return None
        return {"deletion_allowed": _of(answer, "deletion_allowed") is True}

    def _key(self, epoch: KeyEpoch) -> str:
        return self._path("keys", epoch)

    def _path(self, part: str, epoch: KeyEpoch) -> str:
        if not is_name(epoch.project):
            raise Invalid("a project's name is 1..63 of a-z 0-9 -", code="keys.project")
        return f"/v1/{self._mount}/{part}/gateway-{epoch.project}-{epoch.number}"

    def _ask(
        self, method: str, path: str, document: Mapping[str, object] | None = None, *, missing: int = 0
    ) -> Mapping[str, Any] | None:
        """The answer's document; None at the status `missing`.

        Raises:
            Unavailable: no answer, or another than success; the text repeats nothing of what the vault said.
        """
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        try:
            response = self._client.request(method, path, json=document, headers=headers)
            answer = response.json() if response.content and response.is_success else {}
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"the vault does not answer ({type(error).__name__})", code="keys.vault") from None
        if response.status_code == missing:
            return None
        if response.status_code == HTTPStatus.FORBIDDEN:
            raise Unavailable("the vault refuses the gateway's token", code="keys.vault", fix="see docs/keys.md")
        if not response.is_success or not isinstance(answer, Mapping):
            raise Unavailable(f"the vault answers {response.status_code}", code="keys.vault")
        return answer

    def _token(self) -> str:
        token = files.read(self._token_file, role=TOKEN_ROLE, private=True, may_be_link=True).strip()
        if not token or len(token) > _MAX_TOKEN or not token.isascii() or not token.decode().isprintable():
            raise Integrity(f"the {TOKEN_ROLE} holds no token", code="keys.file")
        return token.decode()

    def __repr__(self) -> str:
        return "VaultWrapper(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a VaultWrapper is not serialized")


def _context(epoch: KeyEpoch) -> str:
    return base64.b64encode(frame("master", epoch.project, str(epoch.number))).decode()


def _of(answer: Mapping[str, Any] | None, field: str) -> object:
    try:
        return (answer or {})["data"][field]
    except (KeyError, TypeError):
        raise Unavailable("the vault's answer is not one of a transit engine", code="keys.vault") from None
