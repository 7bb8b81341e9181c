"""What was decided about one answer.

Levels and grants are those of the answer's receipt: what the gateway's log says of this very answer. Masks and rules
stand in no receipt. They come from explaining the query, and are told only if that explanation was made by the same
policy and names the same columns, levels and grants; else they are empty, for they may not be what made this answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from gateway.client.answers.explanation import Explanation, aligned, mask_text
from gateway.client.errors import printable


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDecision:
    """One source column."""

    dataset: str
    column: str
    level: str
    """`aggregated`, `pseudonymized` or `full`."""
    grant: str
    mask: str = ""
    """With parameters and domain; empty: not known for certain."""
    rule: str = ""
    """`file:line` of what chose the mask; empty: not known for certain."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Every source column of an answer."""

    columns: tuple[ColumnDecision, ...]
    digest: str
    """The policy's, 16 hex digits."""
    receipt: str

    def __str__(self) -> str:
        head = ("column", "level", "mask", "why")
        rows = [
            (f"{c.dataset}.{c.column}", c.level, c.mask or "?", "; ".join(filter(None, (f"grant {c.grant}", c.rule))))
            for c in self.columns
        ]
        lines = [f"policy {self.digest}, receipt {self.receipt}", *aligned([head, *rows])]
        return "\n".join(printable(line) for line in lines)


def decision_of(header: str, receipt: Mapping[str, Any], explanation: Explanation) -> Decision:
    """Put together what is known.

    Args:
        header: `Gateway-Decision` of the answer.
        receipt: the receipt's document.
        explanation: of the same query, asked now.
    """
    digest = header.rpartition("digest=")[2]
    told = {_key(column): column for column in explanation.columns}
    is_same = bool(digest) and explanation["digest"].startswith(digest)
    is_same = is_same and told.keys() == {_key(column) for column in receipt["columns"]}
    return Decision(
        columns=tuple(_column(column, told[_key(column)] if is_same else None) for column in receipt["columns"]),
        digest=digest,
        receipt=str(receipt["receipt"]),
    )


def _key(column: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return column["dataset"], column["column"], column["level"], column["grant"]


def _column(column: Mapping[str, Any], told: Mapping[str, Any] | None) -> ColumnDecision:
    dataset, name, level, grant = _key(column)
    return ColumnDecision(
        dataset=dataset,
        column=name,
        level=level,
        grant=grant,
        mask=mask_text(told) if told else "",
        rule=str(told["rule"]) if told else "",
    )
