"""`gateway query` against a running `gateway serve`: stdout, stderr and files, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests import bank
from tests.acceptance.proxy import cutting_proxy
from tests.acceptance.shell import Shell, open_shell

SQL = "SELECT region, income FROM core.customers"
ASK = ("-p", bank.ANA[1])
ROWS = 12


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with open_shell(tmp_path_factory.mktemp("cli")) as shell:
        yield shell


def test_a_table_goes_to_stdout_and_facts_about_it_to_stderr(shell: Shell) -> None:
    done = shell.run("query", SQL, *ASK, who="ana")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == ROWS + 1
    assert "receipt" not in done.stdout
    assert f"{ROWS} rows" in done.stderr
    assert "receipt r_" in done.stderr


def test_csv_on_stdout_is_nothing_but_csv(shell: Shell) -> None:
    done = shell.run("query", SQL, *ASK, "--format", "csv", who="ana")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == ["region", "income"]
    assert len(rows) == ROWS + 1


def test_json_on_stdout_parses(shell: Shell) -> None:
    document = json.loads(shell.run("query", SQL, *ASK, "--format", "json", who="ana").stdout)
    assert len(document["rows"]) == document["trailer"]["rows"] == ROWS


def test_a_whole_answer_becomes_a_file_and_nothing_beside_it(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "answer.parquet"
    done = shell.run("query", SQL, *ASK, "--format", "parquet", "-o", str(target), who="ana")
    assert (done.exit_code, done.stdout) == (0, "")
    assert pq.read_table(target).num_rows == ROWS
    assert list(tmp_path.iterdir()) == [target]


def test_an_answer_that_breaks_leaves_no_file(shell: Shell, tmp_path: Path) -> None:
    """60,000 rows as JSON pass the server's limit after some were sent."""
    target = tmp_path / "answer.json"
    arguments = ("-p", "data-quality", "--format", "json", "-o", str(target))
    done = shell.run("query", "SELECT amount, category FROM core.transactions", *arguments, who="otto")
    assert done.exit_code == 3
    assert "do not use it" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_breaks_leaves_an_older_file_as_it_was(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "answer.json"
    target.write_text("yesterday's")
    arguments = ("-p", "data-quality", "--format", "json", "-o", str(target))
    shell.run("query", "SELECT amount, category FROM core.transactions", *arguments, who="otto")
    assert target.read_text() == "yesterday's"


@pytest.mark.parametrize("looks_whole", [False, True])
def test_an_answer_that_is_cut_on_its_way_leaves_no_file(shell: Shell, tmp_path: Path, *, looks_whole: bool) -> None:
    """Between client and gateway something stops half-way; a CSV that ends in good order shows it nowhere but in its
    receipt."""
    target = tmp_path / "answer.csv"
    with cutting_proxy(shell.url, after_bytes=100_000, looks_whole=looks_whole) as url:
        arguments = ("-p", "data-quality", "--format", "csv", "-o", str(target))
        sql = "SELECT amount, category FROM core.transactions"
        done = shell.run("query", sql, *arguments, who="otto", GATEWAY_URL=url)
    assert done.exit_code == 3
    assert "do not use it" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_table_cannot_be_written_to_a_file(shell: Shell, tmp_path: Path) -> None:
    done = shell.run("query", SQL, *ASK, "-o", str(tmp_path / "x"), who="ana")
    assert done.exit_code == 2
    assert "--format" in done.stderr


def test_a_file_that_cannot_be_written_is_said(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "x.csv"
    done = shell.run("query", SQL, *ASK, "--format", "csv", "-o", str(target), who="ana")
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_a_limit_is_passed_on(shell: Shell) -> None:
    document = json.loads(shell.run("query", SQL, *ASK, "--format", "json", "--limit", "2", who="ana").stdout)
    assert len(document["rows"]) == 2
