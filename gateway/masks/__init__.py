"""Masks: raw columns in, released columns out. Pure: no I/O, no clock, no global state.

Law: only `apply` makes a released stream of rows, and `recover` one of pseudonyms beside their values, for the
controller. What is not decided on is dropped; what a mask does not accept
fails closed, naming column and mask, never a value. A mask that leaks nothing gets no value. A value that a mask
cannot express becomes null: no single value fails a query, which would tell that it is there. Released buffers hold
released values only: zero bytes under nulls, no neighbouring rows, no dictionary.
"""

from gateway.masks.canon import CANONS, Canon
from gateway.masks.kernel import Kernel, MaskInputs
from gateway.masks.recover import check_recoverable, recover
from gateway.masks.registry import MASKS, REVERSED, output_type
from gateway.masks.release import ROW_COLUMN, Inspection, apply
from gateway.masks.subjects import Sketch, SketchWriter, may_contain, sketch_hash, subject_hash
from gateway.masks.text.names import NameLists

__all__ = [
    "CANONS",
    "MASKS",
    "REVERSED",
    "ROW_COLUMN",
    "Canon",
    "Inspection",
    "Kernel",
    "MaskInputs",
    "NameLists",
    "Sketch",
    "SketchWriter",
    "apply",
    "check_recoverable",
    "may_contain",
    "output_type",
    "recover",
    "sketch_hash",
    "subject_hash",
]
