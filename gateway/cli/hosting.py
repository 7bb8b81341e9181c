"""Commands of the gateway's host: `init`, `serve`, `demo`, `token`, `source`."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

import click
from rich.text import Text

from gateway.cli.host import Host
from gateway.cli.output import REFUSED, exit_codes, json_option, print_json, safe, stderr, stdout, table
from gateway.errors import Invalid

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@click.command()
@json_option
@click.pass_obj
def init(host: Host, *, as_json: bool) -> None:
    """Make home, keys and control database, and activate the policy folder.

    \b
    GATEWAY_HOME=/var/lib/gateway GATEWAY_POLICIES=./policies gateway init
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        made = host.initialize(host.settings())
        rows = (
            ("home", made.home),
            ("key-encryption key", made.kek_file),
            ("control database", made.database),
            ("policy", made.digest),
            ("audit key (public)", made.verifier_key),
        )
        if as_json:
            print_json({name: str(value) for name, value in rows})
            return
        stdout.print(table(("", ""), rows))
        stderr.print(
            Text("Keep the key-encryption key out of the home's backups; give auditors the public key.", style="dim")
        )


@click.command()
@click.option("--host", "address", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.pass_obj
def serve(host: Host, address: str, port: int) -> None:
    """Serve HTTP until interrupted.

    \b
    gateway serve --host 127.0.0.1 --port 8080
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        host.serve(host.settings(), host=address, port=port)


@click.command()
@click.pass_obj
def worker(host: Host) -> None:
    """Make extracts until interrupted; run as many as production bears, on any host of the control database.

    \b
    GATEWAY_HOME=/var/lib/gateway gateway worker
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        host.work(host.settings())


@click.command()
@click.option("--transactions", type=click.IntRange(1_000, 100_000_000), default=100_000, show_default=True)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep home and bank in this (new) folder."
)
@click.option(
    "--source",
    metavar="URL",
    help="Put the bank into this server's schema gateway_demo: postgresql://… or mysql://…; dropped at the end.",
)
@click.pass_obj
def demo(host: Host, transactions: int, keep: Path | None, source: str | None) -> None:
    """Show the whole journey on an embedded bank; leaves nothing running and, without --keep, nothing behind.

    \b
    gateway demo
    gateway demo --transactions 1000000 --keep ./bank
    gateway demo --source postgresql://demo@127.0.0.1:5432/test
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        sys.exit(host.demo(transactions=transactions, keep=keep, source=source))


@click.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="May be given several times.")
@click.option("--environment", required=True, help="The one environment that it is good for: dev, prod, …")
@click.option("--expires", default="30d", show_default=True, help="A number with d, h or m.")
@json_option
@click.pass_obj
def create(host: Host, name: str, *, roles: tuple[str, ...], environment: str, expires: str, as_json: bool) -> None:
    """Make a token for NAME and show it once.

    \b
    gateway token create ana --role credit-risk-scientist --environment dev --expires 90d
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), host.token_desk(host.settings()) as (desk, actor):
        stored, text = desk.create(
            actor, principal=name, roles=frozenset(roles), environment=environment, lifetime=_lifetime(expires)
        )
        if as_json:
            print_json({"token": text, "principal": stored.principal, "expires": stored.expires.isoformat()})
            return
        stdout.print(Text(text))
        stderr.print(Text(f"for {safe(name)} until {stored.expires:%Y-%m-%d %H:%M}Z; not shown again", style="dim"))


@token.command(name="list")
@json_option
@click.pass_obj
def list_(host: Host, *, as_json: bool) -> None:
    """List tokens without their secrets.

    \b
    gateway token list
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), host.token_desk(host.settings()) as (desk, _):
        columns = ("id", "principal", "roles", "environment", "expires", "revoked")
        rows = [
            (t.id, t.principal, " ".join(sorted(t.roles)), t.environment, t.expires.isoformat(), t.revoked or "")
            for t in desk.listed()
        ]
        if as_json:
            print_json([dict(zip(columns, map(str, row), strict=True)) for row in rows])
        else:
            stdout.print(table(columns, rows))


@token.command()
@click.argument("token_or_id")
@json_option
@click.pass_obj
def revoke(host: Host, token_or_id: str, *, as_json: bool) -> None:
    """Revoke a token by its id, at once and on every replica.

    \b
    gateway token revoke 3h8k2m9qza      the id stands in `gateway token list`
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), host.token_desk(host.settings()) as (desk, actor):
        revoked = desk.revoke(actor, token=token_or_id)
        if as_json:
            print_json({"revoked": revoked.id, "principal": revoked.principal})
        else:
            stderr.print(Text(f"revoked {revoked.id} of {safe(revoked.principal)}"))


@click.group()
def source() -> None:
    """Look at the production databases as the gateway sees them."""


@source.command()
@json_option
@click.pass_obj
def check(host: Host, *, as_json: bool) -> None:
    """Connect to each source, hold its tables against the catalog, and say what the kernel lacks for the sandbox.

    \b
    GATEWAY_SOURCES=./sources.yaml gateway source check
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        found = host.check_sources(host.settings())
        if as_json:
            print_json({name: list(findings) for name, findings in found.items()})
        for name, findings in () if as_json else found.items():
            stdout.print(Text.assemble(("ok  " if not findings else "!!  ", "green" if not findings else "red"), name))
            for finding in findings:
                stdout.print(Text(f"      · {safe(finding)}"))
        if any(found.values()):
            sys.exit(REFUSED)


def _lifetime(text: str) -> datetime.timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dhm])", text)
    if not found:
        raise Invalid("a lifetime is a number with d, h or m", code="lifetime", fix="--expires 30d")
    return datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})


COMMANDS = (init, serve, worker, demo, token, source)
