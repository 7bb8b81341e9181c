"""What the frames between gateway and worker are: kinds and layouts.

Answers about texts are fixed structs, so that there is no parser for a worker to attack.
"""

from __future__ import annotations

import struct

from gateway.isolation.frames import READY

NAMES, TAKEN, FIND, FOUND, CLASSIFY, VERDICTS = range(READY + 1, READY + 7)
"""A part of a list of names and that it was taken; texts and what was found in them; a table and what it is."""

COUNT = struct.Struct(">I")
"""FOUND begins with how many texts it is about, the next ones of the question; then a NOTE each; then their SPANs."""
NOTE = struct.Struct(">B2sI")
"""How it went (an index in OUTCOMES), language or two zero bytes, how many spans."""
SPAN = struct.Struct(">IIBBI?")
"""Start, end, index of the kind, place of the role among the note's own from 1 (0: none), same as, is checked."""
OUTCOMES = ("read", "slow", "failed")
"""Of one text. Not read, it is to be removed whole."""

CHUNK_NOTES = 32
CHUNK_CHARACTERS = 4_096
"""At most so much is looked at as one: enough for a language model's batches, little enough to begin anew."""
MODEL_CHARACTERS = 1_000
"""For each so many that a language model reads it gets the time of one text more: what it takes is linear in them."""
KEPT_LISTS = 4
"""Lists of names that a worker keeps; the one that was used least lately goes first."""
