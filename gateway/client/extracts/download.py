"""Fetches a version's files. A file has its name only once its bytes are those that the manifest names."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from gateway.client.connection import Client
from gateway.client.errors import Incomplete, Unreachable

PARALLEL: Final = 2
MAX_TRIES: Final = 5
"""Connections that one file may lose; each next one goes on where the last broke."""
FIRST_PAUSE_SECONDS: Final = 0.2
Progress = Callable[[int], None]
"""Called with bytes that are done."""


def fetch_all(
    client: Client, version: str, files: Sequence[Mapping[str, Any]], *, folder: Path, progress: Progress
) -> None:
    """Fetch what is not there yet, two files at a time.

    Args:
        files: of the manifest: path, bytes, sha256.

    Raises:
        Incomplete: a file is not what the manifest says, or its connection broke too often.
        Refused, Unreachable: as the gateway says; what was fetched stays, and is not fetched again.
    """
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="gateway-download") as pool:
        tasks = [pool.submit(_fetch, client, version, file, folder=folder, progress=progress) for file in files]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def is_whole(path: Path, file: Mapping[str, Any]) -> bool:
    """Whether a file on disk is what the manifest says."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != file["bytes"]:
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == str(file["sha256"])


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file: durable before it has its name."""
    partial = path.with_name(path.name + ".part")
    with _opened(partial, "wb") as out:
        out.write(data)
        _sync(out)
    partial.replace(path)


def _fetch(client: Client, version: str, file: Mapping[str, Any], *, folder: Path, progress: Progress) -> None:
    path = folder / file["path"]
    partial = path.with_name(path.name + ".part")
    if is_whole(path, file):
        progress(file["bytes"])
        return
    pause = FIRST_PAUSE_SECONDS
    for left in range(MAX_TRIES - 1, -1, -1):
        try:
            _go_on(client, version, file, partial=partial, progress=progress)
            break
        except (Incomplete, Unreachable):
            if not left:
                raise
        time.sleep(pause)
        pause *= 2
    if not is_whole(partial, file):
        partial.unlink()
        raise Incomplete(f"{file['path']} of {version} is not what its manifest says: do not use it")
    partial.replace(path)


def _go_on(client: Client, version: str, file: Mapping[str, Any], *, partial: Path, progress: Progress) -> None:
    """Append what is missing."""
    have = partial.stat().st_size if partial.is_file() else 0
    if have >= file["bytes"]:  # whole, or wrong: its hash tells
        return
    with client.version_range(version, file["path"], first=have) as (status, chunks):
        goes_on = status == HTTPStatus.PARTIAL_CONTENT
        with _opened(partial, "ab" if goes_on else "wb") as out:
            size = out.tell()
            for chunk in chunks:
                size += len(chunk)
                if size > file["bytes"]:
                    raise Incomplete(f"{file['path']} of {version} is longer than its manifest says: do not use it")
                out.write(chunk)
                progress(len(chunk))
            _sync(out)


def _opened(path: Path, mode: Literal["ab", "wb"]) -> BinaryIO:
    """Readable for its owner only."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_APPEND if mode == "ab" else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), mode)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
