"""Questions to a source's own catalog: `schema.sql` beside the adapter, each under a line `-- name: NAME`."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MAX_DEFINITION: Final = 64 << 10
"""Characters of a view's definition; a longer one is left out: no query of that length is parsed."""
COMMENT_CHARACTERS: Final = 1_000
"""A longer comment is cut."""

_NAMED: Final = re.compile(r"^-- name: ([a-z_]+)\n", re.MULTILINE)


@functools.cache
def queries_of(package: str) -> Mapping[str, str]:
    """By name."""
    text = importlib.resources.files(package).joinpath("schema.sql").read_text(encoding="utf-8")
    _, *parts = _NAMED.split(text)
    return MappingProxyType({name: part.strip() for name, part in zip(parts[::2], parts[1::2], strict=True)})
