"""The transactions, day by day, so that their numbers follow the clock and memory does not follow their count."""

# ruff: noqa: PLR2004 - shares of a made-up bank
from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo.bank.accounts import RATES, Accounts, account_ibans, bank_ibans
from gateway.demo.bank.behaviour import CATEGORIES, DAYS, NAMES, Events, daily_weights
from gateway.demo.bank.countries import COUNTRIES
from gateway.demo.bank.people import Floats, Integers, People, full_names, last_names, padded, written
from gateway.demo.bank.random import stream

_CHUNK_ROWS: Final = 200_000
_DAY_MICROSECONDS: Final = 86_400_000_000
_HOURS: Final = np.array([[c.hour, c.hour_spread] for c in CATEGORIES.values()])
_AMOUNTS: Final = np.array([[max(c.amount, 1.0), c.amount_spread] for c in CATEGORIES.values()])
_SALARY, _RENT, _TRANSFER, _RETURNED = (NAMES.index(n) for n in ("salary", "rent", "transfer", "returned"))
_IS_CARD: Final = np.array([c.channel == "card" for c in CATEGORIES.values()])
_HAS_COUNTERPARTY: Final = np.isin(NAMES, ("salary", "rent", "utilities", "insurance", "transfer"))
_MONTHLY: Final = np.isin(NAMES, ("salary", "rent", "fees", "returned", "insurance"))


