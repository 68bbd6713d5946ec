"""No read that begins after a booking's acknowledgement shows what that booking took."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.client import Client
from tests.acceptance import race
from tests.acceptance.harness import IS_SOAK, gateway, simulating

pytestmark = pytest.mark.acceptance

READS, BOOKINGS = (100_000, 1_000) if IS_SOAK else (10_000, 150)
SPEED = 20
# Cal.com's 2 s at this speed; the margin covers travel, which no speed factor shrinks.
HOLD = {"upstream_slots_cache_seconds": 2 / SPEED, "upstream_slots_cache_margin_seconds": 0.1}


async def run(folder: Path, **changes: object) -> tuple[race.Race, dict[str, int]]:
    flags = ["--speed", str(SPEED), "--rate-limit", "10000000"]
    async with (
        simulating(folder / "sim", *flags) as simulator,
        gateway(folder, simulator, **{"workers": 4, **changes}) as stack,
        Client(stack.urls.proxy, connections=128, timeout=60) as client,
    ):
        # Far enough ahead that no minimum notice reaches it, however fast the clock runs.
        spans = race.windows((datetime.now(UTC) + timedelta(days=30)).date(), 10)  # noqa: TID251
        offered = await race.offers(simulator, spans, random.Random(1))
        result = await race.run(client, offered, spans, reads=READS, bookings=BOOKINGS, readers=64, bookers=4)
        verdict = dict(await race.judge(simulator, result))
    print(len(result.reads), "reads", len(result.writes), "bookings", result.shares(), result.failed, verdict)
    return result, verdict


@pytest.mark.timeout(1800)
async def test_reads_racing_bookings_over_four_processes_are_never_stale(tmp_path: Path) -> None:
    result, verdict = await run(tmp_path, **HOLD)
    assert verdict["stale"] == 0
    assert verdict["true"] + verdict.get("aged", 0) == len(result.reads) >= READS
    assert len(result.writes) >= BOOKINGS
    assert result.shares()["hit"] > READS / 10
    assert set(result.failed) <= {"400"}, "only Cal.com's own refusals of a slot that was just taken"


@pytest.mark.timeout(1800)
async def test_the_judge_finds_stale_answers_when_the_hold_off_is_switched_off(tmp_path: Path) -> None:
    without = {"upstream_slots_cache_seconds": 0, "upstream_slots_cache_margin_seconds": 0}
    _, verdict = await run(tmp_path, **without)
    assert verdict["stale"] > 0
