"""`request`, `approve`, `grants`, `policy diff`, `policy activate`: HTTP clients of a running gateway."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from gateway.cli.asking import client_of
from gateway.cli.host import Host
from gateway.cli.output import REFUSED, exit_codes, json_option, print_json, safe, stderr, stdout, table
from gateway.client import Client
from gateway.governance import read_policies

_DIGEST_SHOWN = 12
_MARKS = {"added": ("+ ", "green"), "removed": ("- ", "red"), "changed": ("~ ", "yellow")}
_LINE_STYLES = {"+": "green", "-": "red", "@": "dim"}


@click.command()
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET…")
@click.option("-p", "--purpose", "purposes", multiple=True, required=True, help="What for. May be given several times.")
@click.option("-l", "--level", type=click.Choice(["aggregated", "pseudonymized", "full"]), required=True)
@click.option("--column", "columns", multiple=True, metavar="NAME=LEVEL", help="One column at another level.")
@click.option("--where", help="Only rows of the first DATASET that satisfy this; the others follow their subjects.")
@click.option("--role", help="For which of your roles. Default: the only one.")
@click.option("--days", type=click.IntRange(1, 90), default=30, show_default=True, help="From the approval on.")
@click.option("--reason", default="", help="For the approver: what needs it.")
@json_option
@click.pass_obj
def request(
    host: Host,
    /,
    *,
    datasets: tuple[str, ...],
    purposes: tuple[str, ...],
    columns: tuple[str, ...],
    where: str | None,
    as_json: bool,
    **wanted: object,
) -> None:
    """Ask for access; somebody else approves or denies it. A denial's last line is this command, ready to paste.

    \b
    gateway request core.loans --purpose churn-model --level pseudonymized --reason "default rates per segment"
    gateway request core.customers core.loans -p churn-model -l pseudonymized --column income=full
    gateway request core.customers core.loans -p churn-model -l full --where "region = 'DE'" --days 7
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        made = client.request_access(
            datasets=list(datasets),
            purposes=list(purposes),
            columns=dict(_column(text) for text in columns),
            rows={"dataset": datasets[0], "where": where} if where else None,
            rows_follow=list(datasets[1:]) if where else None,
            **wanted,
        )
        _tell_proposed(made, as_json=as_json)


