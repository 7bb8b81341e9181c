"""The Merkle audit log: RFC 6962 tree, C2SP checkpoints, proofs, verification. No SQL: it works over ports.LogStore.

Law of the room: nothing is read unlogged, and what is logged stays. An append that returned is durable; one that cannot
be made durable raises, and nothing is served. Every checkpoint extends the one before it. What the tables repeat of an
entry is derived from its payload, and verification derives it again.
"""

from gateway.audit.entry import escaped
from gateway.audit.log import MerkleLog
from gateway.audit.note import Tree, Verifier, checkpoint_text, open_checkpoint, open_note
from gateway.audit.prove import prove_consistency, prove_inclusion
from gateway.audit.tree import is_consistent, is_included, leaf_hash
from gateway.audit.verify import Finding, VerifiableStore, Verification, verify_log

__all__ = [
    "Finding",
    "MerkleLog",
    "Tree",
    "VerifiableStore",
    "Verification",
    "Verifier",
    "checkpoint_text",
    "escaped",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "open_checkpoint",
    "open_note",
    "prove_consistency",
    "prove_inclusion",
    "verify_log",
]
