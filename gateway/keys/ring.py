"""The key ring: one random master a project and epoch, wrapped under the KEK; all other keys are derived from it.

    KEK ──wraps──▶ master (project, epoch) ──HKDF-SHA256──▶ key (project, domain, mask, epoch)

The file carries a seal under the KEK, so that a project cannot be taken out or put in without it. NOTE: an
older ring put back whole is not detected (THREATS T12).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import Integrity
from gateway.keys import files
from gateway.keys.wrapping import Wrapper, frame
from gateway.ports import Entropy
from gateway.terms.key import KEY_BYTES, Key, KeyScope

RING_ROLE: Final = "key ring file"
_FORMAT: Final = "gateway-key-ring/1"

Projects = Mapping[str, Mapping[str, str]]
"""Project to epoch (decimal text) to its wrapped master."""


class FileKeyRing:
    """A KeyRing in `home/keys/ring.json`. Masters are read at each use and kept nowhere.

    Several processes may share a home.
    """

    def __init__(self, home: Path, *, kek_path: Path, entropy: Entropy) -> None:
        """Open the ring.

        Raises:
            Unavailable: KEK or ring cannot be read.
            Integrity: one of them is damaged, open to others, or they do not belong together.
        """
        self._path = ring_path(home)
        self._wrapper = Wrapper.from_file(kek_path)
        self._entropy = entropy
        self._projects()

    def derive(self, scope: KeyScope) -> Key:
        """The current epoch's key for a scope; the project's master is made at its first use.

        Raises:
            Unavailable: the ring cannot be read or written.
            Integrity: it is damaged.
        """
        epochs = self._projects().get(scope.project) or self._create(scope.project)
        epoch = _newest(epochs)
        context = _context(scope.project, epoch)
        master = self._wrapper.unwrap(epochs[str(epoch)], context=context, role=RING_ROLE)
        info = frame("gw1", scope.project, scope.domain, scope.mask, str(epoch))
        return Key(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master.secret()))

    def epoch(self, project: str) -> int:
        """The project's current epoch, from 1; 1 for a project that has no master yet."""
        return _newest(self._projects().get(project) or {"1": ""})

    def _create(self, project: str) -> Mapping[str, str]:
        with files.locked(self._path.with_name("ring.lock"), role=RING_ROLE):
            projects = self._projects()  # again: another process may have been first
            if project not in projects:
                secret, context = self._entropy.draw(KEY_BYTES), _context(project, 1)
                wrapped = self._wrapper.wrap(secret, context=context, entropy=self._entropy)
                projects = {**projects, project: {"1": wrapped}}
                files.replace(self._path, ring_content(projects, self._wrapper), role=RING_ROLE)
        return projects[project]

    def _projects(self) -> Projects:
        content = files.read(self._path, role=RING_ROLE, private=True)
        try:
            document = json.loads(content)
            projects: Projects = document["projects"]
            sealed = hmac.compare_digest(content, ring_content(projects, self._wrapper))
        except (ValueError, KeyError, TypeError, RecursionError):
            sealed = False
        if not sealed:
            raise Integrity(f"the {RING_ROLE} is damaged or under another key-encryption key", code="keys.ring")
        return projects

    def __repr__(self) -> str:
        return "FileKeyRing(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FileKeyRing is not serialized")


def ring_path(home: Path) -> Path:
    """Where a home's ring lies."""
    return home / "keys" / "ring.json"


def ring_content(projects: Projects, wrapper: Wrapper) -> bytes:
    """The ring file, byte for byte: canonical JSON and its seal."""
    body = {"format": _FORMAT, "projects": projects}
    seal = wrapper.seal(json.dumps(body, sort_keys=True).encode())
    return json.dumps({**body, "seal": seal}, sort_keys=True, indent=1).encode() + b"\n"


def _context(project: str, epoch: int) -> tuple[str, ...]:
    return ("master", project, str(epoch))


def _newest(epochs: Mapping[str, str]) -> int:
    return max(map(int, epochs))
