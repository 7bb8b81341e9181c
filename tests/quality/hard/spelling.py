"""How bank staff and customers spell what belongs to a person.

A template says `{p.last.up}`: the person, what of it, and how, from left to right.
"""

from __future__ import annotations

from typing import Final

from tests.quality.hard import czech
from tests.quality.hard.people import MONTHS, Person, plain

KINDS: Final = {
    "name": "PERSON",
    "first": "PERSON",
    "last": "PERSON",
    "rev": "PERSON",
    "revc": "PERSON",
    "ini": "PERSON",
    "inir": "PERSON",
    "email": "EMAIL",
    "phone": "PHONE",
    "addr": "ADDRESS",
    "street": "ADDRESS",
    "iban": "IBAN",
    "card": "CARD",
    "natid": "NATID",
    "dob": "DOB",
    "acct": "ACCOUNT",
}


def spell(person: Person, how: list[str]) -> str:
    """Spell what `how` asks for; how[0] is one of KINDS, the others change it from left to right."""
    what, *changes = how
    text = _NAMES[what](person, changes) if KINDS[what] == "PERSON" else _VALUES[what](person, changes)
    for change in changes:
        if change in _ANY:
            text = _ANY[change](text, person)
    return text


def _initials(first: str) -> str:
    return " ".join("-".join(f"{half[0]}." for half in word.split("-") if half) for word in first.split(" "))


def _parts(person: Person, changes: list[str]) -> tuple[str, str]:
    case = next((change for change in changes if change in czech.CASES), "")
    if not case or person.is_foreign:
        return person.first, person.last
    first = czech.decline(person.first, person.gender, case, paired=True)
    return first, czech.decline(person.last, person.gender, case)


_NAMES: Final = {
    "name": lambda p, c: " ".join(_parts(p, c)),
    "first": lambda p, c: _parts(p, c)[0],
    "last": lambda p, c: _parts(p, c)[1],
    "rev": lambda p, c: " ".join(reversed(_parts(p, c))),
    "revc": lambda p, c: ", ".join(reversed(_parts(p, c))),
    "ini": lambda p, c: f"{_initials(p.first)} {_parts(p, c)[1]}",
    "inir": lambda p, c: f"{_parts(p, c)[1]} {_initials(p.first)}",
}


def _date(person: Person, changes: list[str]) -> str:
    born, lang = person.once("born"), person.lang
    if "iso" in changes:
        return born.isoformat()
    if "m" in changes:
        month = MONTHS[lang].split()[born.month - 1]
        form = {"en": "{} {} {}", "de": "{}. {} {}", "cs": "{}. {} {}", "es": "{} de {} de {}"}.get(lang, "{} {} {}")
        return form.format(born.day, month, born.year)
    pattern = {"de": "%d.%m.", "cs": "%d. %m. ", "en": "%d/%m/", "fr": "%d/%m/", "it": "%d/%m/", "es": "%d/%m/"}[lang]
    return born.strftime(pattern + ("%y" if "yy" in changes else "%Y"))


_PHONES: Final = {
    "en": ("0{d} {e}|0{n}", "+44 (0){d} {e}|0044 {n}|+44 {d} {e}"),
    "de": ("0{a}/{f}|0{a} {f}|0{a}-{b} {c}|(0{a}) {f}", "+49 (0){a} {f}|0049 {a} {f}|+49 {a} {b} {c}"),
    "fr": ("0{one} {two}|0{one}.{dots}|0{n}", "+33 {one} {two}|0033{n}|+33(0){n}"),
    "cs": ("{a} {b} {c}|{n}", "+420 {a} {b} {c}|00420{n}|+420{n}"),
    "it": ("{a} {f}|{a}/{f}|{n}", "+39 {a} {b} {c}|0039 {n}"),
    "es": ("{a} {b} {c}|{n}", "+34 {a} {b} {c}|0034{n}"),
    "pl": ("{a} {b} {c}|{n}", "+48 {a} {b} {c}|0048{n}"),
    "nl": ("0{n}|0{one} {two}", "+31 {n}|0031{n}"),
}
"""By language the national and the international spellings of a number without its trunk 0."""


def _phone(person: Person, changes: list[str]) -> str:
    number, _ = person.once("phone")
    national, abroad = (forms.split("|") for forms in _PHONES[person.lang])
    form = person.chance.choice(abroad if "intl" in changes else national)
    pairs = " ".join(number[at : at + 2] for at in range(1, len(number), 2))
    return form.format(
        n=number,
        one=number[0],
        two=pairs,
        dots=pairs.replace(" ", "."),
        a=number[:3],
        b=number[3:6],
        c=number[6:],
        d=number[:4],
        e=number[4:],
        f=number[3:],
    )


