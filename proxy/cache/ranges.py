"""One longer answer for many looks: joins what windows say, and now and then compares that with Cal.com's own word.

What may be shared, and which windows, is decided in `calcom.ranges`; what the fleet believes of each event type is
kept in shapes.py. A single look that is asked over and over gains nothing, so only types that are looked at in more
than one way are shared.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypedDict

from redis.exceptions import RedisError

from calcom import versions
from calcom.account import AccountMap
from calcom.ranges import NONE_LEFT, Agreement, Days, Look, Window, compare, join, look_of, retold, split
from calcom.slots import Query, parse
from core.clock import Clock
from core.tasks import spawn
from proxy.cache.directives import NOTHING, Demand
from proxy.cache.fetch import Ask
from proxy.cache.serving import Answer, Serving, Show, hit_status
from proxy.cache.shapes import Shapes
from proxy.cache.stamps import Fields, but_times, part_of
from proxy.cache.store import Store
from proxy.cache.warm import Warm
from proxy.governor.purpose import Purpose
from proxy.refusals import Refused
from proxy.telemetry import Telemetry
from proxy.upstream import Call

_log = logging.getLogger(__name__)

# What nobody told of may change in between, so only answers asked for at about the same time can be said to differ.
_RECENT: Final = Demand(max_age=5)

_MOST_SPLIT: Final = 256
_MIXED_SECONDS: Final = 3_600.0


class New(TypedDict):
    """What of a look may call for a comparison of its own: see `Shapes.wants_comparison`."""

    borrows: str | None
    is_empty: bool


Asking = Callable[[Query, Call], tuple[Ask, Show]]
"""How a query is asked for, and what may be shown of its answer."""


class Ranges:
    """Answers looks out of windows. One instance per process."""

    def __init__(
        self,
        serving: Serving,
        store: Store,
        shapes: Shapes,
        account: Callable[[], AccountMap],
        asking: Asking,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._serving = serving
        self._store = store
        self._shapes = shapes
        self._account = account
        self._asking = asking
        self._telemetry = telemetry
        self._clock = clock
        self._split: OrderedDict[tuple[str, str | None], tuple[bytes, Days | None]] = OrderedDict()
        self._mixed: dict[int, tuple[str, float]] = {}
        self._warm = Warm(serving.again, clock)
        self.bumped = self._warm.bumped

    async def answer(self, query: Query, call: Call, event_type: int, fields: Fields) -> Answer | None:
        """The answer to *query*, which reads *fields*, joined of windows; `None` when it is to be asked for as it is.
        Raises Refused."""
        if not self._is_mixed(event_type, query.key) or not await self._shapes.may_share(event_type):
            return None
        look = self._look(query, event_type)
        if look is None:
            return None
        if look.borrows is not None and not self._shapes.has_agreed(event_type, look.borrows):
            return None
        asked = [self._window(window, call, fields) for window in look.windows]
        for ask, show in asked:
            self._warm.looked(ask, show)
        answers = await self._answers(asked, NOTHING)
        if any(answer.status != 200 for answer in answers):
            return None
        body = self._joined(look, call, answers)
        if body == NONE_LEFT:
            body = self._none_left(look, call, event_type, answers)
        if body is None:
            return None
        self._shapes.shared(event_type)
        self._telemetry.shared()
        # What is shared all the time is asked for as it is by nobody, and must be compared all the same.
        self._compare(look, call, event_type)
        return _combined(answers, body, fields)

    def _none_left(self, look: Look, call: Call, event_type: int, answers: list[Answer]) -> bytes | None:
        """What Cal.com says where nothing is left; None when that is to be asked for."""
        if any(answer.is_lacking for answer in answers):
            # There may be more than that, and it is all the caller asked about.
            return None
        said = self._shapes.empty(event_type)
        if said is None:
            self._compare(look, call, event_type, is_empty=True)
        return said

    def compare(self, query: Query, call: Call, event_type: int) -> None:
        """See to it, behind the answer, that what windows would have said is compared when it is time."""
        if self._shapes.verdict(event_type) and self._is_mixed(event_type, query.key):
            self._compare(self._look(query, event_type), call, event_type)

    def _compare(self, look: Look | None, call: Call, event_type: int, *, is_empty: bool = False) -> None:
        new = New(borrows=look.borrows if look else None, is_empty=is_empty)
        may = look is not None or self._shapes.doubted(event_type) is not None
        if may and self._shapes.wants_comparison(event_type, **new):
            spawn(self._compared(call, event_type, new), name="ranges.compare")

    def _is_mixed(self, event_type: int, key: str) -> bool:
        """Whether the type is looked at in more than one way."""
        now = self._clock.monotonic()
        last, until = self._mixed.get(event_type, (key, 0.0))
        if last != key:
            until = now + _MIXED_SECONDS
        self._mixed[event_type] = (key, until)
        return until > now

    def _look(self, query: Query, event_type: int) -> Look | None:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        zone = next((value for name, value in query.parameters if name == "timeZone"), "")
        return look_of(
            self._account(),
            query,
            versions.SLOTS,
            now,
            self._shapes.verdict(event_type),
            may_borrow=self._shapes.may_borrow(event_type, zone),
        )

    def _window(self, window: Window, call: Call, fields: Fields) -> tuple[Ask, Show]:
        """A window of a look that reads *fields*: what is written to other days leaves what the look takes as it is."""
        target = call.target.partition(b"?")[0] + b"?" + window.query_string.encode()
        ask, show = self._asking(window.query, replace(call, target=target))
        return replace(ask, part=part_of(ask.fields, fields)), show

    async def _answers(self, asked: Sequence[tuple[Ask, Show]], demand: Demand) -> list[Answer]:
        if len(asked) == 1:
            return [await self._serving.answer(*asked[0], demand)]
        # All are waited for, also when one is refused: nobody else would hear what came of the others.
        waiting = (self._serving.answer(ask, show, demand) for ask, show in asked)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, Answer)]

    def _joined(self, look: Look, call: Call, answers: list[Answer]) -> bytes | None:
        parts = []
        for window, answer in zip(look.windows, answers, strict=True):
            days = self._days(f"{call.credential.bucket}:{window.query.key}", answer.body, look)
            if days is None:
                return None
            parts.append(days)
        return join(look, parts)

    def _days(self, digest: str, body: bytes, look: Look) -> Days | None:
        """A window's answer by days of the look's zone; taking it apart costs as much as many joins."""
        days = self._taken_apart((digest, None), body, split)
        if days is None or not look.is_told:
            return days
        return self._taken_apart((digest, look.borrows), body, lambda _: retold(days, look))

    def _taken_apart(
        self, name: tuple[str, str | None], body: bytes, take: Callable[[bytes], Days | None]
    ) -> Days | None:
        known = self._split.get(name)
        if known is None or known[0] != body:
            known = (body, take(body))
            self._split[name] = known
            if len(self._split) > _MOST_SPLIT:
                self._split.popitem(last=False)
        self._split.move_to_end(name)
        return known[1]

    async def _compared(self, call: Call, event_type: int, new: New) -> None:
        if not await self._shapes.set_out(event_type, **new):
            return
        doubted = self._shapes.doubted(event_type)
        path, _, text = call.target.partition(b"?")
        text = doubted.encode() if doubted else text
        asked = parse(text.decode("latin-1"), versions.SLOTS)
        call = replace(call, target=path + b"?" + text, purpose=Purpose.AUDIT)
        look = self._look(asked, event_type) if asked is not None else None
        if asked is None or look is None:
            return
        try:
            # Older windows will do as long as they agree.
            agreement, empty = await self._agreement(asked, look, call, NOTHING)
            if agreement.agrees is False:
                agreement, empty = await self._agreement(asked, look, call, _RECENT)
        except (Refused, RedisError):
            return
        name = text.decode("latin-1")
        if agreement.agrees is None:
            self._telemetry.compared("undecided")
        elif agreement.agrees:
            self._telemetry.compared("agreed")
            await self._shapes.agreed(event_type, name, borrows=look.borrows, empty=empty)
        else:
            self._telemetry.compared("differed")
            was_turned_off = await self._shapes.differed(event_type, name, borrows=look.borrows)
            extra = {"event_type": event_type, "differs": agreement.detail, "turned_off": was_turned_off}
            _log.warning("ranges.differed", extra=extra | {"zone": look.borrows})

    async def _agreement(
        self, asked: Query, look: Look, call: Call, demand: Demand
    ) -> tuple[Agreement, str | None]:
        """Whether the answer to *asked* is that cut out of windows that *demand* allows, and the answer where none are
        left. Raises Refused, RedisError."""
        whole = self._asking(asked, call)
        parts = [self._window(window, call, whole[0].fields) for window in look.windows]
        exact = await self._serving.answer(*whole, _RECENT)
        windows = await self._answers(parts, demand)
        if exact.status != 200 or not await self._are_all_current([whole, *parts]):
            return Agreement(None), None
        derived = self._joined(look, call, windows)
        agreement = compare(exact.body, derived)
        return agreement, exact.body.decode("utf-8", "replace") if derived == NONE_LEFT else None

    async def _are_all_current(self, asked: Sequence[tuple[Ask, Show]]) -> bool:
        """Whether nothing was written since that concerns any of the answers: all are good for one generation."""
        for ask, _ in asked:
            fields, is_part = ask.part or ask.fields, ask.part is not None
            looked = await self._store.lookup(ask.digest, fields, is_part=is_part)
            if looked.entry is None or looked.overlays:
                return False
        return True


_ORDER: Final = ("hit", "stale", "coalesced", "miss")


def _combined(answers: list[Answer], body: bytes, fields: Fields) -> Answer:
    """One answer, which reads *fields*, of several: as old as the oldest, and got in the dearest of their ways."""
    dearest = max(answers, key=lambda answer: _ORDER.index(answer.outcome))
    if dearest.outcome not in ("hit", "stale"):
        status = f"{dearest.cache_status}; detail=range"
        return Answer(200, dearest.headers, body, dearest.outcome, status)
    age = max(answer.age or 0.0 for answer in answers)
    left = min(answer.left for answer in answers)
    entries = [answer.entry for answer in answers]
    entry = None
    if None not in entries:
        now = answers[0].now
        kept = [one for one in entries if one is not None]
        entry = replace(
            min(kept, key=lambda one: one.generation),
            body=body,
            stored=now - age,
            fresh_until=now + left,
            usable_until=now + left,
            cost=max(one.cost for one in kept),
            fields=tuple({*fields, *(field for one in kept for field in but_times(one.fields))}),
        )
    status = hit_status(left, "overlay" if any(answer.is_lacking for answer in answers) else "range")
    return Answer(200, dearest.headers, body, dearest.outcome, status, age, entry, answers[0].now, left=left)
