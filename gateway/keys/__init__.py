"""Keys: drawn, wrapped, derived, and used to sign.

Law: no secret stands in clear on disk but the KEK, which lies outside the home, readable by its owner only; none stands
in a repr, an error or a pickle. A file that is damaged, open to others, or under another KEK ends in an error that
names its role; nothing is made anew in its place. Files change by temp file, fsync and rename.
"""

from gateway.keys.creation import create_keys
from gateway.keys.ring import FileKeyRing
from gateway.keys.signer import NoteSigner, load_signer, read_verifier_key

__all__ = ["FileKeyRing", "NoteSigner", "create_keys", "load_signer", "read_verifier_key"]
