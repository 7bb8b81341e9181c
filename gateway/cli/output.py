"""What commands print, and how errors become exit codes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.client import Incomplete, Refused, Unreachable
from gateway.errors import GatewayError, Invalid, Unavailable

PIPED_WIDTH: Final = 240
"""Columns where no terminal says how many: what is piped on is not folded."""
stdout = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
stderr = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)
REFUSED, USAGE, UNAVAILABLE = 1, 2, 3
_EXIT_BY_STATUS: Final[Mapping[int, int]] = {
    HTTPStatus.UNPROCESSABLE_ENTITY: USAGE,
    HTTPStatus.BAD_REQUEST: USAGE,
    HTTPStatus.NOT_FOUND: USAGE,
    HTTPStatus.SERVICE_UNAVAILABLE: UNAVAILABLE,
}
Command = Callable[..., None]


def json_option(command: Command) -> Command:
    """`--json`: machine-readable output on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def safe(value: object) -> str:
    """A text for a terminal: control, bidirectional and zero-width characters are shown as escapes."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", "" if value is None else str(value))


def print_json(document: object) -> None:
    """One JSON document on stdout; what acts on a terminal is escaped in it too."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(
        _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text) + "\n"
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> Table:
    """A table whose cells are safe texts."""
    drawn = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(Text(safe(column)), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(safe(cell)) for cell in row))
    return drawn


def complain(message: str, *, code: str = "", reasons: Sequence[str] = (), fix: str = "", receipt: str = "") -> None:
    """An error on stderr: what happened, why, what to do."""
    stderr.print(Text.assemble(("error ", "bold red"), (safe(code), "dim"), " " if code else "", safe(message)))
    for reason in reasons:
        stderr.print(Text(f"  · {safe(reason)}"))
    if fix:
        stderr.print(Text.assemble(("  → ", "bold green"), safe(fix)))
    if receipt:
        stderr.print(Text(f"  receipt {safe(receipt)}", style="dim"))


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into a message and an exit code."""
    try:
        yield
    except Refused as error:
        complain(error.detail, code=error.code, reasons=error.reasons, fix=error.fix, receipt=error.receipt)
        sys.exit(_EXIT_BY_STATUS.get(error.status, REFUSED))
    except Unreachable as error:
        complain(str(error), fix="is `gateway serve` running, and GATEWAY_URL right?")
        sys.exit(UNAVAILABLE)
    except Incomplete as error:
        complain(str(error), fix="ask again; `gateway audit search --receipt ID` tells an auditor why it ended")
        sys.exit(UNAVAILABLE)
    except GatewayError as error:
        complain(error.message, code=error.code, reasons=error.reasons, fix=error.fix, receipt=error.receipt)
        sys.exit(USAGE if isinstance(error, Invalid) else UNAVAILABLE if isinstance(error, Unavailable) else REFUSED)


def column_rows(explanation: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """Rows of an explanation: source column, level, mask, why."""
    return [
        (f"{c['dataset']}.{c['column']}", c["level"], _mask_text(c), f"grant {c['grant']}", c["rule"])
        for c in explanation["columns"]
    ]


def leak_rows(explanation: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """What each mask of an explanation still tells; columns that are shown as they are or in groups are not listed."""
    shown = [c for c in explanation["columns"] if c["use"] == "value" and c["mask"] != "keep"]
    told = {_mask_text({**c, "looked_for": ()}).partition(" in ")[0]: ", ".join(c["leaks"]) or "nothing" for c in shown}
    return sorted(told.items())


def scan_rows(explanation: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """What is read, and what the source does for it; row filters are named, never shown."""
    rows: list[tuple[object, ...]] = []
    for scan in explanation["plan"]["scans"]:
        named = scan["id"] + (f" ×{scan['mentions']}" if scan["mentions"] > 1 else "")
        gives = {"groups": "protected groups", "source_groups": "groups made by the source"}.get(
            scan["released"], "rows"
        )
        if scan["grouped_by"]:
            gives += f" by {', '.join(scan['grouped_by'])}"
        filters = [scan["prefilter"]] if scan["prefilter"] else []
        filters += ["the grant's row filter"] if scan["has_row_filter"] else []
        read = gives if scan["is_read"] else "nothing: LIMIT 0"
        rows.append((named, scan["dataset"], ", ".join(scan["columns"]), read, " and ".join(filters)))
    return rows


def limits_text(explanation: Mapping[str, Any]) -> str:
    """What the asker's own queries may cost."""
    held = explanation["limits"]
    return (
        f"your limits: {held['query_seconds']:g} s, {held['sandbox_memory_mb']:,} MB of memory, "
        f"{held['max_result_rows']:,} rows and {held['max_result_mb']:,} MB of an answer "
        f"({held['max_json_rows']:,} rows as JSON), {held['rows_per_day']:,} rows of a dataset in a day, "
        f"{held['concurrent_queries']:,} at once"
    )


def _mask_text(column: Mapping[str, Any]) -> str:
    if column["use"] != "value":
        return str(column["use"])
    parameters = ", ".join(
        f"{name}={f'{len(value)} values' if isinstance(value, dict) else value}"
        for name, value in column["parameters"].items()
    )
    domain = f" in {column['domain']}" if column["domain"] and column["mask"] != "keep" else ""
    known = f", knows {', '.join(column['looked_for'])}" if column.get("looked_for") else ""
    return f"{column['mask']}{f'({parameters})' if parameters else ''}{domain}{known}"
