"""A proposal as lines of catalog/*.yaml and domains.yaml. Beside each new column stands why; nowhere a value.

Names that come from the source stand in a comment only where they are plain: a comment is no place for another's text.
"""

from __future__ import annotations

import datetime
import decimal
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import yaml

from gateway.terms.dataset import Subject, Watermark
from gateway.terms.mask_spec import MaskUse
from gateway.terms.proposal_catalog import (
    CatalogProposal,
    ColumnProposal,
    DomainProposal,
    TableProposal,
    ViewProposal,
)
from gateway.terms.recognition import Evidence

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:,*()\[\] =/+-]{1,200}")
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def whole_file(proposal: CatalogProposal) -> str:
    """A catalog file with all new datasets; the source's tables that cannot be listed stand in comments."""
    lines = [
        f"# Proposed by `gateway catalog scan {proposal.source}` on {proposal.at:%Y-%m-%d}: review it.",
        "# A column under REVIEW is masked as a direct identifier until somebody says what it is.",
        f"source: {proposal.source}",
        "datasets:",
    ]
    body = list(dataset_lines(proposal.tables, indent=2))
    return "\n".join([*lines, *(body or ["  {}"]), *comment_lines(proposal)]) + "\n"


def dataset_lines(tables: Iterable[TableProposal], *, indent: int) -> Iterator[str]:
    """Entries of `datasets:` for the new tables."""
    pad = " " * indent
    for table in tables:
        columns = list(column_lines(table, indent=indent + 4))
        if table.listing != "new" or _is_bare(table):
            continue
        yield f"{pad}{table.dataset}:{_comment(_of_table(table))}"
        yield f"{pad}  table: {_scalar('.'.join(table.table))}"
        if table.subject is not None:
            yield f"{pad}  subject: {_subject(table.subject)}"
        elif table.path:
            yield f"{pad}  # no subject: no column says whom a row is about; over {table.path} another table does"
        if table.watermark is not None:
            yield f"{pad}  watermark: {_watermark(table.watermark)}"
        yield f"{pad}  columns:"
        yield from columns
        yield ""


def column_lines(table: TableProposal, *, indent: int) -> Iterator[str]:
    """Entries of `columns:` for the new columns; the others that are not listed as comments."""
    pad = " " * indent
    for column in table.columns:
        if column.listing == "new":
            yield f"{pad}{column.name}: {_column(column)}{_comment(why(column))}"
        elif column.listing == "unlistable":
            yield f"{pad}# not listed: {_quoted(column.name)}: {column.note}"


def comment_lines(proposal: CatalogProposal) -> Iterator[str]:
    """What no entry can say: tables without one, views, lines for domains.yaml."""
    for table in proposal.tables:
        if table.listing == "unlistable" or (table.listing == "new" and _is_bare(table)):
            yield f"# not listed: {_quoted('.'.join(table.table))}: {table.note or _why_bare(table)}"
    for view in proposal.views:
        yield from view_lines(view)
    if proposal.domains:
        yield "# Lines that domains.yaml needs for this file:"
        yield from (f"#   {line}" for line in domain_lines(proposal.domains))


def _is_bare(table: TableProposal) -> bool:
    """Whether no column of a new table can be listed, so that there is no dataset to write."""
    return not any(column.listing == "new" for column in table.columns)


def _why_bare(table: TableProposal) -> str:
    return f"none of its columns can be: {table.columns[0].note}" if table.columns else "it has no column"


def view_lines(view: ViewProposal) -> Iterator[str]:
    """A view and what it shows."""
    yield f"# view, not read: {_quoted(view.view)}{': ' + view.note if view.note else ''}"
    for column, bases in view.columns:
        shown = ", ".join(_quoted(base) for base in bases) or "no column of a table"
        yield f"#   {_quoted(column)} ← {shown}"


def domain_lines(domains: Sequence[DomainProposal]) -> Iterator[str]:
    """Lines of domains.yaml."""
    for domain in domains:
        yield f"{domain.name}: {{canon: {domain.canon}, mask: {{name: pseudonym}}}}"


def why(column: ColumnProposal) -> str:
    """What speaks for a column's class, for a reviewer."""
    told = ", ".join(_evidence(evidence) for evidence in column.evidence)
    if column.found is None:
        mark = "REVIEW: " if column.needs_review else ""
        return f"{mark}{column.note or 'nothing was sampled'}{f'; {told}' if told else ''}"
    said = f"confidence {column.confidence:.2f}"
    if column.kind == "empty":
        return f"REVIEW: no value was seen{f'; {column.note}' if column.note else ''}"
    if column.needs_review:
        said = f"REVIEW: perhaps {column.found} ({column.kind}), {said}"
    elif column.found != column.classification:
        said = f"{said}, found as {column.found} ({column.kind})"
    elif column.kind:
        said = f"{said}, {column.kind}"
    return "; ".join(part for part in (f"{said}: {told}" if told else said, column.note) if part)


def _of_table(table: TableProposal) -> str:
    rows = f"about {table.row_estimate:,} rows" if table.row_estimate is not None else ""
    unseen = "" if table.note else "no row was seen"
    sampled = f"{table.sampled_rows:,} sampled" if table.sampled_rows else unseen
    return ", ".join(part for part in (rows, sampled, table.note) if part)


def _column(column: ColumnProposal) -> str:
    parts = [f"type: {_scalar(column.type)}", f"class: {column.classification}"]
    if column.domain is not None:
        parts.append(f"domain: {column.domain}")
    if column.dimension:
        parts.append("dimension: true")
    if column.mask is not None:
        parts.append(f"mask: {_mask(column.mask)}")
    if column.clip is not None:
        parts.append(f"clip: [{_number(column.clip[0])}, {_number(column.clip[1])}]")
    if column.is_outsiders:
        parts.append("written_by: outsider")
    if (about := column.about) is not None:
        joined = ", ".join(f"{_scalar(here)}: {_scalar(there)}" for here, there in about.on)
        roles = ", ".join(f"{role}: {_scalar(name)}" for role, name in about.roles)
        parts.append(f"about: {{dataset: {about.dataset}, on: {{{joined}}}, {roles}}}")
    return f"{{{', '.join(parts)}}}"


def _mask(mask: MaskUse) -> str:
    stated = (f", {name}: {_parameter(value)}" for name, value in mask.shown().items())
    return f"{{name: {mask.name}{''.join(stated)}}}"


def _parameter(value: object) -> str:
    return (
        _number(value)
        if isinstance(value, decimal.Decimal)
        else json.dumps(value)
        if not isinstance(value, str)
        else _scalar(value)
    )


def _number(value: decimal.Decimal) -> str:
    return f"{value:f}"


def _subject(subject: Subject) -> str:
    return f"{{column: {_scalar(subject.column)}, domain: {subject.domain}}}"


def _watermark(watermark: Watermark) -> str:
    return f"{{column: {_scalar(watermark.column)}, lateness: {_span(watermark.lateness)}}}"


def _span(lateness: datetime.timedelta) -> str:
    seconds = int(lateness.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _evidence(evidence: Evidence) -> str:
    rule = evidence.rule if _PLAIN.fullmatch(evidence.rule) else "another rule"
    return f"{rule} {evidence.matched}/{evidence.tried}" if evidence.tried else rule


def _comment(text: str) -> str:
    return f"   # {text}" if text else ""


def _scalar(text: str) -> str:
    """A text that YAML reads as that text, within braces too."""
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", text) is not None and yaml.safe_load(text) == text
    return text if is_plain else json.dumps(text)


def _quoted(name: str) -> str:
    """A name from the source in a comment: escaped and short."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name[:63])
