"""`policy lint` and `policy test`: they read files only."""

from __future__ import annotations

import dataclasses
import sys

import click
from rich.text import Text

from gateway.cli.host import Host
from gateway.cli.output import REFUSED, exit_codes, json_option, print_json, safe, stderr, stdout


@click.group()
def policy() -> None:
    """Check the policy folder before it is activated."""


@policy.command()
@json_option
@click.pass_obj
def lint(host: Host, *, as_json: bool) -> None:
    """Name every problem with file, line and what is allowed there.

    \b
    GATEWAY_POLICIES=./policies gateway policy lint
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        findings = host.lint(host.settings())
        if as_json:
            print_json([dataclasses.asdict(finding) for finding in findings])
        for finding in () if as_json else findings:
            style = "bold red" if finding.severity == "error" else "yellow"
            place = f"{safe(finding.file)}:{finding.line}"
            stdout.print(Text.assemble((f"{finding.severity:8}", style), f"{place}  {safe(finding.message)}"))
        errors = sum(finding.severity == "error" for finding in findings)
        stderr.print(Text(f"{errors} errors, {len(findings) - errors} warnings", style="dim"))
        if errors:
            sys.exit(REFUSED)


@policy.command(name="test")
@json_option
@click.pass_obj
def test_(host: Host, *, as_json: bool) -> None:
    """Run the folder's own tests: given this principal and query, expect this verdict.

    \b
    GATEWAY_POLICIES=./policies gateway policy test
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes():
        results = host.test_policies(host.settings())
        if as_json:
            print_json([{**dataclasses.asdict(result), "passed": result.passed} for result in results])
        for result in () if as_json else results:
            mark = ("ok    ", "green") if result.passed else ("FAILED", "bold red")
            place = f"{safe(result.file)}:{result.line}"
            stdout.print(Text.assemble(mark, f"  {place}  {safe(result.query)}"))
            for failure in result.failures:
                stdout.print(Text(f"          · {safe(failure)}"))
        failed = sum(not result.passed for result in results)
        stderr.print(Text(f"{len(results) - failed} passed, {failed} failed", style="dim"))
        if failed:
            sys.exit(REFUSED)


COMMANDS = (policy,)
