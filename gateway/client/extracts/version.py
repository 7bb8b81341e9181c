"""A dataset version: what its manifest says, and its files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.client.answers.frames import to_pandas, to_polars
from gateway.client.connection import Client
from gateway.client.errors import Incomplete, printable
from gateway.client.extracts.download import Progress, fetch_all, is_whole, write_whole

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

MANIFEST_NAME: Final = "manifest.json"
SIGNATURE_NAME: Final = "manifest.sig"
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,100}\.parquet")
OnRead = Callable[[str], None]
"""Called with a version's id once all its rows were read."""


class Version:
    """`name@number`. It never changes; who may read it is decided anew with each file."""

    def __init__(self, client: Client, document: Mapping[str, Any], *, on_read: OnRead) -> None:
        """`document`: of `GET /v1/dataset-versions/NAME@N`."""
        self._client = client
        self._document = dict(document)
        self._on_read = on_read

    def __repr__(self) -> str:
        told = self._document
        return printable(f"Version({told['id']}, {told['rows']} rows, {told['purpose']}, expires {told['expires']})")

    @property
    def id(self) -> str:
        """`loan-default@1`."""
        return str(self._document["id"])

    @property
    def manifest(self) -> dict[str, Any]:
        """What was signed (docs/extracts.md): columns with level and mask, files with SHA-256, policy, grants."""
        return dict(self._document["manifest"])

    @property
    def signature(self) -> str:
        """The signed note over the manifest. This client does not check it: `gateway extract verify` does."""
        return str(self._document["signature"])

    @property
    def watermark(self) -> str | None:
        """How new the data was, ISO 8601; None: no dataset of it tells."""
        found = self._document["watermark"]
        return None if found is None else str(found)

    def download(self, folder: str | Path, *, progress: bool = True) -> Path:
        """Fetch files, manifest and signature into a folder, for `gateway extract verify` and for training.

        Two files at a time. A file that is there and whole is not fetched again, and one that broke off goes on where
        it broke. Each has its name only once its SHA-256 is the manifest's.

        Args:
            folder: is made if need be, readable for its owner only; MUST hold nothing of another version.
            progress: show bytes on stderr, if that is a terminal.

        Raises:
            Incomplete: what came is not what the manifest says.
            StaleVersion, PolicyDenied: the version has expired, or policy no longer shows it to the caller.
            FileExistsError: the folder holds another version.
        """
        target = Path(folder)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        manifest = self._fetched_manifest()
        known = target / MANIFEST_NAME
        if known.exists() and known.read_bytes() != manifest:
            raise FileExistsError(f"{target} holds another dataset version: name another folder")
        write_whole(known, manifest)
        write_whole(target / SIGNATURE_NAME, self.signature.encode())
        with _shown(sum(file["bytes"] for file in self._files()), wanted=progress) as advance:
            fetch_all(self._client, self.id, self._files(), folder=target, progress=advance)
        self._on_read(self.id)
        return target

    def verify(self, folder: str | Path) -> None:
        """Check a downloaded folder: manifest, and size and SHA-256 of each file. Only hashes that the gateway tells.

        The proof that needs no gateway is the signature's: `gateway extract verify DIR --key VKEY`.

        Raises:
            Incomplete: a file is missing or differs; the text names it.
        """
        source = Path(folder)
        told = source / MANIFEST_NAME
        digest = hashlib.sha256(told.read_bytes()).hexdigest() if told.is_file() else ""
        wrong = [] if digest == self._document["manifest_sha256"] else [MANIFEST_NAME]
        wrong += [file["path"] for file in self._files() if not is_whole(source / file["path"], file)]
        if wrong:
            raise Incomplete(f"not as {self.id}'s manifest says: {', '.join(wrong)}")

    def to_arrow(self, *, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, or some columns of them, in memory. Files are fetched whole, checked, and not kept.

        To read more than once, `download` and read the folder's Parquet files.

        Raises:
            KeyError: there is no such column. Else as `download`.
        """
        known = [column["name"] for column in self._document["manifest"]["columns"]]
        wanted = known if columns is None else list(columns)
        if unknown := sorted(set(wanted) - set(known)):
            raise KeyError(f"{self.id} has no column {', '.join(unknown)}")
        with tempfile.TemporaryDirectory(prefix="gateway-") as folder:  # 0700
            self.download(folder, progress=False)
            # NOTE: not memory-mapped: the files are gone when the table is used.
            files = [pq.ParquetFile(Path(folder) / file["path"], memory_map=False) for file in self._files()]
            tables = [file.read(columns=wanted).select(wanted) for file in files]
            for file in files:
                file.close()
        return pa.concat_tables(tables)

    def to_pandas(self, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """As `to_arrow`; types as `Result.to_pandas`."""
        return to_pandas(self.to_arrow(columns=columns))

    def to_polars(self, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """As `to_arrow`; needs Polars."""
        return to_polars(self.to_arrow(columns=columns))

    def _files(self) -> list[dict[str, Any]]:
        """Of the manifest.

        Raises:
            Incomplete: one would lie outside of its folder.
        """
        files = list(self._document["manifest"]["files"])
        if not all(_FILE_NAME.fullmatch(file["path"]) for file in files):
            raise Incomplete(f"the manifest of {self.id} names a file that is none of a dataset version: do not use it")
        return files

    def _fetched_manifest(self) -> bytes:
        """The signed bytes."""
        with self._client.version_file(self.id, MANIFEST_NAME) as chunks:
            found = b"".join(chunks)
        is_told = hashlib.sha256(found).hexdigest() == self._document["manifest_sha256"]
        if not is_told or json.loads(found) != self._document["manifest"]:
            raise Incomplete(f"the manifest of {self.id} is not the one that the gateway told: do not use it")
        return found


@contextlib.contextmanager
def _shown(total: int, *, wanted: bool) -> Iterator[Progress]:
    from rich.console import Console  # here: only who waits pays for it
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    console = Console(stderr=True)
    is_off = not (wanted and console.is_terminal)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=is_off) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
