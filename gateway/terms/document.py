"""YAML in which every value knows its file and line, so that every message and verdict can point at it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath

import yaml

from gateway.errors import Invalid

MAX_FILE_BYTES = 4 << 20
"""A policy file; larger ones are a mistake."""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A YAML value and where it stands.

    `value` is a str, int, float, bool, datetime.date, datetime.datetime, None, a list of Node or a dict of str to Node.
    """

    value: object
    file: str
    line: int

    def fail(self, message: str) -> Invalid:
        """An error that points here; raise it."""
        return Invalid(f"{self.file}:{self.line}: {message}", code="policy")

    def mapping(
        self, *, required: frozenset[str] = frozenset(), optional: frozenset[str] | None = None
    ) -> dict[str, Node]:
        """The value as a mapping with only the keys named; `optional=None` allows any key.

        Raises:
            Invalid: not a mapping, a key is missing, or a key is unknown (the text names the allowed ones).
        """
        if not isinstance(self.value, dict):
            raise self.fail("a mapping is needed here")
        missing = sorted(required - self.value.keys())
        if missing:
            raise self.fail(f"missing: {', '.join(missing)}")
        if optional is not None:
            for name, node in self.value.items():
                if name not in required | optional:
                    raise node.fail(f"unknown key {name!r}; allowed: {', '.join(sorted(required | optional))}")
        return self.value

    def sequence(self) -> list[Node]:
        """The value as a list; an absent value (null) is an empty one."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.fail("a list is needed here")
        return self.value

    def text(self) -> str:
        """The value as a non-empty string."""
        if not isinstance(self.value, str) or not self.value:
            raise self.fail("a text is needed here")
        return self.value

    def plain(self) -> object:
        """The value with all nodes unwrapped."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases (a few lines of them expand to gigabytes) and without repeated keys."""


def parse(text: str, *, file: str) -> Node:
    """Read one YAML document; an empty one is a Node whose value is None.

    Raises:
        Invalid: not YAML, several documents, an alias, a repeated key, a key that is no text, or over MAX_FILE_BYTES.
    """
    if len(text.encode()) > MAX_FILE_BYTES:
        raise Invalid(f"{file}: larger than {MAX_FILE_BYTES} bytes", code="policy")
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return Node(None, file, 1) if root is None else _wrap(loader, root, file, set())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "not a YAML document"
        raise Invalid(f"{file}:{line}: {problem}", code="policy") from None
    finally:
        loader.dispose()


def _wrap(loader: _Loader, node: yaml.Node, file: str, seen: set[int]) -> Node:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise Invalid(f"{file}:{line}: aliases are not allowed", code="policy")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return Node(_wrap_mapping(loader, node, file, seen), file, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_wrap(loader, item, file, seen) for item in node.value], file, line)
    return Node(loader.construct_object(node), file, line)


def _wrap_mapping(loader: _Loader, node: yaml.MappingNode, file: str, seen: set[int]) -> dict[str, Node]:
    mapping: dict[str, Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        where = f"{file}:{key.start_mark.line + 1}"
        if not isinstance(name, str) or key.tag == "tag:yaml.org,2002:merge":
            raise Invalid(f"{where}: a key must be a plain text", code="policy")
        if name in mapping:
            raise Invalid(f"{where}: key {name!r} stands twice", code="policy")
        mapping[name] = dataclasses.replace(_wrap(loader, value, file, seen), line=key.start_mark.line + 1)
    return mapping


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The policy folder's content, as it was reviewed: path (POSIX, relative) to text."""

    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over the files in path order, each length-prefixed; hex. Names the bundle everywhere."""
        state = hashlib.sha256(b"gateway-policy/1\n")
        for path in sorted(self.files):
            for part in (path.encode(), self.files[path].encode()):
                state.update(len(part).to_bytes(8, "big") + part)
        return state.hexdigest()

    def document(self, path: str) -> Node:
        """The parsed file; an absent one is a Node whose value is None."""
        return parse(self.files.get(path, ""), file=path)

    def folder(self, name: str) -> tuple[str, ...]:
        """Paths of the YAML files directly in a folder, sorted."""
        return tuple(
            sorted(p for p in self.files if PurePosixPath(p).parent == PurePosixPath(name) and p.endswith(".yaml"))
        )
