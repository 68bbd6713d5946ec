"""What many tests need: programs of the machine, and patience with real processes."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest

_REQUIRE = "CALGATE_REQUIRE_TOOLS"


def require_tool(name: str, debian_package: str) -> str:
    """The path of the program `name`.

    Without it the calling test is skipped with the way to install it, or fails when CALGATE_REQUIRE_TOOLS=1,
    as continuous integration sets it: there, a skipped proof would look like a passed one.
    """
    found = shutil.which(name)
    return (
        found
        if found is not None
        else missing(f"{name} is not on the PATH: apt-get install {debian_package}")
    )


def missing(reason: str) -> NoReturn:
    """Skip the calling test for *reason*, or fail it where every proof is required."""
    if os.environ.get(_REQUIRE) == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Return as soon as `condition` holds; TimeoutError after `seconds`.

    Only for what a process outside the test does, which sends no event: its start, its death.
    """
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)
