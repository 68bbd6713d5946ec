"""An upstream that reads as strictly as the reference, keeps what it was asked, and numbers its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from core.tasks import spawn
from loadtest.fuzz.reference import Incomplete, Malformed, Message, take

NUMBER: Final = "x-answer-number"
"""The header by which an answer is known to be the answer to one request and no other."""

_READ: Final = 262_144


@dataclass(slots=True)
class Recorder:
    """`seen` are the whole requests by the number of their answer, `malformed` what was none."""

    url: str = ""
    seen: list[Message] = field(default_factory=list)
    malformed: list[bytes] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        try:
            while piece := await reader.read(_READ):
                data += piece
                while data:
                    try:
                        message, data = take(data)
                    except Incomplete:
                        break
                    self.seen.append(message)
                    writer.write(self._answer(len(self.seen) - 1, message))
        except Malformed:
            self.malformed.append(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, number: int, message: Message) -> bytes:
        head = f"HTTP/1.1 200 OK\r\n{NUMBER}: {number}\r\ncontent-type: application/json\r\n".encode()
        if message.method == "HEAD":
            return head + b"content-length: 2\r\n\r\n"
        if number % 2:
            return head + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
        return head + b"content-length: 2\r\n\r\n{}"


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """A recorder on a free port of this machine."""
    recorder = Recorder()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = spawn(recorder.connected(reader, writer), name="recorder")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
