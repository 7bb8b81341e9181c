"""What the host's operator does: each act is logged under `operator:<os user>` before it happens."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from gateway.errors import Invalid, Unavailable
from gateway.governance.desk import Desk
from gateway.governance.destruction import destroyed_keys
from gateway.identity import mint, token_id_of
from gateway.key_ports import KeyKeeper
from gateway.ports import LogStore, TokenStore
from gateway.store import Proposals
from gateway.terms.audit import Actor
from gateway.terms.identity import StoredToken
from gateway.terms.key import HOUSE_PROJECT, EpochState, KeyEpoch


class KeyOperator:
    """Rotates keys, and destroys again what a restored backup brought back."""

    def __init__(self, desk: Desk, *, keys: KeyKeeper, log: LogStore, proposals: Proposals) -> None:
        self._desk = desk
        self._keys = keys
        self._log = log
        self._proposals = proposals

    def rotate(self, actor: Actor, *, project: str) -> KeyEpoch:
        """Begin the project's next epoch; what runs goes on under the one that it began with.

        Raises:
            Invalid: no purpose of the active policy belongs to such a project, and it never had a key.
            Unavailable: somebody approved that a key of this project ends, and it is not done yet.
            Integrity: as KeyKeeper.check: nothing is begun on a ring that is not the newest.
        """
        if self._is_ending(project):
            raise Unavailable(
                "the destruction of this project's key is approved and not finished",
                code="keys.destroy",
                fix="wait a moment; if it stays so, start `gateway serve` again: it goes on",
            )
        self._keys.check(destroyed_keys(self._log))
        known = [state.epoch.number for state in self._keys.listed() if state.epoch.project == project]
        projects = {purpose.project for purpose in self._desk.policy().pdp.bundle.vocabulary.purposes.values()}
        if project == HOUSE_PROJECT or not (known or project in projects):
            raise Invalid(
                "no such project", code="keys.project", fix=f"projects are: {', '.join(sorted(projects)) or 'none'}"
            )
        detail: dict[str, str | int] = {"project": project, "epoch": max(known, default=0) + 1}
        self._desk.write(actor, action="key-rotate", now=self._desk.clock.now(), detail=detail)
        return self._keys.begin(project)

    def settle(self, actor: Actor) -> Sequence[KeyEpoch]:
        """Destroy again what was destroyed; those that were back."""
        told = destroyed_keys(self._log)
        self._desk.write(actor, action="key-settle", now=self._desk.clock.now(), detail={"destroyed": len(told)})
        return self._keys.settle(told)

    def listed(self) -> Sequence[EpochState]:
        """Every project's epochs; no byte of a key."""
        return [state for state in self._keys.listed() if state.epoch.project != HOUSE_PROJECT]

    def _is_ending(self, project: str) -> bool:
        open_acts = (proposal for proposal, _ in self._proposals.unsettled() if proposal.kind == "key-destroy")
        return any(proposal.document["project"] == project for proposal in open_acts)


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
