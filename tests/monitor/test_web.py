import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx2
import pytest
import pytest_asyncio
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitor import facts, page
from monitor.status import Place, Status, build
from monitor.verdict import judge
from monitor.web import application
from tests.monitor.test_facts import FULL
from tests.monitor.test_verdict import TRAFFIC
from tests.monitor.worlds import BUILD
from tests.tools import require_tool

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@dataclass
class FixedView:
    ready: bool = True

    async def families(self) -> list[Family]:
        return facts.families(FULL, BUILD)

    async def status(self) -> Status:
        return build(FULL, TRAFFIC, judge(FULL, TRAFFIC), Place("default", "https://cal.example"), BUILD)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=application(FixedView()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://monitor") as found:
        yield found


async def test_a_browser_gets_the_page_with_its_policy(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == page.CONTENT_SECURITY_POLICY
    assert answer.text.startswith("<!doctype html>")


async def test_curl_gets_lines_it_can_show(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("Working, with 1 thing to look at.")


async def test_a_program_gets_the_same_as_json(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": "application/json"})
    assert answer.json()["verdict"]["findings"][0]["text"] == "Index gone_idx is missing."


async def test_every_answer_says_that_it_must_not_be_kept(client: httpx2.AsyncClient) -> None:
    for path in ("/", "/metrics", "/-/healthz", "/-/readyz", "/nowhere"):
        headers = (await client.get(path)).headers
        assert (headers["cache-control"], headers["vary"]) == ("no-store", "Accept")
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_metrics_are_text_unless_openmetrics_is_accepted(client: httpx2.AsyncClient) -> None:
    text = await client.get("/metrics")
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    openmetrics = await client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    parsed = list(text_string_to_metric_families(openmetrics.text))  # type: ignore[no-untyped-call]
    assert len(parsed) == text.text.count("# TYPE")


async def test_promtool_has_nothing_to_say_about_any_metric(client: httpx2.AsyncClient) -> None:
    promtool = require_tool("promtool", "prometheus")
    text = (await client.get("/metrics")).content
    checked = subprocess.run(  # noqa: ASYNC221  # nothing else runs in this loop
        [promtool, "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_health_and_readiness_are_plain_words(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/-/healthz")).text == "ok\n"
    assert (await client.get("/-/readyz")).text == "ready\n"


async def test_it_is_not_ready_before_the_first_round() -> None:
    transport = httpx2.ASGITransport(app=application(replace(FixedView(), ready=False)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://monitor") as early:
        assert (await early.get("/-/healthz")).status_code == 200
        assert (await early.get("/-/readyz")).status_code == 503


async def test_a_wrong_path_is_answered_with_the_right_ones(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/status")
    assert answer.status_code == 404
    assert "/metrics" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_it_only_reads(client: httpx2.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/")).status_code == 405
