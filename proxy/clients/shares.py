"""The part of the budget that one client may spend: a cap that holds over all processes, before the governor."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.ratelimit import limit_of
from core.clients import WHOLE, Client
from core.keys import Keys
from core.tasks import spawn
from proxy.clients.tally import Tally
from proxy.governor.limiter import Grant, Limits, Payer
from proxy.governor.purpose import Purpose
from proxy.refusals import NotSent, ShareSpent, StoreUnavailable
from proxy.scripts import Script, lua

T = TypeVar("T")

# How often somebody may find that the fetch it waits for was again another's, whose share was spent.
_MOST_TURNS: Final = 5


async def own_share(client: str, board: Callable[[], Awaitable[T]]) -> T:
    """What *board* returns, which waits for a fetch that may be somebody else's.

    That another's share is spent is nothing to *client*, who then tries in its own name. Raises what *board* does.
    """
    for _ in range(_MOST_TURNS):
        try:
            return await board()
        except ShareSpent as refusal:
            if refusal.client == client:
                raise
            spent = refusal
    raise spent


@dataclass(slots=True)
class Charge:
    """One call, as it stands in its client's log; without a `member` it is in none."""

    client: str = ""
    member: str = ""
    at: int = 0
    has_leave: bool = False


class Shares:
    """Charges calls to clients. One instance per process."""

    def __init__(
        self, redis: Redis, keys: Keys, limits: Limits, clients: Iterable[Client], tally: Tally
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._limits = limits
        self._tally = tally
        self._percent = {client.alias: client.share for client in clients if client.share < WHOLE}
        self._charge = Script(redis, keys, lua(__package__, "share"))

    def __repr__(self) -> str:
        return f"Shares({self._percent})"

    @contextlib.asynccontextmanager
    async def charged(self, client: str, payer: Payer, purpose: Purpose) -> AsyncIterator[Charge]:
        """Charge *client* for the call that the context makes; what certainly did not leave is given back.

        Tell `leaves` when it has its leave. Raises ShareSpent; StoreUnavailable, then nothing was charged.
        """
        charge = await self._charged(client, payer, purpose)
        try:
            yield charge
        except NotSent:
            self._give_back(charge)
            raise
        except BaseException:
            if not charge.has_leave:
                self._give_back(charge)
            elif client:
                self._tally.called(client)
            raise
        if client:
            self._tally.called(client)

    async def leaves(self, charge: Charge, grant: Grant) -> None:
        """The call leaves on *grant*. If it had to wait for that, it is charged anew: the log has what left when."""
        charge.has_leave = True
        if not charge.member or grant.at - charge.at < self._limits.guard * 500:
            return
        with contextlib.suppress(RedisError):
            name = self._keys.share(charge.client)
            await cast(Any, self._redis.zadd(name, {charge.member: grant.at}, xx=True, gt=True))

    async def _charged(self, client: str, payer: Payer, purpose: Purpose) -> Charge:
        percent = self._percent.get(client)
        # What one endpoint's own limit pays for takes nothing from the others.
        if percent is None or payer.side is not None:
            return Charge(client)
        limits, member = self._limits, uuid.uuid4().hex
        try:
            is_charged, wait_ms, share, now = await self._charge(
                [self._keys.share(client), self._keys.limits],
                [
                    percent,
                    limit_of(payer.credential.kind, limits.api_key),
                    round((limits.window + limits.guard) * 1000),
                    payer.credential.bucket,
                    limits.reserves.kept_from(purpose),
                    member,
                ],
            )
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        if not is_charged:
            self._tally.denied(client)
            raise ShareSpent(client=client, limit=share, retry_after=wait_ms / 1000)
        return Charge(client, member, now)

    def _give_back(self, charge: Charge) -> None:
        if charge.member:
            spawn(self._uncharged(charge), name="share.give-back")

    async def _uncharged(self, charge: Charge) -> None:
        with contextlib.suppress(RedisError):
            await cast(Any, self._redis.zrem(self._keys.share(charge.client), charge.member))


class Unshared:
    """Of a gateway without clients: nobody is charged."""

    @contextlib.asynccontextmanager
    async def charged(self, client: str, payer: Payer, purpose: Purpose) -> AsyncIterator[Charge]:
        yield Charge()

    async def leaves(self, charge: Charge, grant: Grant) -> None:
        charge.has_leave = True


UNSHARED: Final = Unshared()
