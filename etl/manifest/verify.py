"""Checks a dataset version in a folder, offline: needs the files and the log's public key, and trusts nothing else.

1. the signature's one signer is the key
2. it signs this manifest, byte for byte
3. the manifest is canonical and whole, and about the version that the note names
4. its checkpoint is the log's, and old enough to hold the access entry
5. the folder holds the manifest's files and no other
6. each file has its size and its SHA-256
7. each file has its rows, its columns with their types, and its bucket
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import rfc8785

from etl.manifest.manifest import FORMAT, MANIFEST_NAME, SIGNATURE_NAME, note_text
from gateway import audit
from gateway.errors import Integrity

MAX_MANIFEST_BYTES: Final = 16 << 20
"""64 files and 1000 columns take a few hundred kilobytes."""
_MAX_NOTE_BYTES: Final = 64 << 10
_READ_BYTES: Final = 1 << 20
_KEYS: Final = frozenset(
    {
        *("format", "name", "version", "created", "expires", "columns", "files", "sql_hmac", "plan_hmac"),
        *("policy_digest", "grants", "purpose", "project", "environment", "key_epochs", "snapshot", "audit"),
        *("subject", "parent", "risk"),
    }
)
_FILE_KEYS: Final = frozenset({"path", "bucket", "rows", "bytes", "sha256"})
_COLUMN_KEYS: Final = frozenset({"name", "type", "level", "mask", "leaks", "domain", "sources"})
Progress = Callable[[int, int], None]
"""(bytes read, bytes in all)"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedDataset:
    """What a check found."""

    version: str
    """`NAME@N`; empty if the signature already fails."""
    rows: int
    bytes: int
    files: int
    findings: tuple[str, ...]
    """What does not hold; each names the part."""

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings


def verify(folder: Path, *, verifier_key: str, progress: Progress | None = None) -> VerifiedDataset:
    """Check a version's folder.

    Args:
        folder: with manifest.json, manifest.sig and the files.
        verifier_key: `name+hash+key`, from `gateway key public`.
        progress: called as bytes are read.

    Raises:
        Invalid: the verifier key has another form.
    """
    verifier = audit.Verifier.parse(verifier_key)
    try:
        version, manifest = _signed(folder, verifier)  # 1, 2
        document = _document(manifest, version=version)  # 3
        _checkpoint(document, verifier)  # 4
    except Integrity as error:
        return VerifiedDataset(version="", rows=0, bytes=0, files=0, findings=(error.message,))
    files = document["files"]
    findings = [*_strangers(folder, document), *_contents(folder, document, progress or _silent)]  # 5, 6, 7
    return VerifiedDataset(
        version=version,
        rows=sum(file["rows"] for file in files),
        bytes=sum(file["bytes"] for file in files),
        files=len(files),
        findings=tuple(findings),
    )


def _silent(done: int, total: int) -> None:
    """Nobody looks."""


