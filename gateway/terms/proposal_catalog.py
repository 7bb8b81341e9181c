"""What a catalog scan proposes: counts and shares, never a row's value. Only a person makes it a policy."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from typing import Literal

from gateway.terms.dataset import About, Classification, Subject, Watermark
from gateway.terms.mask_spec import MaskUse
from gateway.terms.recognition import Evidence

Listing = Literal["new", "listed", "unlistable"]
"""`listed`: the catalog has it, and it stays as it stands; `unlistable`: a catalog file cannot have it as it is."""
DriftKind = Literal["new_table", "new_column", "gone_table", "gone_column", "type", "classification"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProposal:
    """One column. A listed one carries what the catalog says; a new one what the evidence says, or what is safer."""

    name: str
    type: str
    """As a catalog file declares it; empty: the gateway cannot read it."""
    listing: Listing
    classification: Classification
    """`direct_identifier` wherever too little is known."""
    kind: str = ""
    """What it seems to hold: `iban`, `income`, `timestamp`; empty: nothing was sampled."""
    confidence: float = 0.0
    """0 to 1, of the class that was found, which is `found`."""
    found: Classification | None = None
    """What the evidence alone says; None: nothing was sampled."""
    evidence: tuple[Evidence, ...] = ()
    needs_review: bool = False
    """Masked as a direct identifier until somebody says what it is."""
    domain: str | None = None
    dimension: bool = False
    mask: MaskUse | None = None
    clip: tuple[decimal.Decimal, decimal.Decimal] | None = None
    about: About | None = None
    is_outsiders: bool = False
    """Outsiders seem to choose what stands there (T1)."""
    note: str = ""
    """What a reviewer should know; why it cannot be listed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TableProposal:
    """One table, as a dataset."""

    table: tuple[str, ...]
    """As a catalog file names it: without the source's default schema."""
    dataset: str
    """`source.name`; empty: it cannot be listed."""
    listing: Listing
    columns: tuple[ColumnProposal, ...]
    subject: Subject | None = None
    path: str = ""
    """Without a subject: over which column the nearest table that has one is reached; empty: over none."""
    watermark: Watermark | None = None
    row_estimate: int | None = None
    sampled_rows: int = 0
    note: str = ""
    """Why nothing was sampled, or why it cannot be listed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DomainProposal:
    """A line of domains.yaml that is missing. Its mask is the pseudonym."""

    name: str
    canon: str
    columns: tuple[str, ...]
    """`dataset.column`, those that are proposed for it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ViewProposal:
    """A view, and what it shows. Views are not read: their base tables are."""

    view: str
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Each column with the `table.column`s that it is made of."""
    note: str = ""
    """Why it is not resolved, or not wholly."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One thing in which the source and the catalog files differ."""

    kind: DriftKind
    dataset: str
    """As the catalog names it, or would."""
    column: str = ""
    text: str
    """What is so, and what it means."""
    proposed: Classification | None = None
    """Of a classification that the evidence contradicts: a stricter one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CatalogProposal:
    """What one scan of one source proposes."""

    source: str
    at: datetime.datetime
    receipts: tuple[str, ...]
    """Of its accesses: the schema's, then the rows'."""
    is_sampled: bool
    """False: the schema alone was read."""
    tables: tuple[TableProposal, ...]
    domains: tuple[DomainProposal, ...]
    views: tuple[ViewProposal, ...]
    drift: tuple[Drift, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a scan is."""

    done: int
    """Tables."""
    total: int
    table: str
    """That is next; empty: none."""
