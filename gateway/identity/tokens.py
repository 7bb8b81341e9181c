"""API tokens: `gw_<id>_<secret>`, shown once, stored as a hash."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from typing import Final

from gateway.errors import Invalid, Unauthenticated
from gateway.ports import Entropy, TokenStore
from gateway.terms.identity import Credentials, JobTicket, Principal, StoredToken, is_name

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32 in lower case: no letter that is read as another."""
ID_CHARACTERS: Final = 10
SECRET_CHARACTERS: Final = 32
"""160 bits: cannot be guessed, so the stored hash needs no salt and no stretching."""
_TOKEN: Final = re.compile(rf"gw_([{ALPHABET}]{{{ID_CHARACTERS}}})_([{ALPHABET}]{{{SECRET_CHARACTERS}}})")
_NOBODY: Final = bytes(32)
MAX_LIFETIME: Final = datetime.timedelta(days=366)


def mint(
    principal: str,
    *,
    roles: frozenset[str],
    environment: str,
    lifetime: datetime.timedelta,
    now: datetime.datetime,
    entropy: Entropy,
) -> tuple[StoredToken, str]:
    """Make a token.

    Returns:
        What is stored, and the text that is shown once and MUST NOT be stored.

    Raises:
        Invalid: a name is not 1..63 of `a-z 0-9 -`, there is no role, or the lifetime is not within (0, 366 days].
    """
    for name in (principal, environment, *roles):
        if not is_name(name):
            raise Invalid("names of principals, roles and environments are 1..63 of a-z, 0-9 and -", code="name")
    if not roles:
        raise Invalid("a token needs at least one role", code="token", fix="add --role NAME")
    if not datetime.timedelta(0) < lifetime <= MAX_LIFETIME:
        raise Invalid("a token lives between a moment and 366 days", code="token", fix="use --expires 30d")
    token_id, secret = _draw(entropy, ID_CHARACTERS), _draw(entropy, SECRET_CHARACTERS)
    stored = StoredToken(
        id=token_id,
        secret_sha256=hashlib.sha256(secret.encode()).digest(),
        principal=principal,
        roles=roles,
        environment=environment,
        created=now,
        expires=now + lifetime,
    )
    return stored, f"gw_{token_id}_{secret}"


def token_id_of(text: str) -> str:
    """The public id within a token or the id itself; empty if text is neither."""
    found = _TOKEN.fullmatch(text)
    if found:
        return found[1]
    return text if re.fullmatch(rf"[{ALPHABET}]{{{ID_CHARACTERS}}}", text) else ""


class ApiTokens:
    """Authenticates API tokens (ports.Authenticator)."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    def authenticate(self, credentials: Credentials | JobTicket, *, now: datetime.datetime) -> Principal:
        """The token's principal. Unknown, malformed, expired and revoked tokens get one answer; so does a ticket."""
        found = _TOKEN.fullmatch(credentials.bearer) if isinstance(credentials, Credentials) else None
        stored = self._store.find(found[1]) if found else None
        given = hashlib.sha256(found[2].encode() if found else b"").digest()
        right = hmac.compare_digest(given, stored.secret_sha256 if stored else _NOBODY)
        if stored is None or not right or stored.revoked is not None or now >= stored.expires:
            raise Unauthenticated(
                "the token is not valid: unknown, expired or revoked",
                fix="ask the gateway's operator for `gateway token create`",
            )
        return Principal(
            id=stored.principal,
            roles=stored.roles,
            environment=stored.environment,
            issuer="token",
            credential_id=stored.id,
        )


def _draw(entropy: Entropy, characters: int) -> str:
    return "".join(ALPHABET[byte & 31] for byte in entropy.draw(characters))
