"""Puts proposed lines into files that people wrote: every line that stands there stays as it is, comments too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import yaml

from gateway.catalog.writing.written import (
    column_lines,
    comment_lines,
    dataset_lines,
    domain_lines,
    whole_file,
)
from gateway.errors import Invalid
from gateway.terms.document import PolicyFiles
from gateway.terms.proposal_catalog import CatalogProposal, DomainProposal, TableProposal

DOMAINS: Final = "domains.yaml"
_FOLDER: Final = "catalog"
_INDENT: Final = 2


@dataclasses.dataclass(frozen=True, slots=True)
class _Insertion:
    """Lines that come after a line of the file, 1-based."""

    after: int
    lines: tuple[str, ...]


def merged_files(proposal: CatalogProposal, files: PolicyFiles) -> Mapping[str, str]:
    """The files of a policy folder that the proposal changes or adds, whole, by path.

    New datasets go into the source's first file; new columns into the file of their dataset; nothing that stands
    there is changed. Without any news nothing is given back.

    Raises:
        Invalid: a file is no catalog file.
    """
    changed: dict[str, str] = {}
    own = [path for path in files.folder(_FOLDER) if _source_of(files, path) == proposal.source]
    news = [table for table in proposal.tables if table.listing == "new"]
    if not own:
        changed[_free_path(proposal.source, files)] = whole_file(proposal)
    for path in own:
        text = files.files[path]
        merged = merge_catalog(text, proposal.tables, file=path, with_new=path == own[0])
        if path == own[0] and news:
            merged += "\n".join(["", *comment_lines(dataclasses.replace(proposal, domains=()))]).rstrip() + "\n"
        if merged != text:
            changed[path] = merged
    if proposal.domains:
        changed[DOMAINS] = merge_domains(files.files.get(DOMAINS, ""), proposal)
    return changed


def one_file(proposal: CatalogProposal, files: PolicyFiles) -> str:
    """The source's catalog file as it would be, with the lines for domains.yaml in a comment.

    Raises:
        Invalid: several files name the source, or it is no catalog file.
    """
    own = [path for path in files.folder(_FOLDER) if _source_of(files, path) == proposal.source]
    if not own:
        return whole_file(proposal)
    if len(own) > 1:
        raise Invalid(
            f"source {proposal.source} has {len(own)} files: {', '.join(own)}",
            code="catalog",
            fix="write into a policy folder instead: --into FOLDER",
        )
    merged = merge_catalog(files.files[own[0]], proposal.tables, file=own[0], with_new=True)
    comments = list(comment_lines(proposal))
    return merged + ("\n" + "\n".join(comments) + "\n" if comments else "")


def merge_catalog(text: str, tables: Sequence[TableProposal], *, file: str, with_new: bool) -> str:
    """A catalog file with new columns after the last one of their dataset, and with `with_new` new datasets at its end.

    Raises:
        Invalid: not a catalog file.
    """
    datasets = _entries(_value(_root(text, file), "datasets"))
    insertions = []
    for table in tables:
        node = datasets.get(table.dataset)
        if table.listing == "listed" and node is not None and any(c.listing != "listed" for c in table.columns):
            insertions.append(_columns_of(table, node))
    if with_new:
        mapping = _value(_root(text, file), "datasets")
        lines = tuple(dataset_lines(tables, indent=_indent(mapping) or _INDENT))
        if lines:
            insertions.append(_Insertion(_last_line(mapping), ("", *lines[:-1])))
    return _inserted(text, [each for each in insertions if each.lines])


def merge_domains(text: str, proposal: CatalogProposal) -> str:
    """domains.yaml with the lines that are missing."""
    told = f"# Proposed by `gateway catalog scan {proposal.source}`."
    known = _entries(_root(text, DOMAINS)) if text.strip() else {}
    missing: list[DomainProposal] = [domain for domain in proposal.domains if domain.name not in known]
    if not missing:
        return text
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    return whole + "\n".join([told, *domain_lines(missing)]) + "\n"


def _columns_of(table: TableProposal, dataset: yaml.Node) -> _Insertion:
    columns = _value(dataset, "columns")
    if columns.flow_style or not _entries(columns):
        pad = " " * (_indent(dataset) or _INDENT)
        told = (f"{pad}# write into columns: {line.strip()}" for line in column_lines(table, indent=0))
        return _Insertion(_last_line(dataset), tuple(told))
    return _Insertion(_last_line(columns), tuple(column_lines(table, indent=_indent(columns))))


def _inserted(text: str, insertions: Sequence[_Insertion]) -> str:
    lines = text.splitlines()
    # From the last line up; of two after one line the later is put in first, so that the earlier stands above it.
    last_first = insertions[::-1]
    for insertion in sorted(last_first, key=lambda each: each.after, reverse=True):
        lines[insertion.after : insertion.after] = insertion.lines
    return "\n".join(lines) + "\n"


def _root(text: str, file: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        root = None
    if not isinstance(root, yaml.MappingNode):
        raise Invalid(f"{file}: not a catalog file", code="policy", fix="gateway policy lint")
    return root


def _entries(node: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _value(node: yaml.Node, name: str) -> yaml.CollectionNode:
    value = _entries(node).get(name)
    if not isinstance(value, yaml.CollectionNode):
        raise Invalid(f"a catalog file lacks {name}", code="policy", fix="gateway policy lint")
    return value


def _indent(node: yaml.Node) -> int:
    """Of the mapping's keys."""
    keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) and not node.flow_style else []
    return int(keys[0].start_mark.column) if keys else 0


def _last_line(node: yaml.Node) -> int:
    """The line, 1-based, on which the last thing below a node ends; a block's own end is behind its comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    mark = node.end_mark
    return int(mark.line) if mark.column == 0 and mark.line > node.start_mark.line else int(mark.line) + 1


def _source_of(files: PolicyFiles, path: str) -> str:
    named = files.document(path).mapping().get("source")
    return named.text() if named is not None else ""


def _free_path(source: str, files: PolicyFiles) -> str:
    names = (f"{_FOLDER}/{source}.yaml", f"{_FOLDER}/{source}-scan.yaml", f"{_FOLDER}/{source}-catalog-scan.yaml")
    return next(name for name in names if name not in files.files)
