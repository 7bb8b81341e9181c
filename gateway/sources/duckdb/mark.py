"""How a file is known again: whether it was overwritten, replaced or taken away while it was read."""

from __future__ import annotations

import dataclasses
import os
from typing import Self


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What an overwritten or replaced file has other than before.

    Not seen: a file that is written within one tick of the clock (some 4 ms) of when it was marked, to the same size.
    """

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Of what os.stat or os.fstat says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
