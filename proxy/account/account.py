"""What the gateway knows of the account, as the request path uses it: before a write, after it, and in passing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson
from redis.exceptions import RedisError

from calcom import versions
from calcom.account import AccountMap, resolve
from calcom.overlay import Overlay, dumped
from calcom.paths import Classified, Route, normalise
from calcom.ratelimit import Kind
from calcom.reach import Reach, Write, bookings_in, uid_of
from calcom.slots import Query
from core.clock import Clock
from proxy.account.aged import Answer, changes_map, teaches
from proxy.account.bookings import BookingIndex
from proxy.account.keeper import Keeper, Mark
from proxy.account.reaching import effect_of
from proxy.account.refresh import Refresher
from proxy.cache.chronicle import line_of
from proxy.cache.stamps import EVERYTHING, Fields, written_by
from proxy.edge.access_log import template
from proxy.edge.headers import as_text
from proxy.refusals import StoreUnavailable
from proxy.upstream import Call
from proxy.writes import Intent

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A write that is about to leave: its id, what was known then, and whether it may change the map."""

    write: str
    mark: Mark
    changes_map: bool


@dataclass(slots=True)
class Told:
    """What came back of a write: its whole answer, and what it may have touched."""

    body: bytes | None = None
    reach: Reach | None = None


class Stranger:
    """Where nothing is learned of the account: every write may have changed everything."""

    def types_of(self, query: Query) -> None:
        """Never certain."""

    def map(self) -> AccountMap:
        """An empty one."""
        return AccountMap.empty()

    def notice_of(self, event_type: int) -> float:
        """Not known."""
        return 0.0

    def listens_to(self, method: str, target: bytes, kind: Classified) -> bool:
        """To nothing."""
        return False

    def fence(self) -> None:
        """None is needed."""

    async def heard(self, call: Call, fence: int | None, began: float, status: int, body: bytes) -> None:
        """Forget it."""

    def saw(self, call: Call, status: int) -> None:
        """Look away."""

    async def may_touch(self, call: Call) -> Fields:
        """Everything."""
        return EVERYTHING

    @asynccontextmanager
    async def informed(self, intent: Intent, call: Call) -> AsyncIterator[Told]:
        """Say no more on the intent than what it was."""
        try:
            yield Told()
        finally:
            intent.why = line_of(_named(call), intent.status)


