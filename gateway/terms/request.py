"""What a door hands to the enforcement point, and what explains a verdict."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from gateway.terms.audit import Door
from gateway.terms.identity import Credentials, JobTicket
from gateway.terms.plan import Plan
from gateway.terms.policy import Decision

Scalar = str | int | float | bool | None
"""The value of a parameter, as JSON has it."""
Parameters = tuple[Scalar, ...] | Mapping[str, Scalar]
"""Of `$1`, `$2` …, or of `:name`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question at one door."""

    credentials: Credentials | JobTicket
    sql: str = dataclasses.field(repr=False)
    """The user's text; may hold personal data in literals."""
    purpose: str
    dialect: str = "postgres"
    parameters: Parameters = dataclasses.field(default=(), repr=False)
    """Values for the text's placeholders; may be personal data, as literals."""
    grant: str | None = None
    """Use this grant; None: the least revealing one that covers the query."""
    limit: int | None = None
    """At most so many rows; None: all."""
    door: Door = "http"

    @property
    def text(self) -> str:
        """What was asked, whole: the SQL, and its parameters as canonical JSON on a line of their own."""
        if not self.parameters:
            return self.sql
        values = dict(self.parameters) if isinstance(self.parameters, Mapping) else list(self.parameters)
        return f"{self.sql}\n{json.dumps(values, sort_keys=True, separators=(',', ':'))}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WatermarkRequest:
    """How new is a dataset, as far as the asker may see its rows?"""

    credentials: Credentials | JobTicket
    dataset: str
    purpose: str
    grant: str | None = None
    door: Door = "http"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the recipient keeps to check an answer later."""

    id: str
    """Random; says nothing about the log."""
    nonce: str = dataclasses.field(repr=False)
    """64 hex digits; the log holds only HMACs under it, so nobody else can test guesses (T21)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would happen to a query, column by column. A denial explains itself as well."""

    decision: Decision
    plan: Plan | None
    """None in a denial."""
