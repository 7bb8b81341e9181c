"""A proposal as lines of policy files, beside what people wrote there; and as JSON."""

from gateway.catalog.writing.as_json import as_json
from gateway.catalog.writing.merging import merged_files, one_file

__all__ = ["as_json", "merged_files", "one_file"]
