"""The shipped rules and panels over a real Prometheus that scrapes the real monitor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import yaml

from alerts.definitions import define
from alerts.promql import selectors
from alerts.rule_tests import RULES_FILE
from alerts.rules import rule_file
from core.clock import SystemClock
from core.settings import Settings
from dashboards.overview import overview
from dashboards.walk import panels
from exporters.slots import WorkerSlot
from monitor import daemon
from tests.alerts.pipeline import free_port, program
from tests.tools import require_tool

SILENT = {
    "Answered in under 4 s": "nobody asked",
    "Hit ratio, 6 hours": "nobody asked",
    "Hit ratio": "nobody asked",
    "Failed by us or Cal.com": "nobody asked",
    "Time to answer": "nobody asked",
    "Age of what was served": "nobody asked",
    "Duplicate calls saved": "nobody missed",
    "Cal.com's time to answer": "no call was made",
    "Wait for budget": "no call was made",
    "Fullest call window": "no credential was seen",
    "Use of the call budget": "no credential was seen",
    "Blocked for": "no credential was seen",
    "Job wait and run time": "no job was done",
    "Expected indexes": "no database is set",
    "Database reached": "no database is set",
}
"""Panels without a line before the first request, and why; every other one shows something at once."""

WITHOUT_SERIES = {
    "calgate_budget_blocked_until_timestamp_seconds",
    "calgate_budget_window_used_peak_requests",
    "calgate_budget_limit_requests",
    "calgate_db_index_present",
    "calgate_db_index_valid",
}
"""Gauges that alerts read and that have nothing to tell of a fresh gateway. Counters must be there at once:
the first event of a counter that appears with it is never seen as an increase."""


ATTEMPTS = 20
"""Looks at the whole picture: on a busy machine a scrape can miss its second, and all is gone until the
next.
"""


class Server:
    """Questions to a running Prometheus."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query; fails with Prometheus' own words."""
        answer = (await self._client.get("/api/v1/query", params={"query": expression})).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def scraped(self, times: int) -> None:
        """Return when the monitor has been scraped well so often."""
        while True:
            try:
                # Until it has read its own storage it answers, but not questions.
                ready = (await self._client.get("/-/ready")).status_code == 200
                if ready and await self.query(f'sum_over_time(up{{job="calgate"}}[5m]) >= {times}'):
                    return
            except httpx2.TransportError:
                pass  # it does not listen yet
            await asyncio.sleep(0.2)

    async def alerts(self) -> set[tuple[str, str]]:
        """Name and state of each alert that is pending or firing."""
        data = (await self._client.get("/api/v1/alerts")).json()["data"]
        return {(alert["labels"]["alertname"], alert["state"]) for alert in data["alerts"]}


@asynccontextmanager
async def watched(directory: Path, redis_url: str) -> AsyncIterator[Server]:
    """A gateway process' counters, the monitor over them, and a Prometheus that scrapes it every second."""
    prometheus = require_tool("prometheus", "prometheus")
    settings = Settings(
        data_dir=directory, redis_url=redis_url, monitor_listen="127.0.0.1:0", account="live-test"
    )
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        slot = stack.enter_context(WorkerSlot.open(directory / "metrics", 0, "proxy"))
        stack.callback(group.create_task(_beat(slot)).cancel)
        stack.callback(group.create_task(daemon.run(settings, on_listening=listening.set_result)).cancel)
        (directory / RULES_FILE).write_text(rule_file())
        config = directory / "prometheus.yml"
        config.write_text(_config(directory, (await listening).removeprefix("http://")))
        address = f"127.0.0.1:{free_port()}"
        await stack.enter_async_context(
            program(
                directory / "prometheus.log",
                prometheus,
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--web.listen-address={address}",
            )
        )
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"http://{address}"))
        yield Server(client)


async def _beat(slot: WorkerSlot) -> None:
    """What a gateway process does to count as alive."""
    clock = SystemClock()
    while True:
        slot.beat(clock.now())
        await clock.sleep(0.5)


def _config(directory: Path, target: str) -> str:
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(directory / RULES_FILE)],
            "scrape_configs": [{"job_name": "calgate", "static_configs": [{"targets": [target]}]}],
        }
    )


async def test_rules_and_panels_read_what_the_monitor_exports(redis_server: str, tmp_path: Path) -> None:
    expected = (WITHOUT_SERIES, set(SILENT), {("CalgateWatchdog", "firing")})
    async with watched(tmp_path, redis_server) as server:
        await server.scraped(4)
        for _ in range(ATTEMPTS):
            seen = (await _absent(server), await _empty(server), await server.alerts())
            if seen == expected:
                break
    assert seen == expected


async def _absent(server: Server) -> set[str]:
    """Names the rules read of which there is no series."""
    names = {selector.name for alert in define() for selector in selectors(alert.expr)}
    return {name for name in names if not await server.query(name)}


async def _empty(server: Server) -> set[str]:
    """Titles of panels that show nothing."""
    empty = set()
    for panel in panels(overview()):
        answers = [await server.query(_filled(target["expr"])) for target in panel["targets"]]
        if not any(answers):
            empty.add(panel["title"])
    return empty


def _filled(expression: str) -> str:
    """The query as Grafana sends it when all jobs and instances are chosen."""
    return expression.replace("$__rate_interval", "1m").replace("$job", ".+").replace("$instance", ".+")
