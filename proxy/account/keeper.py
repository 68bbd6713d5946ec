"""This process's view of the account map, and the only way to change the map that all processes share.

The map in Redis is the truth; a process holds a copy. Whatever computes a reach looks first whether its copy
is the newest. A write that may change the map takes the facts it concerns away before it leaves, and until
it is over nothing is learned: so neither a process that dies half-way nor an answer that was under way can
leave facts behind that are no longer true.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.account import AccountMap, Promises
from core.keys import Keys
from proxy.account import gaps
from proxy.account.aged import Aged, Answer, is_same, laid_over, teaches, without
from proxy.account.shelf import Conflict, Fenced, Held, Shelf

_log = logging.getLogger(__name__)

MAX_AGE_SECONDS: Final = 600.0

CHANGE_SECONDS: Final = 180.0
"""After so long a write whose process died can no longer land: the upstream's read time-out, and the minute
for which a write of unknown outcome is in doubt, each with room."""

_TRIES: Final = 5

# Reading a list of a thousand event types takes some 20 ms, which a client that asks every second must not cost.
_HEARD_SECONDS: Final = 30.0
_HEARD_PATHS: Final = 256


@dataclass(frozen=True, slots=True)
class Mark:
    """What was known when a write left. For a write that may change the map, `before` is the map as it was,
    and `alone` tells that no other such write was under way.
    """

    version: int = -1
    forgotten: int = -1
    before: Aged | None = None
    alone: bool = False


class Keeper:
    """One per process. Nothing here raises for what Cal.com answered; what Redis raises is said per method."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        max_age: float = MAX_AGE_SECONDS,
        change_seconds: float = CHANGE_SECONDS,
        promises: Promises | None = None,
    ) -> None:
        self._promises = promises or Promises()
        self._shelf = Shelf(redis, keys, self._promises)
        self._max_age = max_age
        self._change_seconds = change_seconds
        self._held: Held | None = None
        self._looks = 0
        self._adopted = 0
        self._heard: OrderedDict[tuple[str, frozenset[tuple[str, str]]], tuple[float, int]] = OrderedDict()
        self._view: tuple[Held, float, float, AccountMap] | None = None

    def __repr__(self) -> str:
        held = self._held
        if held is None:
            return "Keeper(nothing seen yet)"
        return (
            f"Keeper({held.aged.account!r}, shared version {held.version}, {held.changing} changes under way)"
        )

    @property
    def max_age(self) -> float:
        """Seconds after which a fact counts as unknown."""
        return self._max_age

    @property
    def held(self) -> Held | None:
        """This process's copy with its ages; None before the first look."""
        return self._held

    def current(self, now: float) -> AccountMap:
        """What this process knows, without waiting. Not for a reach: others may know of a change since."""
        return AccountMap.empty(self._promises) if self._held is None else self._seen(self._held, now)

    async def confirmed(self, now: float, since: Mark | None = None) -> AccountMap:
        """The newest map, to compute a reach from; an empty one when Redis cannot be asked.

        With the mark of a write: the map from before it if it may have changed the map, and an empty one if
        some other change came between, so that nobody can tell what was true when the write landed.
        """
        try:
            held = await self.look(now)
        except RedisError:
            return AccountMap.empty(self._promises)
        if since is None:
            return self._seen(held, now)
        if since.forgotten != held.forgotten:
            return AccountMap.empty(self._promises)
        if since.before is None:
            return self._seen(held, now)
        if since.version != held.version:
            return AccountMap.empty(self._promises)
        return self._seen(replace(held, aged=since.before), now)

    async def look(self, now: float) -> Held:
        """Bring this process's copy up to date. Raises RedisError."""
        self._looks += 1
        look = self._looks
        held = await self._shelf.read(self._held, now)
        if look > self._adopted:
            self._adopted, self._held = look, held
        return held

    def fence(self) -> int | None:
        """To be taken before a call leaves whose answer `learn` shall be given; None: do not bother."""
        return None if self._held is None or self._held.changing else self._held.version

    def wants(self, method: str, path: str, query: Mapping[str, str], now: float) -> bool:
        """Whether it is worth while to keep the body of an answer that passes, to give it to `learn`."""
        if self._held is None or self._held.changing or not teaches(method, path):
            return False
        heard, forgotten = self._heard.get((path, frozenset(query.items())), (float("-inf"), -1))
        return forgotten != self._held.forgotten or now - heard >= _HEARD_SECONDS

    async def learn(
        self, answers: Sequence[Answer], fence: int | None, now: float, *, asked_for: bool = False
    ) -> bool:
        """Take answers into the shared map; whether that could be done, which is so when they tell nothing new.

        Never raises: what cannot be learned now is a gap, and gaps widen.
        """
        if fence is None:
            return False
        try:
            held = self._held or await self.look(now)
            for _ in range(_TRIES):
                after = laid_over(held.aged, answers, now, self._max_age, asked_for=asked_for)
                if is_same(held.aged, after, self._max_age / 4) and held.forgotten <= fence:
                    self._listened(answers, held, now)
                    return True
                try:
                    held = await self._shelf.publish(held, after, fence)
                    self._adopt(held)
                    self._listened(answers, held, now)
                except Conflict:
                    held = await self.look(now)
                else:
                    return True
        except Fenced:
            return False
        except RedisError as error:
            _log.warning("account.not_learned", extra={"problem": type(error).__name__})
        except Exception as error:  # noqa: BLE001  # a shape nobody foresaw must cost knowledge, not service
            _log.error("account.unreadable_answer", extra={"problem": type(error).__name__})
        return False

    def mark(self) -> Mark:
        """To be taken before a write leaves that does not change the map."""
        held = self._held
        return Mark() if held is None else Mark(held.version, held.forgotten)

    async def begin_change(self, write: str, method: str, path: str, now: float) -> Mark:
        """Before a write leaves that may change the map: nobody knows any more what it may change.

        `write` is an id of its own. Raises RedisError; then the write must not leave.
        """
        for _ in range(_TRIES):
            held = await self.look(now)
            after = without(held.aged, method, path)
            try:
                version = await self._shelf.forget(held, after, write, self._change_seconds)
            except Conflict:
                continue
            self._adopt(Held(version, version, held.changing + 1, after))
            return Mark(version, version, held.aged, alone=held.changing == 0)
        version = await self._shelf.forget(None, None, write, self._change_seconds)
        return Mark(version, version)

    async def end_change(self, write: str, mark: Mark, answer: Answer, now: float) -> None:
        """After the write, with its answer, and after its reach was computed. Raises RedisError; until it is
        told, and for a write of unknown outcome it never is, nothing is learned for `change_seconds`.
        """
        for _ in range(_TRIES):
            held = await self.look(now)
            after = without(held.aged, answer.method, answer.path)
            # Another change at any time meanwhile may have come later than what this answer tells.
            if mark.alone and held.forgotten == mark.version and held.changing <= 1:
                after = self._taught(after, answer, now)
            try:
                version = await self._shelf.forget(held, after, write, 0)
            except Conflict:
                continue
            self._adopt(Held(version, version, max(0, held.changing - 1), after))
            return
        await self._shelf.forget(None, None, write, 0)

    async def unchanged(self, write: str) -> None:
        """The write never left, or was refused before it was looked at. Raises RedisError."""
        await self._shelf.over(write)

    def gaps(self, now: float) -> list[str]:
        """What is not known, in words, each of which widens some reach."""
        return gaps.gaps(self._held, self.current(now))

    def _taught(self, aged: Aged, answer: Answer, now: float) -> Aged:
        try:
            return laid_over(aged, [answer], now, self._max_age)
        except Exception as error:  # noqa: BLE001  # as in `learn`
            _log.error("account.unreadable_answer", extra={"problem": type(error).__name__})
            return aged

    def _listened(self, answers: Sequence[Answer], held: Held, now: float) -> None:
        for one in answers:
            self._heard[one.path, frozenset(one.query.items())] = (now, held.forgotten)
        while len(self._heard) > _HEARD_PATHS:
            self._heard.popitem(last=False)

    def _adopt(self, held: Held) -> None:
        """Hold what was just written, unless a look that began meanwhile found something else."""
        self._looks += 1
        self._adopted, self._held = self._looks, held

    def _seen(self, held: Held, now: float) -> AccountMap:
        """The map without what is too old; one object for as long as nothing grows too old."""
        if self._view is not None:
            of, since, until, account = self._view
            if of.aged is held.aged and of.version == held.version and since <= now < until:
                return account
        young = held.aged.young(now, self._max_age)
        account = replace(young.account, version=held.version)
        if young.knows_nothing:
            account = AccountMap.empty(self._promises)
        oldest = held.aged.oldest_after(now - self._max_age)
        until = float("inf") if oldest is None else oldest + self._max_age
        self._view = (held, now, until, account)
        return account
