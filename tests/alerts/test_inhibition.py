"""What a real Alertmanager holds back, and what it does not."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from alerts.bundle import ROUTING_FILE
from alerts.definitions import define
from alerts.routing import DOWN, INHIBITIONS, WATCHDOG, Inhibition
from tests.alerts.pipeline import free_port, program
from tests.alerts.promtool import write_bundle
from tests.tools import require_tool

ALERTS = {alert.name: alert for alert in define()}
EVERYTHING = Inhibition((DOWN,), tuple(name for name in ALERTS if name not in (DOWN, WATCHDOG)))


GENEROUS = 60
"""Seconds after which Alertmanager has judged; there so that a failure ends."""


def _fires(name: str, cluster: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, "cluster": cluster, **ALERTS[name].labels()}}


async def test_consequences_are_held_back_in_their_own_cluster_only(tmp_path: Path) -> None:
    tool = require_tool("prometheus-alertmanager", "prometheus-alertmanager")
    write_bundle(tmp_path)
    posted: list[dict[str, Any]] = []
    held: set[tuple[str, str]] = set()
    for number, inhibition in enumerate((EVERYTHING, *INHIBITIONS)):
        cluster = f"c{number}"
        posted += [_fires(name, cluster) for name in (*inhibition.sources, *inhibition.targets, WATCHDOG)]
        held |= {(name, cluster) for name in inhibition.targets}
    # Nothing fires beside these, so none may be held back.
    posted += [_fires(name, "quiet") for name in ("CalgateBreakerOpen", "CalgateQueueBacklog")]

    address = f"127.0.0.1:{free_port()}"
    async with (
        program(
            tmp_path / "alertmanager.log",
            tool,
            f"--config.file={tmp_path / ROUTING_FILE}",
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ),
        httpx2.AsyncClient(base_url=f"http://{address}/api/v2") as client,
    ):
        await _post(client, posted)
        async with asyncio.timeout(GENEROUS):
            states = await _settled(client, len(posted), held)
    assert {alert for alert, state in states.items() if state == "suppressed"} == held
    assert {alert for alert, state in states.items() if state == "active"} == {
        (alert["labels"]["alertname"], alert["labels"]["cluster"]) for alert in posted
    } - held


async def _post(client: httpx2.AsyncClient, alerts: list[dict[str, Any]]) -> None:
    while True:
        try:
            (await client.post("/alerts", json=alerts)).raise_for_status()
        except httpx2.TransportError:
            await asyncio.sleep(0.1)  # it does not listen yet
        else:
            return


async def _settled(
    client: httpx2.AsyncClient, expected: int, held: set[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The state of each alert once all are known and at least `held` are held back: it learns of sources
    late.
    """
    while True:
        found = {
            (alert["labels"]["alertname"], alert["labels"]["cluster"]): alert["status"]["state"]
            for alert in (await client.get("/alerts")).json()
        }
        if len(found) == expected and all(found[alert] == "suppressed" for alert in held):
            return found
        await asyncio.sleep(0.1)
