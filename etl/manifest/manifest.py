"""Makes manifests: RFC 8785 canonical JSON, and the text that is signed."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from gateway.terms.plan import Output, Snapshot

FORMAT: Final = "gateway-dataset/1"
MANIFEST_NAME: Final = "manifest.json"
SIGNATURE_NAME: Final = "manifest.sig"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileFact:
    """One file of a version."""

    path: str
    """A plain name within the version's folder."""
    bucket: int
    rows: int
    bytes: int
    sha256: str
    """Hex."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SourceFact:
    """One dataset that was read, and how new it was."""

    dataset: str
    watermark: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a manifest says, once a version has its number."""

    name: str
    number: int
    created: datetime.datetime
    expires: datetime.datetime
    columns: tuple[tuple[Output, str], ...]
    """Each with its Arrow type, in the files' order."""
    files: tuple[FileFact, ...]
    nonce: str = dataclasses.field(repr=False)
    """Hex; SQL and plan are committed to under it. Stays with the requester."""
    sql: str = dataclasses.field(repr=False)
    plan: str = dataclasses.field(repr=False)
    policy_digest: str
    grants: tuple[str, ...]
    purpose: str
    project: str
    environment: str
    key_epochs: Mapping[str, int]
    """By project: the epoch of the keys that made the pseudonyms."""
    consistency: Snapshot
    sources: tuple[SourceFact, ...]
    origin: str
    """The log's name."""
    access_index: int
    checkpoint: str
    """A signed note over a tree that holds the access entry."""
    subject: str | None


def canonical(facts: Facts) -> bytes:
    """The manifest's bytes."""
    return rfc8785.dumps(_document(facts))


def digest_of(manifest: bytes) -> bytes:
    """SHA-256: what the note signs and the log names."""
    return hashlib.sha256(manifest).digest()


def note_text(version: str, manifest: bytes) -> str:
    """What is signed; `version` is `NAME@N`."""
    return f"{FORMAT}\n{version}\n{base64.b64encode(digest_of(manifest)).decode()}\n"


def moment(time: datetime.datetime) -> str:
    """UTC, to the second."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(facts: Facts) -> dict[str, Any]:
    nonce = bytes.fromhex(facts.nonce)
    return {
        "format": FORMAT,
        "name": facts.name,
        "version": facts.number,
        "created": moment(facts.created),
        "expires": moment(facts.expires),
        "columns": [_column(output, type_) for output, type_ in facts.columns],
        "files": [dataclasses.asdict(file) for file in facts.files],
        "sql_hmac": hmac.digest(nonce, facts.sql.encode(), "sha256").hex(),
        "plan_hmac": hmac.digest(nonce, facts.plan.encode(), "sha256").hex(),
        "policy_digest": facts.policy_digest,
        "grants": sorted(facts.grants),
        "purpose": facts.purpose,
        "project": facts.project,
        "environment": facts.environment,
        "key_epochs": dict(facts.key_epochs),
        "snapshot": {"consistency": facts.consistency, "sources": [_source(source) for source in facts.sources]},
        "audit": {"origin": facts.origin, "access_index": facts.access_index, "checkpoint": facts.checkpoint},
        "subject": facts.subject,
        "parent": f"{facts.name}@{facts.number - 1}" if facts.number > 1 else None,
        "risk": None,  # not measured: the gate for single persons and for deltas of a series (T20) is not offered yet
    }


def _column(output: Output, type_: str) -> dict[str, Any]:
    return {
        "name": output.name,
        "type": type_,
        "level": output.level.value if output.level else None,
        "mask": output.mask or None,
        "leaks": list(output.leaks),
        "domain": output.domain,
        "sources": [list(source) for source in output.sources],
    }


def _source(source: SourceFact) -> dict[str, Any]:
    return {"dataset": source.dataset, "watermark": moment(source.watermark) if source.watermark else None}
