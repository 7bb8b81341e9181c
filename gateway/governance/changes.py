"""How two bundles differ: file by file in lines, role by role in levels."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from gateway.policy import PolicyDecisionPoint
from gateway.terms.document import PolicyFiles
from gateway.terms.identity import Principal

MAX_LINES: Final = 400
"""Of one file's difference; what is longer is cut and says so."""
_CONTEXT_LINES: Final = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file that differs."""

    path: str
    change: Literal["added", "removed", "changed"]
    lines: tuple[str, ...]
    """A unified diff without its head."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """What one role sees of one column, over all purposes, before and after; None: nothing."""

    role: str
    environment: str
    dataset: str
    column: str
    before: str | None
    after: str | None


def file_changes(before: PolicyFiles, after: PolicyFiles) -> tuple[FileChange, ...]:
    """By path."""
    return tuple(
        FileChange(
            path=path,
            change="added" if path not in before.files else "removed" if path not in after.files else "changed",
            lines=_lines(before.files.get(path, ""), after.files.get(path, "")),
        )
        for path in sorted(before.files.keys() | after.files.keys())
        if before.files.get(path) != after.files.get(path)
    )


def _lines(before: str, after: str) -> tuple[str, ...]:
    # unified_diff's own head is two lines of file names.
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT_LINES))[2:]
    return (*lines[:MAX_LINES], f"… {len(lines) - MAX_LINES} more lines") if len(lines) > MAX_LINES else tuple(lines)


def level_changes(
    before: PolicyDecisionPoint, after: PolicyDecisionPoint, *, now: datetime.datetime
) -> tuple[LevelChange, ...]:
    """Every column that a role sees at another level than before; by role, environment, dataset."""
    environments = sorted({grant.environment for pdp in (before, after) for grant in pdp.bundle.grants})
    datasets = sorted(before.bundle.datasets.keys() | after.bundle.datasets.keys())
    return tuple(
        change
        for role in sorted(before.roles | after.roles)
        for environment in environments
        for dataset in datasets
        for change in _changes(before, after, role=role, environment=environment, dataset=dataset, now=now)
    )


def _changes(
    before: PolicyDecisionPoint,
    after: PolicyDecisionPoint,
    *,
    role: str,
    environment: str,
    dataset: str,
    now: datetime.datetime,
) -> Iterator[LevelChange]:
    old, new = (_levels(pdp, role, environment, dataset, now=now) for pdp in (before, after))
    for column in sorted(old.keys() | new.keys()):
        if old.get(column) != new.get(column):
            yield LevelChange(
                role=role,
                environment=environment,
                dataset=dataset,
                column=column,
                before=old.get(column),
                after=new.get(column),
            )


def _levels(
    pdp: PolicyDecisionPoint, role: str, environment: str, dataset: str, *, now: datetime.datetime
) -> Mapping[str, str | None]:
    if dataset not in pdp.bundle.datasets:
        return {}
    holder = Principal(
        id="holder",
        roles=frozenset({role}),
        environment=environment,
        issuer="policy-diff",
        credential_id="policy-diff",
    )
    levels = pdp.columns_for(holder, dataset, now=now)
    return {column: level.value if level else None for column, level in levels.items()}