class Ledger:
    """Draws the rows of `transactions`."""

    def __init__(self, people: People, accounts: Accounts, *, events: Events, seed: int, until: datetime.date) -> None:
        self._people = people
        self._accounts = accounts
        self._events = events
        self._seed = seed
        self._first_day = np.datetime64(until) - np.timedelta64(DAYS, "D")

    def tables(self, count: int) -> Iterator[pa.Table]:
        """Exactly `count` rows, in order of `booked_at` and of their id; some 200,000 a table, whole days."""
        weights = daily_weights(self._first_day)
        rng = stream(self._seed, "days")
        ordinary = rng.multinomial(count - len(self._events.day), weights.sum(axis=1))
        totals = ordinary + np.bincount(self._events.day, minlength=DAYS)
        chances = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
        start = 0
        for number, days in enumerate(_in_chunks(totals)):
            rng = stream(self._seed, "transactions", number)
            yield self._table(rng, days, ordinary[days], chances, start)
            start += int(totals[days].sum())

    def _table(
        self, rng: np.random.Generator, days: Integers, counts: Integers, chances: Floats, start: int
    ) -> pa.Table:
        lucky = np.searchsorted(self._events.day, [days[0], days[-1] + 1])
        events = slice(int(lucky[0]), int(lucky[1]))
        day = np.repeat(days, counts)
        category = (rng.random(len(day))[:, None] > chances[day]).sum(axis=1)
        customer = rng.integers(0, len(self._people), len(day))
        day = np.r_[day, self._events.day[events]]
        category = np.r_[category, self._events.category[events]]
        customer = np.r_[customer, self._events.customer[events]]
        times = self._times(rng, day, category)
        order = np.argsort(times, kind="stable")
        return self._written(rng, customer[order], category[order], times[order], start)

    def _times(self, rng: np.random.Generator, day: Integers, category: Integers) -> npt.NDArray[np.datetime64]:
        mean, spread = _HOURS[category].T
        hours = mean + spread * rng.normal(size=len(day))
        within = (hours * 3.6e9).astype(np.int64) % _DAY_MICROSECONDS
        since = (day * _DAY_MICROSECONDS + within).astype("timedelta64[us]")
        times: npt.NDArray[np.datetime64] = self._first_day + since
        return times

    def _written(
        self,
        rng: np.random.Generator,
        customer: Integers,
        category: Integers,
        times: npt.NDArray[np.datetime64],
        start: int,
    ) -> pa.Table:
        country = self._people.country[customer]
        other = rng.integers(0, len(self._people), len(customer))
        amount = self._amounts(rng, customer, category, times)
        uses_card = _IS_CARD[category] & (self._accounts.count[customer] == 3)
        account = self._accounts.first[customer] + 2 * uses_card
        iban = self._counterparties(rng, customer, other, category)
        return pa.table(
            {
                "transaction_id": pa.array(np.arange(start, start + len(customer)) + 1),
                "account_id": pa.array(account + 1),
                "customer_id": pa.array(customer + 1),
                "amount": pa.array(amount),
                "currency": pc.take(pa.array([c.currency for c in COUNTRIES]), pa.array(country)),
                "merchant": self._merchants(rng, country, category, other),
                "category": pc.take(pa.array(NAMES), pa.array(category)),
                "channel": pc.take(pa.array([c.channel for c in CATEGORIES.values()]), pa.array(category)),
                "counterparty_iban": iban,
                "reference": self._references(rng, customer, other, category, times, iban),
                "booked_at": written(times),
            }
        )

    def _amounts(
        self, rng: np.random.Generator, customer: Integers, category: Integers, times: npt.NDArray[np.datetime64]
    ) -> Floats:
        """Negative is a debit. Salary and rent are the same every month, but for one rise."""
        median, spread = _AMOUNTS[category].T
        month = self._people.income[customer] / 12
        wealth = np.sqrt(self._people.income[customer] / 30_000)
        amount = median * wealth * np.exp(spread * rng.normal(size=len(customer)))
        second_year = (times >= self._first_day + np.timedelta64(365, "D")).astype(np.float64)
        amount = np.where(category == _SALARY, month * 0.68 * (1 + 0.025 * second_year), amount)
        amount = np.where(category == _RENT, month * (0.2 + 0.01 * (customer % 12)), amount)
        is_credit = (category == _SALARY) | (category == _RETURNED)
        is_credit |= (category == _TRANSFER) & (rng.random(len(customer)) < 0.35)
        signed = np.where(is_credit, amount, -amount) * RATES[self._people.country[customer]]
        rounded: Floats = np.round(signed, 2)
        return rounded

    def _merchants(self, rng: np.random.Generator, country: Integers, category: Integers, other: Integers) -> pa.Array:
        """Shops and companies; for transfers between people, the other person."""
        shops = _Choices([[c.shops[name] for name in NAMES] for c in COUNTRIES])
        merchant = shops.pick(country, category, rng.random(len(country)))
        return _put(merchant, category == _TRANSFER, full_names(self._people, other[category == _TRANSFER]))

    def _counterparties(
        self, rng: np.random.Generator, customer: Integers, other: Integers, category: Integers
    ) -> pa.Array:
        """IBANs of companies at other banks; of people at any bank; null for cards, cash and our own fees."""
        iban = pa.nulls(len(customer), pa.string())
        is_person = category == _TRANSFER
        is_inside = is_person & (rng.random(len(customer)) < 0.5)
        outside = _HAS_COUNTERPARTY[category] & ~is_inside
        country = self._people.country[np.where(is_person, other, customer)]
        # A company has few accounts: its customers share its IBAN. A person outside has one of their own.
        company = customer % 40 + 100 * category
        number = np.where(is_person, other, company)
        bank = 1 + number % 7
        iban = _put(iban, outside, bank_ibans(country[outside], bank=bank[outside], number=number[outside]))
        inside = account_ibans(self._accounts, self._people, self._accounts.first[other[is_inside]])
        return _put(iban, is_inside, inside)

    def _references(
        self,
        rng: np.random.Generator,
        customer: Integers,
        other: Integers,
        category: Integers,
        times: npt.NDArray[np.datetime64],
        iban: pa.Array,
    ) -> pa.Array:
        """Free text: what a customer or a company would write; null for most card payments and all cash."""
        words = _Choices([[(c.words.get(name, ""),) for name in NAMES] for c in COUNTRIES])
        text = words.pick(self._people.country[customer], category, np.zeros(len(customer)))
        month = pa.array(times.astype("datetime64[M]").astype(str))
        text = pc.if_else(pa.array(_MONTHLY[category]), pc.binary_join_element_wise(text, month, " "), text)
        contract = category == NAMES.index("utilities")
        text = _joined(text, contract, padded(customer[contract] * 7_919 % 10**8, 8))
        rent = category == _RENT
        text = _joined(text, rent, last_names(self._people, customer[rent]))
        style = rng.random(len(customer))
        is_transfer = category == _TRANSFER
        signed = is_transfer & (style < 0.3)
        text = _joined(text, signed, full_names(self._people, customer[signed]))
        named = is_transfer & (style >= 0.3) & (style < 0.5)
        lines = [full_names(self._people, other[named]), iban.filter(pa.array(named))]
        text = _put(text, named, pc.binary_join_element_wise(*lines, " "))
        is_silent = _IS_CARD[category] & (style < 0.85)
        is_silent |= (category == NAMES.index("cash")) | (is_transfer & (style > 0.9))
        card = _IS_CARD[category] & ~is_silent
        text = _put(text, card, pc.binary_join_element_wise("Card", padded(customer[card] * 31 % 10**4, 4), " "))
        return pc.if_else(pa.array(is_silent), pa.scalar(None, pa.string()), text)


class _Choices:
    """Texts by country and category, of which one is picked."""

    def __init__(self, options: Sequence[Sequence[Sequence[str]]]) -> None:
        cells = [texts for country in options for texts in country]
        self._width = len(options[0])
        self._sizes = np.array([len(texts) for texts in cells])
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._texts = pa.array([text for texts in cells for text in texts], pa.string())

    def pick(self, country: Integers, category: Integers, chance: Floats) -> pa.Array:
        cell = country * self._width + category
        return pc.take(self._texts, pa.array(self._starts[cell] + (chance * self._sizes[cell]).astype(np.int64)))


def _in_chunks(totals: Integers) -> Iterator[Integers]:
    """Runs of days with some _CHUNK_ROWS rows; at least one day each."""
    chunk = (np.cumsum(totals) - totals) // _CHUNK_ROWS
    for number in np.unique(chunk):
        yield np.flatnonzero(chunk == number)


def _put(texts: pa.Array, where: npt.NDArray[np.bool_], values: pa.Array) -> pa.Array:
    return pc.replace_with_mask(texts, pa.array(where), values)


def _joined(texts: pa.Array, where: npt.NDArray[np.bool_], values: pa.Array) -> pa.Array:
    return _put(texts, where, pc.binary_join_element_wise(texts.filter(pa.array(where)), values, " "))
