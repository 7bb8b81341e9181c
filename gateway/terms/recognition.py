"""What was recognized as personal data: spans in texts, verdicts on columns. Never a value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args

import pyarrow as pa

from gateway.terms.dataset import Classification

Kind = Literal[
    "person",
    "address",
    "email",
    "phone",
    "iban",
    "account",
    "card",
    "national_id",
    "document",
    "birth_date",
    "date",
    "bic",
    "lei",
    "ip",
    "mac",
    "crypto",
    "plate",
    "url",
    "username",
    "identifier",
    "other",
]
"""What a found value is. `account`: a domestic account number; `document`: passport, identity card, driving licence;
`identifier`: an opaque number of a person or contract; `other`: a site's own recognizer, or a text removed whole."""
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One text with what is known of its row's own subject."""

    text: str = dataclasses.field(repr=False)
    known: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """By role of the catalog's `about:` (`name`, `email`, `iban`, `phone`, `address`, `birth_date`, …)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a text that is to be removed."""

    start: int
    """In characters of the text as it came."""
    end: int
    """Exclusive; after start."""
    kind: Kind
    own: str | None = None
    """The role whose value, in full, stands there; None: another's, a part, or unknown."""
    same_as: int = 0
    """Spans of one note with an equal number and kind stand for one value (normalised), from 1; 0: not compared."""
    is_checked: bool = True
    """False: the shape is right and the check digit is wrong."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in one text."""

    spans: tuple[Span, ...] = ()
    """In order, not overlapping."""
    is_whole: bool = False
    """Too long or too slow to look at: remove all of it."""
    language: str = ""
    """ISO 639-1, as guessed from the text; empty: unknown."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NameList:
    """Parts of the names of all subjects of a dataset, so that what is removed does not depend on whose row it is."""

    id: str
    """The same id: the same parts; a worker keeps them."""
    parts: frozenset[str] = dataclasses.field(repr=False)
    """Folded words of three letters or more."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SampledColumn:
    """A column of a sampled table, for the classifier."""

    name: str
    type: pa.DataType
    values: tuple[str | None, ...] = dataclasses.field(repr=False)
    """Rows of the sample in the table's order of reading, as text (ISO dates, plain decimals); None: null."""
    comment: str = ""
    is_key: bool = False
    """Of the primary key or of a unique constraint, alone."""
    references: str = ""
    """`schema.table.column` that a foreign key names; empty: none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SampledTable:
    """A table's sample, for the classifier."""

    name: str
    columns: tuple[SampledColumn, ...]
    row_estimate: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a verdict was given. Names and counts only."""

    rule: str
    """`check:iban`, `name:email`, `gazetteer:person`, `type:date`, `key`, `comment:…`."""
    matched: int = 0
    tried: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnVerdict:
    """A proposal for one column; only a person confirms it."""

    column: str
    classification: Classification
    kind: str
    """A Kind, or a word of the lexicon: `income`, `gender`, `city`, `timestamp`, `category`, …"""
    confidence: float
    """0 to 1."""
    evidence: tuple[Evidence, ...] = ()
    is_dimension: bool = False
    """Few values, fit to group by."""

    @property
    def needs_review(self) -> bool:
        """Too little speaks for it: it is masked as a direct identifier until somebody confirms."""
        return self.confidence < REVIEW_BELOW


REVIEW_BELOW = 0.7
