"""Projects' keys as files: a Wrapper over a folder beside the house's own key-encryption key, outside the home.

    GATEWAY_KEK_FILE.projects/        0700
        credit-risk.1.kek             wraps the master of epoch 1
        credit-risk.2.kek.new         of an epoch that the ring does not have yet, or has since a moment
        credit-risk.1.destroyed       left in the place of a key that was destroyed

A key is first `.new`; it takes its name once the ring, which holds what it wrapped, could be read back. So what a crash
left is made anew, and a key by its whole name that the ring does not know tells of an old ring. None of them is a link:
deleting one would leave the key where it leads to.
"""

from __future__ import annotations

import datetime
import json
import os
import urllib.parse
from pathlib import Path
from typing import Final, NoReturn

from gateway.errors import Integrity, Unavailable
from gateway.keys import files
from gateway.keys.refusals import destroyed, older
from gateway.keys.wrapping import Kek, kek_content
from gateway.ports import Entropy
from gateway.terms.key import KEY_BYTES, Destruction, Key, KeyEpoch

FOLDER_ROLE: Final = "folder of projects' keys"
_FORMAT: Final = "gateway-key-destroyed/1"


def projects_folder(kek_path: Path) -> Path:
    """Where projects' keys lie, by the house's own."""
    return kek_path.with_name(kek_path.name + ".projects")


class FileWrapper:
    """A Wrapper (key_ports.Wrapper). Safe to share between threads and processes."""

    name = "files"

    def __init__(self, folder: Path, *, entropy: Entropy) -> None:
        self._folder = folder
        self._entropy = entropy

    def wrap(self, epoch: KeyEpoch, master: Key) -> str:
        """Make the epoch's key and wrap its one master with it; text for the ring. The caller holds the ring's lock."""
        files.check_folder(self._folder, role=FOLDER_ROLE)
        if self.holds(epoch) or self.destroyed(epoch) is not None:
            raise older(epoch)
        secret = Key(self._entropy.draw(KEY_BYTES))
        # In the place of one that a first use left which was cut short: nothing was ever derived under it.
        files.replace(self._new(epoch), kek_content(secret.secret()), role=_role(epoch))
        return Kek(secret).wrap(master.secret(), context=_context(epoch), entropy=self._entropy)

    def unwrap(self, epoch: KeyEpoch, wrapped: str) -> Key:
        """The master; a new key takes its name."""
        files.check_folder(self._folder, role=FOLDER_ROLE)
        if (told := self.destroyed(epoch)) is not None:
            raise destroyed(epoch, told)
        path, new = self._path(epoch), self._new(epoch)
        if self.holds(epoch) or not os.path.lexists(new):  # a name given in between is there at the second look
            return _unwrapped(path, epoch, wrapped)
        master = _unwrapped(new, epoch, wrapped)
        self._name(new, path, role=_role(epoch))
        if (told := self.destroyed(epoch)) is not None:  # since the first look: what was named again ends, too
            self._erase(epoch)
            raise destroyed(epoch, told)
        return master

    def destroy(self, epoch: KeyEpoch, destruction: Destruction) -> None:
        """Delete the key for good, durably; a second call does nothing more."""
        files.check_folder(self._folder, role=FOLDER_ROLE)
        role = _role(epoch)
        if self.destroyed(epoch) is None:  # first: what is left of a deletion that was cut short does not open
            files.replace(self._note(epoch), _note_content(destruction), role=role)
        self._erase(epoch)

    def holds(self, epoch: KeyEpoch) -> bool:
        """Whether its key is there, or anything by its name."""
        return os.path.lexists(self._path(epoch))

    def destroyed(self, epoch: KeyEpoch) -> Destruction | None:
        """The note that was left in its key's place."""
        path, role = self._note(epoch), f"note of the destroyed key of {epoch}"
        if not os.path.lexists(path):
            return None
        try:
            note = json.loads(files.read(path, role=role, private=True, may_be_link=False))
            if note["format"] == _FORMAT:
                return Destruction(at=datetime.datetime.fromisoformat(note["at"]), entry=str(note["entry"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise Integrity(f"the {role} is damaged", code="keys.file")

    def _erase(self, epoch: KeyEpoch) -> None:
        role = _role(epoch)
        for path in (self._new(epoch), self._path(epoch)):  # in this order: a reader may give the first the other name
            files.erase(path, role=role)
        if self.holds(epoch) or os.path.lexists(self._new(epoch)):
            raise Unavailable(f"the {role} is still there", code="keys.file", fix="try again")

    def _path(self, epoch: KeyEpoch) -> Path:
        return self._named(epoch, "kek")

    def _new(self, epoch: KeyEpoch) -> Path:
        return self._named(epoch, "kek.new")

    def _note(self, epoch: KeyEpoch) -> Path:
        return self._named(epoch, "destroyed")

    def _named(self, epoch: KeyEpoch, ending: str) -> Path:
        return self._folder / f"{urllib.parse.quote(epoch.project, safe='')}.{epoch.number}.{ending}"

    @staticmethod
    def _name(new: Path, path: Path, *, role: str) -> None:
        try:
            new.rename(path)
            files.sync_folder(path.parent)
        except FileNotFoundError:
            return  # another reader was faster
        except OSError as error:
            raise Unavailable(f"the {role} cannot be named: {error.strerror}", code="keys.file") from None

    def __repr__(self) -> str:
        return "FileWrapper(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FileWrapper is not serialized")


def _unwrapped(path: Path, epoch: KeyEpoch, wrapped: str) -> Key:
    return Kek.from_file(path, role=_role(epoch)).unwrap(wrapped, context=_context(epoch), role=f"master of {epoch}")


def _context(epoch: KeyEpoch) -> tuple[str, ...]:
    return ("master", epoch.project, str(epoch.number))


def _role(epoch: KeyEpoch) -> str:
    return f"key-encryption key file of {epoch}"


def _note_content(destruction: Destruction) -> bytes:
    note = {"format": _FORMAT, "at": destruction.at.isoformat(), "entry": destruction.entry}
    return json.dumps(note, indent=1).encode() + b"\n"
