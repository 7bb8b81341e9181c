"""Signed calls, as Standard Webhooks has them: HMAC-SHA-256 over `id.timestamp.body`."""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.errors import Invalid

_PREFIX: Final = "whsec_"
_LEAST_BYTES: Final = 24
"""Standard Webhooks: 24 to 64."""


class SigningSecret:
    """What operator and receiver share; it never prints itself."""

    __slots__ = ("_secret",)

    def __init__(self, text: str) -> None:
        """From `whsec_<base64>`.

        Raises:
            Invalid: another form, or under 24 bytes.
        """
        encoded = text.strip().removeprefix(_PREFIX)
        try:
            secret = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if not text.strip().startswith(_PREFIX) or len(secret) < _LEAST_BYTES:
            raise Invalid(
                f"the webhook's secret is whsec_ and base64 of at least {_LEAST_BYTES} bytes",
                code="settings",
                fix='make one with: echo "whsec_$(head -c 32 /dev/urandom | base64)"',
            )
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> SigningSecret:
        """Read it.

        Raises:
            Invalid: the file cannot be read, or holds no secret.
        """
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeError):
            raise Invalid("the webhook's secret file cannot be read", code="settings") from None
        return cls(text)

    def headers(self, body: str, *, message: str, now: datetime.datetime) -> Mapping[str, str]:
        """`webhook-id`, `webhook-timestamp` and `webhook-signature` for one attempt."""
        seconds = str(int(now.timestamp()))
        signed = hmac.digest(self._secret, f"{message}.{seconds}.{body}".encode(), "sha256")
        return {
            "webhook-id": message,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }

    def __repr__(self) -> str:
        return "SigningSecret(…)"
