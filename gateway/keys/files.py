"""Reading and writing key files: closed permissions, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.errors import Integrity, Invalid, Unavailable

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES: Final = 16 << 20
"""A key ring of 100,000 projects."""
_UNLINK: Final = "put the file itself in the link's place, and leave no other copy"


def read(path: Path, *, role: str, private: bool, may_be_link: bool) -> bytes:
    """A key file's content.

    The open file is judged, not its name, so that it cannot be exchanged in between.

    Args:
        path: of the file.
        role: what errors call it.
        private: it must be the owner's only.
        may_be_link: whether its name may be a symbolic link. Not of what `erase` ends: it would end the link only.

    Raises:
        Unavailable: it cannot be read.
        Integrity: no regular file, too large, or private and open to group or others, or another user's.
    """
    followed = 0 if may_be_link else os.O_NOFOLLOW
    try:
        # O_NONBLOCK: opening a FIFO would wait for a writer
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | followed), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > _MAX_BYTES:
                raise Integrity(f"the {role} is no regular file of at most {_MAX_BYTES} bytes", code="keys.file")
            if private:
                _check_closed(state, role=role, fix="chmod 600 the file")
            return file.read()
    except OSError as error:
        if error.errno == errno.ELOOP and not may_be_link:
            raise Integrity(f"the {role} is a symbolic link", code="keys.link", fix=_UNLINK) from None
        raise Unavailable(f"the {role} cannot be read: {error.strerror}", code="keys.file") from None


def check_folder(path: Path, *, role: str) -> None:
    """A folder of secrets, which is made if absent: who may write in it could exchange them.

    Raises:
        Unavailable: it cannot be made or looked at.
        Integrity: no folder, open to group or others, or another user's.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        state = path.lstat()
    except OSError as error:
        raise Unavailable(f"the {role} cannot be used: {error.strerror}", code="keys.file") from None
    if not stat.S_ISDIR(state.st_mode):
        raise Integrity(f"the {role} is no folder", code="keys.file")
    _check_closed(state, role=role, fix="chmod 700 the folder")


def _check_closed(state: os.stat_result, *, role: str, fix: str) -> None:
    if state.st_mode & _OTHERS:
        raise Integrity(f"the {role} is open to its group or to others", code="keys.permissions", fix=fix)
    if state.st_uid != os.geteuid():
        raise Integrity(
            f"the {role} belongs to another user than the one that runs the gateway",
            code="keys.owner",
            fix="run as the user that ran `gateway init`",
        )


def write_new(path: Path, content: bytes, *, role: str, mode: int) -> None:
    """Create a file durably; never overwrite one.

    Raises:
        Invalid: it exists.
        Unavailable: it cannot be written.
    """
    with _written(path, content, role=role, mode=mode) as whole:
        try:
            path.hardlink_to(whole)  # unlike a rename, fails if the target exists
        except FileExistsError:
            raise Invalid(f"the {role} exists and is never overwritten", code="keys.exists") from None


def replace(path: Path, content: bytes, *, role: str) -> None:
    """Exchange a private file's content durably: a reader sees the old or the new one.

    Raises:
        Unavailable: it cannot be written; the old content stands.
    """
    with _written(path, content, role=role, mode=PRIVATE) as whole:
        whole.rename(path)


def erase(path: Path, *, role: str) -> None:
    """Overwrite a secret's bytes in place, then take it away, durably. Nothing if it is not there.

    NOTE: a file system that copies on write, a snapshot or flash memory may keep the old bytes.

    Raises:
        Unavailable: it may still be there.
    """
    try:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return
        with os.fdopen(handle, "wb", buffering=0) as file:
            file.write(bytes(os.fstat(handle).st_size))
            os.fsync(handle)
        path.unlink(missing_ok=True)  # a reader may have given it another name: the caller looks there next
        sync_folder(path.parent)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unavailable(f"the {role} is a symbolic link", code="keys.link", fix=_UNLINK) from None
        raise Unavailable(f"the {role} cannot be deleted: {error.strerror}", code="keys.file") from None


@contextlib.contextmanager
def locked(path: Path, *, role: str) -> Iterator[None]:
    """Wait for the only holder's place, among threads and processes; it ends with the process.

    Raises:
        Unavailable: it cannot be had.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise Unavailable(f"the {role} cannot be locked: {error.strerror}", code="keys.file") from None


@contextlib.contextmanager
def _written(path: Path, content: bytes, *, role: str, mode: int) -> Iterator[Path]:
    """A whole, synced file beside `path`; what the body makes of it is synced too, and the file is gone after it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        whole = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, mode)
                file.write(content)
                file.flush()
                os.fsync(handle)
            yield whole
            sync_folder(path.parent)
        finally:
            whole.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"the {role} cannot be written: {error.strerror}", code="keys.file") from None


def sync_folder(folder: Path) -> None:
    """Make its names durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