@click.command()
@click.argument("proposal", required=False, metavar="[ID]")
@click.option("--deny", is_flag=True, help="Say no.")
@click.option("--note", default="", help="Why; the proposer reads it.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@click.option("--all", "everything", is_flag=True, help="List decided and expired ones too.")
@json_option
@click.pass_obj
def approve(host: Host, /, proposal: str | None, *, everything: bool, as_json: bool, **verdict: Any) -> None:  # noqa: ANN401 - deny, note, yes
    """List what waits for a second person, or decide one of them. Nobody decides what he proposed himself.

    \b
    gateway approve                                       what waits
    gateway approve p-3f0c9a1b2c3d4e5f                    shows it, and asks
    gateway approve p-3f0c9a1b2c3d4e5f --deny --note "groups are enough for this"
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        if proposal is None:
            _list(client, everything=everything, as_json=as_json)
            return
        shown = client.proposal(proposal)
        if not as_json:
            _show(shown)
        if not _is_sure(shown, as_json=as_json, **verdict):
            return
        # The digest of what was shown: if it changed since, the gateway refuses.
        decide = client.deny if verdict["deny"] else client.approve
        decided = decide(proposal, digest=shown["digest"], note=verdict["note"])
        if as_json:
            print_json(decided)
        else:
            stdout.print(Text(f"{safe(decided['state'])} {safe(decided['id'])}"))


@click.command()
@click.option("--all", "everything", is_flag=True, help="Of all roles, for those who may approve.")
@click.option("--revoke", metavar="ID", help="Take this approved grant back, at once and everywhere.")
@json_option
@click.pass_obj
def grants(host: Host, *, everything: bool, revoke: str | None, as_json: bool) -> None:
    """List the grants of your roles: reviewed ones, and approved ones with their end.

    \b
    gateway grants
    gateway grants --revoke g-3f0c9a1b2c3d4e5f
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        if revoke:
            client.revoke_grant(revoke)
            stderr.print(Text(f"revoked {safe(revoke)}"))
            return
        found = client.grants(everything=everything)
        if as_json:
            print_json(found)
            return
        columns = ("id", "role", "environment", "datasets", "purposes", "level", "until")
        stdout.print(table(columns, [_grant_row(grant) for grant in found]))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@json_option
@click.pass_obj
def diff(host: Host, folder: Path | None, *, as_json: bool) -> None:
    """Compare a policy folder with the active bundle: lines, and which role sees more or less.

    \b
    gateway policy diff ./policies
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = client.policy_diff(read_policies(folder or host.settings().policies).files)
        if as_json:
            print_json(found)
        else:
            _show_diff(found)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--reason", default="", help="For the second person: why.")
@json_option
@click.pass_obj
def activate(host: Host, folder: Path | None, *, reason: str, as_json: bool) -> None:
    """Propose a policy folder. It is active once a second person has approved it.

    \b
    gateway policy activate ./policies --reason "loans for the churn model"
    gateway approve p-3f0c9a1b2c3d4e5f             the second person
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        made = client.propose_policy(read_policies(folder or host.settings().policies).files, reason=reason)
        _tell_proposed(made, as_json=as_json)


def _column(text: str) -> tuple[str, str]:
    name, mark, level = text.partition("=")
    if not (name and mark and level):
        raise click.BadParameter("write --column NAME=LEVEL")
    return name, level


def _tell_proposed(made: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    stdout.print(Text(str(made["id"])))
    for warning in _warnings(made):
        stderr.print(Text.assemble(("warning ", "yellow"), safe(warning)))
    stderr.print(
        Text(f"{safe(made['summary'])}; waits until {_minute(made['expires'])} for another person:", style="dim")
    )
    stderr.print(Text.assemble(("  → ", "bold green"), f"gateway approve {safe(made['id'])}"))


def _is_sure(shown: Mapping[str, Any], *, as_json: bool, deny: bool, note: str, yes: bool) -> bool:
    """Whether a verdict shall be sent; `--yes` sends it also where the gateway will refuse, which it logs."""
    if yes:
        return True
    if as_json:
        print_json(shown)
        return False
    if not shown["may_decide"]:
        stderr.print(Text("not yours to decide, or decided already", style="dim"))
        return False
    question = f"{'Deny' if deny else 'Approve'} it{f' ({safe(note)})' if note else ''}?"
    if not click.confirm(question, err=True):
        stderr.print(Text("nothing was decided", style="dim"))
        sys.exit(REFUSED)
    return True


def _list(client: Client, *, everything: bool, as_json: bool) -> None:
    found = client.proposals(everything=everything)
    if as_json:
        print_json(found)
        return
    columns = ("id", "who", "what", "until", "digest", "state")
    rows = [
        (
            each["id"],
            each["proposer"],
            each["summary"],
            _minute(each["expires"]),
            each["digest"][:_DIGEST_SHOWN],
            "yours to decide" if each["may_decide"] else each["state"],
        )
        for each in found
    ]
    stdout.print(table(columns, rows))
    stderr.print(Text(f"{sum(each['may_decide'] for each in found)} for you to decide", style="dim"))


def _show(shown: Mapping[str, Any]) -> None:
    facts = [(name, shown[name]) for name in ("id", "kind", "state", "proposer", "environment", "digest")]
    document = {name: value for name, value in shown["document"].items() if name != "files"}
    facts += [("until", _minute(shown["expires"])), *document.items()]
    facts += [(name, value) for name, value in shown["review"].items() if name not in {"diff", "warnings"}]
    if shown["verdict"]:
        facts += [("decided by", shown["verdict"]["by"]), ("note", shown["verdict"]["note"])]
    stdout.print(table(("", ""), [(name, _flat(value)) for name, value in facts]))
    if "diff" in shown["review"]:
        _show_diff(shown["review"]["diff"])
    for warning in (*_warnings(shown), shown["caution"]):
        if warning:
            stderr.print(Text.assemble(("warning ", "yellow"), safe(warning)))


def _show_diff(found: Mapping[str, Any]) -> None:
    for file in found["files"]:
        mark, style = _MARKS[file["change"]]
        stdout.print(Text.assemble((mark, style), (safe(file["path"]), "bold")))
        for line in file["lines"]:
            stdout.print(Text(f"  {safe(line)}", style=_LINE_STYLES.get(line[:1], "")))
    if found["levels"]:
        columns = ("role", "environment", "column", "before", "after")
        rows = [
            (c["role"], c["environment"], f"{c['dataset']}.{c['column']}", c["before"] or "—", c["after"] or "—")
            for c in found["levels"]
        ]
        stdout.print(table(columns, rows))
    for warning in found["warnings"]:
        stderr.print(Text(safe(warning), style="yellow"))
    active, proposed = (found[name][:_DIGEST_SHOWN] for name in ("active", "proposed"))
    stderr.print(Text(f"{len(found['files'])} files differ, active {active}, proposed {proposed}", style="dim"))


def _warnings(shown: Mapping[str, Any]) -> Sequence[str]:
    warnings: Sequence[str] = shown["review"].get("warnings", ())
    return warnings


def _grant_row(grant: Mapping[str, Any]) -> tuple[object, ...]:
    exceptions = [f"{name} {level}" for name, level in grant["columns"].items()]
    level = "denied" if grant["effect"] == "deny" else ", ".join([grant["level"], *exceptions])
    return (
        grant["id"],
        grant["role"],
        grant["environment"],
        ", ".join(grant["datasets"]),
        ", ".join(grant["purposes"]),
        level,
        _minute(grant["expires"]) if grant["expires"] else "",
    )


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_flat(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(item) for item in value)
    return str(value)


def _minute(moment: object) -> str:
    return f"{str(moment)[:16].replace('T', ' ')}Z"


COMMANDS = (request, approve, grants)
POLICY_COMMANDS = (diff, activate)
