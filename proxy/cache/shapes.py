"""Which event types' ranges the fleet may share: one proof each, in Redis, and a copy in each process.

Nothing here asks Cal.com. Whoever compares tells the outcome; what follows from it is calcom/ranges/trust.py's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.account import AccountMap
from calcom.ranges import Verdict, digest_of, is_additive, trust
from calcom.ranges.trust import Proof, Terms
from core.clock import Clock
from core.keys import Keys
from proxy.scripts import Script, lua

_log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 1.0
"""How long a process goes by its copy: so long may it share after another found a difference."""

_TOO_OLD_SECONDS: Final = 3.0
"""A copy that could not be renewed for so long, because Redis hangs, proves nothing any more."""

_UNKNOWN: Final = Proof()
_KEPT_SECONDS: Final = 2 * trust.OFF_LASTS
_TRIES: Final = 5

Change = Callable[[Proof, str, float], Proof]


class Shapes:
    """The proofs of one account. One instance per process.

    Without Redis nothing is shared and nothing is compared: no method raises RedisError.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        clock: Clock,
        account: Callable[[], AccountMap],
        terms: Terms = trust.USUAL,
    ) -> None:
        """*account* gives the map as this process knows it, the same object while nothing in it changed."""
        self._key = keys.shapes
        self._terms = terms
        self._clock = clock
        self._account = account
        self._read = Script(redis, keys, lua(__package__, "shapes_read"))
        self._swap = Script(redis, keys, lua(__package__, "shapes_swap"))
        self._copy: dict[int, bytes] | None = None
        self._proofs: dict[int, tuple[bytes, Proof]] = {}
        self._refreshed = self._read_at = float("-inf")
        self._ahead = 0.0  # of the monotonic clock: what Redis' clock shows more
        self._judged: tuple[AccountMap, dict[int, tuple[Verdict, str]]] | None = None
        self._shared: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"Shapes({len(self._copy or ())} event types)"

    def verdict(self, event_type: int) -> Verdict:
        """What settings alone say of a type; its `why` is for people."""
        return self._judge(event_type)[0]

    async def may_share(self, event_type: int) -> bool:
        """Whether answers may be cut out of windows: settings allow it and comparisons agreed, here or elsewhere.

        A round trip at most once in `REFRESH_SECONDS`, and none for a type that settings speak against.
        """
        verdict, facts = self._judge(event_type)
        if not verdict:
            return False
        await self._refresh()
        if self._copy is None or self._clock.monotonic() - self._read_at > _TOO_OLD_SECONDS:
            return False
        return trust.may_share(self._known(event_type), facts, self._now(), self._terms)

    def may_borrow(self, event_type: int, zone: str) -> bool:
        """Whether windows asked for in another zone may be tried for looks in this one, by the copy that `may_share`
        keeps."""
        return trust.may_borrow(self._known(event_type), self._judge(event_type)[1], self._now(), zone)

    def has_agreed(self, event_type: int, zone: str) -> bool:
        """Whether answers in a zone may be told from windows asked for in another, if any may be shared at all; by the
        copy that `may_share` keeps."""
        return trust.has_agreed(self._known(event_type), self._judge(event_type)[1], self._now(), zone)

    def empty(self, event_type: int) -> bytes | None:
        """What Cal.com answers where nothing is left, None while that is not certain; by the copy that `may_share`
        keeps."""
        facts = self._judge(event_type)[1]
        return trust.empty_of(self._known(event_type), facts, self._now(), self._terms).encode() or None

    def wants_comparison(
        self, event_type: int, *, borrows: str | None = None, is_empty: bool = False
    ) -> bool:
        """Whether a look should be asked for as it is and by its windows, to compare: by the copy that
        `may_share` keeps. *borrows* is the look's zone, if its windows are asked for in another; *is_empty* says that
        nothing is left. `set_out` decides who does it."""
        verdict, facts = self._judge(event_type)
        if not verdict or self._copy is None:
            return False
        known, shared = self._known(event_type), self._shared.get(event_type, 0)
        return trust.wants_comparison(
            known, facts, self._now(), shared, self._terms, borrows=borrows, is_empty=is_empty
        )

    def doubted(self, event_type: int) -> str | None:
        """The query string of the look that differed, to be compared again; None where there is no doubt."""
        verdict, facts = self._judge(event_type)
        held = trust.standing(self._known(event_type), facts, self._now())
        return held.doubt if verdict and held.doubt and not held.off else None

    def shared(self, event_type: int) -> None:
        """An answer was cut out of windows and given."""
        self._shared[event_type] = self._shared.get(event_type, 0) + 1

    async def set_out(self, event_type: int, *, borrows: str | None = None, is_empty: bool = False) -> bool:
        """Whether it falls to the caller to compare; once in a while, over the whole fleet."""
        shared = self._shared.get(event_type, 0)

        def change(proof: Proof, facts: str, now: float) -> Proof:
            wanted = trust.wants_comparison(
                proof, facts, now, shared, self._terms, borrows=borrows, is_empty=is_empty
            )
            return trust.set_out(proof, facts, now) if wanted else proof

        return await self._change(event_type, change) is not None

    async def agreed(
        self, event_type: int, look: str, *, borrows: str | None = None, empty: str | None = None
    ) -> None:
        """A comparison of *look*, a query string, agreed; both its answers were good for one generation. *empty* is
        Cal.com's answer where nothing was left."""
        if empty is None:
            self._shared.pop(event_type, None)
        terms = self._terms

        def change(proof: Proof, facts: str, now: float) -> Proof:
            return trust.agreed(proof, facts, look, now, terms, borrows=borrows, empty=empty)

        await self._change(event_type, change)

    async def differed(self, event_type: int, look: str, *, borrows: str | None = None) -> bool:
        """A comparison of *look* differed, with both answers good for one generation. True when this turned
        sharing off, or off for a zone that *borrows*."""

        def change(proof: Proof, facts: str, now: float) -> Proof:
            return trust.differed(proof, facts, look, now, borrows=borrows)

        changed = await self._change(event_type, change)
        return changed is not None and not (changed.doubt and not changed.off)

    async def _change(self, event_type: int, change: Change) -> Proof | None:
        """The new proof; None when there was nothing to change, or no way to."""
        verdict, facts = self._judge(event_type)
        if not verdict:
            return None
        try:
            await self._fetch()
            was, now = (self._copy or {}).get(event_type, b""), self._now()
            for _ in range(_TRIES):
                old = _proof(was)
                new = change(old, facts, now)
                if new == old:
                    return None
                text = orjson.dumps(new)
                done, *found = await self._swap(
                    [self._key], [event_type, was, text, round(_KEPT_SECONDS * 1000)]
                )
                if done:
                    if self._copy is not None:
                        self._copy[event_type] = text
                    return new
                now, was = found[0] / 1000, found[1]
        except RedisError:
            self._copy = None
        _log.warning("shapes.not_changed", extra={"event_type": event_type})
        return None

    async def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now - self._refreshed < REFRESH_SECONDS:
            return
        # Whoever looks meanwhile goes by the former copy rather than ask as well.
        self._refreshed = now
        try:
            await self._fetch()
        except RedisError:
            self._copy = None

    async def _fetch(self) -> None:
        began = self._clock.monotonic()
        now, *rows = await self._read([self._key], [])
        self._read_at, self._ahead = began, now / 1000 - self._clock.monotonic()
        self._copy = {int(name): text for name, text in zip(rows[::2], rows[1::2], strict=True)}

    def _known(self, event_type: int) -> Proof:
        text = (self._copy or {}).get(event_type, b"")
        if not text:
            return _UNKNOWN
        known = self._proofs.get(event_type)
        if known is None or known[0] != text:
            known = self._proofs[event_type] = (text, _proof(text))
        return known[1]

    def _now(self) -> float:
        """Unix seconds on Redis' clock, as far as this process can tell."""
        return self._clock.monotonic() + self._ahead

    def _judge(self, event_type: int) -> tuple[Verdict, str]:
        account = self._account()
        if self._judged is None or self._judged[0] is not account:
            self._judged = (account, {})
        found = self._judged[1].get(event_type)
        if found is None:
            facts = account.event_types.get(event_type)
            verdict = is_additive(account, event_type)
            # A type that nobody knows may be anything a client made up.
            found = (verdict, "" if facts is None else digest_of(facts))
            if facts is not None:
                self._judged[1][event_type] = found
        return found


def _proof(text: bytes) -> Proof:
    """What was put down; nothing at all where it cannot be read, such as what another version wrote."""
    try:
        told: dict[str, Any] = orjson.loads(text) if text else {}
        lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        return Proof(**(told | lists))
    except (TypeError, ValueError, AttributeError):
        return Proof()
