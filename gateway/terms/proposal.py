"""What one principal proposes and another approves."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Literal

ProposalKind = Literal["access", "extract", "key-destroy", "policy", "reidentify"]
ProposalState = Literal["open", "approved", "denied", "expired", "withdrawn", "stale", "failed"]
"""`stale` and `failed`: approved, with that outcome."""
ActOutcome = Literal["done", "stale", "failed"]
"""`stale`: what it was proposed against had changed, so nothing was done; `failed`: it cannot be done any more."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An act that waits for a second person. Never changes; a verdict is a row of its own."""

    id: str
    """`p-` and 16 hex digits, random."""
    kind: ProposalKind
    document: Mapping[str, object] = dataclasses.field(repr=False)
    """What shall be done, as plain JSON values; an extract's SQL stands here."""
    digest: str
    """SHA-256 over canonical JSON of id, kind, document, proposer and expiry, hex. What an approval signs (T11)."""
    proposer: str
    proposer_issuer: str
    """Who vouched for the proposer: an approver must differ in subject, not only in token."""
    environment: str
    created: datetime.datetime
    expires: datetime.datetime
    """An open proposal no longer counts at this moment, nor does the approval of an extract."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a second person said. There is one at most for a proposal."""

    proposal: str
    approved: bool
    by: str
    by_issuer: str
    digest: str
    """The proposal's digest, as the approver gave it back."""
    at: datetime.datetime
    note: str = ""
    """The approver's reason; shown to the proposer."""
