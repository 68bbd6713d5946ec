"""The process's connections to Cal.com: kept warm, and renewed often enough to follow its address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx2

from core.clock import Clock
from core.settings import Settings

# Long enough that a booking a few seconds after a look needs no new handshake, shorter than edges keep them.
_IDLE_SECONDS: Final = 20.0


def transport(settings: Settings, clock: Clock) -> Pool:
    """The process's pooled connections to Cal.com, HTTP/2 where it is offered; close with `aclose()`.

    A bare transport, no client: cookies of one caller must not reach another's call, redirects are the
    caller's to follow, and proxies named in the environment are not for us. Certificates are checked
    against the system's authorities, or those of SSL_CERT_FILE or SSL_CERT_DIR.
    """
    # Reading the authorities takes a tenth of a second, in which nobody would be answered: once.
    trust = httpx2.create_ssl_context()
    limits = httpx2.Limits(
        max_connections=settings.upstream_pool_connections,
        max_keepalive_connections=settings.upstream_pool_connections,
        keepalive_expiry=_IDLE_SECONDS,
    )

    def connections() -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(verify=trust, http2=True, limits=limits)

    return Pool(connections, clock, oldest=settings.upstream_connection_seconds)


@dataclass(slots=True)
class _Batch:
    """Connections that were made in one stretch of time, and how many calls use them."""

    http: httpx2.AsyncBaseTransport
    made_at: float
    calls: int = 0


class Pool(httpx2.AsyncBaseTransport):
    """Makes calls over connections that are at most *oldest* seconds old when the call begins.

    The address of a name is looked up when a connection is made. Under steady traffic one that is kept would never
    be idle for long enough to end, and an address that Cal.com gave up would be called for ever.
    """

    def __init__(
        self, connections: Callable[[], httpx2.AsyncBaseTransport], clock: Clock, *, oldest: float
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._oldest = oldest
        self._batch = _Batch(connections(), clock.monotonic())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """As any transport."""
        left = self._renewed()
        batch = self._batch
        batch.calls += 1
        try:
            if left is not None:
                await left.http.aclose()
            response = await batch.http.handle_async_request(request)
        except BaseException:
            await self._over(batch)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Stream(response.stream, lambda: self._over(batch))
        return response

    async def aclose(self) -> None:
        """Close all connections that no call uses, and the others when theirs is over."""
        await self._batch.http.aclose()

    def _renewed(self) -> _Batch | None:
        """Begin new connections if it is time to; the old ones if nobody uses them any more."""
        old, now = self._batch, self._clock.monotonic()
        if now - old.made_at < self._oldest:
            return None
        self._batch = _Batch(self._connections(), now)
        return old if old.calls == 0 else None

    async def _over(self, batch: _Batch) -> None:
        batch.calls -= 1
        if batch is not self._batch and batch.calls == 0:
            await batch.http.aclose()


class _Stream(httpx2.AsyncByteStream):
    """The body of an answer; tells once when its connection is no longer used."""

    def __init__(self, stream: httpx2.AsyncByteStream, over: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._over: Callable[[], Awaitable[None]] | None = over

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            yield piece

    async def aclose(self) -> None:
        over, self._over = self._over, None
        try:
            await self._stream.aclose()
        finally:
            if over is not None:
                await over()
