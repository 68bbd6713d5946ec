import asyncio
from pathlib import Path

from alerts.definitions import define
from alerts.model import Links
from core.clock import SystemClock
from tests.alerts.pipeline import pipeline, received

GENEROUS = 120
"""Seconds after which the page is taken for lost. No claim about speed: it is there so that a failure
ends.
"""

WELL = "calgate_up 1\ncalgate_workers_alive 2\ncalgate_freshness_oldest_pending_timestamp_seconds {pending}\n"


async def test_a_stalled_invalidation_is_paged_with_all_that_is_needed(tmp_path: Path) -> None:
    pending = 0.0
    async with (
        asyncio.timeout(GENEROUS),
        pipeline(tmp_path, lambda: WELL.format(pending=pending)) as inbox,
    ):
        # The watchdog's arrival proves that the whole pipeline works and that nothing else has fired so far.
        heartbeat = await received(inbox, "CalgateWatchdog")
        assert heartbeat.path == "/heartbeat"
        pending = SystemClock().now() - 30
        page = await received(inbox, "CalgateInvalidationStalled")
    (alert,) = page.alerts("CalgateInvalidationStalled")
    (definition,) = (a for a in define() if a.name == "CalgateInvalidationStalled")
    assert page.path == "/pager"
    assert page.body["status"] == "firing"
    assert page.body["groupLabels"] == {"incident": "freshness", "cluster": "calgate"}
    assert alert["labels"] == {
        "alertname": "CalgateInvalidationStalled",
        "cluster": "calgate",
        "incident": "freshness",
        "severity": "page",
    }
    expected = definition.annotations(Links())
    rendered = alert["annotations"]
    assert set(rendered) == set(expected)
    assert "{{" not in "".join(rendered.values())
    assert rendered["runbook_url"] == "docs/runbooks/CalgateInvalidationStalled.md"
    assert rendered["action"] == expected["action"]
