"""The key ring: one random master a project and epoch, wrapped under a key of that epoch; all others are derived.

    key of (project, epoch) ──wraps──▶ master ──HKDF-SHA256──▶ key (project, domain, mask, epoch)

The ring lies in the home and may be backed up. The keys that open it lie elsewhere (key_ports.Wrapper), so a ring that
is put back opens nothing that was destroyed since. It carries a seal under the house's key, so that a project cannot
be taken out or put in without it. An older ring put back whole is found by `check`, by the log and by the keys.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import Integrity
from gateway.key_ports import Wrapper
from gateway.keys import files
from gateway.keys.content import RING_ROLE, Epochs, Held, Projects, old_masters, read_content, ring_content
from gateway.keys.refusals import destroyed, unknown
from gateway.keys.wrapping import Kek, frame
from gateway.ports import Clock, Entropy
from gateway.terms.key import KEY_BYTES, Destruction, EpochState, Key, KeyEpoch, KeyScope

FIRST: Final = 1
"""A project's first epoch."""


class FileKeyRing:
    """A KeyKeeper in `home/keys/ring.json`. Masters are read at each use and kept nowhere.

    Several processes may share a home.
    """

    def __init__(self, home: Path, *, kek_path: Path, wrapper: Wrapper, clock: Clock, entropy: Entropy) -> None:
        """Open the ring; one of an older format is rewritten.

        Raises:
            Unavailable: KEK or ring cannot be read.
            Integrity: one of them is damaged, open to others, or they do not belong together.
        """
        self._path = ring_path(home)
        self._house = Kek.from_file(kek_path, may_be_link=True)
        self._wrapper = wrapper
        self._clock = clock
        self._entropy = entropy
        self._rewrite_old()
        self._projects()

    def derive(self, scope: KeyScope) -> Key:
        """The scope's key; the project's master is made at its first use.

        Raises:
            Unavailable: the ring or the epoch's key cannot be read or written.
            Integrity: damaged; `keys.destroyed`; `keys.epoch`, the project has no such epoch.
        """
        epochs = self._projects().get(scope.project)
        if epochs is None and scope.epoch in {None, FIRST}:
            epochs = self._first(scope.project)
        epoch = KeyEpoch(scope.project, scope.epoch or max(epochs or {FIRST}))
        master = self._wrapper.unwrap(epoch, _live(epoch, epochs or {}).wrapped)
        info = frame("gw1", scope.project, scope.domain, scope.mask, str(epoch.number))
        return Key(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master.secret()))

    def epoch(self, project: str) -> int:
        """The project's current epoch, from 1; 1 for a project that has no master yet.

        Raises:
            Integrity: `keys.destroyed`, and no other was begun.
        """
        epochs = self._projects().get(project)
        if epochs is None:
            return FIRST
        newest = max(epochs)
        _live(KeyEpoch(project, newest), epochs)
        return newest

    def begin(self, project: str) -> KeyEpoch:
        """Make the next epoch, which is the current one from now on."""
        with self._locked():
            projects = self._projects()
            epoch = KeyEpoch(project, max(projects.get(project) or {FIRST - 1}) + 1)
            self._add(projects, epoch)
        return epoch

    def destroy(self, epoch: KeyEpoch, destruction: Destruction) -> None:
        """Delete an epoch's key and note it in the ring, known there or not; a second call does nothing more."""
        with self._locked():
            projects = self._projects()
            epochs = projects.get(epoch.project, {})
            held = epochs.get(epoch.number) or Held(created=None)
            self._wrapper.destroy(epoch, destruction)  # first: the ring is the lesser witness
            if held.destroyed is None:
                noted = Held(created=held.created, destroyed=destruction)
                self._write({**projects, epoch.project: {**epochs, epoch.number: noted}})

    def listed(self) -> Sequence[EpochState]:
        """Every epoch, by project and number."""
        known = [(KeyEpoch(name, n), held) for name, epochs in self._projects().items() for n, held in epochs.items()]
        return [
            EpochState(epoch=epoch, created=held.created, destroyed=held.destroyed)
            for epoch, held in sorted(known, key=lambda each: each[0])
        ]

    def check(self, told: Mapping[KeyEpoch, Destruction]) -> None:
        """Hold the ring against what the log tells was destroyed, and against the keys themselves."""
        if reasons := tuple(self._contradictions(told)):
            raise Integrity(
                "keys that were destroyed are back, or the key ring is an older one put back",
                code="keys.resurrected",
                reasons=reasons,
                fix="put back the newest ring.json; or `gateway key settle`, which destroys again what was destroyed",
            )

    def settle(self, told: Mapping[KeyEpoch, Destruction]) -> Sequence[KeyEpoch]:
        """Destroy again what the log, or a note in a key's place, tells was destroyed; those that were not."""
        states = {state.epoch: state for state in self.listed()}
        notes = {epoch: note for epoch in states if (note := self._wrapper.destroyed(epoch)) is not None}
        known = {epoch: state.destroyed for epoch, state in states.items() if state.destroyed is not None}
        wanted = {**notes, **known, **told}
        undone = [epoch for epoch in sorted(wanted) if epoch not in known or self._wrapper.holds(epoch)]
        for epoch in undone:
            self.destroy(epoch, wanted[epoch])
        return undone

    def _contradictions(self, told: Mapping[KeyEpoch, Destruction]) -> Iterator[str]:
        states = {state.epoch: state for state in self.listed()}
        for epoch, destruction in sorted(told.items()):
            if epoch not in states or states[epoch].destroyed is None:
                yield f"{epoch}: the log tells of its destruction ({destruction.entry}), the ring does not"
        for epoch, state in states.items():
            if state.destroyed is not None and self._wrapper.holds(epoch):
                yield f"{epoch}: its key is there again"
            if state.destroyed is None and epoch not in told and (note := self._wrapper.destroyed(epoch)):
                yield f"{epoch}: destroyed ({note.entry}) where its key lay, not in the ring"
        for project, epochs in self._projects().items():
            following = KeyEpoch(project, max(epochs) + 1)
            if self._wrapper.holds(following):
                yield f"{following}: its key is there, the ring does not know it"

    def _first(self, project: str) -> Epochs:
        with self._locked():
            projects = self._projects()  # again: another process may have been first
            return projects.get(project) or self._add(projects, KeyEpoch(project, FIRST))

    def _add(self, projects: Projects, epoch: KeyEpoch) -> Epochs:
        """Draw the epoch's master. Under the ring's lock."""
        master = Key(self._entropy.draw(KEY_BYTES))
        held = Held(created=self._now(), wrapped=self._wrapper.wrap(epoch, master))
        epochs = {**projects.get(epoch.project, {}), epoch.number: held}
        self._write({**projects, epoch.project: epochs})
        self._wrapper.unwrap(epoch, held.wrapped)  # read back, which gives a new key its name
        return epochs

    def _rewrite_old(self) -> None:
        """Format 1: its masters are wrapped anew, each under a key of its own epoch."""
        if self._old_masters() is None:
            return
        with self._locked():
            masters = self._old_masters()
            if masters is None:
                return  # another process was faster
            projects: dict[str, dict[int, Held]] = {}
            for epoch, master in masters.items():
                held = Held(created=None, wrapped=self._wrapper.wrap(epoch, master))
                projects.setdefault(epoch.project, {})[epoch.number] = held
            self._write(projects)
            for epoch in masters:
                self._wrapper.unwrap(epoch, projects[epoch.project][epoch.number].wrapped)

    def _old_masters(self) -> Mapping[KeyEpoch, Key] | None:
        return old_masters(self._content(), self._house)

    def _projects(self) -> Projects:
        return read_content(self._content(), self._house)

    def _content(self) -> bytes:
        return files.read(self._path, role=RING_ROLE, private=True, may_be_link=True)

    def _write(self, projects: Projects) -> None:
        files.replace(self._path, ring_content(projects, self._house), role=RING_ROLE)

    def _locked(self) -> AbstractContextManager[None]:
        return files.locked(self._path.with_name("ring.lock"), role=RING_ROLE)

    def _now(self) -> datetime.datetime:
        return self._clock.now().replace(microsecond=0)

    def __repr__(self) -> str:
        return "FileKeyRing(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FileKeyRing is not serialized")


def ring_path(home: Path) -> Path:
    """Where a home's ring lies."""
    return home / "keys" / "ring.json"


def _live(epoch: KeyEpoch, epochs: Epochs) -> Held:
    held = epochs.get(epoch.number)
    if held is None:
        raise unknown(epoch)
    if held.destroyed is not None:
        raise destroyed(epoch, held.destroyed)
    return held
