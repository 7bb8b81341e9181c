"""`reidentify propose` and `reidentify fetch`: HTTP clients of a running gateway."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import click
from rich.text import Text

from gateway.cli.asking import client_of
from gateway.cli.host import Host
from gateway.cli.output import exit_codes, json_option, print_json, safe, stderr, stdout
from gateway.client.connection import Format
from gateway.errors import Invalid

_file = click.argument("file", type=click.File("r", encoding="utf-8"))
_OWNERS_ONLY = 0o600


@click.group()
def reidentify() -> None:
    """Find out whose pseudonyms these are: a case, approved by a second person, answered once."""


@reidentify.command()
@_file
@click.option("--dataset", required=True, help="Where the identifiers stand: core.customers")
@click.option("--column", help="Which one. Default: the dataset's data subject.")
@click.option("-p", "--purpose", required=True, help="For which you see that column in full.")
@click.option("--project", required=True, help="Whose pseudonyms these are: a purpose's project.")
@click.option(
    "--epoch",
    type=click.IntRange(1),
    help="Of the project's keys; a version's manifest names it in key_epochs. Default: the current one.",
)
@click.option("--case", required=True, help="Your case's name; stands in the log.")
@click.option("--reason", default="", help="For the second person: why.")
@json_option
@click.pass_obj
def propose(
    host: Host,
    /,
    *,
    file: io.TextIOBase,
    as_json: bool,
    **wanted: Any,  # noqa: ANN401 - the case's own fields
) -> None:
    """Propose to re-identify the pseudonyms in FILE, one a line. The gateway keeps their number and digest only.

    \b
    gateway reidentify propose found.txt --dataset core.customers -p fraud-detection \\
        --project credit-risk --case CASE-2026-17 --reason "the model's alerts of 12 November"
    gateway reidentify propose found.txt --dataset core.customers --column email -p fraud-detection \\
        --project credit-risk --epoch 1 --case CASE-2026-18
    gateway approve p-3f0c9a1b2c3d4e5f                              the second person
    gateway reidentify fetch p-3f0c9a1b2c3d4e5f found.txt -o who.csv
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    pseudonyms = _read(file)
    with exit_codes(), client_of(host) as client:
        made = client.propose_reidentification(pseudonyms, **wanted)
        if as_json:
            print_json(made)
            return
        stdout.print(Text(safe(made["id"])))
        stderr.print(Text(f"{safe(made['summary'])}; waits for another person:", style="dim"))
        stderr.print(Text.assemble(("  → ", "bold green"), f"gateway approve {safe(made['id'])}"))


@reidentify.command()
@click.argument("proposal")
@_file
@click.option("--format", "format_", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this new file, yours only."
)
@click.pass_obj
def fetch(host: Host, proposal: str, file: io.TextIOBase, format_: str, output: Path | None) -> None:
    """Take the result of the approved case PROPOSAL, once; FILE is the list that was proposed.

    Pseudonyms that stand for nobody, or for somebody in rows that you do not see, are counted and not told apart.

    \b
    gateway reidentify fetch p-3f0c9a1b2c3d4e5f found.txt -o who.csv
    gateway reidentify fetch p-3f0c9a1b2c3d4e5f found.txt --format json
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    pseudonyms = _read(file)
    with exit_codes(), client_of(host) as client:
        if output is not None and (output.exists() or not output.parent.is_dir()):  # before the case is spent
            raise Invalid(f"{output} is there already, or its folder is not", code="output")
        with client.reidentified(proposal, pseudonyms, format=cast("Format", format_)) as answer:
            body = b"".join(answer.chunks())
        client.confirm(answer)
        if output is None:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
        else:
            _save(body, output)
        found = _resolved(body, format_)
        stderr.print(
            Text(f"{found} found · {len(pseudonyms) - found} not · receipt {safe(answer.receipt)}", style="dim")
        )


def _read(file: io.TextIOBase) -> list[str]:
    """Each once, in the file's order."""
    pseudonyms = list(dict.fromkeys(line.strip() for line in file if line.strip()))
    if not pseudonyms:
        raise click.UsageError("the file has no pseudonyms: write one a line")
    return pseudonyms


def _save(body: bytes, output: Path) -> None:
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNERS_ONLY), "wb") as out:
            out.write(body)
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error.strerror}", code="output") from None


def _resolved(body: bytes, format_: str) -> int:
    """Distinct pseudonyms with an identifier."""
    text = body.decode()
    rows = json.loads(text)["rows"] if format_ == "json" else list(csv.reader(io.StringIO(text)))[1:]
    return len({str(row[0]) for row in rows})


COMMANDS = (reidentify,)
