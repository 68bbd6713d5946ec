"""Voice agents on the phone: a seeded stream of what they want, as pure data.

The mix is the report's section 6.1: of every five things an agent does, three look at availability, one
finds alternatives around a wish (several one-day reads at once, as the report's parallel finder does, or one
question to a gateway that finds them), one books. They come as conversations: one caller stays with one event
type and one zone, looks, hesitates, looks again, and decides. Rates count client requests, so an alternatives
step of five reads counts five.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import TypeVar
from urllib.parse import urlencode

from loadtest.catalogue import Catalogue, EventType

SLOTS_VERSION = "2024-09-04"
BOOKINGS_VERSION = "2024-08-13"
ALTERNATIVES_PATH = "/-/alternatives"

# Wishes are from nine to half past five.
_OPENS = 9
_HALF_HOURS = 18

_T = TypeVar("_T")


class Kind(StrEnum):
    """What an agent does."""

    AVAILABILITY = "availability"
    ALTERNATIVES = "alternatives"
    BOOKING = "booking"


class Change(StrEnum):
    """What a booking step turns out to be. Without a booking to change, an agent creates one."""

    CREATE = "create"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Profile:
    """How agents behave. The defaults are the report's normal load."""

    looks: int = 3
    alternatives: int = 1
    bookings: int = 1
    think_seconds: float = 6.0
    """Mean pause between two steps of one conversation."""
    popularity: float = 1.6
    """Zipf exponent over the catalogue's order; 0 asks for every type alike (the report's cold start)."""
    asks_again: float = 0.6
    """Share of a caller's later looks that ask the same as the one before: people make agents look twice."""
    cancel_share: float = 0.10
    reschedule_share: float = 0.10
    alternative_days: tuple[int, int] = (3, 7)
    """Fewest and most one-day reads of an alternatives step (report 5.1: three to seven calls)."""
    asks_gateway: bool = False
    """Whether an alternatives step is one question to the gateway instead. Nobody else would understand it."""
    spans: tuple[tuple[int, float], ...] = ((7, 6.0), (14, 2.0), (30, 1.0))
    """Days looked at, with weights; overlapping on purpose."""
    starts: tuple[tuple[int, float], ...] = ((0, 8.0), (1, 2.0), (2, 1.0))
    """First day of a look, counted from today, with weights."""
    wishes: tuple[tuple[int, float], ...] = ((1, 8.0), (2, 4.0), (3, 2.0), (4, 1.0), (7, 1.0))
    """The day a caller would like best, with weights."""
    zones: tuple[tuple[str, float], ...] = (
        ("Europe/Berlin", 24.0),
        ("Europe/London", 2.0),
        ("America/New_York", 1.0),
        ("UTC", 1.0),
        ("Asia/Kolkata", 1.0),
        ("Pacific/Chatham", 1.0),
    )

    def __post_init__(self) -> None:
        if self.looks + self.alternatives + self.bookings < 1:
            raise ValueError("A conversation needs at least one step")

    @property
    def requests_per_conversation(self) -> float:
        """Client requests that one conversation makes on average."""
        reads = 1 if self.asks_gateway else sum(self.alternative_days) / 2
        return self.looks + self.bookings + self.alternatives * reads


@dataclass(frozen=True, slots=True)
class Intent:
    """One step of one conversation. Days count from the day it is carried out."""

    at: float
    """Seconds after the start of the traffic, at the traffic's own speed."""
    kind: Kind
    conversation: int
    event_type: EventType
    zone: str
    first_day: int
    days: int
    wish_day: int
    alternative_days: int
    change: Change
    pick: float
    """Which of the offered slots to take, as a fraction in [0, 1) of their number."""
    asks_gateway: bool = False


def intents(
    catalogue: Catalogue, *, seed: int, rate_per_minute: float, profile: Profile | None = None
) -> Iterator[Intent]:
    """An endless stream of intents in order of `at`; the first comes at 0. Equal arguments give an equal
    stream.

    Conversations arrive at random (Poisson), so that the requests average `rate_per_minute` once the first
    callers have had time to talk. Raises ValueError for a rate that is not above zero.
    """
    if rate_per_minute <= 0:
        raise ValueError(f"Traffic needs a rate above zero, not {rate_per_minute:g} a minute")
    return _intents(catalogue, seed, rate_per_minute, profile or Profile())


