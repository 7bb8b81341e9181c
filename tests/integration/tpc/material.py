"""Texts and data of a benchmark, generated once and kept in .bench/tpc."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

Kind = Literal["tpch", "tpcds"]

HERE: Final = Path(__file__).parent
BENCH: Final = HERE.parents[2] / ".bench"
ENVIRONMENT: Final = BENCH / "venv" / "tpc"
INSTALL_SECONDS: Final = 120


@dataclasses.dataclass(frozen=True, kw_only=True)
class Material:
    """One benchmark at one size."""

    kind: Kind
    folder: Path
    """One Parquet file for each table."""
    queries: Mapping[int, str]
    """Number to text; each table as `kind.table`, all else as it was generated."""

    @property
    def tables(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.parquet"))

    def file(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"

    def columns(self, table: str) -> dict[str, pa.DataType]:
        return {field.name: _declared(field.type) for field in pq.read_schema(self.file(table))}


@functools.cache
def material(kind: Kind, scale: str) -> Material:
    """The benchmark's texts and data. Skips the test that asks if they can neither be found nor be made."""
    folder = BENCH / "tpc" / f"{kind}-{scale}"
    with _alone():
        if not (folder / "queries.json").exists():
            _generate(kind, scale, folder)
    texts: dict[str, str] = json.loads((folder / "queries.json").read_text())
    tables = {path.stem for path in folder.glob("*.parquet")}
    queries = {int(number): _qualified(text, kind, tables) for number, text in texts.items()}
    return Material(kind=kind, folder=folder, queries=queries)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two test processes make the environment once."""
    BENCH.mkdir(exist_ok=True)
    with (BENCH / "tpc.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _generate(kind: Kind, scale: str, folder: Path) -> None:
    python = _environment()
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    subprocess.run([python, HERE / "generate.py", kind, scale, draft], check=True)
    draft.rename(folder)


def _environment() -> Path:
    """The Python that has the generators; its mark is written when all of them are there."""
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    wanted = (HERE / "requirements.txt").read_text()
    if mark.exists() and mark.read_text() == wanted:
        return python
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        command = [*pip, "--require-hashes", "-r", HERE / "requirements.txt"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        pytest.skip(f"the generators of TPC-H and TPC-DS cannot be installed for {sys.platform}: {why[-1:]}")
    mark.write_text(wanted)
    return python


def _qualified(text: str, kind: Kind, tables: set[str]) -> str:
    """The same text with the schema before each table: a dataset is `source.dataset`."""
    tree = sqlglot.parse_one(text, read="postgres")
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    named = [table.this for table in tree.find_all(exp.Table) if table.name.lower() in tables - ctes]
    for start in sorted({name.meta["start"] for name in named}, reverse=True):
        text = f"{text[:start]}{kind}.{text[start:]}"
    return text.strip()


def _declared(kind: pa.DataType) -> pa.DataType:
    """The catalog's type for a generated column."""
    return pa.string() if pa.types.is_large_string(kind) else kind
