from dataclasses import replace

import pytest
from redis.asyncio import Redis

from core.keys import Keys
from exporters.collectors import budget
from exporters.collectors.budget import (
    BudgetFacts,
    CredentialBudget,
    alias_of,
    fold,
    parse_credential,
    parse_told,
)
from exporters.collectors.store import store_time_ms

NOW_MS = 1_000_000_000
KEYS = Keys("budget-test")
ONE = CredentialBudget("c1", 120, 10, 20, 61.0, 0.0, 0.0)


def parsed(
    used: int = 0,
    oldest: tuple[tuple[bytes, float], ...] = (),
    peaks: dict[bytes, bytes] | None = None,
    blocked: bytes | None = None,
) -> CredentialBudget:
    return parse_credential(
        "c1", used, oldest, peaks or {}, blocked, now_ms=NOW_MS, limit=120, window_seconds=61.0
    )


def test_an_unused_credential_is_free() -> None:
    assert parsed() == CredentialBudget("c1", 120, 0, 0, 61.0, 0.0, 0.0)


def test_the_peak_is_the_highest_of_the_last_minute_and_of_now() -> None:
    bucket = NOW_MS // 10_000
    peaks = {b"%d" % bucket: b"7", b"%d" % (bucket - 6): b"90", b"%d" % (bucket - 7): b"120"}
    assert parsed(used=5, peaks=peaks).peak == 90
    assert parsed(used=99, peaks=peaks).peak == 99


def test_a_block_that_has_passed_is_none() -> None:
    assert parsed(blocked=b"%d" % (NOW_MS + 500)).blocked_until == (NOW_MS + 500) / 1000
    assert parsed(blocked=b"%d" % NOW_MS).blocked_until == 0.0


def test_an_alias_outside_the_closed_list_is_folded() -> None:
    assert [alias_of(a) for a in ("c1", "c8", "c9", "anonymous", "cal_live_x")] == [
        "c1", "c8", "other", "anonymous", "other",
    ]  # fmt: skip


def test_where_credentials_share_an_alias_the_one_nearest_to_trouble_is_shown() -> None:
    calm = replace(ONE, credential="other")
    busy = replace(calm, peak=119)
    blocked = replace(calm, blocked_until=5.0)
    assert fold([calm, busy]).credentials == (busy,)
    assert fold([blocked, busy, ONE]).credentials == (ONE, blocked)


def told(ends: int, rate: float = 0.0, before: float = 0.0) -> dict[bytes, bytes]:
    return {b"left": b"50", b"ends": b"%d" % ends, b"rate": b"%f" % rate, b"before": b"%f" % before}


@pytest.mark.parametrize(
    ("heard", "since", "found"),
    [
        ({}, 7, (120, 0)),
        ({b"odd": b"1"}, 7, (120, 0)),
        (told(NOW_MS + 1), 7, (43, 0)),
        (told(NOW_MS + 1), 70, (0, 0)),
        (told(NOW_MS + 1, 10.0, 20.0), 0, (50, 20)),
        (told(NOW_MS, 10.0, 20.0), 0, (120, 10)),
        (told(NOW_MS - 61_000, 10.0, 20.0), 0, (120, 0)),
    ],
)
def test_what_calcom_said_of_a_window_is_over_with_it(
    heard: dict[bytes, bytes], since: int, found: tuple[int, int]
) -> None:
    assert parse_told(heard, since, now_ms=NOW_MS, limit=120, window_ms=61_000) == found


def test_no_credential_gives_families_without_samples() -> None:
    assert [f.samples for f in budget.families(BudgetFacts())][:8] == [[]] * 8


async def test_the_store_is_read_as_the_governor_writes_it(redis: Redis) -> None:
    now = await store_time_ms(redis)
    await redis.hset(KEYS.credentials, mapping={"aaaa": "c1", "anonymous": "anonymous", "bbbb": "other"})
    await redis.zadd(KEYS.permits("aaaa"), {"old": now - 70_000, "x": now - 30_000, "y": now - 10})
    await redis.hset(KEYS.peaks("aaaa"), str(now // 10_000), "44")
    await redis.set(KEYS.blocked("bbbb"), now + 60_000)
    await redis.hset(
        KEYS.headers("aaaa"),
        mapping={
            "left": 70,
            "at": now - 20_000,
            "ends": now + 30_000,
            "rate": 12.4,
            "before": 3,
            "limit": 120,
        },
    )
    await redis.hset(KEYS.lines("aaaa"), mapping={"p": f"1:{now + 900}:4", "dead": f"1:{now - 900}:9"})
    facts = await budget.read(redis, KEYS, limit=120, window_seconds=61.0)
    first, anonymous, other = facts.credentials
    assert first == CredentialBudget("c1", 120, 2, 44, 61.0, 0.0, (now - 30_000) / 1000, 69, 13, 4, "aaaa")
    assert anonymous == CredentialBudget("anonymous", 120, 0, 0, 61.0, 0.0, 0.0, 120, digest="anonymous")
    assert (other.credential, other.blocked_until) == ("other", (now + 60_000) / 1000)


async def test_a_limit_the_gateway_wrote_down_overrides_the_configured_one(redis: Redis) -> None:
    await redis.hset(KEYS.credentials, mapping={"aaaa": "c1", "bbbb": "c2"})
    await redis.hset(KEYS.limits, "bbbb", "500")
    facts = await budget.read(redis, KEYS, limit=120, window_seconds=61.0)
    assert [one.limit for one in facts.credentials] == [120, 500]


async def test_made_up_credentials_never_push_a_named_one_out(redis: Redis) -> None:
    aliases = {f"{i:04}": "other" for i in range(budget.MOST_CREDENTIALS + 50)} | {"zzzz": "c8"}
    await redis.hset(KEYS.credentials, mapping=aliases)  # type: ignore[arg-type]
    facts = await budget.read(redis, KEYS, limit=120, window_seconds=61.0)
    assert [one.credential for one in facts.credentials] == ["c8", "other"]


async def test_an_empty_store_is_an_answer(redis: Redis) -> None:
    assert await budget.read(redis, KEYS, limit=120, window_seconds=61.0) == BudgetFacts()
