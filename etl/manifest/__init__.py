"""A dataset version's manifest: what it is, canonical and signed, and its check without any gateway.

Law of the package: the manifest is the truth about a version. It holds no value of a row, no SQL, and nothing that
lets anybody but the recipient test a guess about either (T21).
"""

from etl.manifest.manifest import FORMAT, Facts, FileFact, SourceFact, canonical, digest_of, note_text
from etl.manifest.verify import VerifiedDataset, verify

__all__ = [
    "FORMAT",
    "Facts",
    "FileFact",
    "SourceFact",
    "VerifiedDataset",
    "canonical",
    "digest_of",
    "note_text",
    "verify",
]
