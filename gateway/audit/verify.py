"""Verify a whole log from its tables and a public key. Trusts neither the gateway nor whoever can edit its database.

 1. the newest checkpoint is signed by the key; its size says how many entries there are
 2. no table holds a row that no entry accounts for; head and open accesses agree with the rest
 3. each entry is there, payload and salt are what it committed to, and the search rows repeat the payload
 4. each checkpoint is signed, follows the one before it, and states the root of the entries before it
 5. each tile holds the hashes of its entries
 6. each checkpoint that the auditor kept is on this history

What only 6 can find: a log cut back to an older checkpoint, or signed anew with a stolen key.
So keep checkpoints elsewhere.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from gateway.audit.entry import row_of
from gateway.audit.note import Tree, Verifier, open_checkpoint
from gateway.audit.tree import HASH_BYTES, TILE_HASHES, Frontier, leaf_hash
from gateway.errors import Integrity, Unavailable
from gateway.ports import LogStore
from gateway.terms.log import Checkpoint, LogRow, TileId

BATCH: Final = 16 * TILE_HASHES
"""Entries read at once: whole tiles."""
MAX_FINDINGS: Final = 1_000
"""More are counted by nobody: the log is lost and the first ones say where to look."""
_RESTORE: Final = "restore this row from a backup, then verify again"
_REMOVE: Final = "somebody with write access added it: keep a copy as evidence, then delete the row"
_TABLES: Final = {"columns": "audit_search_column", "datasets": "audit_search_dataset"}
"""Where a search field of a LogRow lies; the others lie in audit_search."""

_Read = TypeVar("_Read")

Progress = Callable[[int, int], None]
"""Entries done, entries in all."""


class VerifiableStore(LogStore, Protocol):
    """A store whose tables can be looked through as a whole."""

    def checkpoints(self, *, after: int, until: int) -> Sequence[tuple[int, Checkpoint]]:
        """Those of sizes in (after, until], in order, each with the size that it says came before it."""

    def strays(self) -> Sequence[tuple[str, str]]:
        """(table, what) for rows that belong to no entry, in one snapshot."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was signed."""

    table: str
    where: str
    """Index, size or tile."""
    problem: str
    advice: str

    def __str__(self) -> str:
        return f"{self.table} {self.where}: {self.problem}; {self.advice}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked, and what was found."""

    size: int
    """Entries that the newest checkpoint signs for."""
    entries: int
    """Entries read; likewise the next two."""
    checkpoints: int
    tiles: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the log is whole."""
        return not self.findings


def verify_log(
    store: VerifiableStore, *, verifier_key: str, kept: Sequence[str] = (), progress: Progress | None = None
) -> Verification:
    """Check everything; a running gateway may append meanwhile.

    Args:
        verifier_key: `name+hash+key`; from `gateway key public`, MUST come from where the operator cannot change it.
        kept: signed checkpoints of this log that the auditor kept from earlier.

    Raises:
        Invalid: verifier_key is not one.
        Unavailable: the store does not answer. Damage is not raised, it is found.
    """
    check = _Check(store, Verifier.parse(verifier_key))
    size = check.newest_size()
    check.strays()
    kept_trees = check.kept(kept, size)
    for first in range(0, size, BATCH):
        end = min(first + BATCH, size)
        if not check.stretch(first, end, kept_trees):
            break
        if progress is not None:
            progress(end, size)
    check.right_edge(size)
    return check.result(size)


@dataclasses.dataclass(slots=True)
class _Branch:
    """One reading of the history: the tree that it makes, and the tiles that it filled."""

    frontier: Frontier = dataclasses.field(default_factory=Frontier)
    full: dict[TileId, bytes] = dataclasses.field(default_factory=dict)

    def append(self, hashed: bytes) -> None:
        self.full.update(self.frontier.append(hashed))


class _Check:
    """The run.

    While entries and tiles agree there is one branch; where they differ, a second one follows the tiles until the next
    signed root says which of the two was changed.
    """

    def __init__(self, store: VerifiableStore, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier
        self._by_entries = _Branch()
        self._by_tiles: _Branch | None = None
        self._disputed: list[int] = []
        self._is_lost = False
        self._last_size = 0
        self._entries = self._checkpoints = self._tiles = 0
        self._findings: list[Finding] = []

    def result(self, size: int) -> Verification:
        return Verification(
            size=size,
            entries=self._entries,
            checkpoints=self._checkpoints,
            tiles=self._tiles,
            findings=tuple(self._findings),
        )

    def newest_size(self) -> int:
        """Step 1. What the note says counts, not the row's size: the note is signed."""
        try:
            newest = self._store.checkpoint()
        except (Integrity, Unavailable) as error:
            self._assert_store_answers()
            self._find("audit_checkpoint", "newest", f"cannot be read: {error.message}", _RESTORE)
            return 0
        if newest is None:
            return 0
        try:
            size = open_checkpoint(newest.note, verifier=self._verifier).size
        except Integrity:
            return newest.size  # step 4 says what is wrong with it
        if size != newest.size:
            self._find("audit_checkpoint", str(newest.size), f"its note is about {size} entries", _RESTORE)
        return size

    def strays(self) -> None:
        """Step 2."""
        try:
            strays = self._store.strays()
        except (Integrity, Unavailable) as error:
            self._assert_store_answers()
            strays = [("audit_head", f"it or the search rows cannot be read: {error.message}")]
        for table, what in strays:
            advice = _RESTORE if table in ("audit_head", "audit_open") else _REMOVE
            self._find(table, "-", what, advice)

    def kept(self, notes: Sequence[str], size: int) -> dict[int, Tree]:
        """Step 6, first half: those that lie on this history, by size."""
        trees = {}
        for note in notes:
            tree = self._opened(note, where="kept")
            if tree is not None and tree.size > size:
                self._find(
                    "audit_entry", f"{size}…{tree.size - 1}", "signed for and gone: the log was cut back", _RESTORE
                )
            elif tree is not None:
                trees[tree.size] = tree
        return trees

    def stretch(self, first: int, end: int, kept: dict[int, Tree]) -> bool:
        """Steps 3 to 6 for entries [first, end). False if none of them is there: then nothing can follow."""
        stated = self._stated(first, end)
        rows = {row.index: row for row in self._rows(first, end - first)}
        if not rows:
            self._find(
                "audit_entry", f"{first}…", "is missing with all that follow; the rest was not checked", _RESTORE
            )
            return False
        tiles = self._read_tiles([(0, number) for number in range(first // TILE_HASHES, -(-end // TILE_HASHES))])
        for index in range(first, end):
            offset = index % TILE_HASHES * HASH_BYTES
            told = tiles.get((0, index // TILE_HASHES), b"")[offset : offset + HASH_BYTES]
            self._enter(index, self._entry_hash(index, rows.get(index), told), told)
            for tree in (stated.get(index + 1), kept.get(index + 1)):
                if tree is not None:
                    self._settle(tree)
        self._compare_full_tiles(tiles)
        return True

    def right_edge(self, size: int) -> None:
        """Step 5 for the tiles that are not full yet; whoever appended meanwhile has made them longer."""
        self._give_up_disputes()
        partial = self._by_entries.frontier.partial_tiles()
        stored = self._read_tiles(list(partial))
        newest = self._store.checkpoint() if size else None
        has_moved = newest is not None and newest.size != size
        self._compare_full_tiles({})
        for tile, hashes in partial.items():
            found = stored.get(tile, b"")
            self._compare_tile(tile, hashes, found[: len(hashes)] if has_moved else found)

    # Step 3

    def _entry_hash(self, index: int, row: LogRow | None, told: bytes) -> bytes:
        """The leaf's hash; for an entry that is gone, the tile's, so that the rest can still be checked."""
        if row is None:
            self._find("audit_entry", str(index), "is missing, or one of its rows cannot be read", _RESTORE)
            return told
        self._entries += 1
        hashed = leaf_hash(row.leaf)
        self._check_row(row, is_leaf_told=hashed == told)
        return hashed

    def _check_row(self, row: LogRow, *, is_leaf_told: bool) -> None:
        where = str(row.index)
        if not row.payload and not row.salt:
            self._find("audit_payload", where, "payload erased without an erasure entry", _RESTORE)
            return
        try:
            derived = row_of(row.payload, salt=row.salt, index=row.index)
        except (KeyError, TypeError, ValueError, AttributeError):
            derived = None
        if derived == row:
            return
        if derived is None or derived.leaf != row.leaf:
            if is_leaf_told:  # else the entry itself is disputed, and says so
                self._find("audit_payload", where, "payload or salt are not what the entry commits to", _RESTORE)
            return
        differing: dict[str, list[str]] = {}
        for field in dataclasses.fields(row):
            if getattr(row, field.name) != getattr(derived, field.name):
                differing.setdefault(_TABLES.get(field.name, "audit_search"), []).append(field.name)
        for table, fields in differing.items():
            self._find(table, where, f"does not repeat the payload: {', '.join(fields)}", _RESTORE)

    def _enter(self, index: int, hashed: bytes, told: bytes) -> None:
        if hashed != told:
            self._disputed.append(index)
            if self._by_tiles is None:
                self._by_tiles = copy.deepcopy(self._by_entries)
        if self._by_tiles is not None:
            self._by_tiles.append(told if len(told) == HASH_BYTES else bytes(HASH_BYTES))
        self._by_entries.append(hashed if len(hashed) == HASH_BYTES else bytes(HASH_BYTES))

    # Step 4

    def _stated(self, first: int, end: int) -> dict[int, Tree]:
        """What the checkpoints of sizes first + 1 … end state, by size."""
        trees = {}
        for previous, checkpoint in self._read_checkpoints(first, end):
            self._checkpoints += 1
            where = str(checkpoint.size)
            if previous != self._last_size:
                self._find(
                    "audit_checkpoint", where, f"follows {previous}, but {self._last_size} is before it", _RESTORE
                )
            self._last_size = checkpoint.size
            tree = self._opened(checkpoint.note, where=where)
            if tree is not None and tree.size != checkpoint.size:
                self._find("audit_checkpoint", where, f"its note is about {tree.size} entries", _RESTORE)
            elif tree is not None:
                trees[tree.size] = tree
        return trees

    def _opened(self, note: str, *, where: str) -> Tree | None:
        try:
            return open_checkpoint(note, verifier=self._verifier)
        except Integrity as error:
            self._find("audit_checkpoint", where, error.message, _RESTORE)
            return None

    def _settle(self, stated: Tree) -> None:
        """Compare a signed root with the history, and let it decide between entries and tiles."""
        if self._is_lost:
            return
        if self._by_entries.frontier.root() != stated.root:  # else, if anything differs, step 5 names the tiles
            self._blame(stated)
        self._by_tiles = None
        self._disputed.clear()

    def _blame(self, stated: Tree) -> None:
        """The entries do not give a signed root: say which, if the tiles do."""
        if self._by_tiles is not None and self._by_tiles.frontier.root() == stated.root:
            for index in self._disputed:
                self._find("audit_entry", str(index), "is not the entry that was signed", _RESTORE)
            self._by_entries = self._by_tiles
            return
        self._give_up_disputes()
        self._is_lost = True  # later checkpoints build on this one: they would all differ
        problem = "a signed root is not what the entries give; later roots were not compared"
        self._find("audit_checkpoint", str(stated.size), problem, "compare with a backup: history was rewritten")

    def _give_up_disputes(self) -> None:
        for index in self._disputed:
            self._find(
                "audit_entry", str(index), "entry and tile differ, and no signed root says which is true", _RESTORE
            )
        self._by_tiles = None
        self._disputed.clear()

    # Step 5

    def _compare_full_tiles(self, level_zero: dict[TileId, bytes]) -> None:
        """Compare the tiles that became full, unless it is still open which branch is true."""
        if self._by_tiles is not None:
            return
        full = self._by_entries.full
        stored = self._read_tiles([tile for tile in full if tile not in level_zero]) | level_zero
        for tile, hashes in full.items():
            self._compare_tile(tile, hashes, stored.get(tile, b""))
        full.clear()

    def _compare_tile(self, tile: TileId, hashes: bytes, stored: bytes) -> None:
        self._tiles += 1
        if stored != hashes:
            self._find("audit_tile", str(tile), "is not what the entries give", _RESTORE)

    # Reading what may be damaged

    def _rows(self, first: int, count: int) -> Sequence[LogRow]:
        return self._readable(lambda at, many: self._store.rows(first=at, count=many), first, count)

    def _read_checkpoints(self, first: int, end: int) -> Sequence[tuple[int, Checkpoint]]:
        return self._readable(lambda at, many: self._store.checkpoints(after=at, until=at + many), first, end - first)

    def _read_tiles(self, tiles: Sequence[TileId]) -> dict[TileId, bytes]:
        return dict(
            self._readable(lambda at, many: list(self._store.tiles(tiles[at : at + many]).items()), 0, len(tiles))
        )

    def _readable(self, read: Callable[[int, int], Sequence[_Read]], first: int, count: int) -> Sequence[_Read]:
        """All of read(first, count) but what cannot be read; whoever looks for that finds it missing."""
        if count == 0:
            return []
        try:
            return read(first, count)
        except (Integrity, Unavailable):
            self._assert_store_answers()
            if count == 1:
                return []
            half = count // 2
            return [*self._readable(read, first, half), *self._readable(read, first + half, count - half)]

    def _assert_store_answers(self) -> None:
        self._store.checkpoint(size=0)  # reads no row: raises only if the store is away

    def _find(self, table: str, where: str, problem: str, advice: str) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(table=table, where=where, problem=problem, advice=advice))
