"""The customers: who they are, as small numbers, and how that is written down, in chunks.

Everything that other tables depend on is kept as an array with one entry per customer; texts are made only when a
chunk is written. `strain` is the one hidden trait: it drives overdrafts and returned payments, and stands in no table.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo.bank.countries import COUNTRIES, Country
from gateway.demo.bank.names import NAMES, slug
from gateway.demo.bank.random import stream

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SEGMENTS: Final = ("retail", "affluent", "business")
_SEGMENT_SHARES: Final = (0.82, 0.12, 0.06)
_SEGMENT_INCOME: Final = np.array([1.0, 2.3, 1.7])
_INCOME_SPREAD: Final = 0.42
_DOUBLE_NAMES: Final = 0.04
_MAIL_DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example", "post.example", "web.example")
CHUNK: Final = 100_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One entry per customer; customer_id is the place plus 1."""

    country: Integers
    first: Integers
    last: Integers
    second: Integers
    """The second half of a double surname, -1 for most."""
    segment: Integers
    born: npt.NDArray[np.datetime64]
    income: Floats
    """A year's, euros, to the cent."""
    strain: Floats
    mail_style: Integers
    mail_domain: Integers
    mail_number: Integers
    """Distinguishes equal addresses; 0: none needed."""
    phone: Integers

    def __len__(self) -> int:
        return len(self.country)


def draw_people(count: int, *, seed: int, until: datetime.date) -> People:
    """`count` customers as they are on the day `until`."""
    rng = stream(seed, "people")
    country = rng.choice(len(COUNTRIES), count, p=[c.share for c in COUNTRIES])
    segment = rng.choice(len(SEGMENTS), count, p=_SEGMENT_SHARES)
    age = 18 + 77 * rng.beta(1.7, 2.4, count)
    born = np.datetime64(until) - np.ceil(age * 365.2425).astype("timedelta64[D]")
    strain = rng.normal(size=count)
    first, last = _draw_names(rng, country, 0), _draw_names(rng, country, 1)
    second = np.where(rng.random(count) < _DOUBLE_NAMES, _draw_names(rng, country, 1), -1)
    second[second == last] = -1
    style, domain = rng.integers(0, 3, count), rng.integers(0, len(_MAIL_DOMAINS), count)
    return People(
        country=country,
        first=first,
        last=last,
        second=second,
        segment=segment,
        born=born,
        income=_incomes(rng, country, segment, age, strain),
        strain=strain,
        mail_style=style,
        mail_domain=domain,
        mail_number=_repeats(_mail_keys(country, first, last, second, style, domain)),
        phone=rng.integers(0, 10**8, count),
    )


def full_names(people: People, places: Integers) -> pa.Array:
    """First and last name of the customers at these places."""
    first = _by_country(people.country[places], people.first[places], [NAMES[c.code].first for c in COUNTRIES])
    return pc.binary_join_element_wise(first, last_names(people, places), " ")


def last_names(people: People, places: Integers) -> pa.Array:
    """Surnames, double ones with a hyphen."""
    options = [NAMES[c.code].last for c in COUNTRIES]
    return _hyphenated(people, places, options)


def emails(people: People, places: Integers) -> pa.Array:
    """Addresses, each only once in the bank."""
    first_slugs = [tuple(slug(n) for n in NAMES[c.code].first) for c in COUNTRIES]
    first = _by_country(people.country[places], people.first[places], first_slugs)
    last = _hyphenated(people, places, [tuple(slug(n) for n in NAMES[c.code].last) for c in COUNTRIES])
    styles = [
        pc.binary_join_element_wise(first, last, "."),
        pc.binary_join_element_wise(pc.utf8_slice_codeunits(first, 0, 1), last, "."),
        pc.binary_join_element_wise(last, first, "_"),
    ]
    local = pc.choose(pa.array(people.mail_style[places]), *styles)
    number = people.mail_number[places]
    digits = pc.if_else(pa.array(number == 0), "", pc.cast(pa.array(number + 1), pa.string()))
    domain = pc.take(pa.array(_MAIL_DOMAINS), pa.array(people.mail_domain[places]))
    return pc.binary_join_element_wise(pc.binary_join_element_wise(local, digits, ""), domain, "@")


