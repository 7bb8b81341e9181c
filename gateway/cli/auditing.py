"""`audit search` over HTTP, `audit verify` on the host's files."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress
from rich.text import Text

from gateway.cli.asking import client_of
from gateway.cli.host import Host
from gateway.cli.output import REFUSED, exit_codes, json_option, print_json, safe, stderr, stdout, table


@click.group()
def audit() -> None:
    """Search and verify the access log."""


@audit.command()
@click.option("--principal", help="Who asked.")
@click.option("--dataset", help="core.customers")
@click.option("--column", help="core.customers.income, or a column name together with --dataset.")
@click.option("--purpose", help="What for.")
@click.option("--grant", help="Under which grant.")
@click.option("--level", type=click.Choice(["aggregated", "pseudonymized", "full"]))
@click.option("--since", help="2026-11-01 or 2026-11-01T08:00:00Z, inclusive.")
@click.option("--until", help="Likewise, exclusive.")
@click.option("--result", type=click.Choice(["ok", "failed", "cut", "exhausted", "unknown", "denied"]))
@click.option("--kind", type=click.Choice(["access", "outcome", "denial", "event"]))
@click.option("--action", help="Of events: token-create, audit-search, …")
@click.option("--receipt", help="One request.")
@click.option("--after", type=int, help="Page on from this index.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
@click.pass_obj
def search(host: Host, /, *, as_json: bool, since: str | None, until: str | None, **filters: object) -> None:
    """Find who saw what, when, why, at which level and under which grant. The search is logged too.

    \b
    gateway audit search --column core.customers.income --since 2026-11-01 --until 2026-12-01
    gateway audit search --principal ana --result denied
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = client.audit_entries(since=_moment(since), until=_moment(until), **filters)
        if as_json:
            print_json(found)
            return
        columns = ("index", "time", "kind", "who", "purpose", "what", "result", "rows")
        stdout.print(table(columns, [_entry_row(entry) for entry in found]))
        stderr.print(Text(f"{len(found)} entries", style="dim"))


@audit.command()
@click.option("--key", "verifier_key", help="The log's public key (VKEY). Default: the home's copy.")
@click.option(
    "--kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A checkpoint that you kept: finds a log that was cut back since. May be given several times.",
)
@json_option
@click.pass_obj
def verify(host: Host, verifier_key: str | None, *, kept: tuple[Path, ...], as_json: bool) -> None:
    """Check every byte of the log against its tree and signatures. Needs no running gateway.

    \b
    gateway audit verify
    gateway audit verify --key "$(cat audit.vkey)" --kept checkpoint.txt      what you got from elsewhere
    gateway audit checkpoint > checkpoint.txt                                 to keep one, over HTTP
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        with Progress(console=stderr, transient=True) as bar:
            task = bar.add_task("verifying", total=None)
            verified = host.verify(
                host.settings(),
                verifier_key=verifier_key,
                kept=[path.read_text(encoding="utf-8") for path in kept],
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        if as_json:
            print_json({"ok": verified.ok, "entries": verified.size, "findings": list(verified.findings)})
        elif verified.ok:
            stdout.print(Text.assemble(("ok", "bold green"), f"  {verified.size} entries, every byte accounted for"))
        else:
            stdout.print(Text.assemble(("TAMPERED", "bold red"), f"  {len(verified.findings)} findings"))
            for finding in verified.findings:
                stdout.print(Text(f"  · {safe(finding)}"))
        if not verified.ok:
            sys.exit(REFUSED)


@audit.command()
@click.pass_obj
def checkpoint(host: Host) -> None:
    """Print the log's newest signed checkpoint. Keep it where the operator cannot change it.

    \b
    gateway audit checkpoint > audit-2026-11-23.checkpoint
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        sys.stdout.write(client.checkpoint())


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"not a date or time: {safe(text)}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).isoformat()


def _entry_row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    payload = entry["payload"] or {}
    actor = payload.get("actor") or {}
    case = payload.get("case") or (payload.get("detail") or {}).get("case")
    if entry["kind"] == "event":
        what = payload.get("action", "")
    else:
        what = ", ".join(
            f"{c['dataset']}.{c['column']} {c['level']}".rstrip() for c in payload.get("columns", ())
        ) or ", ".join(payload.get("datasets", ()))
    rows = (entry["outcome"] or {}).get("rows", "")
    return (
        entry["index"],
        str(entry["time"])[:19],
        entry["kind"],
        actor.get("principal", ""),
        payload.get("purpose", ""),
        f"{what}  case {case}" if case else what,
        entry["result"] or ("running" if entry["kind"] == "access" else ""),
        rows,
    )


COMMANDS = (audit,)
