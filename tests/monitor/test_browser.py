"""The page in a real browser: its script must work under its own policy, and own up when it cannot."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client.core import Metric as Family

from monitor import daemon
from monitor.status import Place, Status, build
from monitor.verdict import Verdict
from tests.monitor.test_verdict import TRAFFIC
from tests.monitor.worlds import BUILD, WELL
from tests.tools import require_tool

# Nothing but the page: without these flags it looks up its maker's hosts at every start.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
)  # fmt: skip

# Four refreshes' worth of the browser's own time, which passes as fast as the page allows.
BUDGET_MS = 21_000


@dataclass
class CountingView:
    """Says in its verdict how often it was asked, and breaks after so many times."""

    breaks_after: int = 1_000
    asked: int = 0
    ready: bool = True

    async def families(self) -> list[Family]:
        return []

    async def status(self) -> Status:
        self.asked += 1
        if self.asked > self.breaks_after:
            raise RuntimeError("broken on purpose")
        verdict = Verdict("ok", f"Round {self.asked}. All else is as it was.")
        facts = replace(WELL, now=WELL.now + self.asked)
        return build(facts, TRAFFIC, verdict, Place("default", "https://cal.example"), BUILD)


@asynccontextmanager
async def served(view: CountingView) -> AsyncIterator[str]:
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(daemon.serve(view, sock, listening.set_result))
            yield await listening
            task.cancel()


async def seen(url: str, profile: Path) -> tuple[str, str]:
    """The page's elements after a while in a browser, and what the browser complained of."""
    chromium = require_tool("chromium", "chromium")
    process = await asyncio.create_subprocess_exec(
        chromium, *FLAGS, f"--user-data-dir={profile}", f"--virtual-time-budget={BUDGET_MS}", "--dump-dom", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    complaints = [line for line in err.decode().splitlines() if "CONSOLE" in line]
    return out.decode(), "\n".join(complaints)


async def test_the_page_renews_itself_under_its_own_policy(tmp_path: Path) -> None:
    view = CountingView()
    async with served(view) as url:
        page, complaints = await seen(url, tmp_path)
    assert complaints == ""
    assert view.asked > 1
    assert f"<b>Round {view.asked}.</b>" in page
    assert len(re.findall(r"<h1>", page)) == 1
    assert "is-lost" not in page.split("<body")[1].split(">")[0]


async def test_a_page_whose_monitor_broke_says_that_it_is_old(tmp_path: Path) -> None:
    view = CountingView(breaks_after=1)
    async with served(view) as url:
        page, _ = await seen(url, tmp_path)
    assert view.asked > 1
    assert "<b>Round 1.</b>" in page
    assert 'class="is-lost"' in page.split("<body")[1].split(">")[0] + ">"
    assert re.search(r'id="lost-for">\d+ s<', page)
