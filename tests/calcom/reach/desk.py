"""A client's desk before a simulated Cal.com: real handlers, real JSON, no sockets, a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlencode

import orjson

from calcom.account import AccountMap, Promises, learn, resolve
from calcom.paths import normalise
from calcom.reach import (
    BookingFacts,
    Reach,
    Stretch,
    Write,
    bookings_in,
    reach_of_write,
    still_known,
    uid_of,
)
from calcom.simulator import routes
from calcom.simulator.auth import Caller
from calcom.simulator.clock import SimClock
from calcom.simulator.options import SimulatorOptions
from calcom.simulator.oracle import Oracle
from calcom.simulator.query import SlotsQuery
from calcom.simulator.refusals import Refused
from calcom.simulator.routes_slots import parse_query
from calcom.simulator.routing import Call, Router
from calcom.simulator.simulation import Simulation
from loadtest.scenarios import rules
from loadtest.scenarios.site import BOOKINGS, Request

NOW: Final = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # a Monday
ROUTER: Final = Router(routes.ENDPOINTS)


class Answer(NamedTuple):
    """One answer; `json` is None without a body."""

    status: int
    json: Any

    @property
    def data(self) -> Any:
        """Its `data`."""
        return self.json.get("data") if isinstance(self.json, dict) else None


class Look(NamedTuple):
    """One slots query as a client writes it, and as the simulator reads it."""

    params: Mapping[str, str]
    query: SlotsQuery


class Desk:
    """`account` is all that was learned from answers, `index` all bookings that answers have shown."""

    def __init__(self, seed: int, now: datetime = NOW, promises: Promises | None = None) -> None:
        clock = SimClock(now)
        clock.freeze()
        self.now = now
        self.sim = Simulation(SimulatorOptions(seed=seed), clock)
        self.account = AccountMap.empty(promises)
        self.index: dict[str, BookingFacts] = {}

    @property
    def world(self) -> Any:
        """The truth."""
        return self.sim.world

    def call(self, request: Request) -> Answer:
        """Do it, and learn nothing."""
        match = ROUTER.match(request.method, request.path, request.version)
        assert match is not None, f"no endpoint for {request}"
        endpoint, params = match
        call = Call(
            sim=self.sim,
            method=request.method,
            target=request.path,
            version=request.version,
            params={name: unquote(value) for name, value in params.items()},
            query_string=urlencode(request.query).encode(),
            headers={b"authorization": b"Bearer made-up"},
            body=b"" if request.body is None else orjson.dumps(request.body),
            caller=Caller("anonymous" if request.user is None else "api_key", "test", request.user),
            arrived=self.now,
        )
        try:
            reply = endpoint.handler(call)()
        except Refused as refusal:
            return Answer(refusal.status, {"status": "error"})
        return Answer(reply.status, orjson.loads(reply.body) if reply.body else None)

    def read(
        self, path: str, user: int | None = 1, version: str = BOOKINGS, query: Mapping[str, str] | None = None
    ) -> Answer:
        """A GET whose answer is learned from and indexed."""
        request = Request("GET", path, user=user, version=version, query=query or {})
        answer = self.call(request)
        self.note(request, answer)
        return answer

    def note(self, request: Request, answer: Answer) -> None:
        """Learn from an answer, and index it."""
        status, body = (0, None) if request.lost else answer
        self.account = learn(
            self.account,
            request.method,
            normalise(request.path),
            request.query,
            request.version,
            status,
            body,
        )
        uid = uid_of(request.path, request.body)
        if uid is not None and uid in self.index:
            self.index[uid] = still_known(self.index[uid], request.method, request.path)
        if not request.lost and 200 <= status < 300:
            for facts in bookings_in(request.method, request.path, body):
                self.index[facts.uid] = facts

    def learn_everything(self) -> None:
        """Read all there is to know, each user's own things with their own key."""
        for request in rules.everything(self):
            self.note(request, self.call(request))

    def write_of(self, request: Request, answer: Answer) -> Write:
        """What the proxy would hand over."""
        uid = uid_of(request.path, request.body)
        return Write(
            request.method,
            request.path,
            request.body,
            None if request.lost else answer.status,
            None if request.lost else answer.json,
            request.version,
            self.index.get(uid) if uid is not None else None,
            sent_uid_cookie=False,
        )

    def do(self, request: Request, without: Iterable[str] = ()) -> Done:
        """Write, and reckon the reach with the map from before."""
        before = self.account
        version = self.world.version
        answer = self.call(request)
        write = self.write_of(request, answer)
        reach = reach_of_write(before, write, self.now, without=frozenset(without))
        self.note(request, answer)
        return Done(request, answer, reach, before, version, self.world.version)


