"""The monitor's HTTP face: metrics, health, and the status page in three forms. It only reads."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector as Registry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitor import page
from monitor.negotiate import preferred
from monitor.status import Status, as_text

_HTML, _JSON, _TEXT = "text/html", "application/json", "text/plain"

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept",
}


class View(Protocol):
    """What the pages are made of. Neither call may wait for a store: both read what is at hand."""

    async def families(self) -> list[Family]:
        """Give everything to expose."""
        ...

    async def status(self) -> Status:
        """Give everything to show."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the first round of collecting is over."""
        ...


class _Fixed(Registry):
    """The registry the encoders ask for, around families that are already made."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return self._families


def application(view: View) -> Starlette:
    """Make the ASGI application."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        body = encode(_Fixed(await view.families()))
        return Response(body, media_type=content_type, headers=_HEADERS)

    async def status(request: Request) -> Response:
        # A browser names HTML; curl names nothing and gets what a terminal can read.
        form = preferred(request.headers.get("accept", ""), (_TEXT, _HTML, _JSON))
        found = await view.status()
        if form == _JSON:
            return JSONResponse(found.as_json(), headers=_HEADERS)
        if form == _TEXT:
            return PlainTextResponse(as_text(found), headers=_HEADERS)
        return Response(
            page.render(found),
            media_type=_HTML,
            headers={**_HEADERS, "Content-Security-Policy": page.CONTENT_SECURITY_POLICY},
        )

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_HEADERS)

    async def readyz(request: Request) -> Response:
        if view.ready:
            return PlainTextResponse("ready\n", headers=_HEADERS)
        return PlainTextResponse("starting: nothing collected yet\n", 503, headers=_HEADERS)

    async def not_found(request: Request, error: Exception) -> Response:
        text = "not found; there are /, /metrics, /-/healthz and /-/readyz\n"
        return PlainTextResponse(text, 404, headers=_HEADERS)

    routes: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/", status),
        ("/metrics", metrics),
        ("/-/healthz", healthz),
        ("/-/readyz", readyz),
    ]
    return Starlette(
        routes=[Route(path, handler, methods=["GET"]) for path, handler in routes],
        exception_handlers={404: not_found},
    )
