"""`extract`: order training data, follow the job, fetch and check what it became."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from etl.extracts import read_spec, spec_document
from etl.manifest import VerifiedDataset, verify
from gateway.cli.asking import client_of
from gateway.cli.host import Host
from gateway.cli.output import (
    REFUSED,
    UNAVAILABLE,
    USAGE,
    complain,
    exit_codes,
    json_option,
    print_json,
    safe,
    stderr,
    stdout,
    table,
)
from gateway.client import Client
from gateway.errors import Integrity, Invalid

_POLL_SECONDS: Final = 0.5
_LIVE: Final = frozenset({"queued", "running"})
_EXITS: Final = {"invalid": USAGE, "unsupported": USAGE, "unavailable": UNAVAILABLE}
_key = click.option("--key", "verifier_key", help="The log's public key (VKEY). Default: the home's copy.")


@click.group()
def extract() -> None:
    """Make versioned training datasets, and check them."""


@extract.command(name="run")
@click.argument("spec", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the job until it ends.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Fetch and verify the version into this folder.")
@_key
@json_option
@click.pass_obj
def run_(host: Host, spec: Path, *, wait: bool, output: Path | None, verifier_key: str | None, as_json: bool) -> None:
    """Order the extract that SPEC.yaml describes.

    \b
    gateway extract run policies/extracts/loan-default.yaml
    gateway extract run loan-default.yaml -o ./loan-default
    gateway extract run loan-default.yaml --no-wait --json
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    if output is not None and not wait:
        raise click.UsageError("-o waits for the version: leave --no-wait out")
    with exit_codes(), client_of(host) as client:
        key = _key_of(host, verifier_key) if output is not None else ""
        job = client.submit_extract(spec_document(read_spec(_text(spec), file=str(spec))))
        if wait and job["state"] in _LIVE:
            job = _followed(client, job)
        if output is not None and job["state"] == "published":
            _fetch(client, job["version"], output, key=key)
        if as_json:
            print_json(job)
        _tell_end(job, as_json=as_json)


@extract.command(name="list")
@json_option
@click.pass_obj
def list_(host: Host, *, as_json: bool) -> None:
    """List your jobs and dataset versions; an auditor sees everybody's versions.

    \b
    gateway extract list
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        jobs, versions = client.jobs(), client.dataset_versions()
        if as_json:
            print_json({"jobs": jobs, "versions": versions})
            return
        columns = ("job", "name", "state", "rows", "version", "ordered", "")
        rows = [
            (j["id"], j["name"], j["state"], j["rows"], j["version"] or "", _time(j["created"]), j["code"])
            for j in jobs
        ]
        stdout.print(table(columns, rows, title="jobs"))
        columns = ("version", "rows", "bytes", "data as of", "made", "expires", "requester")
        rows = [
            (
                v["id"],
                v["rows"],
                v["bytes"],
                _time(v["watermark"]),
                _time(v["created"]),
                _time(v["expires"]),
                v["requester"],
            )
            for v in versions
        ]
        stdout.print(table(columns, rows, title="versions"))


@extract.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(host: Host, name: str, *, as_json: bool) -> None:
    """Show a version (NAME@N) as its manifest says it, or a job by its id.

    \b
    gateway extract show loan-default@1
    gateway extract show j-3f2a90c1d45e6b78
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = client.dataset_version(name) if "@" in name else client.job(name)
        if as_json:
            print_json(found)
        elif "@" in name:
            _print_version(found)
        else:
            stdout.print(table(("", ""), [(key, value) for key, value in found.items() if key != "nonce"]))


@extract.command()
@click.argument("job")
@json_option
@click.pass_obj
def cancel(host: Host, job: str, *, as_json: bool) -> None:
    """Cancel one of your jobs.

    \b
    gateway extract cancel j-3f2a90c1d45e6b78
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        cancelled = client.cancel_job(job)
        if as_json:
            print_json(cancelled)
        else:
            stderr.print(Text(f"{safe(cancelled['id'])} is {safe(cancelled['state'])}"))


@extract.command()
@click.argument("version")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet."
)
@_key
@json_option
@click.pass_obj
def get(host: Host, version: str, *, output: Path, verifier_key: str | None, as_json: bool) -> None:
    """Fetch a version's files into a folder; it appears only when everything in it is verified.

    \b
    gateway extract get loan-default@1 -o ./loan-default
    gateway extract get loan-default@1 -o ./loan-default --key "$(cat audit.vkey)"
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = _fetch(client, version, output, key=_key_of(host, verifier_key))
        if as_json:
            print_json({"version": found.version, "rows": found.rows, "bytes": found.bytes, "folder": str(output)})


