"""A home's first keys."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gateway.errors import Invalid, Unavailable
from gateway.keys import files
from gateway.keys.content import RING_ROLE, ring_content
from gateway.keys.ring import ring_path
from gateway.keys.signer import check_name, write_signer
from gateway.keys.wrapping import Kek, write_kek
from gateway.ports import Entropy
from gateway.terms.key import KEY_BYTES

_FOLDER_MODE: Final = 0o700


def create_keys(home: Path, *, kek_path: Path, origin: str, entropy: Entropy) -> None:
    """Write the house's KEK outside the home; in `home/keys` a signing key wrapped under it, and an empty key ring.

    A run that was cut short is not continued: the operator removes the KEK file and `home/keys`, which nothing
    was wrapped with yet, and begins again.

    Args:
        home: is created if absent.
        kek_path: in a folder that is created if absent. MUST NOT be part of the home's backups (THREATS T12).
        origin: name of the log, as in `example.com/gateway`.
        entropy: of all keys.

    Raises:
        Invalid: the KEK would lie in the home, or a key file exists: none is ever overwritten.
        Unavailable: a file cannot be written.
    """
    check_name(origin)
    folder = ring_path(home).parent
    if kek_path.resolve().is_relative_to(home.resolve()):
        raise Invalid(
            "the key-encryption key must not lie in the home: a backup of the home would open itself",
            code="keys.kek",
            fix="set GATEWAY_KEK_FILE to a path outside GATEWAY_HOME",
        )
    if folder.exists() and any(folder.iterdir()):
        raise Invalid("this home has keys already; none is ever overwritten", code="keys.exists")
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        kek_path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"the folder of the keys cannot be made: {error.strerror}", code="keys.file") from None
    write_kek(kek_path, entropy.draw(KEY_BYTES))
    house = Kek.from_file(kek_path, may_be_link=True)
    write_signer(folder, origin=origin, kek=house, entropy=entropy)
    files.write_new(ring_path(home), ring_content({}, house), role=RING_ROLE, mode=files.PRIVATE)
