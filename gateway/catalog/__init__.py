"""The catalog: what the gateway knows about production data.

A dataset or column that is not listed does not exist for the gateway. A dataset that its asker may not
know of answers exactly like an unknown name. Every message of the reader begins with `file:line:`.
"""

from gateway.catalog.reader import read_catalog
from gateway.catalog.resolver import resolve

__all__ = ["read_catalog", "resolve"]
