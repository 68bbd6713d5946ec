"""The admin port: faults, time, calendars, figures, the journal and the oracle. JSON both ways, no password."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calcom.simulator import admin_oracle, faults
from calcom.simulator.admin_oracle import AdminError
from calcom.simulator.latency import PROFILES
from calcom.simulator.limiter import Limit
from calcom.simulator.model import Credential, ExternalBusy
from calcom.simulator.refusals import Refused
from calcom.simulator.seed import MAIN_KEY
from calcom.simulator.simulation import Simulation
from calcom.simulator.validation import Field, Shape, boolean, full_text, instant, list_of, nested, whole
from calcom.simulator.webhooks import Ratios

Answer = Mapping[str, Any] | list[Any]
Operation = Callable[[Mapping[str, Any]], Answer]


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AdminError(f"{name}: {value!r} is not a number of simulated seconds")
    return float(value)


_LIMIT = Shape(
    {
        "name": Field(full_text, required=True),
        "limit": Field(whole(1), required=True),
        "window": Field(_number, required=True),
        "block": Field(_number, required=True),
    }
)
_LIMITS = Shape(
    {"key": Field(full_text, required=True), "limits": Field(list_of(nested(_LIMIT)), required=True)}
)
_KEY = Shape({"key": Field(full_text, required=True), "userId": Field(whole(1), required=True)})
_EVENT = Shape(
    {
        "uid": Field(full_text, required=True),
        "connectionId": Field(whole(), required=True),
        "start": Field(instant, required=True),
        "end": Field(instant, required=True),
        "title": Field(full_text),
    }
)
_BROKEN = Shape({"userId": Field(whole(), required=True), "broken": Field(boolean, required=True)})


class Admin:
    """What can be done to a running simulator. Every method is one operation; its argument is the JSON body."""

    def __init__(self, simulation: Simulation) -> None:
        self._sim = simulation

    def health(self, _: Mapping[str, Any]) -> Answer:
        """GET /healthz."""
        sim = self._sim
        return {"status": "ok", "version": sim.world.version, "now": sim.clock.now().isoformat()}

    def stats(self, query: Mapping[str, Any]) -> Answer:
        """GET /stats: the limiter's figures per bucket, requests by class, concurrency, slots computations.

        `?queries=1` adds the computations by query."""
        sim = self._sim
        return {
            **sim.stats.describe(queries=query.get("queries") == "1"),
            "limiter": sim.limiter_figures(),
            "version": sim.world.version,
            "now": sim.clock.now().timestamp(),
            "speed": sim.clock.speed,
            "webhooks": {"lost": sim.webhooks.lost, "delivered": len(sim.webhooks.log)},
        }

    def world(self, _: Mapping[str, Any]) -> Answer:
        """GET /world: who and what there is, for those who make up traffic."""
        state = self._sim.world.state
        return {
            "main_key": MAIN_KEY,
            "credentials": [
                {"key": c.key, "userId": c.user_id, "kind": c.kind} for c in state.credentials.values()
            ],
            "users": [
                {"id": u.id, "username": u.username, "email": u.email, "timeZone": u.time_zone}
                for u in state.users.values()
            ],
            "teams": [{"id": t.id, "slug": t.slug} for t in state.teams.values()],
            "event_types": [
                {
                    "id": e.id,
                    "slug": e.slug,
                    "ownerId": e.owner_id,
                    "teamId": e.team_id,
                    "scheduling": e.scheduling,
                    "length": e.length,
                    "lengthOptions": list(e.length_options),
                    "hosts": [h.user_id for h in e.hosts],
                    "seated": e.seats is not None,
                    "recurring": e.recurrence is not None,
                    "needsConfirmation": e.confirmation is not None,
                }
                for e in state.event_types.values()
            ],
            "calendars": [
                {"id": c.id, "userId": c.user_id, "integration": c.integration, "externalId": c.external_id}
                for c in state.calendars.values()
            ],
        }

    def journal(self, query: Mapping[str, Any]) -> Answer:
        """GET /journal?since=SEQ&limit=N&writes=1: finished requests in the order of completion."""
        since, limit = int(query.get("since", 0)), int(query.get("limit", 10_000))
        entries = self._sim.journal.since(since, limit=limit, writes_only=query.get("writes") == "1")
        return {"entries": [entry.describe() for entry in entries]}

    def reset(self, _: Mapping[str, Any]) -> Answer:
        """POST /reset: the seeded world again."""
        self._sim.reset()
        return {"version": self._sim.world.version}

    def list_faults(self, _: Mapping[str, Any]) -> Answer:
        """GET /faults."""
        return {"faults": self._sim.faults.list(), "kinds": faults.KINDS}

    def add_fault(self, body: Mapping[str, Any]) -> Answer:
        """POST /faults: `kind`, `classes`, `method`, `count`, `seconds`, `when`."""
        fault = faults.parse(body, self._sim.clock.now().timestamp())
        self._sim.faults.add(fault)
        return fault.describe()

    def clear_faults(self, _: Mapping[str, Any]) -> Answer:
        """DELETE /faults."""
        self._sim.faults.clear()
        return {"faults": []}

    def block(self, body: Mapping[str, Any]) -> Answer:
        """POST /block: 429 from now on. `key` (default: every bucket seen), `seconds` (default: the block's)."""
        sim = self._sim
        seconds = _number("seconds", body.get("seconds", sim.options.rate_block))
        now = sim.clock.now().timestamp()
        key = body.get("key")
        buckets = list(sim.limiter.figures()) if key is None else [self._bucket(str(key))]
        for bucket in buckets:
            sim.limiter.block(bucket, now, seconds, sim.named_limits.get(bucket, ()))
        return {"blocked": buckets, "seconds": seconds}

    def limits(self, body: Mapping[str, Any]) -> Answer:
        """POST /limits: the named limits of a key; all must be blocked for a refusal (contract 2)."""
        values = _LIMITS.read(body)
        bucket = self._bucket(values["key"])
        self._sim.named_limits[bucket] = tuple(
            Limit(one["name"], one["limit"], one["window"], one["block"]) for one in values["limits"]
        )
        return {"bucket": bucket}

    def keys(self, body: Mapping[str, Any]) -> Answer:
        """POST /keys: make a key valid for a user."""
        values = _KEY.read(body)
        if values["userId"] not in self._sim.world.state.users:
            raise AdminError(f"userId: there is no user {values['userId']}")
        self._sim.keyring.add(Credential(key=values["key"], user_id=values["userId"]))
        return {"bucket": self._bucket(values["key"])}

    def revoke(self, body: Mapping[str, Any]) -> Answer:
        """POST /keys/revoke: make a key invalid."""
        self._sim.keyring.revoke(str(body.get("key")))
        return {}

    def _bucket(self, key: str) -> str:
        return self._sim.keyring.identify({b"authorization": b"Bearer " + key.encode()}, "").bucket

    def clock(self, body: Mapping[str, Any]) -> Answer:
        """POST /clock: `action` freeze, unfreeze, advance or skew; the last two take `seconds`."""
        clock = self._sim.clock
        action = body.get("action")
        match action:
            case "freeze":
                clock.freeze()
            case "unfreeze":
                clock.unfreeze()
            case "advance":
                seconds = _number("seconds", body.get("seconds"))
                if seconds < 0:
                    raise AdminError("seconds: time does not run backwards; use skew")
                clock.advance(seconds)
            case "skew":
                clock.skew(_number("seconds", body.get("seconds")))
            case _:
                raise AdminError(f"action: {action!r} is not one of freeze, unfreeze, advance, skew")
        return {"now": clock.now().isoformat()}

    def latency(self, body: Mapping[str, Any]) -> Answer:
        """POST /latency: `profile`."""
        name = body.get("profile")
        if name not in PROFILES:
            raise AdminError(f"profile: {name!r} is not one of {', '.join(PROFILES)}")
        self._sim.latency = PROFILES[name]
        return {"profile": name}

    def put_event(self, body: Mapping[str, Any]) -> Answer:
        """POST /calendars/events: an edit in a connected calendar that no API call tells of."""
        values = _EVENT.read(body)
        draft = ExternalBusy(
            values["uid"],
            values["connectionId"],
            values["start"],
            values["end"],
            values.get("title", "Busy"),
        )
        self._sim.world.put_external_event(draft, self._sim.clock.now())
        return {"version": self._sim.world.version}

    def delete_event(self, body: Mapping[str, Any]) -> Answer:
        """POST /calendars/events/delete: `uid`."""
        self._sim.world.delete_external_event(str(body.get("uid")), self._sim.clock.now())
        return {"version": self._sim.world.version}

    def broken(self, body: Mapping[str, Any]) -> Answer:
        """POST /calendars/broken: `userId`, `broken`. A broken calendar hides its user's slots (contract 4.1)."""
        values = _BROKEN.read(body)
        self._sim.world.set_calendar_broken(values["userId"], values["broken"], self._sim.clock.now())
        return {"version": self._sim.world.version}

    def plain(self, body: Mapping[str, Any]) -> Answer:
        """POST /event-types/plain: `ids` of round robins in which nobody stands in for anybody (contract 8, row 11)."""
        ids = body.get("ids")
        known = self._sim.world.state.event_types
        if not isinstance(ids, list) or not all(one in known for one in ids):
            raise AdminError("ids: a list of event types that there are")
        self._sim.world.make_plain(ids, self._sim.clock.now())
        return {"version": self._sim.world.version}

    def webhooks(self, _: Mapping[str, Any]) -> Answer:
        """GET /webhooks: what was delivered, and how it went."""
        return {"log": list(self._sim.webhooks.log), "lost": self._sim.webhooks.lost}

    def truth(self, body: Mapping[str, Any]) -> Answer:
        """POST /oracle/truth: `{"queries": [{"target", "version" or "at"}]}`."""
        return {"answers": admin_oracle.truths(self._sim, body)}

    def judge(self, body: Mapping[str, Any]) -> Answer:
        """POST /oracle/judge: `{"reads": [{"target", "data", "floor", "ceiling", "at", "since"}]}`."""
        return admin_oracle.judge(self._sim, body)

    def ratios(self, body: Mapping[str, Any]) -> Answer:
        """POST /webhooks: `loss`, `duplicates`, `delayed`, `reordered`, each a share."""
        unknown = set(body) - {"loss", "duplicates", "delayed", "reordered"}
        if unknown or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in body.values()):
            raise AdminError("loss, duplicates, delayed and reordered are shares between 0 and 1")
        self._sim.webhooks.ratios = Ratios(**{name: float(value) for name, value in body.items()})
        return dict(body)


