"""Which cells of a grouping are shown, so that coarser groupings minus shown cells single nobody out.

A counter counts distinct subjects: the first counts all, each further one those who contribute to one measured column.
A cell is rare if a counter of it is between nothing and the threshold; the first counter may not be nothing. Rare cells
are hidden, and further ones with them until every group of every coarser grouping hides enough of each counter.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Subset = tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """One entry for each pair of a cell and a subject in it."""

    cell: Integers
    subject: Integers
    counted: Flags
    """One row for each counter."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The cells of one grouping. A cell's number is its place in the order of its dimensions' values."""

    entries: Entries
    ranks: Integers
    """One row for each dimension: the rank of the cell's value."""
    counts: Integers
    """One row for each counter."""


def grid(entries: Entries, ranks: Integers) -> Grid:
    """Count cells; entries of one pair are merged."""
    entries = _merged(entries)
    cells = ranks.shape[1]
    counts = [np.bincount(entries.cell[counted], minlength=cells) for counted in entries.counted]
    return Grid(entries=entries, ranks=ranks, counts=np.stack(counts).astype(np.int64))


def number_cells(ranks: Integers) -> tuple[Integers, Integers]:
    """The cell of each column of ranks, in the order of ranks, and one column for each cell."""
    cell = np.zeros(ranks.shape[1], dtype=np.int64)
    for rank in ranks:
        cell = _dense(cell * (int(rank.max(initial=0)) + 1) + rank)
    example = np.zeros(int(cell.max(initial=-1)) + 1, dtype=np.int64)
    example[cell] = np.arange(len(cell))
    return cell, example


def shown_cells(finest: Grid, *, threshold: int) -> Flags:
    """One flag for each cell; which cells are hidden follows from who is in which cell, never from a figure.

    What a coarser grouping would hide is known here too: its group must not be the sum of shown cells. And asking for
    fewer measured columns shows every cell that asking for more does, so that no two answers about the same rows differ
    by what a third one hides.
    """
    if not _rare(finest.counts, threshold).any():
        return np.ones(finest.counts.shape[1], dtype=np.bool_)
    runs = _runs(len(finest.counts))
    hidden: dict[Subset, list[Flags]] = {}
    for kept in _subsets(len(finest.ranks)):
        level = _coarser(finest, kept, threshold=threshold)
        if level is not None:
            hidden[kept] = _hidden(level, kept, runs=runs, coarser=hidden, threshold=threshold)
    shown: Flags = ~hidden[tuple(range(len(finest.ranks)))][-1]
    return shown


def _rare(counts: Integers, threshold: int) -> Flags:
    """One row for each counter."""
    rare: Flags = (counts > 0) & (counts < threshold)
    return rare


def _runs(counters: int) -> list[Subset]:
    """The counters of: no measured column, each one alone, all of them. Each hides what a part of it does."""
    alone = [(0, counter) for counter in range(1, counters)]
    return list(dict.fromkeys([(0,), *alone, tuple(range(counters))]))


def _subsets(dimensions: int) -> Iterator[Subset]:
    """Coarser groupings first, all dimensions last."""
    for size in range(dimensions + 1):
        yield from itertools.combinations(range(dimensions), size)


def _coarser(finest: Grid, kept: Subset, *, threshold: int) -> Grid | None:
    """The grouping by the kept dimensions, or None if it certainly hides nothing: then its subjects are not counted."""
    if len(kept) == len(finest.ranks):
        return finest
    group, example = number_cells(finest.ranks[list(kept)])
    most = np.zeros((len(finest.counts), len(example)), dtype=np.int64)
    for largest, counts in zip(most, finest.counts, strict=True):
        np.maximum.at(largest, group, counts)
    if not _rare(most, threshold).any():
        return None
    entries = dataclasses.replace(finest.entries, cell=group[finest.entries.cell])
    return grid(entries, finest.ranks[list(kept)][:, example])


def _hidden(
    level: Grid, kept: Subset, *, runs: Sequence[Subset], coarser: Mapping[Subset, list[Flags]], threshold: int
) -> list[Flags]:
    """What each run hides of one grouping."""
    parents = [part for size in range(len(kept)) for part in itertools.combinations(kept, size)]
    groups = [number_cells(level.ranks[[kept.index(dimension) for dimension in part]]) for part in parents]
    rare = _rare(level.counts, threshold)
    found: list[Flags] = []
    for number, counters in enumerate(runs):
        seeds = [one for run, one in zip(runs, found, strict=False) if set(run) <= set(counters)]
        hidden = np.any([rare[list(counters)].any(axis=0), *seeds], axis=0)
        totals = [
            (group, coarser[part][number] if part in coarser else np.zeros(len(example), dtype=np.bool_))
            for part, (group, example) in zip(parents, groups, strict=True)
        ]
        # Once is enough: what is hidden further adds nothing or a whole threshold, so no group comes to lack anew.
        for counter, (group, withheld) in itertools.product(counters, totals):
            _complement(level, hidden, group, withheld, counter=counter, threshold=threshold)
        found.append(hidden)
    return found


def _complement(level: Grid, hidden: Flags, group: Integers, withheld: Flags, *, counter: int, threshold: int) -> None:
    """Hide one more cell of each group that hides too few.

    The smallest shown cell that adds to the counter is enough: no shown cell is rare. Where no shown cell adds to it
    the group as a whole is rare, so it is nowhere a total to subtract from.
    """
    counts = np.where(hidden, level.counts[counter], 0)
    held = np.zeros(len(withheld), dtype=np.int64)
    np.maximum.at(held, group, counts)
    unsure = ((held > 0) & (held < threshold))[group] & (counts > 0)
    if unsure.any():
        # Several rare cells: only here subjects have to be told apart.
        inside = unsure[level.entries.cell] & level.entries.counted[counter]
        union = _distinct(group[level.entries.cell[inside]], level.entries.subject[inside], groups=len(withheld))
        held = np.maximum(held, union)
    lacking = (held < threshold) & ((held > 0) | withheld)
    if not lacking.any():
        return
    cells = np.flatnonzero(~hidden & (level.counts[counter] > 0) & lacking[group])
    cells = cells[np.argsort(level.counts[0][cells], kind="stable")]
    _, first = np.unique(group[cells], return_index=True)
    hidden[cells[first]] = True


def _distinct(group: Integers, subject: Integers, *, groups: int) -> Integers:
    """Distinct subjects of each group."""
    subjects = int(subject.max(initial=0)) + 1
    return np.bincount(np.unique(group * subjects + subject) // subjects, minlength=groups).astype(np.int64)


def _merged(entries: Entries) -> Entries:
    subjects = int(entries.subject.max(initial=0)) + 1
    pair = entries.cell * subjects + entries.subject
    ordered = np.sort(pair)
    if not (ordered[1:] == ordered[:-1]).any():
        return entries
    unique, place = np.unique(pair, return_inverse=True)
    counted = np.zeros((len(entries.counted), len(unique)), dtype=np.bool_)
    for merged, flags in zip(counted, entries.counted, strict=True):
        merged[place[flags]] = True
    return Entries(cell=unique // subjects, subject=unique % subjects, counted=counted)


def _dense(codes: Integers) -> Integers:
    """The same order without gaps."""
    top = int(codes.max(initial=0)) + 1
    if top > 4 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)[1].astype(np.int64)
    present = np.zeros(top, dtype=np.int64)
    present[codes] = 1
    return (np.cumsum(present) - 1)[codes]
