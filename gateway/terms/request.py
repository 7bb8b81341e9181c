"""What a door hands to the enforcement point, and what explains a verdict."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from gateway.terms.audit import Actor, Door
from gateway.terms.dataset import Datasets
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
class ReidentifyRequest:
    """Whose are these pseudonyms? All that is asked stands in the approved case; this is its list."""

    credentials: Credentials | JobTicket
    proposal: str
    """Id of the approved proposal."""
    pseudonyms: tuple[str, ...] = dataclasses.field(repr=False)
    """As text; the same set that was approved."""
    door: Door = "http"

    @property
    def purpose(self) -> str:
        """The approved case's, once it is known."""
        return ""

    @property
    def grant(self) -> None:
        """The least revealing one that shows the column in full."""
        return None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HostUser:
    """The operator, at work on the gateway's host. Made by the composition root alone, never from a request."""

    actor: Actor
    """`operator:<os user>`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLimits:
    """What one catalog scan may read."""

    rows: int
    """Of one table."""
    tables: int
    """Sampled; a schema may have more."""
    columns: int
    """Of all sampled tables: each is named in the access entry."""
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRequest:
    """What is in a source's tables? Answered with classes and counts, never with a value."""

    credentials: Credentials | JobTicket | HostUser
    source: str
    tables: tuple[str, ...] = ()
    """Patterns of names, `*` and `?`: `customers`, `public.*`; empty: all."""
    rows: int | None = None
    """At most so many of each table; 0: the schema alone; None: as many as the limit says."""
    beside: Datasets = dataclasses.field(default_factory=dict)
    """What the catalog files list: it stays as it is."""
    canons: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By domain of domains.yaml: its canonical form."""
    door: Door = "host"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedCase:
    """What a second person approved, and what is left to ask: one column, and pseudonyms of one key."""

    proposal: str
    dataset: str
    column: str
    purpose: str
    """Under which the asker sees the column in full."""
    project: str
    """Whose keys made the pseudonyms."""
    epoch: int
    name: str
    """The case's, in the words of those who work on it."""
    digest: str
    """SHA-256 over the sorted distinct pseudonyms, hex."""
    pseudonyms: tuple[str, ...] = dataclasses.field(repr=False)
    """Distinct, sorted: the approved ones."""

    @property
    def text(self) -> str:
        """What was asked, whole."""
        return "\n".join((self.shape, *self.pseudonyms))

    @property
    def shape(self) -> str:
        """For the log: everything but the pseudonyms."""
        return (
            f"reidentify {len(self.pseudonyms)} pseudonyms of {self.dataset}.{self.column}, "
            f"project {self.project}, epoch {self.epoch}, case {self.name} ({self.proposal})"
        )


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
    key_epoch: int | None = None
    """Of the project's keys; None in a denial."""
    limits: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Those that hold for the asker, by the settings' names: the strictest of what the roles may."""
