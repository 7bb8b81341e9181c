"""Loans, and who fails to pay them back.

Default follows a logistic model of what the tables show — income, the installment's share of it, overdraft fees,
returned payments — plus noise that no table shows: a fair model reaches an AUC of .80 to .88.
"""

# ruff: noqa: PLR2004 - the weights of a made-up model
from __future__ import annotations

import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo.bank.accounts import Accounts
from gateway.demo.bank.people import Floats, Integers, People
from gateway.demo.bank.random import stream

PURPOSES: Final = ("car", "home", "renovation", "consumer", "education")
_MEDIANS: Final = np.array([14_000, 160_000, 22_000, 6_000, 9_000])
_TERMS: Final = np.array([60, 300, 84, 36, 72])
BASE_RATE: Final = 0.075
_NOISE: Final = 0.3


def loan_table(
    people: People, accounts: Accounts, *, overdrafts: Integers, returned: Integers, seed: int, until: datetime.date
) -> pa.Table:
    """The rows of `loans`: about one for every three customers; amounts in euros, and no loan to a minor."""
    rng = stream(seed, "loans")
    adult = people.born <= np.datetime64(until) - np.timedelta64(7_305, "D")
    customer = np.flatnonzero((rng.random(len(people)) < 0.32) & adult)
    purpose = rng.choice(5, len(customer), p=(0.3, 0.12, 0.18, 0.3, 0.1))
    size = np.exp(0.45 * rng.normal(size=len(customer))) * (people.income[customer] / 36_000) ** 0.5
    amount = np.round(_MEDIANS[purpose] * size, -2) + 500
    term = _TERMS[purpose] + 12 * rng.integers(-1, 3, len(customer))
    rate = np.round(0.025 + 0.05 * rng.beta(2, 3, len(customer)) + 0.01 * (purpose == 3), 4)
    burden = installments(amount, term, rate) / (people.income[customer] / 12)
    defaulted = _draw_defaults(rng, people.income[customer], burden, overdrafts[customer], returned[customer])
    granted = np.datetime64(until) - rng.integers(30, 720, len(customer)).astype("timedelta64[D]")
    return pa.table(
        {
            "loan_id": pa.array(np.arange(len(customer)) + 1),
            "customer_id": pa.array(customer + 1),
            "account_id": pa.array(accounts.first[customer] + 1),
            "amount": pa.array(amount.astype(np.float64)),
            "term_months": pa.array(term),
            "rate": pa.array(rate),
            "granted_on": pa.array(granted).cast(pa.string()),
            "loan_purpose": pc.take(pa.array(PURPOSES), pa.array(purpose)),
            "defaulted": pa.array(defaulted.astype(np.int64)),
        }
    )


def installments(amount: Floats, term: Integers, rate: Floats) -> Floats:
    """What an annuity costs a month."""
    monthly = rate / 12
    payment: Floats = amount * monthly / (1 - (1 + monthly) ** -term)
    return payment


def _draw_defaults(
    rng: np.random.Generator, income: Floats, burden: Floats, overdrafts: Integers, returned: Integers
) -> Integers:
    score = (
        -1.2 * np.log(income / 30_000)
        + 3.0 * np.minimum(burden, 1.2)
        + 0.6 * np.minimum(overdrafts, 6)
        + 0.9 * np.minimum(returned, 5)
        + _NOISE * rng.normal(size=len(income))
    )
    chance = 1 / (1 + np.exp(-(score + _intercept(score))))
    return (rng.random(len(income)) < chance).astype(np.int64)


def _intercept(score: Floats) -> float:
    """The shift at which the mean chance is BASE_RATE; by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(-(score + middle)))) < BASE_RATE:
            low = middle
        else:
            high = middle
    return low
