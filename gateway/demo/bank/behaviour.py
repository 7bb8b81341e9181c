"""When and how often people pay for what: calendars of 24 months, and the events that precede a default."""

# ruff: noqa: PLR2004 - calendars are numbers
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from gateway.demo.bank.people import Floats, Integers, People
from gateway.demo.bank.random import stream

DAYS: Final = 730
Pattern = Literal["daily", "weekend", "payday", "month start", "mid month", "savings", "event"]
Channel = Literal["card", "transfer", "direct_debit", "cash"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One kind of payment."""

    share: float
    """Of the ordinary transactions."""
    channel: Channel
    pattern: Pattern
    hour: float
    """Mean hour of the day, UTC."""
    hour_spread: float
    amount: float
    """Median in euros; 0: a share of the customer's income."""
    amount_spread: float = 0.5


CATEGORIES: Final[Mapping[str, Category]] = MappingProxyType(
    {
        "groceries": Category(share=0.27, channel="card", pattern="weekend", hour=16.5, hour_spread=2.8, amount=34),
        "restaurant": Category(share=0.11, channel="card", pattern="weekend", hour=18.5, hour_spread=3.0, amount=22),
        "online": Category(
            share=0.10, channel="card", pattern="daily", hour=19.5, hour_spread=3.2, amount=38, amount_spread=0.9
        ),
        "fuel": Category(share=0.06, channel="card", pattern="daily", hour=12.0, hour_spread=4.0, amount=52),
        "travel": Category(
            share=0.03, channel="card", pattern="daily", hour=15.0, hour_spread=4.0, amount=140, amount_spread=0.8
        ),
        "cash": Category(share=0.07, channel="cash", pattern="weekend", hour=14.0, hour_spread=3.5, amount=70),
        "transfer": Category(
            share=0.11, channel="transfer", pattern="daily", hour=14.5, hour_spread=4.0, amount=60, amount_spread=1.1
        ),
        "salary": Category(share=0.08, channel="transfer", pattern="payday", hour=4.5, hour_spread=0.8, amount=0),
        "rent": Category(share=0.05, channel="transfer", pattern="month start", hour=5.5, hour_spread=0.8, amount=0),
        "utilities": Category(
            share=0.06, channel="direct_debit", pattern="month start", hour=3.5, hour_spread=0.6, amount=68
        ),
        "insurance": Category(
            share=0.04, channel="direct_debit", pattern="mid month", hour=3.5, hour_spread=0.6, amount=44
        ),
        "savings": Category(share=0.02, channel="transfer", pattern="savings", hour=6.0, hour_spread=0.8, amount=120),
        "fees": Category(share=0, channel="direct_debit", pattern="event", hour=2.0, hour_spread=0.4, amount=9),
        "returned": Category(share=0, channel="direct_debit", pattern="event", hour=10.0, hour_spread=1.5, amount=45),
    }
)
NAMES: Final = tuple(CATEGORIES)
FEES: Final = NAMES.index("fees")
RETURNED: Final = NAMES.index("returned")
_MOST_EVENTS_SHARE: Final = 0.2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Overdraft fees and returned payments, one entry each, in order of their day."""

    customer: Integers
    category: Integers
    day: Integers

    def count(self, category: int, *, customers: int) -> Integers:
        """How many each customer has."""
        return np.bincount(self.customer[self.category == category], minlength=customers)


def draw_events(people: People, *, transactions: int, seed: int) -> Events:
    """More under strain; at most a fifth of all transactions, so that a tiny bank still has ordinary ones."""
    rng = stream(seed, "events")
    overdrafts = np.minimum(rng.poisson(0.55 * np.exp(0.85 * people.strain)), 8)
    returned = np.minimum(rng.poisson(0.22 * np.exp(0.8 * people.strain)), 6)
    everyone = np.arange(len(people))
    customer = np.r_[np.repeat(everyone, overdrafts), np.repeat(everyone, returned)]
    category = np.r_[np.full(overdrafts.sum(), FEES), np.full(returned.sum(), RETURNED)]
    kept = rng.permutation(len(customer))[: int(transactions * _MOST_EVENTS_SHARE)]
    day = rng.integers(0, DAYS, len(kept))
    order = np.argsort(day, kind="stable")
    return Events(customer=customer[kept][order], category=category[kept][order], day=day[order])


def daily_weights(first: np.datetime64) -> Floats:
    """By day from `first` and category: the share of the ordinary transactions that falls there; sums to 1."""
    dates = first + np.arange(DAYS).astype("timedelta64[D]")
    weights = np.column_stack([_pattern(c.pattern, dates) for c in CATEGORIES.values()])
    shares = np.array([c.share for c in CATEGORIES.values()])
    scaled: Floats = weights / np.maximum(weights.sum(axis=0), 1e-9) * shares
    scaled /= scaled.sum()
    return scaled


def _pattern(pattern: Pattern, dates: npt.NDArray[np.datetime64]) -> Floats:
    weekday = (dates.astype("datetime64[D]").view(np.int64) + 3) % 7
    month_day = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    december = np.where(dates.astype("datetime64[M]").astype(np.int64) % 12 == 11, 1.25, 1.0)
    growth = 1 + 0.1 * np.arange(len(dates)) / len(dates)
    is_working = weekday < 5
    match pattern:
        case "daily":
            return np.array([1.0, 1.0, 1.0, 1.05, 1.1, 0.95, 0.8])[weekday] * december * growth
        case "weekend":
            return np.array([0.85, 0.85, 0.9, 1.0, 1.35, 1.6, 0.45])[weekday] * december * growth
        case "payday":
            return np.where(is_working & (month_day >= 25) & (month_day <= 29), 1.0, 0.002)
        case "month start":
            return np.where(is_working & (month_day <= 4), 1.0, 0.004)
        case "mid month":
            return np.where(is_working & (month_day >= 13) & (month_day <= 17), 1.0, 0.02)
        case "savings":
            return np.where(is_working & (month_day <= 2), 1.0, 0.05)
        case "event":
            return np.zeros(len(dates))
