"""`gateway catalog` as an operator uses it: a scan into a policy folder, drift, reports; exit codes, both streams."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.app import Host
from gateway.cli.catalog import COMMANDS
from gateway.settings import Settings
from tests import bank
from tests.house import POLICIES, settings_for


class Shell:
    """Runs `gateway catalog …` on a host of its own."""

    def __init__(self, root: Path) -> None:
        self.bank = bank.write(bank.first_world(customers=120), root / "core.db")
        self.policies = Path(shutil.copytree(POLICIES, root / "policies"))
        self.settings: Settings = settings_for(root, bank=self.bank, policies=self.policies)
        Host().initialize(self.settings)
        self.secrets = bank.canaries(bank.first_world(customers=120))

    def run(self, *arguments: str) -> Result:
        environment = {
            "GATEWAY_HOME": str(self.settings.home),
            "GATEWAY_POLICIES": str(self.policies),
            "GATEWAY_SOURCES": str(self.settings.sources),
            "GATEWAY_KEK_FILE": str(self.settings.kek_path),
            "COLUMNS": "200",
        }
        (catalog,) = COMMANDS
        done = CliRunner().invoke(catalog, list(arguments), obj=Host(), env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert [secret for secret in self.secrets if secret in done.output] == []
        return done

    def sql(self, statement: str) -> None:
        with contextlib.closing(sqlite3.connect(self.bank)) as connection, connection:
            connection.execute(statement)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    yield Shell(tmp_path)


def test_what_is_listed_is_without_drift(shell: Shell) -> None:
    done = shell.run("diff", "core", "--rows", "0")
    assert (done.exit_code, done.stdout) == (0, "ok  core\n")


def test_a_new_column_and_table_are_drift_until_they_are_taken_over(shell: Shell) -> None:
    shell.sql("ALTER TABLE customers ADD COLUMN nickname TEXT")
    shell.sql("CREATE TABLE pets (pet_id INTEGER PRIMARY KEY, customer_id INTEGER)")
    before = (shell.policies / "catalog" / "core.yaml").read_text()
    found = shell.run("diff", "--rows", "0")
    assert found.exit_code == 1
    assert "core.customers.nickname" in found.stdout
    assert "core.pets" in found.stdout
    done = shell.run("scan", "core", "--into", str(shell.policies))
    assert done.exit_code == 0, done.output
    after = iter((shell.policies / "catalog" / "core.yaml").read_text().splitlines())
    assert all(line in after for line in before.splitlines())
    assert shell.run("diff", "core", "--rows", "0").exit_code == 0
    assert not [finding for finding in Host().lint(shell.settings) if finding.severity == "error"]


def test_a_scan_goes_to_stdout_and_what_to_do_to_stderr(shell: Shell) -> None:
    (shell.policies / "catalog" / "core.yaml").unlink()
    done = shell.run("scan", "core", "--table", "loans")
    assert done.exit_code == 0
    assert "core.loans:" in done.stdout
    assert "core.customers:" not in done.stdout
    assert "1 tables, 9 columns" in done.stderr


def test_a_scan_as_json_is_the_whole_proposal(shell: Shell, tmp_path: Path) -> None:
    shell.sql("ALTER TABLE customers ADD COLUMN nickname TEXT")
    done = shell.run("scan", "core", "--json")
    document = json.loads(done.stdout)
    assert {table["dataset"] for table in document["tables"]} == {f"core.{name}" for name in bank.DECLARED}
    (tmp_path / "scan.json").write_text(done.stdout)
    for scan in (("--scan", str(tmp_path / "scan.json")), ()):
        board = shell.run("report", "--unclassified", "--json", *scan)
        assert [(each["table"], each["column"]) for each in json.loads(board.stdout)] == [("customers", "nickname")]
    assert "| core | customers | nickname |" in shell.run("report", "--unclassified").stdout


def test_a_source_that_is_down_does_not_hide_the_others(shell: Shell) -> None:
    sources = shell.settings.sources
    sources.write_text(sources.read_text() + 'away: {url: "sqlite:////nowhere/at/all.db"}\n')
    done = shell.run("diff", "--rows", "0")
    assert (done.exit_code, done.stdout) == (3, "ok  core\n")
    assert "source away" in done.stderr
    assert shell.run("diff", "away", "--rows", "0").exit_code == 3


def test_the_data_map_names_persons_purposes_and_retention(shell: Shell) -> None:
    told = shell.run("report", "--personal-data").stdout
    assert "## core.call_notes" in told
    assert "- persons: customer" in told
    assert "| fraud-detection | GDPR 6(1)(c) | 1825 days | fraud-cases-prod |" in told
    document = json.loads(shell.run("report", "--personal-data", "--json").stdout)
    (loans,) = [use for use in document if use["dataset"] == "core.loans"]
    assert {reach["grant"] for reach in loans["reach"]} >= {"credit-risk-dev", "reporting-prod"}
    assert loans["categories"]["circumstances of the person"] == ["amount", "term_months", "rate", "defaulted"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("scan", "nothing"), 2),
        (("scan", "core", "--into", "x", "--json"), 2),
        (("scan", "core", "--into", "x"), 2),
        (("scan", "core", "--json", "--output", "x"), 2),
        (("scan", "core", "--table", "nothing"), 2),
        (("diff", "--table", "nothing"), 2),
        (("report",), 2),
        (("report", "--unclassified"), 3),
        (("scan", "core", "--rows", "1000000000"), 2),
    ],
    ids=str,
)
def test_mistakes_have_exit_codes(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    done = shell.run(*arguments)
    assert done.exit_code == code
    assert "error" in done.stderr


def test_each_command_shows_how_to_call_it() -> None:
    (catalog,) = COMMANDS
    for name in catalog.commands:
        told = CliRunner().invoke(catalog, [name, "--help"], obj=Host())
        assert f"gateway catalog {name}" in told.stdout
