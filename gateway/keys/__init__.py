"""Keys: drawn, wrapped, derived, and used to sign.

Law: no secret stands in clear on disk but key-encryption keys, which lie outside the home, readable by their owner
only; none stands in a repr, an error or a pickle. Each project and epoch has a key-encryption key of its own, and what
deletes it destroys the epoch, whatever ring is put back (T12). A file that is damaged, open to others, or under another
key ends in an error that names its role; nothing is made anew in its place. Files change by temp file, fsync, rename.
"""

from gateway.keys.creation import create_keys
from gateway.keys.local import FileWrapper, projects_folder
from gateway.keys.ring import FileKeyRing
from gateway.keys.signer import NoteSigner, load_signer, read_verifier_key
from gateway.keys.vault import VaultWrapper

__all__ = [
    "FileKeyRing",
    "FileWrapper",
    "NoteSigner",
    "VaultWrapper",
    "create_keys",
    "load_signer",
    "projects_folder",
    "read_verifier_key",
]