def _signed(folder: Path, verifier: audit.Verifier) -> tuple[str, bytes]:
    """Steps 1 and 2: the version's id and the manifest's bytes."""
    try:
        note = _read(folder / SIGNATURE_NAME, limit=_MAX_NOTE_BYTES).decode()
    except UnicodeDecodeError:
        raise _broken(SIGNATURE_NAME, "it is no text") from None
    try:
        text = audit.open_note(note, verifier=verifier)
    except Integrity as error:
        raise _broken(SIGNATURE_NAME, error.message) from None
    manifest = _read(folder / MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
    version = text.split("\n")[1] if "\n" in text else ""
    if not text.startswith(f"{FORMAT}\n"):
        raise _broken(SIGNATURE_NAME, "it signs something else than a dataset")
    if text != note_text(version, manifest):
        raise _broken(MANIFEST_NAME, "it is not what was signed")
    return version, manifest


def _read(path: Path, *, limit: int) -> bytes:
    try:
        if path.is_symlink() or not path.is_file():
            raise _broken(path.name, "there is no such file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError:
        raise _broken(path.name, "it cannot be read") from None
    if len(content) > limit:
        raise _broken(path.name, f"it is longer than {limit} bytes")
    return content


def _document(manifest: bytes, *, version: str) -> Mapping[str, Any]:
    """Step 3."""
    try:
        document = json.loads(manifest)
        is_canonical = rfc8785.dumps(document) == manifest
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        document, is_canonical = None, False
    if not is_canonical or not isinstance(document, dict):
        raise _broken(MANIFEST_NAME, "it is not canonical JSON (RFC 8785)")
    if document.keys() != _KEYS or document["format"] != FORMAT:
        raise _broken(MANIFEST_NAME, f"it has not the form of {FORMAT}")
    if f"{document['name']}@{document['version']}" != version:
        raise _broken(MANIFEST_NAME, "it is about another version than its signature")
    if not all(_is_file(file) for file in _listed(document["files"])):
        raise _broken(MANIFEST_NAME, "a file in it lacks path, bucket, rows, bytes or SHA-256")
    if not all(isinstance(c, dict) and c.keys() == _COLUMN_KEYS for c in _listed(document["columns"])):
        raise _broken(MANIFEST_NAME, "a column in it lacks name, type, level, mask, leaks or domain")
    return document


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) and value else [None]


def _is_file(file: object) -> bool:
    if not isinstance(file, dict) or file.keys() != _FILE_KEYS:
        return False
    numbers = all(type(file[key]) is int and file[key] >= 0 for key in ("bucket", "rows", "bytes"))
    path = file["path"]
    return numbers and isinstance(path, str) and Path(path).name == path and isinstance(file["sha256"], str)


def _checkpoint(document: Mapping[str, Any], verifier: audit.Verifier) -> None:
    """Step 4."""
    stated = document["audit"]
    try:
        tree = audit.open_checkpoint(stated["checkpoint"], verifier=verifier)
        holds = stated["origin"] == verifier.name and 0 <= stated["access_index"] < tree.size
    except (Integrity, KeyError, TypeError, AttributeError):
        holds = False
    if not holds:
        raise _broken(MANIFEST_NAME, "its checkpoint is not one of this log that holds its access entry")


def _strangers(folder: Path, document: Mapping[str, Any]) -> Iterator[str]:
    """Step 5."""
    paths = [file["path"] for file in document["files"]]
    known = {MANIFEST_NAME, SIGNATURE_NAME, *paths}
    if len(known) != len(paths) + 2:
        yield f"{MANIFEST_NAME}: it names a file twice"
    there = {path.name for path in folder.iterdir()}
    for name in sorted(there - known):
        yield f"{name!r}: not part of this version"


def _contents(folder: Path, document: Mapping[str, Any], progress: Progress) -> Iterator[str]:
    """Steps 6 and 7."""
    files = document["files"]
    total, done = sum(file["bytes"] for file in files), 0
    for place, file in enumerate(files):
        path = folder / file["path"]
        problem = _bytes_differ(path, file, _after(done, total, progress))
        done += file["bytes"]
        if problem or (problem := _rows_differ(path, file, document["columns"], place=place)):
            yield f"{file['path']}: {problem}"


def _after(done: int, total: int, progress: Progress) -> Callable[[int], None]:
    return lambda read: progress(done + read, total)


def _bytes_differ(path: Path, file: Mapping[str, Any], progress: Callable[[int], None]) -> str:
    """Step 6 for one file: what is wrong, else empty."""
    digest, read = hashlib.sha256(), 0
    try:
        if path.is_symlink() or not path.is_file():
            return "it is missing"
        if path.stat().st_size != file["bytes"]:
            return f"it has {path.stat().st_size} bytes, not {file['bytes']}"
        with path.open("rb") as opened:
            while chunk := opened.read(_READ_BYTES):
                digest.update(chunk)
                read += len(chunk)
                progress(read)
    except OSError:
        return "it cannot be read"
    return "" if digest.hexdigest() == file["sha256"] else "its SHA-256 is another: its content was changed"


def _rows_differ(path: Path, file: Mapping[str, Any], columns: list[Mapping[str, Any]], *, place: int) -> str:
    """Step 7 for one file."""
    try:
        parquet = pq.ParquetFile(path)
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        parquet.close()
    except (pa.ArrowException, OSError):
        return "it is no Parquet file"
    if rows != file["rows"]:
        return f"it has {rows} rows, not {file['rows']}"
    if [(field.name, str(field.type)) for field in schema] != [(c["name"], c["type"]) for c in columns]:
        return "its columns are not those of the manifest"
    return "" if file["bucket"] == place else f"it is listed as bucket {file['bucket']} at place {place}"


def _broken(part: str, problem: str) -> Integrity:
    return Integrity(f"{part}: {problem}", code="dataset")
