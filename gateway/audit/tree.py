"""The Merkle tree of RFC 6962, kept in C2SP tiles. Pure: hashes in, hashes out.

A tile (level, number) holds up to 256 hashes of subtrees of height 8·level, from index 256·number. A full tile never
changes. There is no second structure beside the tree: a home-made linear part is how immudb's proofs came to be forged
(GHSA-672p-m5jq-mrh8). Verifiers check ranges and that every hash has 32 bytes before they compute.
Source: RFC 6962 §2.1, RFC 9162 §2.1; C2SP tlog-tiles. Vectors: tests/vectors/test_merkle.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self

from gateway.errors import Integrity
from gateway.terms.log import TileId

HASH_BYTES: Final = 32
TILE_BITS: Final = 8
TILE_HASHES: Final = 1 << TILE_BITS
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

TileReader = Callable[[Sequence[TileId]], Mapping[TileId, bytes]]
"""Those of the tiles that exist; the right-most of a level may hold more than an older size needs."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of an entry; its prefix keeps it from being taken for a node."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the partial tile of each level and the roots of its complete subtrees.

    Appending costs O(1) amortized, the root O(log n); no entry is read again.
    """

    __slots__ = ("_partial", "_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._partial: list[bytearray] = [bytearray()]
        self._peaks: list[tuple[int, bytes]] = []

    @classmethod
    def load(cls, size: int, read: TileReader) -> Self:
        """The frontier of a stored tree, from the right-most tile of each level.

        Raises:
            Integrity: a tile is missing or too short.
        """
        frontier = cls()
        frontier.size = size
        counts = [size >> TILE_BITS * level for level in range(_levels(size))]
        tiles = read([(level, count >> TILE_BITS) for level, count in enumerate(counts) if count % TILE_HASHES])
        frontier._partial = [
            bytearray(_hashes(tiles, (level, count >> TILE_BITS), 0, count % TILE_HASHES))
            for level, count in enumerate(counts)
        ] or [bytearray()]
        for level in reversed(range(len(counts))):
            frontier._peaks.extend(_peaks_within(frontier._partial[level], TILE_BITS * level))
        return frontier

    def append(self, hashed: bytes) -> list[tuple[TileId, bytes]]:
        """Add one leaf hash; returns the tiles that became full, lowest level first."""
        full: list[tuple[TileId, bytes]] = []
        self._partial[0] += hashed
        self.size += 1
        height = 0
        while self._peaks and self._peaks[-1][0] == height:
            hashed = node_hash(self._peaks.pop()[1], hashed)
            height += 1
            if height % TILE_BITS == 0:
                full.append(self._raise_level(height, hashed))
        self._peaks.append((height, hashed))
        return full

    def _raise_level(self, height: int, hashed: bytes) -> tuple[TileId, bytes]:
        """Close the full tile below a subtree of this height, and enter its hash one level up."""
        level = height // TILE_BITS
        closed = bytes(self._partial[level - 1])
        self._partial[level - 1] = bytearray()
        if level == len(self._partial):
            self._partial.append(bytearray())
        self._partial[level] += hashed
        return (level - 1, (self.size >> height) - 1), closed

    def partial_tiles(self) -> dict[TileId, bytes]:
        """The right-most tile of each level that is neither full nor empty."""
        return {
            (level, self.size >> TILE_BITS * (level + 1)): bytes(hashes)
            for level, hashes in enumerate(self._partial)
            if hashes
        }

    def root(self) -> bytes:
        """The root of everything appended so far."""
        return _join([hashed for _, hashed in self._peaks])


def prove_inclusion(index: int, *, size: int, read: TileReader) -> list[bytes]:
    """Hashes from the leaf's sibling up to the root of the first `size` entries; 0 <= index < size MUST hold.

    Raises:
        Integrity: a tile is missing or too short.
    """
    proof, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_root(middle, high, read))
            high = middle
        else:
            proof.append(_range_root(low, middle, read))
            low = middle
    return proof[::-1]


def prove_consistency(old: int, *, size: int, read: TileReader) -> list[bytes]:
    """Hashes that show the first `old` entries to be a prefix of the first `size`; 0 < old <= size MUST hold.

    Raises:
        Integrity: a tile is missing or too short.
    """
    proof, low, high, is_whole = [], 0, size, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_range_root(middle, high, read))
            high = middle
        else:
            proof.append(_range_root(low, middle, read))
            low, is_whole = middle, False
    if not is_whole:
        proof.append(_range_root(low, high, read))
    return proof[::-1]


def is_included(index: int, *, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf hash stands at index in the tree of this size and root."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    at, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            computed = node_hash(sibling, computed)
            at, last = _rise(at, last)
        else:
            computed = node_hash(computed, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and computed == root


def is_consistent(old: int, *, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree of this size and root extends the one of the old size and root.

    False for an old size of 0: an empty tree is a prefix of all, and proves nothing.
    """
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    if not _are_hashes(old_root, root, *proof):
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    return _extends(path, at=at, last=last) == (old_root, root)


def _extends(path: Sequence[bytes], *, at: int, last: int) -> tuple[bytes, bytes] | None:
    """The old and the new root that a consistency path computes; None if its length is wrong."""
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            at, last = _rise(at, last)
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return (old, new) if last == 0 else None


def _rise(at: int, last: int) -> tuple[int, int]:
    """Skip the levels on which a right-most node has no sibling."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _are_hashes(*values: bytes) -> bool:
    """Textbook verifiers forget the lengths; four of the hostile vectors pass them."""
    return all(len(value) == HASH_BYTES for value in values)


def _split(size: int) -> int:
    """The largest power of two strictly below size."""
    return 1 << ((size - 1).bit_length() - 1)


def _levels(size: int) -> int:
    return -(-size.bit_length() // TILE_BITS)


def _join(roots: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, largest first."""
    if not roots:
        return EMPTY_ROOT
    *left, joined = roots
    for root in reversed(left):
        joined = node_hash(root, joined)
    return joined


def _fold(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, concatenated."""
    level = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def _peaks_within(partial: bytes | bytearray, base: int) -> list[tuple[int, bytes]]:
    """(height, root) of the complete subtrees over a partial tile whose hashes have height `base`."""
    peaks, at = [], 0
    for bit in reversed(range(TILE_BITS)):
        width = HASH_BYTES << bit
        if len(partial) & width:
            peaks.append((base + bit, _fold(bytes(partial[at : at + width]))))
            at += width
    return peaks


def _range_root(low: int, high: int, read: TileReader) -> bytes:
    """The root of entries [low, high), with low aligned as the recursion of RFC 6962 makes it."""
    roots = []
    while low < high:
        height = (high - low).bit_length() - 1
        roots.append(_subtree_root(height, low >> height, read))
        low += 1 << height
    return _join(roots)


def _subtree_root(height: int, number: int, read: TileReader) -> bytes:
    level, bit = divmod(height, TILE_BITS)
    tile, offset = divmod(number << bit, TILE_HASHES)
    return _fold(_hashes(read([(level, tile)]), (level, tile), offset, 1 << bit))


def _hashes(tiles: Mapping[TileId, bytes], tile: TileId, offset: int, count: int) -> bytes:
    stored = tiles.get(tile, b"")[offset * HASH_BYTES : (offset + count) * HASH_BYTES]
    if len(stored) != count * HASH_BYTES:
        raise Integrity(f"audit_tile {tile} is missing or too short: run `gateway audit verify`", code="log")
    return stored
