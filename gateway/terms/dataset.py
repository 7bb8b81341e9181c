"""What the catalog knows about production data."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Literal

import pyarrow as pa

from gateway.terms.mask_spec import MaskUse

Classification = Literal["direct_identifier", "quasi_identifier", "sensitive", "free_text", "public"]
CLASSIFICATIONS: tuple[Classification, ...] = (
    "direct_identifier",
    "quasi_identifier",
    "sensitive",
    "free_text",
    "public",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Where the subject of a free text's row is described: the text's mask looks for these values."""

    dataset: str
    """Of the same source."""
    on: tuple[tuple[str, str], ...]
    """(column of the text's dataset, column there): equal values are of one subject."""
    roles: tuple[tuple[str, str], ...]
    """(role, column there): `name`, `email`, `iban`, `phone`, `address`, `birth_date`, or a word of the site's own."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A listed column. A column that is not listed does not exist for the gateway."""

    name: str
    type: pa.DataType
    """The declared type; a source must deliver it or the scan fails."""
    classification: Classification
    domain: str | None = None
    """Where its values join; None for columns that are no identifiers."""
    dimension: bool = False
    """May be grouped by at the aggregated level."""
    mask: MaskUse | None = None
    """The column's own mask at the pseudonymized level; None: the level's default for its class."""
    about: About | None = None
    """Of a free text; None: nothing is known of its subject."""
    line: int = 0
    """Line in the catalog file, 1-based."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a row is about."""

    column: str
    domain: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """How the newest row is found, and how late rows may come."""

    column: str
    lateness: datetime.timedelta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One table of one source, as the catalog describes it. In SQL always `source.dataset`."""

    name: str
    """`source.dataset`, both lower case."""
    source: str
    table: tuple[str, ...]
    """The table's name in the source, schema first: `("public", "customers")`."""
    owner: str
    discoverable: bool
    """False: for whoever has no grant on it, it answers exactly like an unknown name."""
    subject: Subject | None
    watermark: Watermark | None
    columns: Mapping[str, Column]
    """By name, in the catalog's order."""
    scan_rate: float = 1.0
    """Share of the rows whose released texts are looked through for personal data that the catalog did not expect."""
    file: str = ""
    line: int = 0


Datasets = Mapping[str, Dataset]
"""By `Dataset.name`."""