def prepared(desk: Desk, *requests: Request) -> Any:
    """The data of the last of some writes that succeed and that the desk has seen."""
    data = None
    for request in requests:
        answer = desk.do(request).answer
        assert answer.status in rules.MADE, (request, answer)
        data = answer.data
    return data


def played(desk: Desk, steps: rules.Steps, without: Iterable[str] = ()) -> list[Done]:
    """Play a scene; its writes."""
    made: list[Done] = []
    data: Any = None
    try:
        while True:
            step = steps.send(data)
            match step:
                case rules.Learn(()):
                    desk.learn_everything()
                case rules.Learn(reads):
                    for read in reads:
                        desk.note(read, desk.call(read))
                case rules.Behind(request):
                    answer = desk.call(request)
                    assert answer.status in rules.MADE, (request, answer)
                case rules.Heard(request, statuses):
                    answer = desk.do(request).answer
                    assert answer.status in statuses, (request, answer)
                case rules.Written(request):
                    made.append(desk.do(request, without))
                    answer = made[-1].answer
                    assert answer.status in rules.MADE, (request, answer)
            data = None if isinstance(step, rules.Learn) else answer.data
    except StopIteration:
        return made


class Done(NamedTuple):
    """One write, its reach, and the versions of the world around it."""

    request: Request
    answer: Answer
    reach: Reach
    account: AccountMap
    before: int
    after: int


def looks(
    desk: Desk, types: Iterable[int], first: datetime, days: int, zones: Iterable[str | None]
) -> list[Look]:
    """One query a day, longer and shorter ones, for every event type and zone; and some by other selectors."""
    made: list[Look] = []
    ranges = [_range(first, at, 1) for at in range(days)]
    ranges += [_range(first, at, 7) for at in range(0, days, 5)]
    ranges += [_range(first, 0, days), _range(first, days // 2, days)]
    ranges += [_hour(first, at, hour) for at in range(0, days, 3) for hour in (8, 13)]
    for event_type in types:
        for zone in zones:
            for bounds in ranges:
                params = {"eventTypeId": str(event_type), **bounds}
                made.append(look(params | ({} if zone is None else {"timeZone": zone})))
    for at in range(0, days, 3):
        made.append(look({"usernames": "ada,bela", **_range(first, at, 2)}))
        made.append(look({"eventTypeId": "106", "rrHostSubsetIds": "4", **_range(first, at, 2)}))
        made.append(look({"eventTypeSlug": "consult", "username": "ada", **_range(first, at, 2)}))
        made.append(look({"eventTypeSlug": "demo", "teamSlug": "sales", **_range(first, at, 2)}))
    return made


def _range(first: datetime, at: int, length: int) -> dict[str, str]:
    start = (first + timedelta(days=at)).date()
    return {"start": str(start), "end": str(start + timedelta(days=length - 1))}


def _hour(first: datetime, at: int, hour: int) -> dict[str, str]:
    start = datetime(first.year, first.month, first.day, hour, tzinfo=UTC) + timedelta(days=at)
    return {
        "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{start + timedelta(minutes=59):%Y-%m-%dT%H:%M:%SZ}",
    }


def look(params: Mapping[str, str]) -> Look:
    """One look."""
    return Look(params, parse_query(dict(params))[0])


def escaped(desk: Desk, done: Done, made: Iterable[Look]) -> list[Look]:
    """The looks whose truth the write changed although the reach leaves their cached answers, or those of the changed
    slots alone, as they were."""
    world = desk.world
    if done.before == done.after:
        return []
    oracle = Oracle(world)
    missed = []
    for one in made:
        types = resolve(done.account, one.params)
        whole = Stretch(one.query.start, one.query.end)
        # Whatever the times: then nothing can escape.
        if done.reach.covers(types, _NEVER):
            continue
        changed = changes(oracle, one.query, done, desk.now)
        times = [whole, *(Stretch(at, at) for at in changed or ())] if changed != set() else []
        if not all(done.reach.covers(types, at) for at in times):
            missed.append(one)
    return missed


_NEVER: Final = Stretch(datetime(1, 1, 2, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC))


def differs(oracle: Oracle, query: SlotsQuery, done: Done, now: datetime) -> bool:
    """Whether the write changed the truth of a query; one that names nothing has no truth."""
    return changes(oracle, query, done, now) != set()


def changes(oracle: Oracle, query: SlotsQuery, done: Done, now: datetime) -> set[datetime] | None:
    """When the slots of a query begin that the write changed; None where it took or gave the event type itself."""
    before, after = _truth(oracle, query, done.before, now), _truth(oracle, query, done.after, now)
    if before is None or after is None:
        return set() if before is after else None
    return {datetime.fromtimestamp(slot[1], UTC) for slot in before ^ after}


def _truth(oracle: Oracle, query: SlotsQuery, version: int, now: datetime) -> frozenset[Any] | None:
    try:
        return oracle.truth(query, version, now).canonical()
    except Refused:
        return None
