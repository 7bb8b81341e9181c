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
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("planted")]
COPIED = ("gateway", "etl", "tests/architecture", "tests/__init__.py", "pyproject.toml")
IMPORTS = ("-c", "from importlinter.cli import lint_imports_command as lint; lint()")
TYPES = ("-m", "mypy")
LINT = ("-m", "ruff", "check", "--no-cache")
FORMAT = ("-m", "ruff", "format", "--check", "--no-cache")
TESTS = ("-m", "pytest", "-p", "no:cacheprovider")
TYPED = "gateway/errors.py"
"""Type-checked alone: the whole package would take a minute without its cache."""
STREAMS, SURFACE = "tests/architecture/test_streams.py", "tests/architecture/test_surface.py"
FAULTS = {
    "a door decides by itself": (IMPORTS, "gateway/http/app.py", "import casbin"),
    "a workflow reads a source": (IMPORTS, "gateway/governance/desk.py", "from gateway import sources"),
    "a job reads a source": (IMPORTS, "etl/__init__.py", "import gateway.sources"),
    "a room knows another": (IMPORTS, "gateway/masks/keep.py", "from gateway import policy"),
    "a term reaches up": (IMPORTS, "gateway/terms/key.py", "from gateway import enforcement"),
    "the client knows the gateway": (IMPORTS, "gateway/client/connection.py", "from gateway import settings"),
    "a room runs SQL of its own": (IMPORTS, "gateway/delivery/text.py", "import duckdb"),
    "a function without types": ((*TYPES, TYPED), TYPED, "def untyped(value): return value"),
    "an Any that slips through": ((*TYPES, TYPED), TYPED, "def wrong() -> int: return 'text'"),
    "an import that nobody uses": ((*LINT, "gateway/errors.py"), "gateway/errors.py", "import os"),
    "an error swallowed": (
        (*LINT, "gateway/errors.py"),
        "gateway/errors.py",
        "try:\n    pass\nexcept Exception:\n    pass",
    ),
    "a file out of format": ((*FORMAT, "gateway/errors.py"), "gateway/errors.py", "x = {  'a':1 }"),
    "delivery makes raw rows": (
        (*TESTS, STREAMS),
        "gateway/delivery/encode.py",
        "def _planted(schema, batches):\n    return RawStream(schema, batches)",
    ),
    "the enforcement point passes rows off as released": (
        (*TESTS, STREAMS),
        "gateway/enforcement.py",
        "def _planted(schema, batches):\n    return ReleasedStream(schema, batches)",
    ),
    "a sixth way to data": (
        (*TESTS, SURFACE),
        "gateway/enforcement.py",
        "EnforcementPoint.preview = lambda self: None",
    ),
    "a switch that opens": ((*TESTS, SURFACE), "gateway/settings.py", "skip_policy = False"),
    "a room reads the environment": ((*TESTS, SURFACE), "gateway/masks/keep.py", "import os\nos.environ.get('X')"),
}
"""Name → check, file, what is added at its end."""


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


@pytest.mark.parametrize("check", sorted({check for check, _, _ in FAULTS.values()}), ids=" ".join)
def test_the_unplanted_tree_passes(tree: Path, check: Sequence[str]) -> None:
    told = run(tree, check)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_fails_its_check(tree: Path, name: str) -> None:
    check, file, fault = FAULTS[name]
    with planted(tree / file, fault):
        told = run(tree, check)
    assert told.returncode == 1, told.stdout + told.stderr
    assert Path(file).stem in told.stdout.replace(".", "/") + told.stderr or "public" in told.stdout


def recipe(target: str) -> str:
    """The lines of a Makefile's target, its prerequisites first."""
    found = re.search(rf"^{target}:(.*\n(?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found, target
    return found[1]


@pytest.mark.parametrize(
    "command",
    ["ruff format --check .", "ruff check .", "/mypy\n", "/lint-imports\n", "/pytest .*tests/architecture"],
)
def test_make_check_runs_every_check(command: str) -> None:
    assert re.search(command, recipe("check"))


def test_make_test_runs_make_check_first() -> None:
    assert "check" in recipe("test").split("##")[0].split()


def test_ci_runs_make_test() -> None:
    commands = (ROOT / ".ci" / "run").read_text().splitlines()
    assert "make test" in commands
    assert "set -euo pipefail" in commands