def admin_app(simulation: Simulation) -> Starlette:
    """The admin port's application."""
    admin = Admin(simulation)
    table: list[tuple[str, str, Operation]] = [
        ("GET", "/healthz", admin.health),
        ("GET", "/stats", admin.stats),
        ("GET", "/world", admin.world),
        ("GET", "/journal", admin.journal),
        ("POST", "/reset", admin.reset),
        ("GET", "/faults", admin.list_faults),
        ("POST", "/faults", admin.add_fault),
        ("DELETE", "/faults", admin.clear_faults),
        ("POST", "/block", admin.block),
        ("POST", "/limits", admin.limits),
        ("POST", "/keys", admin.keys),
        ("POST", "/keys/revoke", admin.revoke),
        ("POST", "/clock", admin.clock),
        ("POST", "/latency", admin.latency),
        ("POST", "/calendars/events", admin.put_event),
        ("POST", "/calendars/events/delete", admin.delete_event),
        ("POST", "/calendars/broken", admin.broken),
        ("POST", "/event-types/plain", admin.plain),
        ("GET", "/webhooks", admin.webhooks),
        ("POST", "/webhooks", admin.ratios),
        ("POST", "/oracle/truth", admin.truth),
        ("POST", "/oracle/judge", admin.judge),
    ]
    routes = [Route(path, _endpoint(operation), methods=[method]) for method, path, operation in table]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


def _endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            given = dict(request.query_params) if request.method == "GET" else _object(await request.body())
            return _json(200, operation(given))
        except (AdminError, faults.FaultError, Refused, ValueError) as error:
            details = error.details if isinstance(error, Refused) else None
            return _json(400, {"error": str(error), "details": details})

    return endpoint


def _object(body: bytes) -> Mapping[str, Any]:
    parsed = orjson.loads(body) if body.strip() else {}
    if not isinstance(parsed, dict):
        raise AdminError("the body must be a JSON object")
    return parsed


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _json(status, {"error": "there is no such operation on the admin port"})


def _json(status: int, body: Answer) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