def phones(people: People, places: Integers) -> pa.Array:
    """International form in groups: `+49 151 2345 6789`."""

    def national(country: Country, mine: Integers) -> pa.Array:
        number = people.phone[places[mine]]
        prefix = pc.take(pa.array(country.mobile), pa.array(number % len(country.mobile)))
        digits = padded(number // len(country.mobile) % 10**country.subscriber_digits, country.subscriber_digits)
        half = country.subscriber_digits // 2
        groups = [pc.utf8_slice_codeunits(digits, 0, half), pc.utf8_slice_codeunits(digits, half)]
        return pc.binary_join_element_wise(f"+{country.calling}", prefix, *groups, " ")

    return by_country(people.country[places], national)


def customer_tables(
    people: People, *, ibans: Callable[[Integers], pa.Array], seed: int, until: datetime.date
) -> Iterator[pa.Table]:
    """The rows of `customers`, in order of their id; `ibans` gives those of customers by their places."""
    for number, start in enumerate(range(0, len(people), CHUNK)):
        places = np.arange(start, min(start + CHUNK, len(people)))
        rng = stream(seed, "customers", number)
        street, postcode, city = _addresses(rng, people.country[places])
        yield pa.table(
            {
                "customer_id": pa.array(places + 1),
                "full_name": full_names(people, places),
                "email": emails(people, places),
                "phone": phones(people, places),
                "iban": ibans(places),
                "birth_date": pa.array(people.born[places]).cast(pa.string()),
                "street": street,
                "postcode": postcode,
                "city": city,
                "region": pc.take(pa.array([c.code for c in COUNTRIES]), pa.array(people.country[places])),
                "segment": pc.take(pa.array(SEGMENTS), pa.array(people.segment[places])),
                "income": pa.array(people.income[places]),
                "updated_at": moments(rng, len(places), until=until, days=700),
            }
        )


def by_country(country: Integers, make: Callable[[Country, Integers], pa.Array]) -> pa.Array:
    """Texts that each country makes its own way: `make` gets a country and the places of its rows."""
    order = np.argsort(country, kind="stable")
    parts = [make(home, np.flatnonzero(country == number)) for number, home in enumerate(COUNTRIES)]
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pc.take(pa.concat_arrays(parts), pa.array(back))


def padded(numbers: Integers, width: int) -> pa.Array:
    """Decimal digits with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def moments(rng: np.random.Generator, count: int, *, until: datetime.date, days: int) -> pa.Array:
    """Texts of random moments of the last `days` days, as the bank writes timestamps."""
    microseconds = rng.integers(1, days * 86_400_000_000, count)
    return written(np.datetime64(until, "us") - microseconds.astype("timedelta64[us]"))


def written(times: npt.NDArray[np.datetime64]) -> pa.Array:
    """`YYYY-MM-DD HH:MM:SS.ffffff`, UTC."""
    return pa.array(times, pa.timestamp("us")).cast(pa.string())


def _incomes(rng: np.random.Generator, country: Integers, segment: Integers, age: Floats, strain: Floats) -> Floats:
    """Log-normal around a median of region and segment, highest at 48, lower under strain."""
    median = np.array([c.income for c in COUNTRIES])[country] * _SEGMENT_INCOME[segment]
    career = np.exp(-(((age - 48) / 38) ** 2))
    spread = np.exp(_INCOME_SPREAD * rng.normal(size=len(age)) - 0.12 * strain)
    incomes: Floats = np.round(median * career * spread, 2)
    return incomes


def _draw_names(rng: np.random.Generator, country: Integers, which: int) -> Integers:
    """Common names are commoner: the chance falls with the place in the list."""
    drawn = np.empty(len(country), np.int64)
    chance = rng.random(len(country))
    for place, home in enumerate(COUNTRIES):
        names = NAMES[home.code]
        weights = 1 / (np.arange(len(names.last if which else names.first)) + 8)
        mine = country == place
        drawn[mine] = np.searchsorted(np.cumsum(weights) / weights.sum(), chance[mine]).clip(0, len(weights) - 1)
    return drawn


def _by_country(country: Integers, index: Integers, options: Sequence[Sequence[str]]) -> pa.Array:
    starts = np.cumsum([0, *(len(o) for o in options)])[:-1]
    return pc.take(pa.array([text for option in options for text in option]), pa.array(starts[country] + index))


def _hyphenated(people: People, places: Integers, options: Sequence[Sequence[str]]) -> pa.Array:
    country, second = people.country[places], people.second[places]
    last = _by_country(country, people.last[places], options)
    other = _by_country(country, np.maximum(second, 0), options)
    return pc.if_else(pa.array(second < 0), last, pc.binary_join_element_wise(last, other, "-"))


def _mail_keys(
    country: Integers, first: Integers, last: Integers, second: Integers, style: Integers, domain: Integers
) -> Integers:
    """One number per address: by the spelled names, for Müller and Mueller write alike, in every country."""
    firsts = _spelling_ids([NAMES[c.code].first for c in COUNTRIES], initial=False)
    initials = _spelling_ids([NAMES[c.code].first for c in COUNTRIES], initial=True)
    lasts = _spelling_ids([NAMES[c.code].last for c in COUNTRIES], initial=False)
    width = 128
    spelled = np.where(style == 1, initials[country * width + first], firsts[country * width + first])
    other = lasts[country * width + np.maximum(second, 0)] * (second >= 0)
    keys: Integers = (((lasts[country * width + last] * 2_048 + other) * 2_048 + spelled) * 4 + style) * 8 + domain
    return keys


def _spelling_ids(options: Sequence[Sequence[str]], *, initial: bool) -> Integers:
    """By country × 128 + place: a number from 1 that equal spellings share."""
    known: dict[str, int] = {}
    ids = np.zeros(len(options) * 128, np.int64)
    for country, names in enumerate(options):
        for place, name in enumerate(names):
            spelling = slug(name)[:1] if initial else slug(name)
            ids[country * 128 + place] = known.setdefault(spelling, len(known) + 1)
    return ids


def _repeats(keys: Integers) -> Integers:
    """How often each key came before."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_new = np.r_[True, ordered[1:] != ordered[:-1]]
    starts = np.flatnonzero(is_new)
    repeats = np.empty(len(keys), np.int64)
    repeats[order] = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    return repeats


def _addresses(rng: np.random.Generator, country: Integers) -> tuple[pa.Array, pa.Array, pa.Array]:
    street = _by_country(country, _place(rng, country, "streets"), [c.streets for c in COUNTRIES])
    city = _by_country(country, _place(rng, country, "cities"), [c.cities for c in COUNTRIES])
    number = pa.array(rng.integers(1, 140, len(country))).cast(pa.string())
    is_first = pa.array(np.array([c.number_first for c in COUNTRIES])[country])
    lines = pc.if_else(
        is_first,
        pc.binary_join_element_wise(number, street, " "),
        pc.binary_join_element_wise(street, number, " "),
    )
    return lines, _postcodes(rng, country), city


def _place(rng: np.random.Generator, country: Integers, field: str) -> Integers:
    sizes = np.array([len(getattr(c, field)) for c in COUNTRIES])
    places: Integers = (rng.random(len(country)) * sizes[country]).astype(np.int64)
    return places


def _postcodes(rng: np.random.Generator, country: Integers) -> pa.Array:
    number = rng.integers(10_000, 99_999, len(country))
    letters = rng.integers(ord("A"), ord("Z") + 1, (len(country), 2)).astype(np.uint8)

    def national(home: Country, mine: Integers) -> pa.Array:
        digits = padded(number[mine] // 10 ** (5 - home.postcode_digits), home.postcode_digits)
        match home.code:
            case "NL":
                return pc.binary_join_element_wise(digits, pa.array(letters[mine].view("S2").ravel().astype(str)), " ")
            case "PL":
                return _split(digits, 2, "-")
            case "CZ":
                return _split(digits, 3, " ")
            case _:
                return digits

    return by_country(country, national)


def _split(digits: pa.Array, at: int, mark: str) -> pa.Array:
    return pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(digits, 0, at), pc.utf8_slice_codeunits(digits, at), mark
    )
