"""Whether a program that was started answers yet."""

import asyncio
import contextlib
from urllib.parse import urlsplit

_ANSWER_SECONDS = 2.0
_LONGEST_STATUS_LINE = 256


async def status_of(url: str) -> int | None:
    """The status a GET of an http:// URL brings; None when nobody answers in two seconds or makes sense.

    By hand: a client library takes longer to import than the gateway takes to start.
    """
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                head = (
                    f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode())
                line = await reader.read(_LONGEST_STATUS_LINE)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return None
    words = line.split(b" ", 2)
    is_http = len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit()
    return int(words[1]) if is_http else None
