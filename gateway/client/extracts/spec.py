"""What an extract is ordered by: a YAML file, its keys as a mapping, or both with changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

Spec = Mapping[str, object] | str | Path


def spec_document(spec: Spec | None, changes: Mapping[str, object]) -> dict[str, object]:
    """The keys of docs/extracts.md; the gateway checks them.

    Args:
        spec: a mapping, or the path of a YAML file.
        changes: single keys, laid over it; None is left out.

    Raises:
        ValueError: the file cannot be read, or is no YAML mapping.
    """
    read = _read(Path(spec)) if isinstance(spec, str | Path) else dict(spec or {})
    return {**read, **{key: value for key, value in changes.items() if value is not None}}


def _read(path: Path) -> dict[str, object]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{path} cannot be read as text") from None
    except yaml.YAMLError:  # its text repeats the file's, and so SQL
        raise ValueError(f"{path} is no YAML") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ValueError(f"{path} is no YAML mapping: docs/extracts.md shows one")
    return found
