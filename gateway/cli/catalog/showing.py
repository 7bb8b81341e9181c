"""What the catalog commands print: summaries on stderr, reports as Markdown on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from gateway.cli.output import safe, stderr, stdout
from gateway.governance.reports import DatasetUse, Unclassified
from gateway.terms.proposal_catalog import CatalogProposal, Drift


def summarize(proposal: CatalogProposal) -> None:
    """How much was found, and what a reviewer must look at."""
    columns = [column for table in proposal.tables for column in table.columns]
    new = [column for column in columns if column.listing == "new"]
    unlistable = sum(column.listing == "unlistable" for column in columns)
    parts = [
        f"{len(proposal.tables)} tables, {len(columns)} columns",
        f"{len(new)} proposed",
        f"{sum(column.needs_review for column in new)} to review",
        f"{len(columns) - len(new) - unlistable} listed already",
    ]
    parts += [f"{unlistable} that cannot be listed"] if unlistable else []
    parts += [f"{len(proposal.domains)} lines for domains.yaml"] if proposal.domains else []
    stderr.print(Text("; ".join(parts), style="dim"))
    _tell_failed(proposal)
    for drift in proposal.drift:
        if drift.kind == "classification":
            place = f"{drift.dataset}.{drift.column}"
            stderr.print(Text.assemble(("!!  ", "red"), f"{safe(place)}: {safe(drift.text)}"))


def _tell_failed(proposal: CatalogProposal) -> None:
    for table in proposal.tables:
        if not table.sampled_rows and table.note and proposal.is_sampled:
            stderr.print(Text.assemble(("!!  ", "yellow"), f"{safe('.'.join(table.table))}: {safe(table.note)}"))


def advise(written: Sequence[str]) -> None:
    """What comes next."""
    for path in written:
        stderr.print(Text(f"wrote {safe(path)}"))
    stderr.print(Text.assemble(("  → ", "bold green"), "look at each REVIEW, then: gateway policy lint"))


def show_drift(source: str, drifts: Sequence[Drift]) -> None:
    """One source's differences."""
    stdout.print(Text.assemble(("ok  ", "green") if not drifts else ("!!  ", "red"), safe(source)))
    for drift in drifts:
        place = f"{drift.dataset}.{drift.column}" if drift.column else drift.dataset
        proposed = f" → {drift.proposed}" if drift.proposed else ""
        stdout.print(Text(f"      · {drift.kind:14} {safe(place)}: {safe(drift.text)}{proposed}"))


def map_lines(uses: Sequence[DatasetUse]) -> Iterator[str]:
    """The data map as Markdown."""
    yield "# Personal data, and who reaches it"
    yield "By the activated policies. Columns that nobody classified are not in it; nobody reads them either."
    for use in uses:
        yield ""
        yield f"## {_cell(use.dataset)}"
        yield f"- source {_cell(use.source)}, table {_cell(use.table)}; owner: {_cell(use.owner) or 'none named'}"
        yield f"- persons: {_cell(use.subjects) or 'not declared'}"
        for category, columns in use.categories.items():
            yield f"- {category}: {', '.join(map(_cell, columns))}"
        if not use.reach:
            yield "- nobody has a grant"
            continue
        yield ""
        yield "| purpose | legal basis | kept for | grant | role | environment | level | rows | until |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for reach in use.reach:
            cells = (
                reach.purpose,
                reach.legal_basis,
                f"{reach.retention_days} days",
                reach.grant,
                reach.role,
                reach.environment,
                reach.level,
                "some" if reach.is_filtered else "all",
                f"{reach.expires:%Y-%m-%d}" if reach.expires else "",
            )
            yield f"| {' | '.join(map(_cell, cells))} |"


def board_lines(waiting: Sequence[Unclassified]) -> Iterator[str]:
    """The board as Markdown."""
    yield "# Columns that nobody classified"
    yield f"{len(waiting)} columns of the last scans stand in no catalog file, so nobody reads them."
    yield ""
    yield "| source | table | column | seems | confidence | scanned | note |"
    yield "|---|---|---|---|---|---|---|"
    for each in waiting:
        confidence = f"{each.confidence:.2f}" if each.seems else ""
        seems, scanned = each.seems or "not looked at", each.scanned[:10]
        cells = (each.source, each.table, each.column, seems, confidence, scanned, each.note)
        yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return safe(text).replace("|", "\\|").replace("`", "'")
