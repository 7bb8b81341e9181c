"""Each check fails on a fault of its own kind, planted in a copy of the tree, and `make check` runs them all."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
COPIED = ("gateway", "etl", "tests/architecture", "tests/__init__.py", "tests/conftest.py", "pyproject.toml")
IMPORTS = ("-c", "from importlinter.cli import lint_imports_command as lint; lint()")
TYPES = ("-m", "mypy", "gateway/errors.py")  # alone: the whole package would take a minute without its cache
LINT = ("-m", "ruff", "check", "--no-cache", "gateway/errors.py")
FORMAT = ("-m", "ruff", "format", "--check", "--no-cache", "gateway/errors.py")
TESTS = ("-m", "pytest", "-p", "no:cacheprovider")
STREAMS = (*TESTS, "tests/architecture/test_streams.py")
SURFACE = (*TESTS, "tests/architecture/test_surface.py", "-k", "public_methods or skip_switch or environment")
IN_ERRORS = "gateway/errors.py"
FAULTS = {
    "a door decides by itself": (IMPORTS, "gateway/http/app.py", "import casbin", "gateway.http.app -> casbin"),
    "a workflow reads a source": (
        IMPORTS,
        "gateway/governance/desk.py",
        "from gateway import sources",
        "gateway.governance.desk -> gateway.sources",
    ),
    "a job reads a source": (IMPORTS, "etl/__init__.py", "import gateway.sources", "etl -> gateway.sources"),
    "a room knows another": (
        IMPORTS,
        "gateway/masks/keep.py",
        "from gateway import policy",
        "gateway.masks.keep -> gateway.policy",
    ),
    "a term reaches up": (
        IMPORTS,
        "gateway/terms/key.py",
        "from gateway import enforcement",
        "gateway.terms.key -> gateway.enforcement",
    ),
    "the client knows the gateway": (
        IMPORTS,
        "gateway/client/connection.py",
        "from gateway import settings",
        "gateway.client.connection -> gateway.settings",
    ),
    "a room runs SQL of its own": (
        IMPORTS,
        "gateway/delivery/text.py",
        "import duckdb",
        "gateway.delivery.text -> duckdb",
    ),
    "a room reads with a model of its own": (
        IMPORTS,
        "gateway/masks/keep.py",
        "def late() -> None:\n    import spacy",
        "gateway.masks.keep -> spacy",
    ),
    "a package by its name": (
        (*TESTS, "tests/architecture/test_surface.py", "-k", "by_name"),
        "gateway/masks/keep.py",
        "import importlib\nNLP = importlib.import_module('presidio_analyzer')",
        "presidio_analyzer",
    ),
    "a function without types": (TYPES, IN_ERRORS, "def untyped(value): return value", "[no-untyped-def]"),
    "another type than promised": (TYPES, IN_ERRORS, "def wrong() -> int: return 'text'", "[return-value]"),
    "an import that nobody uses": (LINT, IN_ERRORS, "import os", "F401"),
    "an error swallowed": (LINT, IN_ERRORS, "try:\n    pass\nexcept Exception:\n    pass", "BLE001"),
    "a file out of format": (FORMAT, IN_ERRORS, "x = {  'a':1 }", "File would be reformatted"),
    "delivery makes raw rows": (
        STREAMS,
        "gateway/delivery/encode.py",
        "def _planted(schema, batches):\n    return RawStream(schema, batches)",
        "gateway/delivery/encode.py constructs RawStream",
    ),
    "the enforcement point passes rows off as released": (
        STREAMS,
        "gateway/enforcement.py",
        "def _planted(schema, batches):\n    return ReleasedStream(schema, batches)",
        "gateway/enforcement.py constructs ReleasedStream",
    ),
    "a sixth way to data": (SURFACE, "gateway/enforcement.py", "EnforcementPoint.preview = lambda self: 0", "preview"),
    "a switch that opens": (SURFACE, "gateway/settings.py", "skip_policy = False", "gateway/settings.py"),
    "a room reads the environment": (
        SURFACE,
        "gateway/masks/keep.py",
        "import os\nos.environ.get('X')",
        "gateway/masks/keep.py",
    ),
}
"""Name → check, file, what is added at its end, what the check says."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return root


def run(tree: Path, check: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The check over the copy; its own gateway comes before the installed one."""
    return subprocess.run(
        [sys.executable, *check],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def planted(file: Path, fault: str) -> Iterator[None]:
    before = file.read_text()
    file.write_text(f"{before}\n{fault}\n")
    try:
        yield
    finally:
        file.write_text(before)


@pytest.mark.parametrize("check", sorted({check for check, *_ in FAULTS.values()}), ids=" ".join)
def test_the_unplanted_tree_passes(tree: Path, check: Sequence[str]) -> None:
    told = run(tree, check)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_fails_its_check(tree: Path, name: str) -> None:
    check, file, fault, expected = FAULTS[name]
    with planted(tree / file, fault):
        told = run(tree, check)
    assert told.returncode == 1, told.stdout + told.stderr
    assert expected in told.stdout


def recipe(target: str) -> str:
    """A Makefile's target: prerequisites first, then its commands, variables expanded."""
    text = (ROOT / "Makefile").read_text()
    variables = dict(re.findall(r"^(\w+) *[:?]?= *(.*)$", text, re.MULTILINE))
    found = re.search(rf"^{target}:(.*\n(?:\t.*\n)+)", text, re.MULTILINE)
    assert found, target
    return re.sub(r"[$][(](\w+)[)]", lambda name: variables[name[1]], found[1])


@pytest.mark.parametrize(
    "command",
    ["/ruff format --check .\n", "/ruff check .\n", "/mypy\n", "/lint-imports\n", "/pytest .*tests/architecture"],
)
def test_make_check_runs_every_check(command: str) -> None:
    assert re.search(command, recipe("check"))


def test_make_test_runs_make_check_first() -> None:
    assert "check" in recipe("test").split("##")[0].split()


def test_ci_runs_make_test_and_stops_at_the_first_error() -> None:
    commands = (ROOT / ".ci" / "run").read_text().splitlines()
    assert "make test" in commands
    assert "set -euo pipefail" in commands
