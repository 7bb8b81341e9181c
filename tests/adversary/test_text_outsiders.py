"""T1, T10, T13 through the whole house: what somebody who may only write a text, or read it, gets out of it.

A fraud analyst in dev reads masked notes; the notes are other people's to write.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.detection.limits import MAX_TEXT_BYTES
from gateway.errors import Invalid
from gateway.governance import compile_policy, read_policies
from gateway.policy import NoDynamicGrants
from gateway.terms.plan import MAX_TEXT_CHARACTERS
from tests import bank
from tests.house import POLICIES, House, open_house

PURPOSE = "fraud-detection"
CORE = (POLICIES / "catalog" / "core.yaml").read_text()
GRANTS = (POLICIES / "grants.yaml").read_text()
ABOUT = re.compile(r"birth_date: birth_date\}\n")
REMARK = """\
      booked_for: {{type: int64, class: direct_identifier, domain: customer{outsider}}}
      remark:
        type: string
        class: free_text
        mask: {{name: text}}
        about: {{dataset: core.customers, on: {{{on}}}, name: full_name, email: email}}
"""
PARTNER = "      partner_id: {type: int64, class: direct_identifier, domain: customer}\n"
EMAIL = "      email: {type: string, class: direct_identifier, domain: email}\n"
SUBJECTS = ("Anna Hoffmann", "Peter Lefebvre", "Giulia Esposito", "Jan Nowak")
PSEUDONYM = re.compile(r"\[(PERSON|EMAIL) [0-9A-Z]{16}\]")


def with_remark(on: str, *, outsider: str = "") -> str:
    """The catalog with a second text in the notes, about a customer's partner, whom another column of theirs names."""
    remark = REMARK.format(on=on, outsider=outsider)
    return ABOUT.sub(lambda match: match.group() + remark, CORE).replace(EMAIL, EMAIL + PARTNER, 1)


def folder(root: Path, *, core: str = CORE, grants: str = GRANTS) -> Path:
    policies = root / "policies"
    shutil.copytree(POLICIES, policies)
    (policies / "catalog" / "core.yaml").write_text(core)
    (policies / "grants.yaml").write_text(grants)
    return policies