class Account:
    """One per process."""

    def __init__(
        self,
        keeper: Keeper,
        index: BookingIndex,
        refresher: Refresher,
        clock: Clock,
        *,
        new_seconds: float,
    ) -> None:
        """An event type counts as unknown for *new_seconds* after it became known.

        A booking made just before did not name it in its reach, and a fetch that began before that booking may
        still end. So this is longer than any fetch and the hold-off after it.
        """
        self._keeper = keeper
        self._index = index
        self._refresher = refresher
        self._clock = clock
        self._new_seconds = new_seconds
        self._known_since: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"Account({self._refresher!r})"

    async def run(self) -> None:
        """Keep the map learned until cancelled."""
        try:
            await self._refresher.run()
        finally:
            self._refresher.stop()

    def map(self) -> AccountMap:
        """What is known of the account, as far as it is young enough to be believed."""
        return self._keeper.current(self._clock.now())

    def types_of(self, query: Query) -> frozenset[int] | None:
        """The event types an answer to *query* shows, if that is certain; costs no round trip.

        Only a number names its type for certain: a slug may have moved to another unseen.
        """
        parameters = dict(query.parameters)
        if "eventTypeId" not in parameters:
            return None
        types = resolve(self._keeper.current(self._clock.now()), parameters)
        now = self._clock.monotonic()
        known = types is not None and all(
            now - self._known_since.setdefault(one, now) >= self._new_seconds for one in types
        )
        if types is None:
            # Once forgotten it has to become known anew.
            named = parameters["eventTypeId"]
            if named.isascii() and named.isdigit():
                self._known_since.pop(int(named), None)
        return types if known else None

    def notice_of(self, event_type: int) -> float:
        """Seconds before its start at which a slot is offered last, 0 where that is not known; no round trip."""
        facts = self._keeper.current(self._clock.now()).event_types.get(event_type)
        return 60.0 * (facts.notice or 0) if facts is not None else 0.0

    def listens_to(self, method: str, target: bytes, kind: Classified) -> bool:
        """Whether the answer to this read tells something worth remembering."""
        if method != "GET":
            return False
        wanted = self._keeper.wants("GET", _path(target), _query(target), self._clock.now())
        return kind.route is Route.BOOKINGS_READ or wanted

    def fence(self) -> int | None:
        """To be taken before a read leaves that `heard` shall be told of."""
        return self._keeper.fence()

    async def heard(self, call: Call, fence: int | None, began: float, status: int, body: bytes) -> None:
        """Remember what an answer tells. Never raises."""
        document = _json(body)
        self.saw(call, status)
        if status != 200 or document is None:
            return
        if call.kind.route is Route.BOOKINGS_READ:
            await self._index.remember(bookings_in("GET", _path(call.target), document), self._clock.now())
        else:
            await self._keeper.learn([_answer(call, status, document, began)], fence, self._clock.now())

    def saw(self, call: Call, status: int) -> None:
        """A call was answered: its credential may be used to learn from, if that proves it good.

        Cal.com looks at API keys everywhere, at other credentials only where they are needed (contract 1).
        """
        is_looked_at = call.credential.kind is Kind.API_KEY or teaches(call.method, _path(call.target))
        if 200 <= status < 300 and is_looked_at:
            self._refresher.saw_credential(as_text(call.headers))

    async def may_touch(self, call: Call) -> Fields:
        """What a write that has not left yet may change, however it ends. Never raises."""
        write = _write(call, status=None, document=None)
        reach, _ = await effect_of(self._keeper, self._index, write, self._keeper.mark(), self._clock.now())
        return written_by(reach)

    @asynccontextmanager
    async def informed(self, intent: Intent, call: Call) -> AsyncIterator[Told]:
        """Around the call of a write: says on `intent` what it may have changed, and remembers what is told of it.

        The body puts the whole answer into `Told`. Raises StoreUnavailable before the body: nothing may leave then.
        """
        try:
            leaving = await self._leaving(intent.write, call)
        except StoreUnavailable:
            intent.sent = False
            raise
        told = Told()
        try:
            yield told
        finally:
            reach: Reach | None = None
            if intent.changed_nothing:
                await self._unchanged(leaving)
            elif intent.outcome_known and told.body is not None:
                reach, overlay = await self._landed(leaving, call, intent.status, told.body)
                told.reach = reach
                intent.fields = written_by(reach)
                intent.overlay = dumped(overlay) if overlay is not None else ""
            else:
                # It counts as made, and may still be. If that may change the map, nothing is learned until it no
                # longer can, and everything may have changed.
                if not leaving.changes_map:
                    reach, _ = await self._effect(leaving, call, None, None)
                    intent.fields = written_by(reach) or EVERYTHING
                await self._outdate(call, self._clock.now())
            intent.why = line_of(_named(call), intent.status, reach)

    async def _leaving(self, write: str, call: Call) -> Leaving:
        """Before a write leaves. Raises StoreUnavailable: then it must not."""
        path = _path(call.target)
        if not changes_map(call.method, path):
            return Leaving(write, self._keeper.mark(), changes_map=False)
        try:
            mark = await self._keeper.begin_change(write, call.method, path, self._clock.now())
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        return Leaving(write, mark, changes_map=True)

    async def _unchanged(self, leaving: Leaving) -> None:
        """The write never left, or was refused before it was looked at. Never raises."""
        if leaving.changes_map:
            try:
                await self._keeper.unchanged(leaving.write)
            except RedisError:
                _log.warning("account.change_not_ended")

    async def _landed(
        self, leaving: Leaving, call: Call, status: int, body: bytes
    ) -> tuple[Reach, Overlay | None]:
        """What the write may have touched, and what it took; also remembers what its answer tells. Never raises."""
        now, document = self._clock.now(), _json(body)
        reach, overlay = await self._effect(leaving, call, status, document)
        await self._outdate(call, now)
        await self._index.remember(bookings_in(call.method, _sent(call.target), document), now)
        if leaving.changes_map:
            try:
                told = _answer(call, status, document, now)
                await self._keeper.end_change(leaving.write, leaving.mark, told, now)
            except RedisError:
                _log.warning("account.change_not_ended")
        self.saw(call, status)
        return reach, overlay

    async def _effect(
        self, leaving: Leaving, call: Call, status: int | None, document: object
    ) -> tuple[Reach, Overlay | None]:
        """What a write may have touched that came back with *status*, `None` if nobody knows. Never raises."""
        write = _write(call, status, document)
        return await effect_of(self._keeper, self._index, write, leaving.mark, self._clock.now())

    async def _outdate(self, call: Call, now: float) -> None:
        uid = uid_of(_sent(call.target), _asked(call))
        if uid is not None:
            await self._index.outdate(uid, call.method, _sent(call.target), now)


def _named(call: Call) -> str:
    """The write without anybody's ids."""
    return f"{call.method} {template(_sent(call.target))}"


def _write(call: Call, status: int | None, document: object) -> Write:
    headers = as_text(call.headers)
    return Write(
        method=call.method,
        # Uids have case, so the rules are given the path as it was sent.
        path=_sent(call.target),
        request_json=_asked(call),
        status=status,
        response_json=document,
        api_version=versions.effective(headers.get("cal-api-version")),
        known_booking=None,
        # Quoted or spelled oddly, it may still be read as one: any mention counts.
        sent_uid_cookie="uid" in headers.get("cookie", "").lower(),
    )


def _sent(target: bytes) -> str:
    return target.partition(b"?")[0].decode("latin-1")


def _asked(call: Call) -> object:
    return _json(call.body) if isinstance(call.body, bytes) else None


def _path(target: bytes) -> str:
    return normalise(_sent(target))


def _query(target: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(target.partition(b"?")[2].decode("latin-1"), keep_blank_values=True))


def _answer(call: Call, status: int, document: object, began: float) -> Answer:
    version = versions.effective(as_text(call.headers).get("cal-api-version"))
    return Answer(call.method, _path(call.target), _query(call.target), version, status, document, began)


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
