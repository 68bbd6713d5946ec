from pathlib import Path

from redis.asyncio import Redis

from core.clock import FakeClock
from core.keys import Keys
from core.redis import connect
from core.settings import Settings
from exporters.slots import WorkerSlot
from monitor.watch import Watch
from tests.monitor.worlds import INDEXES

KEYS = Keys("watch-test")
REQUESTS = "calgate_http_requests_total"


def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, account="watch-test", upstream_url="https://cal.example")


async def exposed(watch: Watch) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in await watch.families():
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


async def run_all(watch: Watch) -> None:
    for collector in watch.collectors:
        await collector.run()


async def test_it_is_ready_after_one_round_of_every_collector(redis: Redis, tmp_path: Path) -> None:
    watch = Watch(settings(tmp_path), redis, FakeClock())
    assert not watch.ready
    await run_all(watch)
    assert watch.ready
    assert [c.outcome.error for c in watch.collectors] == [""] * 5
    watch.close()


async def test_the_counters_are_those_of_the_moment_of_the_scrape(redis: Redis, tmp_path: Path) -> None:
    watch = Watch(settings(tmp_path), redis, FakeClock())
    with WorkerSlot.open(tmp_path / "metrics", 0, "proxy") as slot:
        requests = slot.counter(REQUESTS, route="slots", code_class="2xx")
        for n in range(1, 4):
            requests.inc()
            assert (await exposed(watch))[REQUESTS] == n
    watch.close()


async def test_the_store_is_asked_by_the_timer_alone(redis: Redis, tmp_path: Path) -> None:
    watch = Watch(settings(tmp_path), redis, FakeClock())
    await run_all(watch)
    await redis.xadd(KEYS.jobs, {"kind": "clean", "at": 1})
    assert (await exposed(watch))["calgate_jobs_pending"] == 0
    await watch.jobs.run()
    assert (await exposed(watch))["calgate_jobs_pending"] == 1
    watch.close()


async def test_a_broken_slot_file_keeps_the_last_counts_and_is_told(redis: Redis, tmp_path: Path) -> None:
    watch = Watch(settings(tmp_path), redis, FakeClock())
    with WorkerSlot.open(tmp_path / "metrics", 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(5)
    assert (await exposed(watch))[REQUESTS] == 5
    (tmp_path / "metrics" / "proxy-001.slot").write_bytes(b"nonsense")
    assert (await exposed(watch))[REQUESTS] == 5
    assert "proxy-001.slot is not a slot file" in watch.slots.outcome.error
    watch.close()


async def test_two_samples_make_a_history(redis: Redis, tmp_path: Path) -> None:
    clock = FakeClock()
    watch = Watch(settings(tmp_path), redis, clock)
    await run_all(watch)
    await watch.sample()
    assert (await watch.status()).traffic is None
    with WorkerSlot.open(tmp_path / "metrics", 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc(10)
    await clock.advance(5)
    await watch.sample()
    traffic = (await watch.status()).traffic
    assert traffic is not None
    assert (traffic.requests, traffic.span_seconds) == (10, 5.0)
    watch.close()


async def test_a_store_out_of_reach_leaves_a_page_and_the_workers_counts(tmp_path: Path) -> None:
    nowhere = connect(f"unix://{tmp_path}/nowhere.sock", client_name="tests")
    watch = Watch(settings(tmp_path), nowhere, FakeClock())
    with WorkerSlot.open(tmp_path / "metrics", 0, "proxy") as slot:
        slot.counter(REQUESTS, route="slots", code_class="2xx").inc()
    await run_all(watch)
    found = await exposed(watch)
    assert (found["calgate_up"], found[REQUESTS]) == (0, 1)
    verdict = (await watch.status()).verdict
    assert verdict.level == "act"
    assert verdict.findings[0].text.startswith("Redis does not answer")
    watch.close()
    await nowhere.aclose()


async def test_the_database_is_watched_only_where_there_is_one(redis: Redis, tmp_path: Path) -> None:
    async def read() -> tuple[object, ...]:
        return INDEXES

    watch = Watch(settings(tmp_path), redis, FakeClock(), read)  # type: ignore[arg-type]
    await run_all(watch)
    assert (await watch.status()).indexes == INDEXES
    assert (await exposed(watch))["calgate_db_index_present"] == 1
    watch.close()
