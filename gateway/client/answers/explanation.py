"""What a query would get, and why: the gateway's document, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.client.errors import printable


class Explanation(dict[str, Any]):
    """The document of `POST /v1/explain`; printed, it says what would be shown of each column, and by which rule."""

    @property
    def allowed(self) -> bool:
        """Whether the query would be answered."""
        return bool(self["allowed"])

    @property
    def columns(self) -> list[dict[str, Any]]:
        """One for each source column: dataset, column, level, mask, parameters, domain, use, grant, rule."""
        return list(self["columns"])

    @property
    def reasons(self) -> list[str]:
        """One line each; of a denial, what stands against it."""
        return list(self["reasons"])

    @property
    def limits(self) -> dict[str, float]:
        """What your own queries may cost, by the settings' names, as `query_seconds`."""
        return dict(self["limits"])

    @property
    def fix(self) -> str:
        """Of a denial: the command that asks for what is missing; empty where nothing helps."""
        return str((self["missing"] or {}).get("request", ""))

    def __str__(self) -> str:
        place = f"{self['purpose'] or 'this purpose'} in {self['environment']}"
        if self.allowed:
            head = ("column", "level", "mask", "why")
            lines = [f"allowed for {place}", *aligned([head, *(_row(column) for column in self.columns)])]
        else:
            lines = [f"denied for {place}", *(f"  · {reason}" for reason in self.reasons)]
            if self.fix:
                lines.append(f"  → {self.fix}")
        return "\n".join(printable(line) for line in lines)

    __repr__ = __str__


def mask_text(column: Mapping[str, Any]) -> str:
    """`bucket(step=5000)`, `pseudonym in customer`; how it is used where it is not shown as a value."""
    if column["use"] != "value":
        return str(column["use"])
    parameters = ", ".join(f"{name}={value}" for name, value in column["parameters"].items())
    domain = f" in {column['domain']}" if column["domain"] and column["mask"] != "keep" else ""
    return f"{column['mask']}{f'({parameters})' if parameters else ''}{domain}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(column: Mapping[str, Any]) -> tuple[str, str, str, str]:
    why = f"grant {column['grant']}; {column['rule']}"
    return f"{column['dataset']}.{column['column']}", str(column["level"]), mask_text(column), why
