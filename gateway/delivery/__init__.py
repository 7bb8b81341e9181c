"""Turns answers into bytes (Arrow IPC, Parquet, CSV, JSON) or a dataset version's files; streamed, memory bounded.

Each body ends with a mark that is written only when the answer has ended well, so that a body cut anywhere
is seen as cut. CSV has no room for a mark: its receipt's hash tells.
"""

from gateway.delivery.as_dataset import Folder
from gateway.delivery.encode import encode, encode_dataset
from gateway.delivery.formats import FORMATS, Format, format_for, media_type

__all__ = ["FORMATS", "Folder", "Format", "encode", "encode_dataset", "format_for", "media_type"]