def slots_targets(intent: Intent, today: date) -> tuple[str, ...]:
    """The request targets of an intent's slots reads: one look, or one day each for alternatives, nearest
    first.
    """
    if intent.kind is Kind.ALTERNATIVES:
        near = sorted(
            range(intent.wish_day + intent.alternative_days), key=lambda day: abs(day - intent.wish_day)
        )
        return tuple(
            _target(intent, today + timedelta(days=day), 1) for day in near[: intent.alternative_days]
        )
    return (_target(intent, today + timedelta(days=intent.first_day), intent.days),)


def alternatives_target(intent: Intent, today: date) -> str:
    """The request target of an intent's question to the gateway, whose wish is within office hours."""
    half_hour = int(intent.pick * _HALF_HOURS)
    at = time(_OPENS + half_hour // 2, 30 * (half_hour % 2))
    query = {
        "eventTypeId": intent.event_type.id,
        "wish": f"{today + timedelta(days=intent.wish_day)}T{at:%H:%M}",
        "timeZone": intent.zone,
    }
    return ALTERNATIVES_PATH + "?" + urlencode(query)


def _target(intent: Intent, first: date, days: int) -> str:
    # `end` counts as a whole day (contract 4.1), so a look at seven days ends on the sixth after its first.
    query = {
        "eventTypeId": intent.event_type.id,
        "start": first.isoformat(),
        "end": (first + timedelta(days=days - 1)).isoformat(),
        "timeZone": intent.zone,
    }
    return "/v2/slots?" + urlencode(query)


def _intents(catalogue: Catalogue, seed: int, rate_per_minute: float, profile: Profile) -> Iterator[Intent]:
    dice = random.Random(seed)
    gap = 60.0 * profile.requests_per_conversation / rate_per_minute
    popularity = list(
        accumulate(1.0 / rank**profile.popularity for rank in range(1, len(catalogue.event_types) + 1))
    )
    # Conversations overlap: a step leaves the heap once no later conversation can begin before it.
    pending: list[tuple[float, int, int, Intent]] = []
    begins, number = 0.0, 0
    while True:
        while pending and pending[0][0] <= begins:
            yield heapq.heappop(pending)[3]
        event_type = dice.choices(catalogue.event_types, cum_weights=popularity)[0]
        for step, intent in enumerate(_conversation(dice, number, begins, event_type, profile)):
            heapq.heappush(pending, (intent.at, number, step, intent))
        begins += dice.expovariate(1.0 / gap)
        number += 1


def _conversation(
    dice: random.Random, number: int, begins: float, event_type: EventType, profile: Profile
) -> Iterator[Intent]:
    zone = _weighted(dice, profile.zones)
    wish_day = _weighted(dice, profile.wishes)
    fewest, most = profile.alternative_days
    first_day, days = _weighted(dice, profile.starts), _weighted(dice, profile.spans)
    at = begins
    for kind in _steps(dice, profile):
        yield Intent(
            at=at,
            kind=kind,
            conversation=number,
            event_type=event_type,
            zone=zone,
            first_day=first_day,
            days=days,
            wish_day=wish_day,
            alternative_days=dice.randint(fewest, most),
            change=_change(dice, profile),
            pick=dice.random(),
            asks_gateway=profile.asks_gateway,
        )
        if dice.random() >= profile.asks_again:
            first_day, days = _weighted(dice, profile.starts), _weighted(dice, profile.spans)
        # Nobody answers at once, and nobody keeps an agent waiting for a minute.
        at += min(max(dice.expovariate(1.0 / profile.think_seconds), 0.5), 4 * profile.think_seconds)


def _steps(dice: random.Random, profile: Profile) -> list[Kind]:
    """A conversation opens with a look and closes with its bookings; the rest comes in any order."""
    middle = [Kind.AVAILABILITY] * max(profile.looks - 1, 0) + [Kind.ALTERNATIVES] * profile.alternatives
    dice.shuffle(middle)
    return [Kind.AVAILABILITY] * min(profile.looks, 1) + middle + [Kind.BOOKING] * profile.bookings


def _change(dice: random.Random, profile: Profile) -> Change:
    roll = dice.random()
    if roll < profile.cancel_share:
        return Change.CANCEL
    if roll < profile.cancel_share + profile.reschedule_share:
        return Change.RESCHEDULE
    return Change.CREATE


def _weighted(dice: random.Random, weighted: Sequence[tuple[_T, float]]) -> _T:
    return dice.choices([value for value, _ in weighted], weights=[weight for _, weight in weighted])[0]
