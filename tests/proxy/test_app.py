"""What a client sees: hits, misses, writes, refusals."""

from tests.proxy.running import Running
from tests.proxy.upstream import SLOTS, Upstream


async def test_a_second_look_is_a_hit_with_age_and_the_same_json(
    gateway: Running, upstream: Upstream
) -> None:
    first, second = await gateway.get(), await gateway.get()
    assert first.content == second.content == SLOTS
    assert first.headers["cache-status"] == "calgate; fwd=uri-miss; stored"
    assert second.headers["cache-status"].startswith("calgate; hit; ttl=")
    assert "age" not in first.headers
    assert int(second.headers["age"]) >= 0
    assert len(upstream.requests) == 1
