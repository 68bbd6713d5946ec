"""Which handler serves a request: rewrites, path templates and versions (contract 1 and 3)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from calcom.simulator import querystring
from calcom.simulator.auth import Caller
from calcom.simulator.latency import Kind

if TYPE_CHECKING:
    from calcom.simulator.simulation import Simulation

Guard = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer. `headers` come on top of those every answer has."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json; charset=utf-8"


@dataclass(slots=True)
class Call:
    """One request on its way to a handler. `params` are the path's, `arrived` is simulated."""

    sim: "Simulation"
    method: str
    target: str
    version: str
    params: Mapping[str, str]
    query_string: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    caller: Caller
    arrived: datetime
    #: Set by slots handlers: the key of the two-second cache.
    cache_key: bytes | None = None
    #: Set by the `empty` fault: the hosts' calendars cannot be read during this call.
    calendar_broken: bool = False
    #: Set by the `race` fault: another create is under way that this one does not see.
    racy: bool = False
    #: Set by the `blind` fault: what is made while this call waits is not seen by it.
    blind: bool = False
    _query: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def query(self) -> dict[str, Any]:
        """The parsed query string."""
        if self._query is None:
            self._query = querystring.parse(self.query_string)
        return self._query

    @property
    def user_id(self) -> int:
        """The caller behind a required guard."""
        assert self.caller.user_id is not None, "only handlers behind a required guard ask for this"
        return self.caller.user_id

    def now(self) -> datetime:
        """The simulated present, which moves while the call waits."""
        return self.sim.clock.now()


#: What is left to do once the input is understood; runs at the instant at which the call reads or writes the state.
Work = Callable[[], Reply]
#: Understands the input; raises `refusals.Refused` for what Cal.com would refuse unseen.
Handler = Callable[[Call], Work]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: method, path template, versions that have it, and how it behaves around its handler."""

    method: str
    template: str
    handler: Handler
    versions: frozenset[str]
    #: Faults and statistics go by this; one of `faults.CLASSES`.
    endpoint_class: str
    guard: Guard = "required"
    latency: Kind = "other"
    writes: bool = False
    #: The name of its own 5-a-minute limit, for the few that have one (contract 2).
    side_limit: str | None = None


def rewrite(path: str) -> str:
    """The path Cal.com itself routes by: its three rewrites, and trailing slashes dropped (contract 1)."""
    if path.startswith("/api/v2/"):
        path = path[4:]
    if path.startswith("/v2/ee/"):
        path = "/v2/" + path[7:]
    if "reccuring" in path:
        path = path.replace("reccuring", "recurring")
    return path.rstrip("/") or "/"


class Router:
    """Finds endpoints. Fixed paths win over templates; among templates the one whose fixed parts come first."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._fixed: dict[tuple[str, str], list[Endpoint]] = {}
        self._templates: dict[tuple[str, int], list[tuple[tuple[str, ...], Endpoint]]] = {}
        self.endpoints = tuple(endpoints)
        for endpoint in self.endpoints:
            if "{" not in endpoint.template:
                self._fixed.setdefault((endpoint.method, endpoint.template), []).append(endpoint)
                continue
            parts = tuple(endpoint.template.split("/"))
            self._templates.setdefault((endpoint.method, len(parts)), []).append((parts, endpoint))
        for rows in self._templates.values():
            rows.sort(key=lambda row: tuple(part.startswith("{") for part in row[0]))

    def match(self, method: str, path: str, version: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint for a rewritten path and its parameters, or None, which is a 404 that no guard counts."""
        for endpoint in self._fixed.get((method, path), ()):
            if version in endpoint.versions:
                return endpoint, {}
        parts = path.split("/")
        for template, endpoint in self._templates.get((method, len(parts)), ()):
            if version not in endpoint.versions:
                continue
            params = _fill(template, parts)
            if params is not None:
                return endpoint, params
        return None


def _fill(template: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for pattern, part in zip(template, parts, strict=True):
        if pattern.startswith("{"):
            if not part:
                return None
            params[pattern[1:-1]] = part
        elif pattern != part:
            return None
    return params