@extract.command(name="verify")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_key
@json_option
@click.pass_obj
def verify_(host: Host, folder: Path, *, verifier_key: str | None, as_json: bool) -> None:
    """Check every byte of a version in a folder against its signed manifest. Needs no gateway.

    \b
    gateway extract verify ./loan-default --key "$(cat audit.vkey)"
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        found = _verified(folder, key=_key_of(host, verifier_key))
        if as_json:
            print_json({"ok": found.ok, "version": found.version, "rows": found.rows, "findings": list(found.findings)})
        elif found.ok:
            stdout.print(Text.assemble(("ok", "bold green"), f"  {found.version}: {_counted(found)}, as it was signed"))
        else:
            _print_findings(found)
        if not found.ok:
            sys.exit(REFUSED)


def _text(spec: Path) -> str:
    try:
        return spec.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{spec} cannot be read as text", code="extract") from None


def _key_of(host: Host, given: str | None) -> str:
    if given:
        return given.strip()
    settings = host.settings()
    if not settings.home.is_dir():
        raise Invalid(
            "the log's public key is needed to verify", code="verifier_key", fix="--key; `gateway key public` prints it"
        )
    return host.verifier_key(settings)


def _followed(client: Client, job: Mapping[str, Any]) -> dict[str, Any]:
    """The job once it has ended or waits for somebody."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("queued", total=None)
        found = dict(job)
        while found["state"] in _LIVE:
            time.sleep(_POLL_SECONDS)
            found = client.job(found["id"])
            bar.update(task, description=safe(found["state"]), completed=found["rows"])
    return found


def _tell_end(job: Mapping[str, Any], *, as_json: bool) -> None:
    """Say how the job stands; a failed one ends the command as its code says."""
    match job["state"]:
        case "failed" | "cancelled":
            complain(job["message"] or job["state"], code=job["code"], receipt=job["receipt"] or "")
            sys.exit(_EXITS.get(str(job["code"]).partition(".")[0], REFUSED))
        case "published" if not as_json:
            stdout.print(Text.assemble((safe(job["version"]), "bold green"), f"  {job['rows']} rows"))
        case "waiting":
            stderr.print(Text(f"{safe(job['id'])} waits for approval: gateway approve {safe(job['proposal'])}"))
        case state if not as_json:
            stdout.print(Text(f"{safe(job['id'])} is {safe(state)}"))


def _fetch(client: Client, version: str, output: Path, *, key: str) -> VerifiedDataset:
    """Fetch into a folder beside it, verify, rename."""
    if output.exists():
        raise Invalid(f"{output} exists already", code="output", fix="name a new folder")
    found = client.dataset_version(version)
    sizes = {file["path"]: file["bytes"] for file in found["manifest"]["files"]}
    names = [file["path"] for file in found["files"]]
    if any(Path(name).name != name or name.startswith(".") for name in names):
        raise Integrity("the gateway lists a file that lies outside of its version", code="dataset")
    partial = output.with_name(output.name + ".part")
    try:
        partial.mkdir(mode=0o700)
        _download(client, version, names, partial, total=sum(sizes.values()))
        checked = _verified(partial, key=key)
        if not checked.ok or checked.version != version:
            raise Integrity(
                "what arrived is not what was signed", code="dataset", reasons=checked.findings or ("another version",)
            )
        partial.rename(output)
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error.strerror}", code="output") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    stderr.print(Text(f"{checked.version}: {_counted(checked)} in {output}, verified", style="dim"))
    return checked


def _download(client: Client, version: str, names: Sequence[str], folder: Path, *, total: int) -> None:
    with Progress(BarColumn(), DownloadColumn(), console=stderr, transient=True) as bar:
        task = bar.add_task("fetching", total=total)
        for name in names:
            with client.version_file(version, name) as chunks, (folder / name).open("xb") as out:
                for chunk in chunks:
                    out.write(chunk)
                    bar.advance(task, len(chunk))


def _verified(folder: Path, *, key: str) -> VerifiedDataset:
    with Progress(BarColumn(), DownloadColumn(), console=stderr, transient=True) as bar:
        task = bar.add_task("verifying", total=None)
        return verify(
            folder, verifier_key=key, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _print_findings(found: VerifiedDataset) -> None:
    stdout.print(Text.assemble(("TAMPERED", "bold red"), f"  {len(found.findings)} findings"))
    for finding in found.findings:
        stdout.print(Text(f"  · {safe(finding)}"))


def _print_version(found: Mapping[str, Any]) -> None:
    told = found["manifest"]
    facts = (
        ("version", found["id"]),
        ("rows", found["rows"]),
        ("purpose", f"{told['purpose']} (project {told['project']}, {told['environment']})"),
        ("made", f"{told['created']} by {found['requester']}, job {found['job']}"),
        ("expires", told["expires"]),
        ("snapshot", told["snapshot"]["consistency"]),
        ("data as of", ", ".join(f"{s['dataset']} {s['watermark'] or '?'}" for s in told["snapshot"]["sources"])),
        ("grants", ", ".join(told["grants"])),
        ("policy", told["policy_digest"]),
        ("subject", told["subject"] or "none"),
        ("parent", told["parent"] or "none"),
        ("risk", told["risk"] or "not measured"),
        ("manifest", found["manifest_sha256"]),
    )
    stdout.print(table(("", ""), facts))
    rows = [(c["name"], c["type"], c["level"] or "", c["mask"] or "", c["domain"] or "") for c in told["columns"]]
    stdout.print(table(("column", "type", "level", "mask", "joins in"), rows))
    files = [(f["path"], f["rows"], f["bytes"], f["sha256"][:16]) for f in told["files"]]
    stdout.print(table(("file", "rows", "bytes", "SHA-256"), files))


def _counted(found: VerifiedDataset) -> str:
    return f"{found.rows} rows in {found.files} files, {found.bytes} bytes"


def _time(text: str | None) -> str:
    return "" if text is None else text[:16].replace("T", " ")


COMMANDS = (extract,)
