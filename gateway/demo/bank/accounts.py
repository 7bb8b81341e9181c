"""Accounts: one current account a customer, for some a savings account and a card account after it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo.bank.countries import COUNTRIES, Country
from gateway.demo.bank.iban import ibans
from gateway.demo.bank.people import CHUNK, Floats, Integers, People, by_country, moments
from gateway.demo.bank.random import stream

KINDS: Final = ("current", "savings", "card")
_COUNT_SHARES: Final = (0.55, 0.32, 0.13)
RATES: Final = np.array([c.rate for c in COUNTRIES])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """One entry per account; account_id is the place plus 1. A customer's accounts stand together, current first."""

    owner: Integers
    """Place of the customer."""
    kind: Integers
    first: Integers
    """By customer: place of the current account."""
    count: Integers
    """By customer."""

    def __len__(self) -> int:
        return len(self.owner)


def draw_accounts(people: People, *, seed: int) -> Accounts:
    """One to three accounts for every customer."""
    count = 1 + stream(seed, "accounts").choice(3, len(people), p=_COUNT_SHARES)
    first = np.cumsum(count) - count
    owner = np.repeat(np.arange(len(people)), count)
    return Accounts(owner=owner, kind=np.arange(len(owner)) - first[owner], first=first, count=count)


def account_ibans(accounts: Accounts, people: People, places: Integers) -> pa.Array:
    """IBANs of the embedded bank's own accounts."""
    return bank_ibans(people.country[accounts.owner[places]], bank=np.zeros(len(places), np.int64), number=places)


def bank_ibans(country: Integers, *, bank: Integers, number: Integers) -> pa.Array:
    """IBANs at any bank; arrays of one length."""

    def national(home: Country, mine: Integers) -> pa.Array:
        return ibans(home.code, bank=bank[mine], number=number[mine])

    return by_country(country, national)


def account_tables(accounts: Accounts, people: People, *, seed: int, until: datetime.date) -> Iterator[pa.Table]:
    """The rows of `accounts`, in order of their id."""
    for number, start in enumerate(range(0, len(accounts), CHUNK)):
        places = np.arange(start, min(start + CHUNK, len(accounts)))
        owner, rng = accounts.owner[places], stream(seed, "account rows", number)
        country = people.country[owner]
        yield pa.table(
            {
                "account_id": pa.array(places + 1),
                "customer_id": pa.array(owner + 1),
                "iban": account_ibans(accounts, people, places),
                "kind": pc.take(pa.array(KINDS), pa.array(accounts.kind[places])),
                "currency": pc.take(pa.array([c.currency for c in COUNTRIES]), pa.array(country)),
                "balance": pa.array(_balances(rng, people, owner, accounts.kind[places])),
                "opened_on": pa.array(_openings(rng, people.born[owner], until)).cast(pa.string()),
                "updated_at": moments(rng, len(places), until=until, days=60),
            }
        )


def _balances(rng: np.random.Generator, people: People, owner: Integers, kind: Integers) -> Floats:
    """In the account's currency: months of income; under strain the current account is overdrawn."""
    month = people.income[owner] / 12
    spread = np.exp(0.9 * rng.normal(size=len(owner)))
    current = 0.8 * spread - 0.5 * np.maximum(people.strain[owner], -0.5) - 0.1
    savings = 4 * spread * np.exp(-0.5 * people.strain[owner])
    card = -0.15 * spread
    months = np.choose(kind, [current, savings, card])
    balances: Floats = np.round(months * month * RATES[people.country[owner]], 2)
    return balances


def _openings(
    rng: np.random.Generator, born: npt.NDArray[np.datetime64], until: datetime.date
) -> npt.NDArray[np.datetime64]:
    """After the sixteenth birthday, or before it, so that every account is older than its transactions."""
    latest = np.datetime64(until) - np.timedelta64(731, "D")
    grown = np.maximum(born + np.timedelta64(5_844, "D"), np.datetime64("1995-01-01"))
    earliest = np.minimum(grown, latest - np.timedelta64(30, "D"))
    days = rng.random(len(born)) * (latest - earliest).astype(np.int64)
    opened: npt.NDArray[np.datetime64] = earliest + days.astype(np.int64).astype("timedelta64[D]")
    return opened
