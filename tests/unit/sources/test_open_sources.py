"""The sources file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from gateway.errors import GatewayError, Invalid, Unavailable, Unsupported
from gateway.sources import SOURCES, open_sources


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    return path


def database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (i INTEGER)")
    connection.close()
    path.chmod(0o600)


def test_a_relative_file_resolves_against_the_folder_of_the_yaml(tmp_path: Path) -> None:
    database(tmp_path / "bank.db")
    sources = open_sources(write(tmp_path, 'core: {url: "sqlite:///bank.db"}'))
    assert list(sources) == ["core"]
    assert sources["core"].check() == []


def test_an_absolute_file_is_taken_as_it_is(tmp_path: Path) -> None:
    database(tmp_path / "a b?c#d%41.db")
    (tmp_path / "sources").mkdir()
    database(tmp_path / "plain.db")
    sources = open_sources(write(tmp_path / "sources", f'core: {{url: "sqlite:///{tmp_path}/plain.db"}}'))
    assert sources["core"].check() == []


def test_a_file_with_odd_characters_is_opened(tmp_path: Path) -> None:
    database(tmp_path / "a b%41ü.db")
    assert open_sources(write(tmp_path, 'core: {url: "sqlite:///a b%41ü.db"}'))["core"].check() == []


def test_a_url_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    database(tmp_path / "bank.db")
    (tmp_path / "core.url").write_text("sqlite:///bank.db\n")
    assert open_sources(write(tmp_path, 'core: {url: "file:core.url"}'))["core"].check() == []


def test_duckdb_files_and_parquet_folders_are_found_beside_the_yaml(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "bank.duckdb") as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
    (tmp_path / "bank.duckdb").chmod(0o600)
    (tmp_path / "lake/t").mkdir(parents=True)
    (tmp_path / "lake").chmod(0o700)
    text = 'core: {url: "duckdb:///bank.duckdb"}\nlake: {url: "parquet:///lake"}'
    assert {name: source.check() for name, source in open_sources(write(tmp_path, text)).items()} == {
        "core": [],
        "lake": [],
    }


def test_an_empty_file_binds_nothing(tmp_path: Path) -> None:
    assert open_sources(write(tmp_path, "")) == {}


def test_nothing_is_opened_yet(tmp_path: Path) -> None:
    assert list(open_sources(write(tmp_path, 'core: {url: "sqlite:///none.db"}'))) == ["core"]


def failure(path: Path) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        open_sources(path)
    return caught.value


def test_an_unknown_scheme_is_told_the_offered_ones(tmp_path: Path) -> None:
    error = failure(write(tmp_path, 'core: {url: "oracle://scott:tiger@host/db"}'))
    assert isinstance(error, Unsupported)
    assert "offered: " + ", ".join(SOURCES) in error.message
    assert "tiger" not in str(error)
    assert "oracle" not in str(error)


def test_the_environment_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK", "bank.db")
    error = failure(write(tmp_path, 'core: {url: "sqlite:///${BANK}"}'))
    assert isinstance(error, Unsupported)
    assert "file:PATH" in error.fix


BAD = {
    "no url": "core: {}",
    "another key": 'core: {url: "sqlite:///a.db", password: tiger}',
    "no mapping": "core: sqlite:///a.db",
    "a list": "- core",
    "no scheme": 'core: {url: "tiger"}',
    "a host": 'core: {url: "sqlite://tiger/a.db"}',
    "no file": 'core: {url: "sqlite:///"}',
    "options": 'core: {url: "sqlite:///a.db?mode=rwc"}',
    "a fragment": 'core: {url: "sqlite:///a.db#tiger"}',
    "no duckdb file": 'core: {url: "duckdb:///"}',
    "duckdb in memory": 'core: {url: "duckdb://:memory:tiger"}',
    "duckdb options": 'core: {url: "duckdb:///a.duckdb?access_mode=READ_WRITE"}',
    "no parquet folder": 'core: {url: "parquet:///"}',
    "a parquet pattern": 'core: {url: "parquet:///tiger/*"}',
    "a parquet folder that tells a column": 'core: {url: "parquet:///tiger=1/lake"}',
    "a bad name": 'Core-1: {url: "sqlite:///a.db"}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_no_binding_is_invalid_and_not_repeated(tmp_path: Path, text: str) -> None:
    error = failure(write(tmp_path, text))
    assert isinstance(error, Invalid)
    assert "tiger" not in str(error)


def test_a_missing_file_is_unavailable_and_not_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", write(tmp_path, 'core: {url: "file:none.url"}')):
        error = failure(path)
        assert isinstance(error, Unavailable)
        assert "none" not in str(error)
