"""A Cal.com that does as it is told: it records what arrives and answers from a script, when it is let."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SLOTS = b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T09:00:00.000Z"}]}}'


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


@dataclass(frozen=True)
class Reply:
    """What to answer. Without `raw`, framed by a length."""

    status: int = 200
    body: bytes = SLOTS
    headers: Sequence[tuple[str, str]] = (("content-type", "application/json; charset=utf-8"),)
    raw: bytes | None = None
    cut: bool = False
    """Close the connection after it."""

    def bytes(self) -> bytes:
        if self.raw is not None:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} Whatever", *(f"{n}: {v}" for n, v in self.headers)]
        if self.status not in (204, 304):
            lines.append(f"content-length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


Script = Callable[[Seen], Reply | Awaitable[Reply]]


@dataclass
class Upstream:
    """Its `script` may be changed at any time; `requests` is what has arrived so far."""

    script: Script = field(default=lambda seen: Reply())
    requests: list[Seen] = field(default_factory=list)
    url: str = ""
    left: int = 0
    """Connections that closed while their answer was held back."""
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def arrivals(self, count: int, seconds: float = 10) -> None:
        """Return once *count* requests have arrived."""
        await self._until(lambda: len(self.requests) >= count, seconds)

    async def departures(self, count: int, seconds: float = 10) -> None:
        """Return once *count* callers have gone without waiting for their answer."""
        await self._until(lambda: self.left >= count, seconds)

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(is_so)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (seen := await _read(reader)) is not None:
                self.requests.append(seen)
                await self._tell()
                reply = await self._reply(seen, reader)
                if reply is None:
                    return
                writer.write(reply.bytes())
                await writer.drain()
                if reply.cut:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _reply(self, seen: Seen, reader: asyncio.StreamReader) -> Reply | None:
        reply = self.script(seen)
        if isinstance(reply, Reply):
            return reply
        waiting = asyncio.ensure_future(reply)
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            gone.cancel()
            await asyncio.wait([gone])
            return waiting.result()
        waiting.cancel()
        self.left += 1
        await self._tell()
        return None


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(n.strip().lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
    named = dict(headers)
    body = b""
    if named.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    elif "content-length" in named:
        body = await reader.readexactly(int(named["content-length"]))
    return Seen(method, target, headers, body)


@asynccontextmanager
async def scripted(script: Script | None = None) -> AsyncIterator[Upstream]:
    """An upstream on a free port; whatever it still holds back at the end is dropped."""
    upstream = Upstream()
    if script is not None:
        upstream.script = script
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(upstream.connected(reader, writer))
        tasks.add(task)
        try:
            await task
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 20)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        held = list(tasks)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


class Gate:
    """Holds answers back until it is opened."""

    def __init__(self, reply: Reply | None = None) -> None:
        self._reply = reply or Reply()
        self._open = asyncio.Event()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, seen: Seen) -> Reply:
        await self._open.wait()
        return self._reply
