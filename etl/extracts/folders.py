"""Where versions lie: `NAME/JOB-EPOCH/`, one folder for each attempt, and a link `NAME/N` to the one that became it.

A folder belongs to its attempt until the version names it. Nothing is renamed and nothing is overwritten, so an
attempt that lost its claim can harm nobody.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.errors import Integrity, Unavailable
from gateway.terms.extract import DatasetVersion, Job

_ATTEMPT: Final = re.compile(r"(j-[0-9a-f]{16})-([1-9][0-9]{0,8})")
_PRIVATE: Final = 0o700
_FILE_MODE: Final = 0o600


class Folders:
    """The extracts folder of a gateway's home. Readable by its owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, job: Job) -> Path:
        """An empty folder for the job's newest attempt.

        Raises:
            Unavailable: `disk`: it cannot be made.
        """
        folder = self._root / folder_of(job)
        with _told("the extract's folder cannot be made"):
            for above in (self._root, folder.parent):
                above.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            folder.mkdir(mode=_PRIVATE)
        return folder

    def seal(self, folder: Path, files: Sequence[tuple[str, bytes]]) -> None:
        """Write the last files, and make them and the folder's names durable.

        Raises:
            Unavailable: `disk`.
        """
        with _told("the extract's manifest cannot be written"):
            for name, content in files:
                with os.fdopen(os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            for made in (folder, folder.parent, self._root):
                _sync(made)

    def link(self, version: DatasetVersion) -> None:
        """Let `NAME/N` lead to the version; a second call does nothing."""
        link = self._root / version.name / str(version.number)
        with _told("the version's link cannot be made"):
            if not link.is_symlink():
                with contextlib.suppress(FileExistsError):  # another worker made it a moment ago
                    link.symlink_to(Path(version.folder).name)
                _sync(link.parent)

    def of(self, version: DatasetVersion) -> Path:
        """The version's folder.

        Raises:
            Integrity: the stored name is not that of an attempt.
        """
        name, _, attempt = version.folder.partition("/")
        if name != version.name or not _ATTEMPT.fullmatch(attempt):
            raise Integrity("a stored version names a folder that no attempt has", code="version")
        return self._root / name / attempt

    def attempts(self) -> Iterator[tuple[str, int, Path]]:
        """(job, epoch, folder) for each attempt that left one."""
        for folder in sorted(self._root.glob("*/*")):
            found = _ATTEMPT.fullmatch(folder.name)
            if found and folder.is_dir() and not folder.is_symlink():
                yield found[1], int(found[2]), folder

    def remove(self, folder: Path) -> None:
        """Delete an attempt's folder. What cannot be deleted now is found again by the next sweep."""
        shutil.rmtree(folder, ignore_errors=True)

    def clear(self, version: DatasetVersion, *, files: Sequence[str]) -> None:
        """Delete a version's data; manifest and signature stay.

        Raises:
            Unavailable: `disk`: a file is still there.
        """
        folder = self.of(version)
        with _told("an expired version's file cannot be deleted"):
            for name in files:
                (folder / Path(name).name).unlink(missing_ok=True)
            if folder.is_dir():
                _sync(folder)


def folder_of(job: Job) -> str:
    """Of the job's newest attempt, relative to the extracts folder."""
    return f"{job.spec.name}/{job.id}-{job.epoch}"


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _told(problem: str) -> Iterator[None]:
    """An OSError's text may name a path of the host: only its reason is told."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{problem}: {os.strerror(error.errno or 0)}",
            code="disk",
            fix="free space on the volume of the gateway's home",
        ) from None
