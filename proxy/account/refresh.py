"""Keeps the account map learned, with few calls: one process of the fleet at a time, and only while somebody's
credential is known to work."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.clock import Clock
from core.keys import Keys
from proxy.account import plan
from proxy.account.aged import Aged, Answer
from proxy.account.keeper import Keeper
from proxy.scripts import Script, lua

_log = logging.getLogger(__name__)

Fetch = Callable[[str, Mapping[str, str]], Awaitable[tuple[int, object]]]
"""GETs a target with these headers, of lower-case names, and gives the status and the parsed JSON (None for
none). Takes the same way as every call: breaker, limiter, wire. Raises whatever it likes when refused."""

CALLS_A_MINUTE: Final = 10

_CREDENTIAL_HEADERS: Final = ("authorization", "x-cal-client-id", "x-cal-secret-key")
_LOOK_SECONDS: Final = 1.0
_MINUTE: Final = 60.0
_LEASE_MS: Final = 60_000
_LONGEST_PAUSE: Final = 600.0

# 498 is what an expired access token gets (contract 1).
_CREDENTIAL_REFUSED: Final = frozenset({401, 498})


class _BackOff(Exception):
    """Asking further would be no use now; `first` is the shortest pause in seconds."""

    def __init__(self, why: str, first: float = 30.0) -> None:
        super().__init__(why)
        self.first = first


class Refresher:
    """One per process. `run` until `stop` and a cancellation: before Python 3.12 either alone may be lost."""

    def __init__(
        self,
        keeper: Keeper,
        redis: Redis,
        keys: Keys,
        fetch: Fetch,
        clock: Clock,
        *,
        calls_a_minute: int = CALLS_A_MINUTE,
    ) -> None:
        self._keeper = keeper
        self._fetch = fetch
        self._clock = clock
        self._calls_a_minute = calls_a_minute
        self._lease = Script(redis, keys, lua(__package__, "lease"))
        self._lease_key = keys.map_refresher
        self._token = uuid.uuid4().hex
        self._credential: Mapping[str, str] | None = None
        self._next_credential: Mapping[str, str] | None = None
        self._calls: deque[float] = deque(maxlen=calls_a_minute)
        self._pause = 0.0
        self._paused_until = float("-inf")
        self._stopping = False

    def __repr__(self) -> str:
        who = "no credential yet" if self._credential is None else "a credential"
        return f"Refresher({who}, pause {self._pause:g} s, {self._keeper!r})"

    def saw_credential(self, headers: Mapping[str, str]) -> None:
        """A call with these headers, of lower-case names, succeeded. Kept in this process's memory only.

        The first one is used for as long as it works: changing between people who see different things would
        make the map flicker. The last one seen takes its place.
        """
        credential = {name: headers[name] for name in _CREDENTIAL_HEADERS if headers.get(name)}
        if not credential or credential == self._credential:
            return
        if self._credential is None:
            self._credential = credential
        else:
            self._next_credential = credential

    def stop(self) -> None:
        """Have `run` end at the next opportunity, even if its cancellation is lost."""
        self._stopping = True

    async def run(self) -> None:
        """Keep looking at the shared map, and ask for what is due."""
        while not self._stopping:
            try:
                await self._step()
            except RedisError as error:
                _log.warning("account.store_away", extra={"problem": type(error).__name__})
                await self._clock.sleep(_LOOK_SECONDS * 4)
            await self._clock.sleep(_LOOK_SECONDS)

    async def _step(self) -> None:
        now = self._clock.now()
        held = await self._keeper.look(now)
        if self._credential is None or self._clock.monotonic() < self._paused_until:
            return
        if held.changing or not plan.anything_due(held.aged, now, self._keeper.max_age):
            return
        try:
            await self._round()
        except _BackOff as reason:
            self._pause = min(_LONGEST_PAUSE, max(reason.first, self._pause * 2))
            self._paused_until = self._clock.monotonic() + self._pause
            _log.warning("account.refresh_paused", extra={"why": str(reason), "seconds": self._pause})
        else:
            self._pause = 0.0

    async def _round(self) -> None:
        """Ask for everything that is due; what was answered before it fails is learned."""
        fence = self._keeper.fence()
        answers: list[Answer] = []
        first = plan.first_due(self._aged, self._clock.now(), self._keeper.max_age)
        if first and not await self._ask(first, answers, fence):
            return
        known = self._keeper.current(self._clock.now())
        for team in sorted(known.teams):
            now = self._clock.now()
            due = plan.team_due(self._aged, team, now, self._keeper.max_age, people=plan.TEAMS in first)
            if due and not await self._ask(due, answers, fence):
                return

    @property
    def _aged(self) -> Aged:
        held = self._keeper.held
        assert held is not None
        return held.aged

    async def _ask(self, paths: list[str], answers: list[Answer], fence: int | None) -> bool:
        """Whether all was asked for and learned; adds to `answers`, which belong together. Raises _BackOff."""
        for path in paths:
            answer = await self._one(path)
            if answer is None:
                return False
            answers.append(answer)
        if not await self._keeper.learn(answers, fence, self._clock.now(), asked_for=True):
            # Most often something was changed meanwhile, which is soon over.
            raise _BackOff("not learned", first=5.0)
        answers[:] = [one for one in answers if not plan.stands_alone(one.path)]
        return True

    async def _one(self, path: str) -> Answer | None:
        """One call; None when it is another process's turn, or over. Raises _BackOff."""
        if len(self._calls) == self._calls_a_minute:
            await self._clock.sleep(self._calls[0] + _MINUTE - self._clock.monotonic())
        # Not given back, so that another process begins a minute after our last call: the bound is the fleet's.
        ours = await self._lease([self._lease_key], [self._token, _LEASE_MS])
        credential = self._credential
        if not ours or self._stopping or credential is None:
            return None
        version = plan.version_of(path)
        began = self._clock.now()
        self._calls.append(self._clock.monotonic())
        try:
            status, body = await self._fetch(path, {**credential, "cal-api-version": version})
        except Exception as error:
            raise _BackOff(type(error).__name__) from error
        if status in _CREDENTIAL_REFUSED:
            self._credential, self._next_credential = self._next_credential, None
        if status in _CREDENTIAL_REFUSED or status == 429 or status >= 500:
            raise _BackOff(f"status {status}")
        return Answer("GET", path, {}, version, status, body, began)
