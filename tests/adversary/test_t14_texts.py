"""Two banks whose customers are other people, and whose notes name them: through the whole house nothing that a fraud
analyst in dev gets of the notes tells one from the other, but the pseudonyms themselves (T1, T14)."""

from __future__ import annotations

import contextlib
import datetime
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import bank
from tests.house import House, open_house

PURPOSE = "fraud-detection"
FIRST = ("Anna", "Peter", "Marie", "Jan", "Giulia", "Carlos", "Eva", "Thomas", "Sophie", "Luca")
# In one world surnames that are nothing else, in the other such as are words of the notes' languages: the harder case.
SURNAMES = (
    ("Hoffmann", "Lefebvre", "Esposito", "Nowak", "Fernandez", "Johansson", "Petersen", "Moreau"),
    ("Winter", "Richter", "Klein", "Koch", "Wolf", "Bauer", "Rose", "Price"),
)
TEXTS = (
    "{own} called, will send documents from {email}. Call back at {phone}.",
    "Kunde {own} meldet Abbuchung von {iban}, Herr {other} ist Bevollmächtigter.",
    "Frau {last} ({own}) möchte {other} eine Vollmacht geben.",
    "{reversed} signale un prélèvement sur {spaced}; courriel {email}.",
    "DEAR {upper}, YOUR LOAN WAS APPROVED. REGARDS, {other_upper}",
    "Klient {initial} volal, číslo {phone}.",
)
PSEUDONYM = re.compile(r"\[([A-Z_]+) [0-9A-Z]{16}\]")


def world(number: int) -> bank.Tables:
    """The same bank but for who its customers are: names, addresses, numbers, and the notes that say them."""
    tables = bank.first_world()
    draw = random.Random(100 + number)
    names = [f"{first} {last}" for first in FIRST for last in SURNAMES[number]]
    draw.shuffle(names)
    for at, (row, name) in enumerate(zip(tables["customers"], names, strict=False)):
        first, last = name.split()
        account = f"3704004405{draw.randrange(10**8):08d}"
        row |= {
            "full_name": name,
            "email": f"{first}.{last}@post.example".lower(),
            "phone": f"+49151{draw.randrange(10**8):08d}",
            "iban": f"DE{98 - int(account + '131400') % 97:02d}{account}",
            "birth_date": datetime.date(1960, 1, 1) + datetime.timedelta(days=draw.randrange(9000)),
            "street": f"Lindenweg {at + 1}",
        }
    people = {row["customer_id"]: row for row in tables["customers"]}
    ids = sorted(people)
    for at, note in enumerate(tables["call_notes"]):
        note["customer_id"] = ids[at % len(ids)]
        own, other = people[ids[at % len(ids)]], people[ids[(at + 7) % len(ids)]]
        first, last = own["full_name"].split()
        note["note"] = TEXTS[at % len(TEXTS)].format(
            own=own["full_name"],
            last=last,
            reversed=f"{last}, {first}",
            initial=f"{first[0]}. {last}",
            upper=own["full_name"].upper(),
            other=other["full_name"],
            other_upper=other["full_name"].upper(),
            email=own["email"],
            phone=own["phone"],
            iban=own["iban"],
            spaced=" ".join(own["iban"][at : at + 4] for at in range(0, len(own["iban"]), 4)),
        )
    return tables


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[House]]:
    root = tmp_path_factory.mktemp("banks")
    with contextlib.ExitStack() as stack:
        opened: list[House] = []
        for number in (0, 1):
            folder: Path = root / str(number)
            folder.mkdir()
            file = bank.write(world(number), folder / "core.db")
            twin = opened[0].settings if opened else None
            opened.append(stack.enter_context(open_house(folder, bank=file, twin_of=twin)))
        yield opened


def asked(house: House, sql: str, *, environment: str = "dev") -> list[list[object]]:
    token = house.token("fran" if environment == "dev" else "finn", "fraud-analyst", environment=environment)
    body, _ = house.ask(token, sql, purpose=PURPOSE)
    rows: list[list[object]] = json.loads(body)["rows"]
    return rows


def test_notes_of_other_people_read_the_same(houses: list[House]) -> None:
    sql = "SELECT n.note, c.region, c.segment FROM core.call_notes n JOIN core.customers c USING (customer_id)"
    told = [asked(house, sql) for house in houses]
    plain = [
        sorted((PSEUDONYM.sub(r"[\1]", str(note)), region, segment) for note, region, segment in rows) for rows in told
    ]
    assert plain[0] == plain[1]
    assert len(plain[0]) == 24
    assert sum("[PERSON]" in note for note, _, _ in plain[0]) == 24
    assert any("[PERSON 1]" in note for note, _, _ in plain[0]), "third parties are counted in their text"


@pytest.mark.parametrize("role", ["email", "iban"])
def test_a_pseudonym_in_a_note_is_its_customers_in_either_bank(houses: list[House], role: str) -> None:
    sql = (
        f"SELECT c.{role} FROM core.call_notes n JOIN core.customers c USING (customer_id)"
        f" WHERE strpos(n.note, c.{role}) > 0"
    )
    told = [asked(house, sql) for house in houses]
    assert len(told[0]) == len(told[1]) >= 8
    assert {str(row) for row in told[0]}.isdisjoint(str(row) for row in told[1]), "these are the pseudonyms that differ"


def test_the_banks_do_differ(houses: list[House]) -> None:
    told = [asked(house, "SELECT note FROM core.call_notes", environment="prod") for house in houses]
    assert sorted(map(str, told[0])) != sorted(map(str, told[1]))
