"""Laws of the tree: roots are RFC 6962's, proofs hold, and nothing else holds."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import tree
from gateway.errors import Integrity
from gateway.terms.log import TileId

LEAVES = tuple(tree.leaf_hash(b"entry %d" % at) for at in range(70_000))


@functools.cache
def rfc_root(low: int, high: int) -> bytes:
    """The recursion of RFC 6962 §2.1, word for word."""
    if low == high:
        return tree.EMPTY_ROOT
    if high - low == 1:
        return LEAVES[low]
    middle = low + (1 << ((high - low - 1).bit_length() - 1))
    return tree.node_hash(rfc_root(low, middle), rfc_root(middle, high))


class Tiles:
    """A tile table in memory, as the store keeps it."""

    def __init__(self, size: int) -> None:
        self.kept: dict[TileId, bytes] = {}
        self.frontier = tree.Frontier()
        for leaf in LEAVES[:size]:
            self.kept.update(self.frontier.append(leaf))
        self.kept.update(self.frontier.partial_tiles())

    def __call__(self, ids: Sequence[TileId]) -> Mapping[TileId, bytes]:
        return {tile: self.kept[tile] for tile in ids if tile in self.kept}


LARGE = Tiles(70_000)


def test_every_root_below_300_is_the_recursions() -> None:
    frontier = tree.Frontier()
    assert frontier.root() == rfc_root(0, 0)
    for size in range(1, 300):
        frontier.append(LEAVES[size - 1])
        assert frontier.root() == rfc_root(0, size)


def test_the_root_of_three_levels_of_tiles_is_the_recursions() -> None:
    assert LARGE.frontier.root() == rfc_root(0, 70_000)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 69_999])
def test_a_loaded_frontier_goes_on_as_if_it_had_stayed(size: int) -> None:
    loaded = tree.Frontier.load(size, Tiles(size))
    assert loaded.root() == rfc_root(0, size)
    loaded.append(LEAVES[size])
    assert loaded.root() == rfc_root(0, size + 1)
    assert loaded.partial_tiles() == Tiles(size + 1).frontier.partial_tiles()


def test_a_missing_tile_is_damage() -> None:
    with pytest.raises(Integrity):
        tree.Frontier.load(300, lambda _: {})


sizes = st.one_of(st.integers(1, 600), st.integers(60_000, 70_000))


@settings(max_examples=60, deadline=None)
@given(sizes, st.data())
def test_an_inclusion_proof_holds_and_no_altered_one(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = tree.prove_inclusion(index, size=size, read=LARGE)
    root, leaf = rfc_root(0, size), LEAVES[index]
    assert tree.is_included(index, size=size, leaf=leaf, proof=proof, root=root)
    for altered in alterations(proof, data):
        assert not tree.is_included(index, size=size, leaf=leaf, proof=altered, root=root)
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index)) if size > 1 else 1
    assert not tree.is_included(other, size=size, leaf=leaf, proof=proof, root=root)
    assert not tree.is_included(index, size=size, leaf=flipped(leaf, data), proof=proof, root=root)
    assert not tree.is_included(index, size=size, leaf=leaf, proof=proof, root=flipped(root, data))
    assert not tree.is_included(-1, size=size, leaf=leaf, proof=proof, root=root)
    assert not tree.is_included(size, size=size, leaf=leaf, proof=proof, root=root)


@settings(max_examples=60, deadline=None)
@given(sizes, st.data())
def test_a_consistency_proof_holds_and_no_altered_one(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    proof = tree.prove_consistency(old, size=size, read=LARGE)
    old_root, root = rfc_root(0, old), rfc_root(0, size)

    def holds(**changes: object) -> bool:
        given: dict = {"old": old, "size": size, "old_root": old_root, "root": root, "proof": proof} | changes
        return tree.is_consistent(given.pop("old"), **given)

    assert holds()
    for altered in alterations(proof, data):
        assert not holds(proof=altered)
    assert not holds(old_root=flipped(old_root, data))
    assert not holds(root=flipped(root, data))
    assert not holds(old=0)
    assert not holds(old=size + 1)
    if old < size - 1:
        assert not holds(old=old + 1)


def alterations(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    altered = [[*proof, bytes(32)], [*proof, LEAVES[0]]]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        altered += [
            [*proof[:at], flipped(proof[at], data), *proof[at + 1 :]],
            [*proof[:at], *proof[at + 1 :]],
            [*proof[:at], proof[at][:-1], *proof[at + 1 :]],
        ]
    if len(set(proof)) > 1:
        altered.append(proof[::-1])
    return altered


def flipped(hashed: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, 255))
    return (int.from_bytes(hashed) ^ (1 << bit)).to_bytes(32)
