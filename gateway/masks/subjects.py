"""Data subjects by keyed hash: where their rows lie in a dataset version, and whose rows an answer was made of.

The latter is a Bloom filter, a sketch: it says who it may be without saying who. An erasure asks each answer's sketch
for its subject and gets those who may have taken his rows (THREATS T6). A sketch says yes to about one stranger in a
hundred at 850 subjects; one that would say yes to nearly everybody becomes `any`, which costs nothing to keep.
"""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import text_parts, validity
from gateway.masks.cmac import Cmac
from gateway.ports import KeyRing
from gateway.terms.key import KeyScope

Hashes = npt.NDArray[np.uint64]
_BUCKET_LABEL: Final = b"gateway-bucket/1"
_SKETCH_LABEL: Final = b"gateway-sketch/1"

ANY: Final = "any"
"""Everybody may be in it."""
SKETCH_BYTES: Final = 1024
SKETCH_PLACES: Final = 7
"""Bits that one subject sets."""
_BITS: Final = SKETCH_BYTES * 8
_FULL: Final = _BITS - _BITS // 32
"""Bits set, above which four of five strangers would be in it."""


def subject_hash(keys: KeyRing, *, project: str) -> Callable[[pa.Array], Hashes]:
    """64 bits for each value of a subject column, under a key of its own: not the pseudonyms' key.

    AES-256-CMAC under HMAC-SHA-256(key, "gateway-bucket/1") of the value as text, the first 8 bytes, little-endian.
    Nulls get 0. The function MUST be called by one thread at a time.
    """
    scope = KeyScope(project=project, domain="dataset-version", mask="bucket")
    return hash_of(scope, keys=keys, label=_BUCKET_LABEL)


def hash_of(scope: KeyScope, *, keys: KeyRing, label: bytes) -> Callable[[pa.Array], Hashes]:
    """The same under another key: HMAC-SHA-256(key of the scope, label)."""
    cmac = Cmac(hmac.digest(keys.derive(scope).secret(), label, "sha256"))

    def hashes(column: pa.Array) -> Hashes:
        plain = column if pa.types.is_string(column.type) else column.cast(pa.string())
        valid = validity(plain)
        given = plain if valid is None else plain.drop_null()
        tags = cmac.of_texts(*text_parts(given)).view("<u8").reshape(-1, 2)[:, 0]
        if valid is None:
            return tags.astype(np.uint64)
        spread = np.zeros(len(plain), np.uint64)
        spread[valid] = tags
        return spread

    return hashes


class Sketch:
    """The subjects of one dataset's released rows in one answer. Safe to add to from several threads."""

    def __init__(self) -> None:
        self._bits = np.zeros(_BITS, np.bool_)
        self._is_any = False
        self._lock = threading.Lock()

    @property
    def is_any(self) -> bool:
        """Nothing more need be added."""
        return self._is_any

    def add(self, hashes: Hashes) -> None:
        """These subjects' rows were released."""
        places = _places(hashes)
        with self._lock:
            self._bits[places] = True
            if np.count_nonzero(self._bits) > _FULL:
                self._is_any = True

    def add_everybody(self) -> None:
        """Rows were released whose subjects were not read."""
        self._is_any = True

    def text(self) -> str:
        """Base64 of 1,024 bytes, bit i of byte j being place 8j + i; or `any`."""
        return ANY if self._is_any else base64.b64encode(np.packbits(self._bits, bitorder="little").tobytes()).decode()


class SketchWriter:
    """Adds a stream's subjects to a sketch. MUST be used by one thread at a time."""

    def __init__(self, sketch: Sketch, *, column: str, keys: KeyRing, project: str, domain: str) -> None:
        """`column`: the raw stream's column of subjects, of this domain."""
        self._sketch = sketch
        self._column = column
        self._hash = hash_of(sketch_scope(project=project, domain=domain), keys=keys, label=_SKETCH_LABEL)

    def note(self, batch: pa.RecordBatch) -> None:
        """These raw rows are released; those without a subject are nobody's."""
        if self._sketch.is_any or not batch.num_rows:
            return
        if batch.schema.get_field_index(self._column) < 0:
            self._sketch.add_everybody()
            return
        try:
            self._sketch.add(self._hash(batch.column(self._column).unique().drop_null()))  # each once: AES costs more
        except pa.ArrowException:  # a value that is no text: it fails no query, and nobody is missed
            self._sketch.add_everybody()


def sketch_hash(subjects: pa.Array, *, keys: KeyRing, project: str, domain: str) -> Hashes:
    """What sketches of this project and epoch hold of subjects, given as the dataset's column holds them; no nulls.

    AES-256-CMAC under HMAC-SHA-256(key, "gateway-sketch/1") of the value as text, the first 8 bytes, little-endian.
    """
    return hash_of(sketch_scope(project=project, domain=domain), keys=keys, label=_SKETCH_LABEL)(subjects)


def sketch_scope(*, project: str, domain: str) -> KeyScope:
    """A key of its own: a sketch cannot be held against pseudonyms or buckets."""
    return KeyScope(project=project, domain=domain, mask="sketch")


def may_contain(sketch: str, subject: int) -> bool:
    """Whether the subject of this hash may be in the sketch; False is certain.

    Raises:
        Integrity: not a sketch.
    """
    if sketch == ANY:
        return True
    try:
        octets = base64.b64decode(sketch, validate=True)
    except ValueError:
        octets = b""
    if len(octets) != SKETCH_BYTES:
        raise Integrity("a sketch of subjects is none", code="masks.sketch")
    bits = np.unpackbits(np.frombuffer(octets, np.uint8), bitorder="little")
    return bool(bits[_places(np.array([subject], np.uint64))].all())


def _places(hashes: Hashes) -> npt.NDArray[np.intp]:
    """Each hash's seven places, by double hashing: lower + i · upper, the upper half made odd."""
    mask = np.uint64(_BITS - 1)  # sums of remainders have the same remainder
    lower = (hashes & mask).astype(np.intp)
    upper = (hashes >> np.uint64(32) & mask | np.uint64(1)).astype(np.intp)
    return (lower + np.arange(SKETCH_PLACES)[:, None] * upper) & (_BITS - 1)
