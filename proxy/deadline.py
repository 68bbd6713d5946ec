"""How long a client waits, as it says itself; nothing is done for it after that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.clock import Clock
from proxy.edge.headers import DEADLINES, RawHeaders
from proxy.refusals import DeadlineTooShort

_SECONDS: Final = re.compile(rb"[0-9]{1,6}(\.[0-9]{1,6})?")


def patience_of(headers: RawHeaders) -> float | None:
    """Seconds that the client waits; `None` when it does not say, or nothing that can be understood.

    Names of *headers* are in lower case. What is malformed is passed over: the header may be meant for somebody else
    on the way, and a client that Cal.com answers must be answered here.
    """
    for name, value in headers:
        if name in DEADLINES and _SECONDS.fullmatch(value.strip()):
            return float(value)
    return None


@asynccontextmanager
async def until(deadline: float | None, clock: Clock) -> AsyncIterator[None]:
    """Let the body run until *deadline*, monotonic. Raises DeadlineTooShort then."""
    if deadline is None:
        yield
        return
    try:
        async with asyncio.timeout(deadline - clock.monotonic()) as patience:
            yield
    except TimeoutError:
        if not patience.expired():
            raise
        raise DeadlineTooShort from None
