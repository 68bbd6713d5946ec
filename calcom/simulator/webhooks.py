"""Webhook subscriptions and deliveries that can be lost, doubled, late and out of order (contract 7)."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any, Final, Literal

import httpx2

from calcom.simulator import webhook_payloads as payloads
from calcom.simulator.clock import SimClock
from calcom.simulator.facts import WebhookFact
from calcom.simulator.options import SimulatorOptions
from calcom.simulator.world import World

Scope = Literal["user", "event_type", "team", "organization", "client"]

#: Simulated seconds from a commit to its delivery on a good day.
_PROMPT: Final = 0.1
_LATE: Final = (10.0, 120.0)
#: Enough for the next few deliveries to overtake.
_OVERTAKEN: Final = (1.0, 5.0)
#: Real seconds: Cal.com sets no time-out, but a dead subscriber must not hold our sockets for ever.
_GIVE_UP_SECONDS: Final = 30.0
_MEETING_TICK: Final = 5.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """One webhook. `owner` is the id of what it is scoped to (0 for an OAuth client)."""

    id: int
    scope: Scope
    owner: int
    url: str
    triggers: tuple[str, ...]
    active: bool = True
    secret: str | None = None
    template: str | None = None

    def wants(self, fact: WebhookFact, team_id: int | None) -> bool:
        """Whether this fact is told to this subscriber."""
        if not self.active or fact.trigger not in self.triggers:
            return False
        match self.scope:
            case "user":
                if fact.out_of_office is not None:
                    return fact.out_of_office.user_id == self.owner
                return fact.booking is not None and self.owner in fact.booking.host_ids
            case "event_type":
                return fact.booking is not None and fact.booking.event_type_id == self.owner
            case "team":
                return team_id == self.owner
            case "organization" | "client":
                return True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to make, `delay` simulated seconds after the commit."""

    url: str
    trigger: str
    body: bytes
    headers: dict[str, str]
    delay: float


@dataclass(frozen=True, slots=True)
class Ratios:
    """Shares of deliveries, each between 0 and 1, drawn independently."""

    loss: float = 0.0
    duplicates: float = 0.0
    delayed: float = 0.0
    reordered: float = 0.0


def plan(ratios: Ratios, random: Random) -> list[float]:
    """The delays at which one message is delivered: none when it is lost, two when it is doubled."""
    if random.random() < ratios.loss:
        return []
    copies = 2 if random.random() < ratios.duplicates else 1
    return [_delay(ratios, random) for _ in range(copies)]


def _delay(ratios: Ratios, random: Random) -> float:
    if random.random() < ratios.delayed:
        return random.uniform(*_LATE)
    if random.random() < ratios.reordered:
        return random.uniform(*_OVERTAKEN)
    return _PROMPT


class Webhooks:
    """All subscriptions of one world, and the outgoing mail. `run` must be running for anything to leave."""

    def __init__(self, options: SimulatorOptions, world: World, clock: SimClock, random: Random) -> None:
        self.ratios = Ratios(
            options.webhook_loss,
            options.webhook_duplicates,
            options.webhook_delayed,
            options.webhook_reordered,
        )
        self._world = world
        self._clock = clock
        self._random = random
        self._subscriptions: dict[int, Subscription] = {}
        self._last_id = 0
        self._told = len(world.events)
        self._outbox: asyncio.Queue[Delivery] = asyncio.Queue()
        self.log: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.lost = 0

    def __repr__(self) -> str:
        return f"Webhooks(subscriptions={len(self._subscriptions)}, waiting={self._outbox.qsize()})"

    def reset(self, world: World) -> None:
        """Another world: no subscriptions, nothing waiting. Deliveries already on their way still arrive."""
        self._world = world
        self._subscriptions.clear()
        self._told = len(world.events)
        while not self._outbox.empty():
            self._outbox.get_nowait()
        self.log.clear()
        self.lost = 0

    # Subscriptions

    def add(self, draft: Subscription) -> Subscription:
        """Store a subscription under a new id."""
        self._last_id += 1
        made = replace(draft, id=self._last_id)
        self._subscriptions[made.id] = made
        return made

    def get(self, webhook_id: int, scope: Scope, owner: int) -> Subscription | None:
        """A subscription of this owner."""
        found = self._subscriptions.get(webhook_id)
        return found if found is not None and (found.scope, found.owner) == (scope, owner) else None

    def update(self, changed: Subscription) -> None:
        """Replace a stored subscription."""
        self._subscriptions[changed.id] = changed

    def remove(self, webhook_id: int) -> None:
        """Drop a stored subscription."""
        del self._subscriptions[webhook_id]

    def of(self, scope: Scope, owner: int) -> list[Subscription]:
        """All subscriptions of this owner, oldest first."""
        return [s for s in self._subscriptions.values() if (s.scope, s.owner) == (scope, owner)]

    # Outgoing

    def notice_commits(self) -> None:
        """Queue what has happened in the world since the last call."""
        events = self._world.events
        while self._told < len(events):
            self._queue(events[self._told])
            self._told += 1

    def _queue(self, fact: WebhookFact) -> None:
        for delivery in self._deliveries(fact):
            self._outbox.put_nowait(delivery)

    def _deliveries(self, fact: WebhookFact) -> Iterator[Delivery]:
        if not self._subscriptions:
            return
        state = self._world.state
        event_type = state.event_types.get(fact.booking.event_type_id) if fact.booking else None
        team_id = event_type.team_id if event_type else None
        message: dict[str, Any] | None = None
        for subscription in self._subscriptions.values():
            if not subscription.wants(fact, team_id):
                continue
            if message is None:
                message = payloads.body(fact, state)
            body, content_type = payloads.render(subscription.template, message)
            headers = {
                "Content-Type": content_type,
                "X-Cal-Signature-256": payloads.sign(body, subscription.secret),
                "X-Cal-Webhook-Version": payloads.VERSION,
            }
            delays = plan(self.ratios, self._random)
            self.lost += not delays
            for delay in delays:
                yield Delivery(subscription.url, fact.trigger, body, headers, delay)

    async def run(self) -> None:
        """Deliver until cancelled. Failures are only logged, as in Cal.com's direct mode."""
        async with (
            httpx2.AsyncClient(follow_redirects=False, timeout=_GIVE_UP_SECONDS, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._meetings(), name="simulator-meetings")
            while True:
                delivery = await self._outbox.get()
                group.create_task(self._deliver(client, delivery), name="simulator-webhook")

    async def _meetings(self) -> None:
        """MEETING_STARTED and MEETING_ENDED come with the clock, not with a commit."""
        seen: datetime = self._clock.now()
        while True:
            await self._clock.sleep(_MEETING_TICK)
            now = self._clock.now()
            if now > seen:
                for fact in self._world.meeting_facts(seen, now):
                    self._queue(fact)
                seen = now

    async def _deliver(self, client: httpx2.AsyncClient, delivery: Delivery) -> None:
        await self._clock.sleep(delivery.delay)
        outcome: int | str
        try:
            response = await client.post(delivery.url, content=delivery.body, headers=delivery.headers)
            outcome = response.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            outcome = type(error).__name__
        self.log.append(
            {
                "url": delivery.url,
                "trigger": delivery.trigger,
                "at": self._clock.now().timestamp(),
                "outcome": outcome,
            }
        )