@contextlib.contextmanager
def house(
    root: Path,
    notes: list[str | bytes],
    *,
    core: str = CORE,
    grants: str = GRANTS,
    then: Callable[[sqlite3.Connection], object] = lambda _: None,
) -> Iterator[House]:
    """A house whose first notes are these, each its own customer's: Anna Hoffmann with a0@post.example, and so on."""
    tables = bank.first_world()
    for number, row in enumerate(tables["customers"]):
        row |= {"full_name": SUBJECTS[number % 4], "email": f"a{number}@post.example"}
    tables["call_notes"] = tables["call_notes"][: len(notes)]
    for note, text, row in zip(tables["call_notes"], notes, tables["customers"], strict=False):
        note |= {"customer_id": row["customer_id"], "note": text}
    file = bank.write(tables, root / "core.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        then(connection)
        connection.commit()
    with open_house(root, bank=file, policies=folder(root, core=core, grants=grants)) as opened:
        yield opened


def asked(house: House, sql: str, *, role: str = "fraud-analyst", purpose: str = PURPOSE) -> list[list[str]]:
    body, _ = house.ask(house.token("fran", role), sql, purpose=purpose)
    rows: list[list[str]] = json.loads(body)["rows"]
    return rows


HOSTILE: dict[str, str | bytes] = {
    "ten megabytes": "Anna Hoffmann " * 850_000,
    "no UTF-8": b"\xff\xfe Anna Hoffmann",
    "a NUL": "Anna\x00Hoffmann",
    "longer in bytes": "é" * 16_385,
    "no address at all": "=@q.pq and '@x.yz",
    "an IBAN and more": "(NO93860111179471x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_itself_and_no_answer(name: str, tmp_path: Path) -> None:
    with house(tmp_path, [HOSTILE[name], "nothing to see", "a2@post.example called"]) as opened:
        rows = sorted(row[0] for row in asked(opened, "SELECT note FROM core.call_notes"))
    assert len(rows) == 3
    assert "nothing to see" in rows
    assert any(PSEUDONYM.sub("[x]", row) == "[x] called" for row in rows)
    assert not any("Hoffmann" in row or "@" in row or "NO93" in row for row in rows)


def test_sources_cut_a_text_where_it_is_too_long_to_be_read() -> None:
    assert MAX_TEXT_CHARACTERS == MAX_TEXT_BYTES


def partners(connection: sqlite3.Connection) -> None:
    """The partner of each customer names the customer before: two people's values for one row."""
    connection.execute("ALTER TABLE customers ADD COLUMN partner_id INTEGER")
    connection.execute("UPDATE customers SET partner_id = customer_id - 37")
    connection.execute("ALTER TABLE call_notes ADD COLUMN booked_for INTEGER")
    connection.execute("ALTER TABLE call_notes ADD COLUMN remark TEXT")
    connection.execute("UPDATE call_notes SET booked_for = customer_id, remark = note")


def test_two_texts_of_a_row_know_each_its_own_person(tmp_path: Path) -> None:
    """Both are about core.customers over customer_id here, and over another column there."""
    core, planted = with_remark("customer_id: partner_id"), ["a0@post.example, a1@post.example"]
    with house(tmp_path, list(planted), core=core, then=partners) as opened:
        ((note, remark),) = asked(opened, "SELECT note, remark FROM core.call_notes")
        emails = dict(asked(opened, "SELECT email, '' FROM core.customers"))
    own, partner = (re.findall(r"\[EMAIL (\w+)\]", text) for text in (note, remark))
    assert own[0] in emails
    assert own[1] == "1"
    assert partner[0] == "1"
    assert partner[1] in emails
    assert partner[1] != own[0]


def test_a_name_stands_for_the_rows_subject_only_if_the_text_is_about_him(tmp_path: Path) -> None:
    core, planted = with_remark("customer_id: partner_id"), ["Anna Hoffmann and Peter Lefebvre"]
    with house(tmp_path, list(planted), core=core, then=partners) as opened:
        ((note, remark),) = asked(opened, "SELECT note, remark FROM core.call_notes")
    assert PSEUDONYM.sub("[x]", note) == "[x] and [PERSON 1]"
    assert PSEUDONYM.search(remark) is None, "the partner's name is nobody's whose rows these are"


PAYEE = "booked_for: {type: int64, class: direct_identifier, domain: counterparty-iban"


def test_whom_a_text_is_about_is_not_for_outsiders_to_say(tmp_path: Path) -> None:
    domain = with_remark("booked_for: customer_id", outsider=", written_by: outsider")
    core = domain.replace("booked_for: {type: int64, class: direct_identifier, domain: customer", PAYEE)
    with pytest.raises(Invalid, match="outsiders write what names whom remark is about"):
        compile_policy(read_policies(folder(tmp_path, core=core)), grants=NoDynamicGrants())


DENY = """
- {{id: notes-of-interns, role: intern, environment: dev, datasets: [core.call_notes], purposes: [churn-model],
   level: pseudonymized, expires: 2027-06-30}}
- {{id: not-for-interns, effect: deny, role: intern, environment: dev, datasets: [{dataset}]{columns},
   purposes: ["*"]{most}}}
"""
DENIES = {
    "nothing": ("core.loans", "", "", {"PERSON", "EMAIL"}),
    "another column": ("core.customers", ", columns: [income]", "", {"PERSON", "EMAIL"}),
    "the address": ("core.customers", ", columns: [email]", "", {"PERSON"}),
    "the address in rows": ("core.customers", ", columns: [email]", ", at_most: aggregated", {"PERSON"}),
    "the address in full": ("core.customers", ", columns: [email]", ", at_most: pseudonymized", {"PERSON", "EMAIL"}),
    "the name": ("core.customers", ", columns: [full_name]", "", {"EMAIL"}),
    "the subject": ("core.call_notes", ", columns: [customer_id]", "", {"EMAIL"}),
    "the dataset": ("core.customers", "", "", set()),
}


@pytest.mark.parametrize("name", DENIES)
def test_a_text_names_nobody_by_a_column_that_is_denied(name: str, tmp_path: Path) -> None:
    dataset, columns, most, left = DENIES[name]
    grants = GRANTS + DENY.format(dataset=dataset, columns=columns, most=most)
    with house(tmp_path, ["Anna Hoffmann, a0@post.example"], grants=grants) as opened:
        ((note,),) = asked(opened, "SELECT note FROM core.call_notes", role="intern", purpose="churn-model")
    assert set(PSEUDONYM.findall(note)) == left
    assert re.sub(r" \w+\]", "]", note) == "[PERSON], [EMAIL]"


def test_what_shows_no_row_reads_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house(tmp_path, ["Anna Hoffmann"]) as opened:
        names = opened.gateway.enforcement._rooms.names
        monkeypatch.setattr(names, "of", None)
        assert asked(opened, "SELECT note FROM core.call_notes LIMIT 0") == []
