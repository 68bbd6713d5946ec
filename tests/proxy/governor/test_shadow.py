"""Shadow mode in a whole gateway: nothing is held, and everybody is told."""

from tests.proxy.conftest import Start


async def test_calls_past_the_limit_leave_and_readiness_warns(start: Start) -> None:
    strict = await start(rate_limit=1, rate_pace_per_second=1, budget_max_wait_seconds=0)
    assert [(await strict.get("/v2/bookings/a")).status_code for _ in range(2)] == [200, 429]
    assert (await strict.get("/-/readyz")).json() == {"status": "ready"}
    shadow = await start(rate_limit=1, rate_pace_per_second=1, budget_max_wait_seconds=0, rate_shadow=True)
    assert [(await shadow.get("/v2/bookings/a")).status_code for _ in range(2)] == [200, 200]
    told = (await shadow.get("/-/readyz")).json()
    assert told["status"] == "ready"
    assert "rate_shadow" in told["warning"]
