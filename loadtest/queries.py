"""Slots queries of every shape a client may send, right and wrong: the material of the equality test.

Through the gateway and straight to Cal.com, each must get the same answer. So this generator aims at what
could make them differ: two spellings of one query, one spelling of two, zones around midnight, bounds with
and without a time, values that must be refused, and headers that pick another handler (contract 3, 4.1,
4.2).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from urllib.parse import quote, quote_plus

from loadtest.catalogue import Catalogue, EventType

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Africa/Nairobi",
    "Etc/GMT+12",
)
_BAD_ZONES = ("Mars/Olympus", "Berlin", "+05:30", "UTC+1", "Europe/", "null", "")
_OFFSETS = ("Z", "Z", "+00:00", "+02:00", "-05:00", "+05:30", "+12:45", "-03:30")
_BAD_MOMENTS = (
    "tomorrow",
    "2026-13-01",
    "2026-02-30",
    "2026-02-01T25:00:00Z",
    "1767225600",
    "01/02/2026",
    "2026-W05-1",
    "",
)
_BAD_DURATIONS = ("abc", "0", "-30", "30.5", "1e2", "99999999", "", "NaN")
_FORMATS = ("time", "range", "range", "Range", "RANGE", "Time")
_BAD_FORMATS = ("slots", "times", "json", "")
_UNKNOWN_PARAMETERS = (
    ("foo", "bar"),
    ("timezone", "UTC"),
    ("limit", "10"),
    ("eventtypeid", "1"),
    ("slotFormat", "range"),
    ("_", "1"),
)
_LEGACY_VERSIONS = ("2024-08-13", "2024-06-14", "2024-04-15")
_OTHER_VERSIONS = (None, "2024-08-13", "2024-04-15", "2026-02-25", "2099-01-01", "latest", '"2024-09-04"')
_NOT_THERE = 99_999_999

Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Query:
    """One GET to send. `note` says in a few words what is special about it, for the message of a failing
    test.
    """

    path_and_query: str
    headers: dict[str, str] = field(default_factory=dict)
    note: str = ""


def slots_queries(count: int, seed: int, catalogue: Catalogue) -> Iterator[Query]:
    """`count` queries; equal arguments give equal queries. Most are right, about one in four should be
    refused.

    No query repeats another on purpose, though two may ask for the same in different spellings.
    """
    dice = random.Random(seed)
    shapes, weights = zip(*_SHAPES, strict=True)
    for _ in range(count):
        shape: Callable[[random.Random, Catalogue], Query] = dice.choices(shapes, weights=weights)[0]
        yield shape(dice, catalogue)


def _sound(dice: random.Random, catalogue: Catalogue) -> Query:
    parameters, note = _parameters(dice, catalogue)
    return _query(dice, catalogue, parameters, note)


def _alias(dice: random.Random, catalogue: Catalogue) -> Query:
    """The server rewrites `/api/v2` to `/v2` before it routes (contract 1)."""
    parameters, note = _parameters(dice, catalogue)
    return _query(dice, catalogue, parameters, f"{note}, /api/v2", path="/api/v2/slots")


def _legacy(dice: random.Random, catalogue: Catalogue) -> Query:
    """Contract 4.2: other path, other names, and a version header that has that path."""
    wanted = dice.choice(catalogue.event_types)
    start, end, note = _bounds(dice, catalogue.today)
    parameters = [("startTime", start), ("endTime", end), ("eventTypeId", str(wanted.id))]
    if dice.random() < 0.7:
        parameters.append(("timeZone", dice.choice(ZONES)))
    if dice.random() < 0.4:
        parameters.append(("slotFormat", dice.choice(("range", "time"))))
    return _query(
        dice,
        catalogue,
        parameters,
        f"legacy, {note}",
        path="/v2/slots/available",
        version=dice.choice(_LEGACY_VERSIONS),
    )


def _wrong_value(dice: random.Random, catalogue: Catalogue) -> Query:
    parameters, _ = _parameters(dice, catalogue)
    name, values = dice.choice(
        (
            ("start", _BAD_MOMENTS),
            ("end", _BAD_MOMENTS),
            ("timeZone", _BAD_ZONES),
            ("duration", _BAD_DURATIONS),
            ("format", _BAD_FORMATS),
            ("eventTypeId", ("abc", "", "-1", "1.5", "0", "9" * 30)),
        )
    )
    value = dice.choice(values)
    return _query(dice, catalogue, _with(parameters, name, value), f"{name}={value!r}")


def _wrong_bounds(dice: random.Random, catalogue: Catalogue) -> Query:
    """End before start, in the past, absurdly far, absurdly long, or missing."""
    parameters, _ = _parameters(dice, catalogue)
    today = catalogue.today
    spans = {
        "end before start": (today + timedelta(days=9), today + timedelta(days=2)),
        "wholly past": (today - timedelta(days=40), today - timedelta(days=33)),
        "from the past": (today - timedelta(days=3), today + timedelta(days=3)),
        "far future": (date(2090, 1, 1), date(2090, 1, 8)),
        "a year": (today, today + timedelta(days=365)),
    }
    note = dice.choice((*spans, "no start", "no end", "no bounds"))
    if note in spans:
        start, end = spans[note]
        parameters = _with(_with(parameters, "start", start.isoformat()), "end", end.isoformat())
    else:
        gone = {"no start": {"start"}, "no end": {"end"}, "no bounds": {"start", "end"}}[note]
        parameters = [(name, value) for name, value in parameters if name not in gone]
    return _query(dice, catalogue, parameters, note)


def _wrong_selector(dice: random.Random, catalogue: Catalogue) -> Query:
    """Mixed, partial, absent and unknown selectors (contract 4.1: exactly one; `eventTypeId` decides
    first).
    """
    start, end, _ = _bounds(dice, catalogue.today)
    wanted = dice.choice(catalogue.event_types)
    nobody = f"nobody-{dice.randrange(1000)}"
    username = wanted.username or nobody
    choices: dict[str, Parameters] = {
        "no selector": [],
        "id and slug": [
            ("eventTypeId", str(wanted.id)),
            ("eventTypeSlug", wanted.slug),
            ("username", username),
        ],
        "slug alone": [("eventTypeSlug", wanted.slug)],
        "username alone": [("username", username)],
        "username and team": [("eventTypeSlug", wanted.slug), ("username", username), ("teamSlug", "sales")],
        "unknown id": [("eventTypeId", str(_NOT_THERE + dice.randrange(1000)))],
        "unknown slug": [("eventTypeSlug", nobody), ("username", username)],
        "unknown username": [("eventTypeSlug", wanted.slug), ("username", nobody)],
        "unknown team": [("eventTypeSlug", wanted.slug), ("teamSlug", nobody)],
        "one of usernames": [("usernames", username)],
        "unknown usernames": [("usernames", f"{nobody},{username}")],
        "unknown organization": [
            ("eventTypeSlug", wanted.slug),
            ("username", username),
            ("organizationSlug", nobody),
        ],
    }
    note = dice.choice(tuple(choices))
    return _query(dice, catalogue, [*choices[note], ("start", start), ("end", end)], note)


def _unknown_parameter(dice: random.Random, catalogue: Catalogue) -> Query:
    parameters, _ = _parameters(dice, catalogue)
    name, value = dice.choice(_UNKNOWN_PARAMETERS)
    return _query(dice, catalogue, [*parameters, (name, value)], f"unknown {name}")


def _repeated_parameter(dice: random.Random, catalogue: Catalogue) -> Query:
    parameters, _ = _parameters(dice, catalogue)
    name, value = dice.choice(parameters)
    other = dice.choice((value, value, "1"))
    return _query(dice, catalogue, [*parameters, (name, other)], f"{name} twice")


def _other_version(dice: random.Random, catalogue: Catalogue) -> Query:
    parameters, _ = _parameters(dice, catalogue)
    version = dice.choice(_OTHER_VERSIONS)
    return _query(dice, catalogue, parameters, f"version {version}", version=version)


def _other_caller(dice: random.Random, catalogue: Catalogue) -> Query:
    """Anonymous, or with a key that is none: the read is public, yet an invalid `cal_` key gets 401
    (contract 1).
    """
    parameters, _ = _parameters(dice, catalogue)
    authorization, note = dice.choice(
        ((None, "anonymous"), ("Bearer cal_0000notakey", "invalid key"), ("Bearer ", "empty key"))
    )
    query = _query(dice, catalogue, parameters, note)
    headers = {name: value for name, value in query.headers.items() if name != "Authorization"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return Query(query.path_and_query, headers, note)


_SHAPES: tuple[tuple[Callable[[random.Random, Catalogue], Query], float], ...] = (
    (_sound, 60),
    (_alias, 3),
    (_legacy, 5),
    (_wrong_value, 8),
    (_wrong_bounds, 6),
    (_wrong_selector, 7),
    (_unknown_parameter, 3),
    (_repeated_parameter, 2),
    (_other_version, 3),
    (_other_caller, 3),
)


def _parameters(dice: random.Random, catalogue: Catalogue) -> tuple[Parameters, str]:
    """The parameters of a query that should be answered."""
    wanted = dice.choice(catalogue.event_types)
    selector, note = _selector(dice, catalogue, wanted)
    start, end, span = _bounds(dice, catalogue.today)
    parameters = [*selector, ("start", start), ("end", end)]
    zone = None
    if dice.random() < 0.75:
        zone = dice.choice(ZONES)
        parameters.append(("timeZone", zone))
    if dice.random() < 0.35:
        parameters.append(("format", dice.choice(_FORMATS)))
    if wanted.is_variable and dice.random() < 0.7:
        parameters.append(("duration", str(dice.choice(wanted.lengths))))
    elif dice.random() < 0.08:
        parameters.append(("duration", str(dice.choice((15, 20, 30, 45, 60)))))
    if dice.random() < 0.05:
        uids = (*catalogue.booking_uids, "no-such-booking")
        parameters.append(("bookingUidToReschedule", dice.choice(uids)))
    if wanted.host_ids and dice.random() < 0.1:
        parameters.append(("rrHostSubsetIds", str(dice.choice(wanted.host_ids))))
    return parameters, f"{note}, {span}, {zone or 'no zone'}"


def _selector(dice: random.Random, catalogue: Catalogue, wanted: EventType) -> tuple[Parameters, str]:
    selectors: list[tuple[Parameters, str]] = [([("eventTypeId", str(wanted.id))], "by id")]
    if wanted.username:
        selectors.append(([("eventTypeSlug", wanted.slug), ("username", wanted.username)], "by username"))
    if wanted.team_slug:
        selectors.append(([("eventTypeSlug", wanted.slug), ("teamSlug", wanted.team_slug)], "by team"))
    if len(catalogue.usernames) > 1 and dice.random() < 0.2:
        several = dice.sample(catalogue.usernames, k=dice.randint(2, min(3, len(catalogue.usernames))))
        selectors = [([("usernames", ",".join(several))], "dynamic group")]
    return dice.choice(selectors)


def _bounds(dice: random.Random, today: date) -> tuple[str, str, str]:
    """Start, end, and what kind they are: dates, instants, explicit midnights, or one of each."""
    first = today + timedelta(days=dice.choice((0, 1, 1, 2, 3, 7, 14, 30, 60, 120)))
    last = first + timedelta(days=dice.choice((0, 0, 1, 2, 6, 6, 13, 29, 45)))
    kind = dice.choice(("dates", "dates", "dates", "instants", "midnights", "mixed", "one day"))
    if kind == "dates":
        return first.isoformat(), last.isoformat(), kind
    if kind == "midnights":
        return f"{first.isoformat()}T00:00:00Z", f"{last.isoformat()}T00:00:00.000Z", kind
    if kind == "mixed":
        return first.isoformat(), _instant(dice, last), kind
    if kind == "one day":
        return f"{first.isoformat()}T00:00:00", f"{first.isoformat()}T23:59:59Z", kind
    return _instant(dice, first), _instant(dice, last + timedelta(days=1)), kind


def _instant(dice: random.Random, day: date) -> str:
    moment = datetime.combine(
        day, time(dice.randrange(24), dice.choice((0, 0, 15, 30, 45)), dice.choice((0, 0, 59)))
    )
    return moment.isoformat() + dice.choice(("", ".000", ".123")) + dice.choice(_OFFSETS)


def _with(parameters: Parameters, name: str, value: str) -> Parameters:
    """The parameters with one replaced, or added where it was missing."""
    return [*((key, old) for key, old in parameters if key != name), (name, value)]


def _query(
    dice: random.Random,
    catalogue: Catalogue,
    parameters: Parameters,
    note: str,
    *,
    path: str = "/v2/slots",
    version: str | None = "2024-09-04",
) -> Query:
    """Spells the query: order, escapes and headers vary without changing what is asked."""
    parameters = list(parameters)
    if dice.random() < 0.5:
        dice.shuffle(parameters)
    escape = dice.choice(
        (quote_plus, lambda text: quote(text, safe=""), lambda text: quote(text, safe="/:,"))
    )
    query = "&".join(f"{name}={escape(value)}" for name, value in parameters)
    headers = {} if version is None else {"cal-api-version": version}
    if catalogue.api_keys:
        headers["Authorization"] = f"Bearer {dice.choice(catalogue.api_keys)}"
    return Query(f"{path}?{query}", headers, note)
