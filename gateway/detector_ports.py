"""What masks and catalog ask of the processes that look into texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.terms.recognition import ColumnVerdict, Found, NameList, Note, SampledTable


class Detector(Protocol):
    """Finds personal data, in processes that hold no key and reach no network. Safe to call from several threads."""

    def find(self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool) -> list[Found]:
        """One for each note, in order. Depends on the note, `names` and `is_strict` alone.

        A text over 32 KiB, or slower than its time, comes back as `is_whole`; a hostile value costs one value.

        Args:
            names: parts of the names of all subjects that notes of this column may be about; None: not known.
            is_strict: remove unknown capitalised words too, where no language model is there.

        Raises:
            Unavailable: no process can be started, or a model that the settings name is missing.
        """

    def classify(self, table: SampledTable) -> list[ColumnVerdict]:
        """One for each column, in order.

        Raises:
            Unavailable: no process can be started.
        """
