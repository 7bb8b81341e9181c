"""Proofs as JSON-able objects, checkable without the gateway: each carries the signed checkpoint it leads to."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from gateway.audit import tree
from gateway.errors import Integrity, Invalid
from gateway.ports import LogStore
from gateway.terms.log import Checkpoint


def prove_inclusion(store: LogStore, *, index: int, size: int | None = None) -> Mapping[str, object]:
    """Show that an entry stands at index in the log of `size` entries (default: the newest checkpoint's).

    Returns:
        kind, index, size, leaf (text), payload (text) and salt (base64; both None after erasure), hashes (base64, from
        the leaf upwards), checkpoint (signed note).

    Raises:
        Invalid: there is no such entry, or no checkpoint of that size.
        Integrity: the entry or a tile is damaged.
    """
    checkpoint = _checkpoint(store, size)
    if not 0 <= index < checkpoint.size:
        raise Invalid(f"the log of {checkpoint.size} entries has no entry {index}", code="index")
    rows = store.rows(first=index, count=1)
    if not rows:
        raise Integrity(f"audit_entry {index} is missing: run `gateway audit verify`", code="log")
    (row,) = rows
    return {
        "kind": "inclusion",
        "index": index,
        "size": checkpoint.size,
        "leaf": row.leaf.decode(),
        "payload": row.payload.decode() or None,
        "salt": _base64(row.salt) or None,
        "hashes": _listed(tree.prove_inclusion(index, size=checkpoint.size, read=store.tiles)),
        "checkpoint": checkpoint.note,
    }


def prove_consistency(store: LogStore, *, old: int, size: int | None = None) -> Mapping[str, object]:
    """Show that the log of `size` entries (default: the newest checkpoint's) begins with the one of `old` entries.

    Returns:
        kind, old, size, hashes (base64), old_checkpoint (signed note; None if none was signed there), checkpoint.

    Raises:
        Invalid: old is not 1..size, or no checkpoint of that size.
        Integrity: a tile is damaged.
    """
    checkpoint = _checkpoint(store, size)
    if not 0 < old <= checkpoint.size:
        raise Invalid(f"old is 1..{checkpoint.size}: an empty log proves nothing", code="size")
    before = store.checkpoint(size=old)
    return {
        "kind": "consistency",
        "old": old,
        "size": checkpoint.size,
        "hashes": _listed(tree.prove_consistency(old, size=checkpoint.size, read=store.tiles)),
        "old_checkpoint": None if before is None else before.note,
        "checkpoint": checkpoint.note,
    }


def _checkpoint(store: LogStore, size: int | None) -> Checkpoint:
    checkpoint = store.checkpoint(size=size)
    if checkpoint is None:
        raise Invalid(
            "the log is empty" if size is None else f"no checkpoint of {size} entries was signed",
            code="size",
            fix="leave the size out: the newest checkpoint is used",
        )
    return checkpoint


def _listed(hashes: Sequence[bytes]) -> list[str]:
    return [_base64(hashed) for hashed in hashes]


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
