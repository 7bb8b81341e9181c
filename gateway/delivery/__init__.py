"""Turns answers into bytes: Arrow IPC, Parquet, CSV, JSON; streamed, in bounded memory.

Each body ends with a mark that is written only when the answer has ended well, so that a body cut anywhere
is seen as cut. CSV has no room for a mark: its receipt's hash tells.
"""

from gateway.delivery.encode import encode
from gateway.delivery.formats import FORMATS, Format, format_for, media_type

__all__ = ["FORMATS", "Format", "encode", "format_for", "media_type"]
