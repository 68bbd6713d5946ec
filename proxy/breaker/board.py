"""The process's breakers, one per endpoint class, and what they agree on with those of other processes.

While a circuit is closed nothing here asks or waits for anybody. A failure is told to the others, who weigh it like
their own; a process that opens accuses, and two that accuse, or one that does so again, open it for all (one process
alone may have a trouble of its own). Of an open circuit one process in the fleet gets the probe. Who misses a word
learns it when it asks for the probe; without Redis each process judges alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.paths import Breaker as Endpoints
from core.clock import Clock
from core.keys import Keys
from core.tasks import spawn
from proxy.breaker.fleet import RESERVED_SECONDS, Fleet, Record
from proxy.breaker.machine import PROBE_OUT_SECONDS, Breaker, Failure, Knock, Pass, Refusal, State, Terms
from proxy.refusals import CircuitOpen
from proxy.telemetry import Telemetry

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Circuit:
    """One breaker, and how it stands with the fleet: the generation `known`, whether the opening `is_shared`, the
    token of the fleet's probe while this process has it.
    """

    endpoints: Endpoints
    breaker: Breaker
    counted: State = State.CLOSED
    known: int = 0
    is_shared: bool = False
    token: str = ""
    renewal: asyncio.Task[None] | None = None


class BreakerBoard:
    """Breakers by endpoint class. One instance per process."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        telemetry: Telemetry,
        clock: Clock,
        terms: Mapping[Endpoints, Terms],
        *,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._process = uuid.uuid4().hex[:12]
        self._fleet = Fleet(redis, keys, process=self._process)
        self._telling: set[asyncio.Task[None]] = set()
        self._circuits = {one: _Circuit(one, Breaker(terms[one], luck=luck)) for one in Endpoints}

    def __getitem__(self, endpoints: Endpoints) -> Breaker:
        return self._circuits[endpoints].breaker

    def enter(self, endpoints: Endpoints) -> Pass | Knock:
        """Leave to make one call; a `Knock` is to be taken to `probe`. Raises CircuitOpen.

        A `Pass` must come back: its outcome through `record`, and in any case through `release`.
        """
        permit = self._circuits[endpoints].breaker.enter(self._clock.monotonic())
        if isinstance(permit, Refusal):
            self._telemetry.rejected(endpoints)
            raise CircuitOpen(retry_after=permit.retry_after)
        return permit

    def check(self, endpoints: Endpoints) -> None:
        """Raise CircuitOpen where a call would certainly be refused now, for who would otherwise prepare one."""
        breaker = self._circuits[endpoints].breaker
        left = breaker.left(self._clock.monotonic())
        if breaker.state is State.OPEN and left > 0:
            self._telemetry.rejected(endpoints)
            raise CircuitOpen(retry_after=left)

    async def probe(self, endpoints: Endpoints, knock: Knock) -> Pass:
        """Leave to make the one call that tries whether Cal.com is back. Raises CircuitOpen when another has it."""
        circuit = self._circuits[endpoints]
        breaker = circuit.breaker
        token = uuid.uuid4().hex if circuit.is_shared else ""
        try:
            is_ours = not token or await self._reserve(circuit, knock, token)
        except BaseException:
            breaker.deny(knock, now=self._clock.monotonic())
            self._spawn(self._told(self._fleet.release(endpoints, token)), "breaker.release")
            raise
        permit = breaker.grant(knock) if is_ours else None
        if permit is not None:
            self._hold(circuit, token)
            self._count(circuit)
            return permit
        if is_ours and token:
            self._spawn(self._told(self._fleet.release(endpoints, token)), "breaker.release")
        again = self.enter(endpoints)
        if isinstance(again, Knock):
            breaker.deny(again, now=self._clock.monotonic())
            raise CircuitOpen(retry_after=PROBE_OUT_SECONDS)
        return again

    def record(self, endpoints: Endpoints, permit: Pass, *, ok: bool, seconds: float = 0.0) -> None:
        """Report the outcome of a call that took *seconds*. Never waits, never fails."""
        circuit = self._circuits[endpoints]
        breaker = circuit.breaker
        failure = breaker.record(permit, ok=ok, now=self._clock.monotonic(), seconds=seconds)
        has_moved = breaker.state is not circuit.counted
        if failure is None and not has_moved:
            return
        if failure is not None:
            telling = self._fleet.failed(endpoints, failure.passed, failure.quiet)
            self._spawn(self._told(telling), "breaker.fail")
        if has_moved:
            self._count(circuit)
            token = self._let_go(circuit)
            if token:
                self._spawn(self._probed(circuit, token, ok=ok), "breaker.probed")
            elif breaker.state is State.OPEN:
                self._spawn(self._accuse(circuit), "breaker.accuse")
            circuit.is_shared = circuit.is_shared and breaker.state is State.OPEN

    def release(self, endpoints: Endpoints, permit: Pass) -> None:
        """The call is over, perhaps without an outcome: then another may have the probe. Never waits, never fails."""
        if not permit.is_probe:
            return
        circuit = self._circuits[endpoints]
        circuit.breaker.release(permit, now=self._clock.monotonic())
        token = self._let_go(circuit) if circuit.breaker.state is State.OPEN else ""
        if token:
            self._spawn(self._told(self._fleet.release(endpoints, token)), "breaker.release")
        self._count(circuit)

    def hear(self, word: str, rest: Sequence[str]) -> None:
        """What another process made known: `x` of a call that failed, `o` of a circuit that moved for all."""
        circuit = next((one for one in self._circuits.values() if one.endpoints.value == rest[0]), None)
        if circuit is None:
            return
        if word == "o":
            self._apply(circuit, Record.of(orjson.loads(rest[2]), float(rest[1])))
        elif rest[1] != self._process:
            failure = Failure(int(rest[2]), int(rest[3]) / 1000)
            circuit.breaker.hear(failure, now=self._clock.monotonic())

    async def look(self) -> None:
        """Take over how it is in the fleet: at the start, and when something may have been missed."""
        try:
            records = await self._fleet.look()
        except (RedisError, ValueError) as error:
            _log.warning("breaker.not_looked", extra={"problem": type(error).__name__})
            return
        for endpoints, record in records.items():
            self._apply(self._circuits[endpoints], record)

    async def aclose(self) -> None:
        """Let what is being told be told, before Redis is closed."""
        for circuit in self._circuits.values():
            self._let_go(circuit)
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _reserve(self, circuit: _Circuit, knock: Knock, token: str) -> bool:
        breaker = circuit.breaker
        try:
            reply = await self._fleet.reserve(circuit.endpoints, circuit.known, token, opens=breaker.opens)
        except RedisError:
            # Nobody can be asked; that a probe too many goes is better than none.
            return True
        if reply.word == "granted":
            return True
        self._apply(circuit, reply.record)
        left = reply.record.left if reply.record.left > 0 else min(reply.seconds, PROBE_OUT_SECONDS)
        breaker.deny(knock, now=self._clock.monotonic(), seconds=left)
        return False

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = spawn(work, name=name)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    def _hold(self, circuit: _Circuit, token: str) -> None:
        circuit.token = token
        if token:
            circuit.renewal = self._spawn(self._renew(circuit.endpoints, token), "breaker.renew")

    def _let_go(self, circuit: _Circuit) -> str:
        """The token of the probe that is over, '' if the fleet knows of none."""
        token, circuit.token = circuit.token, ""
        if circuit.renewal is not None:
            circuit.renewal.cancel()
            circuit.renewal = None
        return token

    async def _renew(self, endpoints: Endpoints, token: str) -> None:
        while True:
            await self._clock.sleep(RESERVED_SECONDS / 3)
            await self._told(self._fleet.renew(endpoints, token))

    async def _accuse(self, circuit: _Circuit) -> None:
        breaker = circuit.breaker
        left = max(0.0, breaker.left(self._clock.monotonic()))
        try:
            reply = await self._fleet.accuse(
                circuit.endpoints, circuit.known, seconds=left, opens=breaker.opens
            )
        except RedisError:
            return
        self._apply(circuit, reply.record)

    async def _probed(self, circuit: _Circuit, token: str, *, ok: bool) -> None:
        breaker = circuit.breaker
        left = max(0.0, breaker.left(self._clock.monotonic()))
        try:
            reply = await self._fleet.probed(
                circuit.endpoints, circuit.known, token, ok=ok, seconds=left, opens=breaker.opens
            )
        except RedisError:
            return
        self._apply(circuit, reply.record)

    def _apply(self, circuit: _Circuit, record: Record) -> None:
        """It is so for the fleet. What is older than what is known changes nothing."""
        if record.generation <= circuit.known:
            return
        circuit.known = record.generation
        breaker, now = circuit.breaker, self._clock.monotonic()
        if record.state is not State.CLOSED:
            self._let_go(circuit)
            breaker.open_as_told(until=now + max(0.0, record.left), opens=record.opens)
            circuit.is_shared = True
        elif circuit.is_shared:
            self._let_go(circuit)
            breaker.close_as_told()
            circuit.is_shared = False
        self._count(circuit)

    def _count(self, circuit: _Circuit) -> None:
        """Tell of a change of state, if there was one since the last time."""
        state = circuit.breaker.state
        if state is circuit.counted:
            return
        circuit.counted = state
        self._telemetry.breaker_moved(circuit.endpoints, state)
        extra = {"endpoint": circuit.endpoints.value, "state": state.value, "fleet": circuit.is_shared}
        _log.warning("breaker.moved", extra=extra)

    async def _told(self, telling: Awaitable[object]) -> None:
        try:
            await telling
        except RedisError as error:
            # The others find out by themselves, or when a reservation runs out.
            _log.info("breaker.untold", extra={"problem": type(error).__name__})
