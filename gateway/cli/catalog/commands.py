"""`catalog scan`, `catalog diff`, `catalog report`: the operator's, on the gateway's host."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import click

from gateway.catalog.writing import as_json as _as_json
from gateway.cli.catalog.host import CatalogHost
from gateway.cli.catalog.scanning import watched
from gateway.cli.catalog.showing import advise, board_lines, map_lines, show_drift, summarize
from gateway.cli.output import REFUSED, UNAVAILABLE, complain, exit_codes, json_option, print_json
from gateway.errors import Invalid, Unavailable
from gateway.profiling import CANCELLED, Watch
from gateway.terms.proposal_catalog import CatalogProposal

_STDOUT = "-"
Command = Callable[..., None]


class _Selection(TypedDict):
    """Which tables, and how much of each."""

    tables: tuple[str, ...]
    rows: int | None


@click.group()
def catalog() -> None:
    """Find personal data in the sources, and keep the catalog files up with them."""


def _scan_options(command: Command) -> Command:
    table = click.option(
        "--table",
        "tables",
        multiple=True,
        metavar="PATTERN",
        help="Only tables of this name; with * and ?.",
    )
    rows = click.option(
        "--rows", type=click.IntRange(min=0), help="At most so many of each table; 0: the schema alone."
    )
    return table(rows(command))


@catalog.command()
@click.argument("source")
@click.option("--output", default=_STDOUT, metavar="FILE", help="The source's catalog file. Default: stdout.")
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files that change into this policy folder: catalog/*.yaml and domains.yaml.",
)
@_scan_options
@json_option
@click.pass_obj
def scan(
    host: CatalogHost,
    source: str,
    *,
    output: str,
    folder: Path | None,
    as_json: bool,
    **selection: Unpack[_Selection],
) -> None:
    """Look at SOURCE's tables and propose a catalog: class, domain, subject and mask of each column, and why.

    What the policy folder lists stays as it is. A column about which too little is known is proposed as a direct
    identifier, under REVIEW. Reads a sample of each table, read-only; the log says so before. No value is shown.

    \b
    gateway catalog scan core
    gateway catalog scan core --into ./policies
    gateway catalog scan core --table 'public.*' --rows 500 --output core.yaml
    gateway catalog scan core --json > core.json
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        _check_outputs(output=output, folder=folder, as_json=as_json)
        settings = host.settings()
        proposal = watched(functools.partial(_run, host, source=source, **selection))
        _check_found([proposal], selection["tables"])
        summarize(proposal)
        if as_json:
            print_json(_as_json(proposal))
        elif folder is not None:
            advise([str(path) for path in host.write_catalog(settings, proposal, folder=folder)])
        else:
            _write(host.catalog_file(settings, proposal), output)


@catalog.command()
@click.argument("source", required=False)
@_scan_options
@json_option
@click.pass_obj
def diff(host: CatalogHost, source: str | None, *, tables: tuple[str, ...], rows: int | None, as_json: bool) -> None:
    """Say where SOURCE, or every source, differs from the catalog files. Exit code 1 if one does, 3 if one is down.

    New tables and columns (nobody reads them until they are classified), those that are gone, changed types, and
    classes that show more than the evidence allows: a stricter one is proposed, never a laxer one.

    \b
    gateway catalog diff
    gateway catalog diff core --rows 0             the schema alone, no row is read
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        names = (source,) if source is not None else host.scannable(host.settings())
        proposals, lost = _each(host, names, tables=tables, rows=rows)
        if not lost:
            _check_found(proposals, tables)
        if as_json:
            print_json({each.source: [dataclasses.asdict(drift) for drift in each.drift] for each in proposals})
        for each in () if as_json else proposals:
            show_drift(each.source, each.drift)
        if lost or any(each.drift for each in proposals):
            sys.exit(UNAVAILABLE if lost else REFUSED)


@catalog.command()
@click.option("--personal-data", "wants_map", is_flag=True, help="Which personal data lies where, who reaches it why.")
@click.option("--unclassified", "wants_board", is_flag=True, help="Columns that no catalog file lists.")
@click.option(
    "--scan",
    "scans",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --unclassified: a scan's JSON. Default: the last scan of each source.",
)
@json_option
@click.pass_obj
def report(host: CatalogHost, *, wants_map: bool, wants_board: bool, scans: tuple[Path, ...], as_json: bool) -> None:
    """Print the data map (input for records of processing, GDPR Art. 30), or the board of unclassified columns.

    \b
    gateway catalog report --personal-data > data-map.md
    gateway catalog report --unclassified
    gateway catalog report --unclassified --scan core.json --json
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        if wants_map == wants_board:
            raise Invalid("say which one: --personal-data or --unclassified", code="usage")
        settings = host.settings()
        if wants_map:
            uses = host.data_map(settings)
            _print([dataclasses.asdict(use) for use in uses], map_lines(uses), as_json=as_json)
        else:
            waiting = host.unclassified(settings, scans=scans)
            _print([dataclasses.asdict(each) for each in waiting], board_lines(waiting), as_json=as_json)


def _run(host: CatalogHost, watch: Watch, *, source: str, tables: tuple[str, ...], rows: int | None) -> CatalogProposal:
    return host.scan_catalog(host.settings(), source=source, tables=tables, rows=rows, watch=watch)


def _each(
    host: CatalogHost, names: Sequence[str], *, tables: tuple[str, ...], rows: int | None
) -> tuple[list[CatalogProposal], bool]:
    """Scan one source after the other, and say whether one could not be reached; Ctrl-C ends them all."""
    proposals, is_lost = list[CatalogProposal](), False
    for name in names:
        try:
            proposals.append(watched(functools.partial(_run, host, source=name, tables=tables, rows=rows)))
        except Unavailable as error:
            if len(names) == 1 or error.code == CANCELLED:
                raise
            complain(error.message, code=error.code, fix=error.fix, receipt=error.receipt)
            is_lost = True
    return proposals, is_lost


def _check_outputs(*, output: str, folder: Path | None, as_json: bool) -> None:
    """Before anything is read: what is asked for must be possible."""
    if folder is not None and (output != _STDOUT or as_json):
        raise Invalid("--into goes without --output and --json", code="usage")
    if folder is not None and not folder.is_dir():
        raise Invalid("--into names no folder", code="usage", fix="--into ./policies")
    if as_json and output != _STDOUT:
        raise Invalid("--json goes to stdout", code="usage", fix="gateway catalog scan SOURCE --json > FILE")


def _check_found(proposals: Sequence[CatalogProposal], patterns: tuple[str, ...]) -> None:
    if patterns and not any(each.tables or each.drift for each in proposals):
        fix = "a pattern is of `table` or `schema.table`, with * and ?: --table 'crm.*'"
        raise Invalid("--table fits no table", code="table", fix=fix)


def _print(document: object, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        sys.stdout.write("\n".join(lines) + "\n")


def _write(text: str, output: str) -> None:
    if output == _STDOUT:
        sys.stdout.write(text)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError:
        raise Unavailable("the output file cannot be written", code="disk") from None
    advise([output])


COMMANDS = (catalog,)
