"""The circuit breakers, as the gateway processes last wrote them down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from core.keys import Keys
from exporters.catalogue import BREAKER_ENDPOINTS, BREAKER_STATES
from exporters.families import gauges


@dataclass(frozen=True)
class BreakerState:
    """One endpoint class; `since` is Unix seconds, 0 if it has never changed."""

    endpoint: str
    state: str
    since: float


@dataclass(frozen=True)
class BreakerFacts:
    """Every endpoint class of the catalogue, always."""

    breakers: tuple[BreakerState, ...] = tuple(BreakerState(e, "closed", 0.0) for e in BREAKER_ENDPOINTS)


def parse(answer: Mapping[bytes, bytes]) -> BreakerFacts:
    """Read the hash; an endpoint nobody wrote about has never opened.

    Raises ValueError for a record that is not what the gateway writes.
    """
    return BreakerFacts(tuple(_parse_one(e, answer.get(e.encode())) for e in BREAKER_ENDPOINTS))


def _parse_one(endpoint: str, record: bytes | None) -> BreakerState:
    if record is None:
        return BreakerState(endpoint, "closed", 0.0)
    try:
        document = orjson.loads(record)
        state, since = document["state"], float(document.get("since") or 0.0)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"breaker record of {endpoint} is not {{state, since}}") from error
    if state not in BREAKER_STATES:
        raise ValueError(f"breaker of {endpoint} is in no known state; known are {', '.join(BREAKER_STATES)}")
    # Milliseconds and seconds are 1 000 apart; a time after the year 5000 is the former.
    return BreakerState(endpoint, state, since / 1000 if since > 1e11 else since)


async def read(redis: Redis, keys: Keys) -> BreakerFacts:
    """Ask in one round trip."""
    answer: Any = redis.hgetall(keys.breaker)
    return parse(await answer)


def families(facts: BreakerFacts) -> list[Family]:
    """Turn the facts into families: one series for each state of each endpoint."""
    return [
        gauges(
            "calgate_breaker_state",
            [
                ({"endpoint": one.endpoint, "state": state}, float(one.state == state))
                for one in facts.breakers
                for state in BREAKER_STATES
            ],
        )
    ]
