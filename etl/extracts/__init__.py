"""Extracts: ordered, decided, made in attempts, published exactly once, served file by file.

Law of the package: a client of the enforcement point with no back entrance. An attempt that fails leaves nothing;
a version that is named is whole, signed and never changes.
"""

from etl.extracts.attempt import Workshop
from etl.extracts.desk import ExtractDesk
from etl.extracts.folders import Folders
from etl.extracts.office import Stock
from etl.extracts.shelf import ExtractDesks, FileLink, ServedFile, Shelf, VersionView
from etl.extracts.spec import duration, read_spec, spec_document
from etl.extracts.worker import Worker, run_worker

__all__ = [
    "ExtractDesk",
    "ExtractDesks",
    "FileLink",
    "Folders",
    "ServedFile",
    "Shelf",
    "Stock",
    "VersionView",
    "Worker",
    "Workshop",
    "duration",
    "read_spec",
    "run_worker",
    "spec_document",
]
