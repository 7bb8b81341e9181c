"""The command line against a running `gateway serve`: help, exit codes, JSON, host commands."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.app import Host
from gateway.cli.group import cli
from gateway.settings import Settings
from tests import bank
from tests.acceptance.shell import Shell, open_shell
from tests.house import POLICIES

SQL = "SELECT region, income FROM core.customers"
ASK = ("-p", bank.ANA[1])


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with open_shell(tmp_path_factory.mktemp("cli")) as shell:
        yield shell


# Help


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_help_of_each_command_works_and_shows_how_to_call_it(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(cli, [*path, "--help"], obj=Host())
    assert told.exit_code == 0
    if not isinstance(_command(path), click.Group):
        assert f"gateway {' '.join(path)}" in told.stdout.partition("Usage:")[2].partition("\n")[2]


def _command(path: tuple[str, ...]) -> click.Command:
    found: click.Command = cli
    for name in path:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    return found


def test_the_first_help_names_every_group(shell: Shell) -> None:
    told = shell.run("--help").stdout
    assert all(name in told for name in cli.commands)


# Exit codes

EXITS = {
    "denied": (1, ("query", "SELECT amount FROM core.loans", "-p", "fraud-detection")),
    "not an auditor": (1, ("audit", "search")),
    "no such column": (2, ("query", "SELECT password FROM core.customers", *ASK)),
    "no such dataset": (2, ("datasets", "core.nothing")),
    "no such command": (2, ("frobnicate",)),
    "no purpose": (2, ("query", SQL)),
    "bad date": (2, ("audit", "search", "--since", "yesterday")),
}


@pytest.mark.parametrize("what", EXITS)
def test_a_refusal_has_its_exit_code_and_says_why_on_stderr(shell: Shell, what: str) -> None:
    code, arguments = EXITS[what]
    done = shell.run(*arguments, who="ana")
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_an_explained_denial_is_data_and_exits_with_1(shell: Shell, extra: list[str]) -> None:
    done = shell.run("explain", SQL, "-p", "fraud-detection", *extra, who="ana")
    assert done.exit_code == 1
    assert ("denied" in done.stdout) if not extra else json.loads(done.stdout)["allowed"] is False


def test_without_a_gateway_the_exit_code_is_3(shell: Shell) -> None:
    done = shell.run("datasets", who="ana", GATEWAY_URL="http://127.0.0.1:9")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "gateway serve" in done.stderr


def test_without_a_token_one_is_told_how_to_get_one(shell: Shell) -> None:
    done = shell.run("datasets")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no token" in done.stderr
    assert "GATEWAY_TOKEN" in done.stderr
    assert "gateway token create" in done.stderr


def test_a_wrong_token_is_refused_with_1(shell: Shell) -> None:
    done = shell.run("datasets", GATEWAY_TOKEN="gw_wrong")
    assert done.exit_code == 1
    assert "unauthenticated" in done.stderr


def test_a_wrong_setting_is_named_without_its_value(shell: Shell) -> None:
    done = shell.run("datasets", GATEWAY_MAX_SCANS="zqx-secret")
    assert done.exit_code == 2
    assert "max_scans" in done.stderr
    assert "zqx" not in done.output


def test_a_denial_prints_code_reasons_fix_and_receipt(shell: Shell) -> None:
    told = shell.run("query", SQL, "-p", "curiosity", who="ana").stderr
    assert "denied.grant" in told
    assert "credit-default-model" in told
    assert "receipt r_" in told


# JSON

JSON = {
    "explain": ("ana", ("explain", SQL, *ASK)),
    "datasets": ("ana", ("datasets",)),
    "one dataset": ("ana", ("datasets", "core.customers")),
    "search": ("aude", ("audit", "search", "--limit", "5")),
    "verify": ("", ("audit", "verify")),
    "tokens": ("", ("token", "list")),
    "lint": ("", ("policy", "lint")),
    "test": ("", ("policy", "test")),
    "source": ("", ("source", "check")),
}


@pytest.mark.parametrize("what", JSON)
def test_json_output_is_one_document(shell: Shell, what: str) -> None:
    who, arguments = JSON[what]
    done = shell.run(*arguments, "--json", who=who)
    assert done.exit_code == 0, done.output
    assert isinstance(json.loads(done.stdout), dict | list)


def test_explain_shows_the_askers_limits(shell: Shell) -> None:
    told = " ".join(shell.run("explain", "SELECT income FROM core.customers", *ASK, who="ana").stdout.split())
    assert "your limits: 30 s, 512 MB of memory," in told
    assert "4 at once" in told


def test_explain_names_level_mask_and_rule(shell: Shell) -> None:
    told = shell.run("explain", "SELECT email, income FROM core.customers", *ASK, who="ana").stdout
    assert "core.customers.email" in told
    assert "pseudonym in email" in told
    assert re.search(r"(domains|levels)\.yaml:\d+", told)


def test_datasets_shows_no_hidden_one(shell: Shell) -> None:
    told = shell.run("datasets", who="ana").stdout
    assert "core.customers" in told
    assert "call_notes" not in told


def test_search_finds_by_column_and_principal(shell: Shell) -> None:
    shell.run("query", SQL, *ASK, who="ana")
    arguments = ("--column", "core.customers.income", "--principal", "ana", "--result", "ok", "--json")
    found = json.loads(shell.run("audit", "search", *arguments, who="aude").stdout)
    assert found
    assert all(entry["payload"]["actor"]["principal"] == "ana" for entry in found)


# Host commands


def test_a_second_init_is_refused_and_changes_nothing(shell: Shell) -> None:
    before = {path: path.read_bytes() for path in (shell.settings.home / "keys").rglob("*") if path.is_file()}
    done = shell.run("init")
    assert done.exit_code == 2
    assert "already" in done.stderr
    assert before == {path: path.read_bytes() for path in before}


def test_init_says_what_it_made_and_keeps_the_key_outside(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", policies=POLICIES, sources=tmp_path / "sources.yaml")
    shell = Shell(settings, "")
    made = json.loads(shell.run("init", "--json").stdout)
    kek = Path(made["key-encryption key"])
    assert kek.is_file()
    assert not kek.is_relative_to(settings.home)
    assert kek.stat().st_mode & 0o077 == 0
    assert made["audit key (public)"] == shell.run("key", "public").stdout.strip()
    assert shell.run("audit", "verify").exit_code == 0


def test_init_with_a_wrong_policy_makes_no_home(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    (tmp_path / "policies" / "grants.yaml").write_text("- {id: X}\n")
    settings = Settings(home=tmp_path / "home", policies=tmp_path / "policies", sources=tmp_path / "s.yaml")
    assert Shell(settings, "").run("init").exit_code == 2
    assert not settings.home.exists()


def test_host_commands_without_a_home_say_so(tmp_path: Path) -> None:
    done = Shell(Settings(home=tmp_path / "none", policies=POLICIES), "").run("token", "list")
    assert done.exit_code == 3
    assert "gateway init" in done.stderr


def test_a_token_works_until_it_is_revoked_by_its_id(shell: Shell) -> None:
    shell.tokens["tess"] = shell.token("tess", bank.ANA[0])
    assert shell.run("datasets", who="tess").exit_code == 0
    listed = json.loads(shell.run("token", "list", "--json").stdout)
    (mine,) = [token for token in listed if token["principal"] == "tess"]
    assert shell.tokens["tess"].split("_")[2] not in json.dumps(listed)
    done = shell.run("token", "revoke", mine["id"], "--json")
    assert json.loads(done.stdout) == {"revoked": mine["id"], "principal": "tess"}
    assert shell.run("datasets", who="tess").exit_code == 1


def test_only_the_token_itself_goes_to_stdout(shell: Shell) -> None:
    done = shell.run("token", "create", "pipe", "--role", "intern", "--environment", "dev")
    assert done.stdout.startswith("gw_")
    assert len(done.stdout.split()) == 1
    assert "not shown again" in done.stderr


BAD_TOKENS = {
    "an unknown role": ("eve", "--role", "king", "--environment", "dev"),
    "no role": ("eve", "--environment", "dev"),
    "a bad name": ("Eve!", "--role", "intern", "--environment", "dev"),
    "a bad lifetime": ("eve", "--role", "intern", "--environment", "dev", "--expires", "soon"),
    "a long lifetime": ("eve", "--role", "intern", "--environment", "dev", "--expires", "367d"),
}


@pytest.mark.parametrize("what", BAD_TOKENS)
def test_no_token_is_made_with(shell: Shell, what: str) -> None:
    done = shell.run("token", "create", *BAD_TOKENS[what])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "eve" not in shell.run("token", "list").stdout


def test_revoking_what_is_no_token_is_a_mistake(shell: Shell) -> None:
    assert shell.run("token", "revoke", "nothing").exit_code == 2


def test_the_repositorys_policies_lint_and_pass_their_tests(shell: Shell) -> None:
    linted, tested = shell.run("policy", "lint"), shell.run("policy", "test")
    assert (linted.exit_code, tested.exit_code) == (0, 0)
    assert "0 errors" in linted.stderr
    assert ", 0 failed" in tested.stderr


def test_a_wrong_policy_folder_fails_lint_with_file_and_line(shell: Shell, tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    with (tmp_path / "policies" / "grants.yaml").open("a") as file:
        file.write(
            "- {id: x, role: intern, environment: dev, datasets: [core.lones], purposes: [churn-model], level: full}\n"
        )
    done = shell.run("policy", "lint", GATEWAY_POLICIES=str(tmp_path / "policies"))
    assert done.exit_code == 1
    assert "grants.yaml:" in done.stdout


def test_a_policy_test_that_fails_exits_with_1(shell: Shell, tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    cases = tmp_path / "policies" / "tests" / "credit-risk.yaml"
    cases.write_text(cases.read_text().replace("income: full", "income: pseudonymized", 1))
    done = shell.run("policy", "test", GATEWAY_POLICIES=str(tmp_path / "policies"))
    assert done.exit_code == 1
    assert "FAILED" in done.stdout


def test_source_check_names_a_missing_database(shell: Shell, tmp_path: Path) -> None:
    sources = tmp_path / "sources.yaml"
    sources.write_text('core: {url: "sqlite:////nowhere/bank.db"}\n')
    done = shell.run("source", "check", GATEWAY_SOURCES=str(sources))
    assert done.exit_code == 1
    assert "does not exist" in done.stdout
    assert "/nowhere" not in done.output


def test_verify_accepts_the_log_and_the_public_key(shell: Shell) -> None:
    done = shell.run("audit", "verify", "--key", shell.run("key", "public").stdout.strip())
    assert done.exit_code == 0
    assert "every byte accounted for" in done.stdout


def test_verify_names_what_was_tampered_with(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", policies=POLICIES, sources=tmp_path / "s.yaml")
    shell = Shell(settings, "")
    shell.run("init")
    with contextlib.closing(sqlite3.connect(settings.home / "control.db")) as connection, connection:
        connection.execute("UPDATE audit_payload SET payload = replace(payload, 'init', 'none') WHERE idx = 0")
    done = shell.run("audit", "verify")
    assert done.exit_code == 1
    assert "TAMPERED" in done.stdout
    told = json.loads(shell.run("audit", "verify", "--json").stdout)
    assert told["ok"] is False
    assert told["findings"]


def test_verify_with_another_key_fails(shell: Shell, tmp_path: Path) -> None:
    other = Shell(Settings(home=tmp_path / "home", policies=POLICIES), "")
    other.run("init")
    done = shell.run("audit", "verify", "--key", other.run("key", "public").stdout.strip())
    assert done.exit_code == 1


def test_what_the_operator_does_is_in_the_log(shell: Shell) -> None:
    found = json.loads(shell.run("audit", "search", "--action", "token-create", "--json", who="aude").stdout)
    assert all(entry["payload"]["actor"]["principal"].startswith("operator:") for entry in found)
    assert {entry["payload"]["detail"]["principal"] for entry in found} >= {"ana", "aude", "otto"}