def _address(person: Person, changes: list[str]) -> str:
    street, town = person.once("address")
    if "short" in changes:
        for long, short in _SHORT:
            street = street.replace(long, short)
    joined = "\n" if "lines" in changes else person.chance.choice((", ", ", ", " "))
    return f"{street}{joined}{town}"


_SHORT: Final = (
    ("straße", "str."),
    ("Straße", "Str."),
    ("Road", "Rd"),
    ("Avenue", "Ave"),
    ("Street", "St"),
    ("Lane", "Ln"),
    ("avenue", "av."),
    ("boulevard", "bd"),
    ("Avenida", "Avda."),
    ("Calle", "C/"),
    ("Plaza", "Pza."),
    ("Corso", "C.so"),
    ("Via ", "V. "),
    ("Piazza", "P.za"),
)


def _iban(person: Person, changes: list[str]) -> str:
    text = str(person.once("iban"))
    if "bad" in changes:
        text = text[:-1] + str((int(text[-1]) + 1) % 10)
    return _grouped_if_asked(text, changes)


def _grouped_if_asked(text: str, changes: list[str]) -> str:
    by = next((by for name, by in (("g4", " "), ("hyph", "-")) if name in changes), "")
    return by.join(text[at : at + 4] for at in range(0, len(text), 4)) if by else text


def _natid(person: Person, changes: list[str]) -> str:
    text = str(person.once("natid"))
    if "sp" not in changes:
        return text
    match person.lang:
        case "cs":
            return f"{text[:6]}/{text[6:]}"
        case "de":
            return f"{text[:2]} {text[2:5]} {text[5:8]} {text[8:]}"
        case "fr":
            return " ".join((text[0], text[1:3], text[3:5], text[5:7], text[7:10], text[10:13], text[13:]))
        case "es":
            return f"{text[:-1]}-{text[-1]}"
        case "it":
            return f"{text[:3]} {text[3:6]} {text[6:11]} {text[11:]}"
        case _:
            return " ".join((text[:2], text[2:4], text[4:6], text[6:8], text[8:]))


_VALUES: Final = {
    "email": lambda p, _: p.once("email"),
    "phone": _phone,
    "addr": _address,
    "street": lambda p, _: p.once("address")[0],
    "iban": _iban,
    "card": lambda p, c: _grouped_if_asked(p.once("card"), c),
    "natid": _natid,
    "dob": _date,
    "acct": lambda p, _: p.once("acct"),
}


def _typo(text: str, person: Person) -> str:
    """One edit in the last word that is long enough: a swap, a letter dropped, doubled or mistaken."""
    words = text.split(" ")
    at = max((index for index, word in enumerate(words) if len(word) >= 5), default=-1)
    if at < 0:
        at = words.index(max(words, key=len))
    if len(words[at]) < 3:
        return text + text[-1].lower()
    word, place = words[at], person.chance.randint(1, len(words[at]) - 2)
    dropped, doubled = word[:place] + word[place + 1 :], word[: place + 1] + word[place:]
    swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    mistaken = word[:place] + person.chance.choice("aeinrst") + word[place + 1 :]
    words[at] = person.chance.choice([edit for edit in (dropped, doubled, swapped, mistaken) if edit != word])
    return " ".join(words)


def _genitive(text: str, person: Person) -> str:
    return text + ("’" if text[-1] in "sßxz" else "s")


_ANY: Final = {
    "up": lambda text, _: text.upper(),
    "low": lambda text, _: text.lower(),
    "ascii": lambda text, person: plain(text, person.lang),
    "typo": _typo,
    "gen": _genitive,
    "nodot": lambda text, _: text.replace(".", ""),
}
TRAITS: Final = {
    "up": "upper_case",
    "low": "lower_case",
    "ascii": "no_accents",
    "typo": "typo",
    "gen": "declined",
    "lines": "multi_line_address",
    "g4": "grouped_number",
    "hyph": "grouped_number",
    "bad": "bad_check_digit",
    "ini": "initials",
    "inir": "initials",
    "yy": "two_digit_year",
    "m": "month_name",
    "rev": "reversed_name",
    "revc": "reversed_name",
    "short": "short_address",
    "sp": "grouped_number",
}
