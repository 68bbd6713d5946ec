"""Where a scenario is played: a simulated Cal.com and the whole gateway before it, started by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from calcom.simulator.simulation import Simulation
from loadtest.client import Client

KEY = "cal_live_simulator"
USERS = ("ada", "bela", "chitra", "daniel", "elena", "farid", "grace", "hiro")
"""The people of the simulated account; the first owns both teams."""

SLOTS_HEADERS = {"authorization": f"Bearer {KEY}", "cal-api-version": "2024-09-04"}
BOOKING_HEADERS = {
    "authorization": f"Bearer {KEY}",
    "cal-api-version": "2024-08-13",
    "content-type": "application/json",
}


def key_of(user: str) -> str:
    """The API key of one of the people."""
    return f"cal_live_sim_{user}"


class Refusal(Exception):
    """The simulator's admin port refused an operation; the text is its own."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a scenario wants started: flags of `calgate simulate`, settings of the gateway, its parts.

    `without` names a mechanism that the gateway's processes are to go without (`sabotage.py`), and their time is
    `ahead` of this machine's by so many seconds. `own` is a simulator to be run in this process instead of one that
    is a program of its own, for those who look into its world; it needs no flags. Redis is started again
    `redis_rests` seconds after it died.
    """

    simulator: tuple[str, ...] = ()
    own: Simulation | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ("proxy",)
    without: str | None = None
    ahead: float = 0.0
    redis_rests: float = 0.0


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: where it answers, and its admin port."""

    url: str
    admin: Client

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One operation of the admin port. Raises Refusal when it is not done, ClientError without an answer."""
        answer = await self.admin.request(method, path, body=orjson.dumps(body) if body is not None else b"")
        if answer.status != 200:
            raise Refusal(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return answer.json()

    async def stats(self) -> Any:
        """GET /stats."""
        return await self.ask("GET", "/stats")

    async def calls(self) -> int:
        """How many requests have reached it so far, as its rate limiter counts them."""
        return sum(bucket["hits"] for bucket in (await self.stats())["limiter"].values())

    async def truths(self, queries: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The true answers to `{"target", "version", "at"}`, each with its `version`, `status` and `data`."""
        answers: list[Any] = (await self.ask("POST", "/oracle/truth", {"queries": list(queries)}))["answers"]
        return answers


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs, and where. `pids` tells the gateway's living processes by role, `kill_redis` kills its Redis."""

    gateway: str
    simulator: Simulator
    redis: str
    account: str
    pids: Callable[[], Mapping[str, Sequence[int]]]
    kill_redis: Callable[[], None]
