"""Build notes.jsonl from the templates: `python -m tests.quality.hard.notes`.

Deterministic: a note depends on its template's text and the number of its use alone, so that a template that is added
changes no other note.
"""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.quality.hard.czech import CASES, feminine
from tests.quality.hard.fillers import fill
from tests.quality.hard.people import Person, draw_person, named_person, row_of
from tests.quality.hard.spelling import KINDS, TRAITS, spell

FOLDER: Final = Path(__file__).parent
NOTES: Final = FOLDER / "notes.jsonl"
LANGUAGES: Final = ("en", "de", "fr", "cs", "it", "es")
USES: Final = 2
"""How often a template is used."""
_HOLE: Final = re.compile(r"\{([^{}]+)\}")
_OWN: Final = "p"
_ABSENT_SHARE: Final = 0.1


def load() -> list[dict[str, Any]]:
    """Read the committed notes."""
    return [json.loads(line) for line in NOTES.read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One line of material/LANG.txt: `trait trait own=First_Last/f || text`."""

    lang: str
    traits: tuple[str, ...]
    given: dict[str, str]
    text: str


def templates(lang: str) -> Iterator[Template]:
    """Read the templates of a language."""
    for line in (FOLDER / "material" / f"{lang}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        head, _, text = line.partition("||")
        words = head.split()
        given = dict(word.split("=") for word in words if "=" in word)
        traits = tuple(word for word in words if "=" not in word)
        yield Template(lang=lang, traits=traits, given=given, text=text.strip().replace("\\n", "\n"))


@dataclass(slots=True)
class _Draft:
    """A note while it is written."""

    template: Template
    use: int
    people: dict[str, Person] = field(default_factory=dict)
    text: str = ""
    spans: list[list[Any]] = field(default_factory=list)
    traits: set[str] = field(default_factory=set)

    def chance(self, purpose: str) -> random.Random:
        return random.Random(f"hard-set/{self.template.lang}/{self.template.text}/{self.use}/{purpose}")

    def person(self, who: str) -> Person:
        if who not in self.people:
            self.people[who] = self._draw(who)
        return self.people[who]

    def _draw(self, who: str) -> Person:
        """Who is given by the template, else drawn; `q=~p/f` has p's family name."""
        lang, given = self.template.lang, self.template.given.get(who, "")
        chance = self.chance(who)
        name, _, gender = given.rpartition("/")
        if name and not name.startswith("~"):
            return named_person(chance, lang, given)
        is_declined = lang == "cs" and re.search(rf"\{{{who}\.\w+\.[{CASES}][.}}]", self.template.text) is not None
        person = draw_person(chance, lang, gender=gender, native=is_declined or "native" in self.template.traits)
        if name:
            spouse = self.person(name[1:])
            is_czech = lang == "cs" and (spouse.gender, gender) == ("m", "f") and not spouse.is_foreign
            person.last = feminine(spouse.last) if is_czech else spouse.last
        return person

    def write(self) -> None:
        """Fill every hole of the template and note where a person's data went."""
        filling, at = self.chance("filling"), 0
        for hole in _HOLE.finditer(self.template.text):
            self.text += self.template.text[at : hole.start()]
            self._fill(hole.group(1), filling)
            at = hole.end()
        self.text += self.template.text[at:]

    def _fill(self, hole: str, filling: random.Random) -> None:
        if re.fullmatch(r"[pqrst]:.*\|.*", hole):
            male, _, female = hole[2:].partition("|")
            self.text += male if self.person(hole[0]).gender == "m" else female
        elif hole[1:2] == ".":
            self._fill_person(hole[0], hole[2:].split("."))
        else:
            self.text += fill(filling, self.template.lang, hole)

    def _fill_person(self, who: str, how: list[str]) -> None:
        person = self.person(who)
        value = spell(person, how)
        start, whose = len(self.text), "own" if who == _OWN else "other"
        self.spans.append([start, start + len(value), KINDS[how[0]], whose])
        self.text += value
        self.traits.update(TRAITS[change] for change in how if change in TRAITS)
        if person.is_foreign and KINDS[how[0]] == "PERSON":
            self.traits.add("foreign_name")
        if person.lang == "cs" and not person.is_foreign and set(how) & set(CASES):
            self.traits.add("declined")


def build(template: Template, use: int) -> dict[str, Any]:
    """Write one note with its spans, its traits and its customer's row."""
    draft = _Draft(template, use)
    draft.write()
    row = row_of(draft.person(_OWN))
    dropping = draft.chance("absent")
    row = {column: value for column, value in row.items() if column == "name" or dropping.random() > _ABSENT_SHARE}
    traits = (draft.traits | set(template.traits)) - {"native", "nothing"}
    if not draft.spans:
        traits.add("nothing")
    if any(whose == "other" for *_, whose in draft.spans):
        traits.add("third_party")
    return {"lang": template.lang, "text": draft.text, "spans": draft.spans, "row": row, "hard": sorted(traits)}


@functools.cache
def build_all() -> tuple[dict[str, Any], ...]:
    """Write all notes, without those that came out twice."""
    texts, notes = set(), []
    for lang in LANGUAGES:
        for use in range(USES):
            for template in templates(lang):
                note = build(template, use)
                if note["text"] not in texts:
                    texts.add(note["text"])
                    notes.append(note)
    return tuple(notes)


def main() -> None:
    """Write notes.jsonl."""
    lines = (json.dumps(note, ensure_ascii=False) + "\n" for note in build_all())
    NOTES.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
