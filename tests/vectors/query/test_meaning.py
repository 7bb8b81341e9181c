"""SQL means what it means in PostgreSQL: a server answers beside the engine. Runs meaning, constructs, differences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.pg import postgres_server  # noqa: F401 - a fixture
from tests.vectors.query.beside import Engine, by_server, open_server, same
from tests.vectors.query.tables import TABLES, written

HERE = Path(__file__).parent
MEANING: dict[str, list[str]] = yaml.safe_load((HERE / "meaning.yaml").read_text())
CONSTRUCTS: list[dict[str, str]] = yaml.safe_load((HERE / "constructs.yaml").read_text())
DIFFERENCES: list[dict[str, Any]] = yaml.safe_load((HERE / "differences.yaml").read_text())


@pytest.fixture(scope="module")
def server(postgres_server: str) -> Iterator[psycopg.Connection]:  # noqa: F811 - the fixture
    with open_server(postgres_server) as connection:
        yield connection


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def query(text: str) -> str:
    return text if re.match(r"SELECT|WITH|\(SELECT", text) else f"SELECT {text}"


@pytest.mark.postgres
@pytest.mark.parametrize("topic", MEANING)
def test_values_are_postgresqls(topic: str, server: psycopg.Connection, engine: Engine) -> None:
    wrong = {}
    for text in MEANING[topic]:
        theirs, ours = by_server(server, query(text)), engine.rows(query(text))
        if not same(theirs, ours) or (isinstance(ours, str) and "." in ours and theirs[:8] != "error 22"):
            wrong[text] = (theirs, ours)
    assert not wrong


@pytest.mark.postgres
@pytest.mark.parametrize("row", CONSTRUCTS, ids=lambda row: row["construct"])
def test_constructs_answer_as_postgresql_does(row: dict[str, str], server: psycopg.Connection, engine: Engine) -> None:
    theirs, ours = by_server(server, row.get("postgres", row["example"])), engine.rows(row["example"])
    assert isinstance(theirs, list)
    assert isinstance(ours, list)
    assert theirs, "an example shows something"
    if "ORDER BY" not in row["example"].rpartition(")")[2]:
        theirs, ours = sorted(theirs, key=repr), sorted(ours, key=repr)
    assert same(theirs, ours)


@pytest.mark.postgres
@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row["example"])
def test_differences_are_as_they_are_told(row: dict[str, Any], server: psycopg.Connection, engine: Engine) -> None:
    theirs, ours = by_server(server, query(row["example"])), engine.rows(query(row["example"]))
    assert not same(theirs, ours), "they agree: move it to meaning.yaml"
    assert (ours if isinstance(ours, str) else str(ours[0][0])) == row["here"]


def test_no_text_stands_twice() -> None:
    texts = [text for texts in MEANING.values() for text in texts] + [row["example"] for row in DIFFERENCES]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("name", TABLES)
def test_docs_show_exactly_what_was_compared(name: str) -> None:
    assert written(name) == TABLES[name](), "python -m tests.vectors.query.tables"
