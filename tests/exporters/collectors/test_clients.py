from __future__ import annotations

from redis.asyncio import Redis

from core.clients import Client
from core.keys import Keys
from exporters.collectors import clients
from exporters.collectors.store import store_time_ms

KEYS = Keys("clients-test")
SHOP, VOICE = Client("shop", (b"1",), 50), Client("voice", (b"2",))


async def test_every_client_is_there_whether_it_ever_came_or_not(redis: Redis) -> None:
    facts = await clients.read(redis, KEYS, (SHOP, VOICE), limit=120, window_seconds=61)
    assert [(one.alias, one.calls, one.share, one.used) for one in facts.clients] == [
        ("shop", 0, 60, 0),
        ("voice", 0, 120, None),
    ]


async def test_counts_and_windows_are_read(redis: Redis) -> None:
    now = await store_time_ms(redis)
    await redis.hset(KEYS.clients, mapping={"shop:hit": 3, "shop:calls": 2, "voice:denied": 1, "gone:hit": 9})
    await redis.zadd(KEYS.share("shop"), {"a": now, "b": now - 60_000, "old": now - 62_000})
    facts = await clients.read(redis, KEYS, (SHOP, VOICE), limit=120, window_seconds=61)
    shop, voice = facts.clients
    assert (shop.requests["hit"], shop.requests["miss"], shop.calls, shop.used) == (3, 0, 2, 2)
    assert (voice.denied, voice.calls) == (1, 0)
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in clients.families(facts)
        for sample in family.samples
    }
    assert found["calgate_client_requests_total", "hit", "shop"] == 3
    assert found["calgate_client_window_used_requests", "shop"] == 2
    assert ("calgate_client_window_used_requests", "voice") not in found
    assert not any("gone" in name for name in found)
