"""Who may construct which stream, and who may see raw rows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_CONSTRUCT = {
    "RawStream": ("gateway/sources/",),
    "ReleasedStream": ("gateway/masks/", "gateway/protection/"),
    "AnswerStream": ("gateway/sandbox/",),
}
MAY_NAME_RAW = (
    "gateway/sources/",
    "gateway/masks/",
    "gateway/protection/",
    "gateway/catalog/",
    "gateway/terms/streams.py",
    "gateway/catalog_ports.py",
    "gateway/ports.py",
)


def constructions(tree: ast.AST) -> list[str]:
    """Names of classes that are called."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [f.id if isinstance(f, ast.Name) else f.attr for f in called if isinstance(f, ast.Name | ast.Attribute)]


def names(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
    }


def faults(path: str, source: str) -> list[str]:
    """What a file does with streams that it may not."""
    tree = ast.parse(source)
    found = [
        f"{path} constructs {stream}"
        for stream, allowed in MAY_CONSTRUCT.items()
        if stream in constructions(tree) and not path.startswith(allowed)
    ]
    if "RawStream" in names(tree) and not path.startswith(MAY_NAME_RAW):
        found.append(f"{path} names RawStream")
    return found


def modules() -> list[Path]:
    return sorted([*ROOT.glob("gateway/**/*.py"), *ROOT.glob("etl/**/*.py")])


def test_streams_are_made_only_where_the_design_says() -> None:
    found = [fault for path in modules() for fault in faults(path.relative_to(ROOT).as_posix(), path.read_text())]
    assert not found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("gateway/http/app.py", "AnswerStream(schema, batches)"),
        ("gateway/enforcement.py", "streams.ReleasedStream(schema, batches)"),
        ("gateway/delivery/csv.py", "def f(x: RawStream): ..."),
        ("etl/worker.py", "RawStream(schema, batches)"),
    ],
)
def test_a_planted_fault_is_found(path: str, source: str) -> None:
    assert faults(path, source)
