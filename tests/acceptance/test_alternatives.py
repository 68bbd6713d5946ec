"""Alternatives of the real gateway are those of the simulated Cal.com's own word, in every zone and by every name."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from loadtest.catalogue import EventType
from loadtest.client import Client
from loadtest.queries import ZONES
from loadtest.simulated import town
from tests.acceptance.harness import SLOTS, gateway, simulating

pytestmark = pytest.mark.acceptance

QUESTIONS = 25
COUNT = 20


async def offered(
    calcom: Client, named: Mapping[str, Any], zone: str, first: date, last: date
) -> list[datetime]:
    """What Cal.com itself offers on the days from *first* to *last* of a zone, by a look with room to spare."""
    wide = {"start": first - timedelta(days=1), "end": last + timedelta(days=1), "timeZone": zone}
    answer = await calcom.get("/v2/slots?" + urlencode({**named, **wide}), SLOTS)
    assert answer.status == 200, answer.body
    starts = [
        datetime.fromisoformat(slot["start"]) for slots in answer.json()["data"].values() for slot in slots
    ]
    there = ZoneInfo(zone)
    return sorted(start for start in starts if first <= start.astimezone(there).date() <= last)


def names(event_type: EventType) -> list[dict[str, Any]]:
    """The ways to name it."""
    slug = {"eventTypeSlug": event_type.slug}
    by_user = [slug | {"username": event_type.username}] if event_type.username else []
    by_team = [slug | {"teamSlug": event_type.team_slug}] if event_type.team_slug else []
    return [{"eventTypeId": event_type.id}, *by_user, *by_team]


def nearest(starts: Sequence[datetime], wish: datetime, zone: ZoneInfo) -> datetime | None:
    """Of the wish's day, without the wish."""
    day = wish.astimezone(zone).date()
    same_day = [one for one in starts if one.astimezone(zone).date() == day and one != wish]
    return min(same_day, key=lambda one: (abs((one - wish).total_seconds()), one), default=None)


@pytest.mark.timeout(120)
async def test_alternatives_are_cal_coms_own_word(tmp_path: Path) -> None:
    dice = random.Random(11)
    now = datetime.now(UTC)  # noqa: TID251  # the programs go by the real clock
    exact = near = 0
    async with (
        simulating(tmp_path / "sim", "--latency", "none", "--rate-limit", "1000000") as simulator,
        gateway(tmp_path, simulator) as stack,
        Client(stack.urls.proxy, timeout=60) as client,
        Client(simulator.url, timeout=60) as calcom,
    ):
        for _ in range(QUESTIONS):
            named = dice.choice(names(dice.choice(town(1, now).event_types)))
            zone = dice.choice(ZONES)
            there = ZoneInfo(zone)
            first = (now + timedelta(days=dice.randint(2, 16))).astimezone(there).date()
            starts = await offered(calcom, named, zone, first, first + timedelta(days=13))
            if not starts:
                continue
            # Half of the wishes are free, the others a few minutes beside.
            wish = dice.choice([one for one in starts if one.astimezone(there).date() == first] or starts)
            wish += timedelta(minutes=dice.choice((0, 7)))
            begin = wish.astimezone(there).date()
            starts = await offered(calcom, named, zone, begin, begin + timedelta(days=13))
            asked = {"wish": wish.isoformat(), "timeZone": zone, "count": COUNT}
            answer = await client.get("/-/alternatives?" + urlencode({**named, **asked}), SLOTS)
            assert answer.status == 200, answer.body
            data = answer.json()["data"]
            found = {
                one["reason"]: datetime.fromisoformat(one["start"]) for one in reversed(data["alternatives"])
            }
            shown = [datetime.fromisoformat(one["startUtc"]) for one in data["alternatives"]]
            assert set(shown) <= set(starts)
            assert all(one.items() >= named.items() for one in data["alternatives"])
            assert data["wish"]["isFree"] == (wish in starts)
            assert found.get("exact") == (wish if wish in starts else None)
            same_day = [one for reason, one in found.items() if reason.startswith("same_day")]
            best = nearest(starts, wish, there)
            assert (
                min(same_day, key=lambda one: (abs((one - wish).total_seconds()), one), default=None) == best
            )
            later = [one for one in starts if one >= wish]
            assert len(shown) == COUNT or set(later) <= set(shown)
            exact += wish in starts
            near += best is not None
    assert exact > QUESTIONS / 8
    assert near > QUESTIONS / 4
