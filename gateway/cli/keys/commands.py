"""`key public`, `list`, `rotate`, `settle` on the host; `key destroy` as an HTTP client: it needs a second person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.text import Text

from gateway.cli.asking import client_of
from gateway.cli.host import Host
from gateway.cli.output import REFUSED, exit_codes, json_option, print_json, safe, stderr, stdout, table
from gateway.errors import Invalid
from gateway.terms.key import EpochState

_SHOWN = 20
"""Versions that are named on a screen; --json names all."""


@click.group()
def key() -> None:
    """Show the gateway's public key; list, rotate and destroy the projects' keys."""


@key.command()
@click.pass_obj
def public(host: Host) -> None:
    """Print the key that verifies the log (VKEY).

    \b
    gateway key public > audit.vkey
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        sys.stdout.write(host.verifier_key(host.settings()) + "\n")


@key.command(name="list")
@json_option
@click.pass_obj
def list_(host: Host, *, as_json: bool) -> None:
    """List the projects' epochs: made when, destroyed when. Never a byte of a key.

    \b
    gateway key list
    gateway key list --json
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), host.key_operator(host.settings()) as (operator, _):
        states = operator.listed()
        if as_json:
            print_json([_fields(state) for state in states])
            return
        rows = [tuple("" if value is None else value for value in _fields(state).values()) for state in states]
        stdout.print(table(("project", "epoch", "created", "destroyed", "log entry"), rows))


@key.command()
@click.argument("project")
@json_option
@click.pass_obj
def rotate(host: Host, project: str, *, as_json: bool) -> None:
    """Begin PROJECT's next epoch: from now on equal values get other pseudonyms than before.

    What runs goes on under the epoch that it began with. Old epochs stay until they are destroyed. A project whose key
    was destroyed starts again with this, under a new epoch.

    \b
    gateway key rotate credit-risk
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), host.key_operator(host.settings()) as (operator, actor):
        begun = operator.rotate(actor, project=project)
        if as_json:
            print_json({"project": begun.project, "epoch": begun.number})
            return
        stdout.print(Text(f"{safe(begun.project)} is at epoch {begun.number}"))
        stderr.print(
            Text("pseudonyms of different epochs do not join; versions name theirs in key_epochs", style="dim")
        )


@key.command()
@click.argument("project")
@click.option("--epoch", type=click.IntRange(1), help="This one only. Default: all, the whole project.")
@click.option("--reason", default="", help="For the second person: why.")
@click.option("--unattributable", is_flag=True, help="Declare the dataset versions under it so, without being asked.")
@json_option
@click.pass_obj
def destroy(host: Host, *, project: str, epoch: int | None, reason: str, unattributable: bool, as_json: bool) -> None:
    """Propose to destroy PROJECT's key for good. It is gone once a second person has approved it.

    Dataset versions that were made under it are listed first. Nobody can attribute their rows to a person afterwards:
    erase what must be erased before; the others are declared unattributable in the log.

    \b
    gateway key destroy credit-risk --reason "the project has ended"
    gateway key destroy credit-risk --epoch 1
    gateway approve p-3f0c9a1b2c3d4e5f             the second person
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        made = _versions(client.keys(), project, epoch)
        if made and not unattributable:
            _ask(made, project, as_json=as_json)
        proposal = client.propose_key_destruction(project, epoch=epoch, unattributable=made, reason=reason)
        if as_json:
            print_json(proposal)
            return
        stdout.print(Text(safe(proposal["id"])))
        stderr.print(Text(f"{safe(proposal['summary'])}; waits for another person:", style="dim"))
        stderr.print(Text.assemble(("  → ", "bold green"), f"gateway approve {safe(proposal['id'])}"))


@key.command()
@json_option
@click.pass_obj
def settle(host: Host, *, as_json: bool) -> None:
    """Destroy again what a backup that was put back brought back; `serve` asks for it.

    \b
    gateway key settle
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), host.key_operator(host.settings()) as (operator, actor):
        done = operator.settle(actor)
        if as_json:
            print_json([{"project": epoch.project, "epoch": epoch.number} for epoch in done])
            return
        for epoch in done:
            stdout.print(Text(f"destroyed again: {safe(epoch)}"))
        stderr.print(Text(f"{len(done)} keys were back", style="dim"))


def _versions(known: Sequence[Mapping[str, Any]], project: str, epoch: int | None) -> list[str]:
    """What would become unattributable."""
    wanted = [each for each in known if each["project"] == project and each["destroyed"] is None]
    return sorted({name for each in wanted if epoch in {None, each["epoch"]} for name in each["versions"]})


def _ask(made: Sequence[str], project: str, *, as_json: bool) -> None:
    if as_json:
        raise Invalid(
            f"{len(made)} dataset versions were made under this key",
            code="keys.versions",
            reasons=tuple(made),
            fix="erase what must be erased first; then --unattributable declares the rest",
        )
    stderr.print(Text(f"{len(made)} dataset versions were made under the key of {safe(project)}:"))
    for name in made[:_SHOWN]:
        stderr.print(Text(f"  {safe(name)}"))
    if len(made) > _SHOWN:
        stderr.print(Text(f"  … and {len(made) - _SHOWN} more", style="dim"))
    if not click.confirm("Nobody can attribute their rows to a person afterwards. Declare them so?", err=True):
        stderr.print(Text("nothing was proposed: erase what must be erased first", style="dim"))
        sys.exit(REFUSED)


def _fields(state: EpochState) -> dict[str, str | int | None]:
    return {
        "project": state.epoch.project,
        "epoch": state.epoch.number,
        "created": state.created.isoformat() if state.created else None,
        "destroyed": state.destroyed.at.isoformat() if state.destroyed else None,
        "entry": state.destroyed.entry if state.destroyed else None,
    }


COMMANDS = (key,)
