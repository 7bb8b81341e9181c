"""What the host's operator does: each act is logged under `operator:<os user>` before it happens."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from gateway.errors import Invalid
from gateway.governance.desk import Desk
from gateway.identity import mint, token_id_of
from gateway.ports import TokenStore
from gateway.terms.audit import Actor
from gateway.terms.identity import StoredToken


class TokenDesk:
    """Makes, lists and revokes API tokens."""

    def __init__(self, desk: Desk, *, tokens: TokenStore) -> None:
        self._desk = desk
        self._tokens = tokens

    def create(
        self,
        actor: Actor,
        *,
        principal: str,
        roles: frozenset[str],
        environment: str,
        lifetime: datetime.timedelta,
    ) -> tuple[StoredToken, str]:
        """A new token and its text, which is shown once.

        Raises:
            Invalid: a role that the active policy does not know, or as identity.mint.
        """
        now = self._desk.clock.now()
        known = self._desk.policy().pdp.roles
        unknown = sorted(roles - known)
        if unknown:
            raise Invalid(
                f"unknown role: {', '.join(unknown)}", code="role", fix=f"roles are: {', '.join(sorted(known))}"
            )
        stored, text = mint(
            principal, roles=roles, environment=environment, lifetime=lifetime, now=now, entropy=self._desk.entropy
        )
        detail = {
            "token": stored.id,
            "principal": principal,
            "roles": " ".join(sorted(roles)),
            "environment": environment,
            "expires": stored.expires.isoformat(),
        }
        self._desk.write(actor, action="token-create", now=now, detail=detail)
        self._tokens.add(stored)
        return stored, text

    def revoke(self, actor: Actor, *, token: str) -> StoredToken:
        """Revoke by the token's text or its public id, at once and everywhere."""
        found = self._tokens.find(token_id_of(token))
        if found is None:
            raise Invalid("no such token", code="token", fix="`gateway token list` shows the ids")
        now = self._desk.clock.now()
        self._desk.write(
            actor, action="token-revoke", now=now, detail={"token": found.id, "principal": found.principal}
        )
        self._tokens.revoke(found.id, now=now)
        return found

    def listed(self) -> Sequence[StoredToken]:
        """All tokens, oldest first, without their secrets."""
        return self._tokens.listed()
