"""A short run against a gateway in this process, and one against a gateway that is worse than ours."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.clock import SystemClock
from loadtest.fuzz.cases import LAST, Case
from loadtest.fuzz.recorder import Recorder, recording
from loadtest.fuzz.run import HEAD_SECONDS, IDLE_SECONDS, Outcome, run, together
from proxy.edge import headers
from proxy.edge.protocol import BoundedProtocol
from tests.proxy.running import Running, running, settings
from tests.tools import eventually


@pytest_asyncio.fixture
async def recorder() -> AsyncIterator[Recorder]:
    async with recording() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def gateway(recorder: Recorder, redis_server: str, tmp_path: Path) -> AsyncIterator[Running]:
    config = settings(
        recorder.url,
        redis_server,
        tmp_path,
        client_head_timeout_seconds=HEAD_SECONDS,
        keepalive_seconds=IDLE_SECONDS,
        max_head_bytes=8_192,
        access_log="off",
    )
    async with running(config) as one:
        yield one


async def test_nothing_is_found_and_nothing_left_behind(gateway: Running, recorder: Recorder) -> None:
    proxy = f"http://127.0.0.1:{gateway.port}"

    def held() -> int:
        return sum(task.get_name() != "recorder" for task in asyncio.all_tasks())

    before = held()
    outcome = await run(proxy, recorder, SystemClock(), lambda line: None, seed=1, numbers=range(256))
    assert [line for find in outcome.finds for line in find.lines()] == []
    assert outcome.report().passed
    assert outcome.cases == 256

    async def is_at_rest() -> bool:
        return held() <= before

    await eventually(is_at_rest)


HEAD = b"POST /v2/webhooks?c=1 HTTP/1.1\r\nHost: a\r\n"


async def test_a_gateway_that_takes_trailers_for_headers_is_found_out(
    gateway: Running, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_header(protocol: BoundedProtocol, name: bytes, value: bytes) -> None:
        protocol.headers.append((name.lower(), value))

    monkeypatch.setattr(BoundedProtocol, "on_header", on_header)
    sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Late: 1\r\n\r\n"
    assert "'x-late': '1'} are added" in await found_by(gateway, recorder, sent)


async def test_a_gateway_that_passes_on_what_is_for_one_connection_is_found_out(
    gateway: Running, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "_HOP_BY_HOP", frozenset())
    assert "'te': 'trailers'} are added" in await found_by(gateway, recorder, HEAD + b"TE: trailers\r\n\r\n")


async def found_by(gateway: Running, recorder: Recorder, sent: bytes) -> str:
    """What one case is found guilty of."""
    outcome = Outcome(seed=1)
    await together(f"http://127.0.0.1:{gateway.port}", recorder, outcome, [Case(1, (sent, LAST))])
    assert not outcome.report().passed
    return str([find.what for find in outcome.finds])
