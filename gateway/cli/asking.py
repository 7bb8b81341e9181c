"""`query`, `explain`, `datasets`: HTTP clients of a running gateway."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

import click
from rich.text import Text

from gateway.cli.host import Host
from gateway.cli.output import (
    REFUSED,
    column_rows,
    exit_codes,
    json_option,
    leak_rows,
    limits_text,
    print_json,
    safe,
    scan_rows,
    stderr,
    stdout,
    table,
)
from gateway.client import Answer, Client, connect
from gateway.client.connection import Format
from gateway.errors import Invalid, Unauthenticated

_TABLE_ROWS = 200
_purpose = click.option("-p", "--purpose", required=True, help="Why: one of the policy's purposes.")
_grant = click.option("--grant", help="Use this grant. Default: the least revealing that covers the query.")
_dialect = click.option("--dialect", default="postgres", show_default=True, help="How the SQL is read.")
_parameters = click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of :NAME, or of $1, $2 …: JSON, and text where it is none. May be repeated.",
)


def client_of(host: Host) -> Client:
    """A client by GATEWAY_URL and GATEWAY_TOKEN."""
    settings = host.settings()
    if not settings.token:
        raise Unauthenticated("no token", fix="export GATEWAY_TOKEN=gw_…; on the host `gateway token create` makes one")
    return connect(settings.url, token=settings.token)


@click.command()
@click.argument("sql")
@_purpose
@_grant
@_dialect
@_parameters
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json", "parquet", "arrow"]),
    default="table",
    show_default=True,
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@click.pass_obj
def query(  # noqa: PLR0913, PLR0917 - click passes one argument per option
    host: Host,
    sql: str,
    purpose: str,
    grant: str | None,
    dialect: str,
    parameters: tuple[str, ...],
    format_: str,
    output: Path | None,
    limit: int | None,
) -> None:
    """Answer one SELECT at the level that policy gives you.

    \b
    gateway query "SELECT region, avg(income) FROM core.customers GROUP BY region" -p regulatory-reporting
    gateway query "SELECT * FROM core.loans" -p credit-default-model --format parquet -o loans.parquet
    gateway query "SELECT income FROM core.customers WHERE region = :r" -p credit-default-model --parameter r=DE
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    if output is not None and format_ == "table":
        raise click.UsageError("-o needs --format csv, json, parquet or arrow: a table is for the screen")
    options = {"grant": grant, "dialect": dialect, "parameters": _values(parameters), "limit": limit}
    with exit_codes(), client_of(host) as client:
        if format_ == "table":
            _print_table(client, sql, purpose=purpose, **options)
            return
        with client.stream(sql, purpose=purpose, format=cast("Format", format_), **options) as answer:
            if output is None:
                _copy(answer, sys.stdout.buffer)
                client.confirm(answer)
            else:
                _save(client, answer, output)
        _facts(answer)


@click.command()
@click.argument("sql")
@_purpose
@_grant
@_dialect
@_parameters
@json_option
@click.pass_obj
def explain(  # noqa: PLR0913 - click passes one argument per option
    host: Host,
    sql: str,
    purpose: str,
    grant: str | None,
    dialect: str,
    parameters: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Say what a query would get, column by column, and which rule says so. Reads no row.

    \b
    gateway explain "SELECT email, income FROM core.customers" -p credit-default-model
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        told = client.explain(sql, purpose=purpose, grant=grant, dialect=dialect, parameters=_values(parameters))
        if as_json:
            print_json(told)
        elif told["allowed"]:
            stdout.print(table(("column", "level", "mask", "by", "rule"), column_rows(told)))
            if leaks := leak_rows(told):
                stdout.print(table(("mask", "still tells"), leaks))
            if told["key_epoch"] is not None:
                stdout.print(Text(f"keys: epoch {told['key_epoch']}", style="dim"))
            stdout.print(table(("scan", "of", "reads", "gives", "source filters by"), scan_rows(told)))
            stdout.print(Text(f"snapshot: {safe(told['plan']['snapshot'])}", style="dim"))
            stdout.print(Text(safe(limits_text(told)), style="dim"))
        else:
            stdout.print(Text.assemble(("denied", "bold red"), f"  {safe((told['missing'] or {}).get('lacks'))}"))
            for reason in told["reasons"]:
                stdout.print(Text(f"  · {safe(reason)}"))
            if told["missing"]:
                stdout.print(Text.assemble(("  → ", "bold green"), safe(told["missing"]["request"])))
        if not told["allowed"]:
            sys.exit(REFUSED)


@click.command()
@click.argument("name", required=False)
@json_option
@click.pass_obj
def datasets(host: Host, name: str | None, *, as_json: bool) -> None:
    """List datasets and your level on each column.

    \b
    gateway datasets
    gateway datasets core.customers
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = [client.dataset(name)] if name else client.datasets()
        if as_json:
            print_json(found)
            return
        for dataset in found:
            rows = [
                (c["name"], c["type"], c["classification"], c["level"] or "—", c["domain"] or "")
                for c in dataset["columns"]
            ]
            title = f"{safe(dataset['name'])}  ({safe(dataset['owner'])})"
            stdout.print(table(("column", "type", "class", "your level", "domain"), rows, title=title))
            stdout.print()


def _values(parameters: Iterable[str]) -> dict[str, object] | None:
    """Name to value; None without any."""
    values: dict[str, object] = {}
    for parameter in parameters:
        name, separator, text = parameter.partition("=")
        if not name or not separator or name in values:
            raise click.UsageError("--parameter is NAME=VALUE, each name once")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values or None


def _print_table(client: Client, sql: str, *, purpose: str, **options: object) -> None:
    found, answer = client.table(sql, purpose=purpose, **options)
    shown = found.slice(0, _TABLE_ROWS)
    columns = [column.to_pylist() for column in shown.columns]
    rows = [tuple(column[number] for column in columns) for number in range(shown.num_rows)]
    stdout.print(table(found.column_names, rows))
    if found.num_rows > _TABLE_ROWS:
        stderr.print(Text(f"{_TABLE_ROWS} of {found.num_rows} rows shown; --format writes them all", style="dim"))
    _facts(answer, rows=found.num_rows)


def _facts(answer: Answer, *, rows: int | None = None) -> None:
    counted = "" if rows is None else f"{rows} rows · "
    stderr.print(Text(f"{counted}{safe(answer.decision)} · receipt {safe(answer.receipt)}", style="dim"))


def _copy(answer: Answer, out: BinaryIO) -> None:
    for chunk in answer.chunks():
        out.write(chunk)
    out.flush()


def _save(client: Client, answer: Answer, output: Path) -> None:
    """The file appears under its name only when it is whole."""
    partial = output.with_name(output.name + ".part")
    try:
        with partial.open("wb") as out:
            _copy(answer, out)
        client.confirm(answer)
        partial.replace(output)
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error.strerror}", code="output") from None
    finally:
        with contextlib.suppress(OSError):  # its folder may not exist
            partial.unlink(missing_ok=True)


COMMANDS = (query, explain, datasets)
