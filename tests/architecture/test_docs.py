"""What the docs say of the code is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.architecture.reference import PAGES, ROOT

NAMED = re.compile(r"`((?:gateway|tests|policies|migrations|etl|docs)/[\w./*-]*)`")
LINKED = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")
DOCS = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md", ROOT / "SECURITY.md"]


@pytest.mark.parametrize("path", PAGES)
def test_reference_pages_are_what_the_code_says(path: str) -> None:
    assert (ROOT / path).read_text() == PAGES[path](), "run `make docs`"


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_files_that_docs_name_exist(doc: Path) -> None:
    text = doc.read_text()
    missing = [name for name in NAMED.findall(text) if not [*ROOT.glob(name.rstrip("/"))]]
    missing += [link for link in LINKED.findall(text) if not (doc.parent / link).exists()]
    assert not missing


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_every_dependency_earns_its_line() -> None:
    declared = re.findall(r'^    "([\w-]+)[\[>=]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    page = (ROOT / "docs/dependencies.md").read_text()
    assert declared
    assert not [name for name in declared if name not in page]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_carry_hashes_and_no_urls(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pins = re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text
