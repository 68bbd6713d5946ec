"""What each client of a gateway that holds the key did, as the gateway processes handed it over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from core.clients import WHOLE, Client
from core.keys import Keys
from exporters.catalogue import OUTCOMES
from exporters.collectors.store import store_time_ms
from exporters.families import counters, gauges


@dataclass(frozen=True)
class ClientUse:
    """One client: requests by outcome, calls made and not made for it, and its share; `used` is None without one."""

    alias: str
    requests: Mapping[str, int]
    calls: int
    denied: int
    share: int
    used: int | None


@dataclass(frozen=True)
class ClientFacts:
    """Every client that is configured, whether it was ever here or not."""

    clients: tuple[ClientUse, ...] = ()


def parse(
    clients: Sequence[Client], limit: int, counts: Mapping[bytes, bytes], used: Mapping[str, int]
) -> ClientFacts:
    """Make the facts of the hash of counts and of the calls in each capped client's window."""

    def count(client: Client, what: str) -> int:
        return int(counts.get(f"{client.alias}:{what}".encode(), 0))

    return ClientFacts(
        tuple(
            ClientUse(
                alias=client.alias,
                requests={outcome: count(client, outcome) for outcome in OUTCOMES},
                calls=count(client, "calls"),
                denied=count(client, "denied"),
                share=max(1, limit * client.share // WHOLE),
                used=used.get(client.alias),
            )
            for client in clients
        )
    )


async def read(
    redis: Redis, keys: Keys, clients: Sequence[Client], *, limit: int, window_seconds: float
) -> ClientFacts:
    """Ask in two round trips. `limit` is the calls of all, `window_seconds` includes the guard."""
    since = await store_time_ms(redis) - window_seconds * 1000
    capped = [client.alias for client in clients if client.share < WHOLE]
    pipeline = redis.pipeline(transaction=False)
    pipeline.hgetall(keys.clients)
    for alias in capped:
        pipeline.zcount(keys.share(alias), f"({since:.0f}", "+inf")
    counts, *used = await pipeline.execute()
    found: Any = dict(zip(capped, used, strict=True))
    return parse(clients, limit, counts, found)


def families(facts: ClientFacts) -> list[Family]:
    """Turn the facts into families."""
    each = [({"client": one.alias}, one) for one in facts.clients]
    return [
        counters(
            "calgate_client_requests_total",
            [
                ({"client": one.alias, "outcome": outcome}, float(number))
                for one in facts.clients
                for outcome, number in one.requests.items()
            ],
        ),
        counters("calgate_client_calls_total", [(labels, float(one.calls)) for labels, one in each]),
        counters("calgate_client_denied_total", [(labels, float(one.denied)) for labels, one in each]),
        gauges("calgate_client_share_requests", [(labels, float(one.share)) for labels, one in each]),
        gauges(
            "calgate_client_window_used_requests",
            [(labels, float(one.used)) for labels, one in each if one.used is not None],
        ),
    ]
