"""For receivers of the gateway's webhooks: check that a call is the gateway's, whole, and not an old one again."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final

TOLERANCE_SECONDS: Final = 300
_PREFIX: Final = "whsec_"


class Forged(Exception):
    """The call is not the gateway's, was changed, or is too old: drop it."""


def verify_webhook(secret: str, *, headers: Mapping[str, str], body: bytes, now: float | None = None) -> dict[str, Any]:
    """The call's document, once its signature holds (Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`).

    A repeat has the same `webhook-id`: remember the ids of the last five minutes, and drop what comes twice.

    Args:
        secret: `whsec_…`, as the operator gave it.
        headers: of the request; names in any case.
        body: exactly the bytes that came.
        now: seconds since 1970; None: this host's clock.

    Raises:
        Forged: no signature holds, or the timestamp is more than five minutes off.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message, sent = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not message or not sent.isascii() or not sent.isdigit() or len(sent) > len("9999999999"):
        raise Forged("the call has no webhook-id or webhook-timestamp")
    signed = f"{message}.{sent}.".encode() + body
    expected = f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, 'sha256')).decode()}".encode()
    signatures = given.get("webhook-signature", "").split()
    # All are compared, in constant time: a secret's successor signs beside it.
    if not sum(hmac.compare_digest(one.encode(), expected) for one in signatures):
        raise Forged("no signature of the call holds")
    if abs((time.time() if now is None else now) - int(sent)) > TOLERANCE_SECONDS:
        raise Forged("the call is more than five minutes old, or from the future")
    document = json.loads(body)
    if not isinstance(document, dict):
        raise Forged("the call is no JSON object")
    return document


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret is whsec_ and base64") from None
