import pytest
from redis.asyncio import Redis

from core.keys import Keys
from exporters.collectors import breaker
from exporters.collectors.breaker import BreakerFacts, BreakerState, parse

KEYS = Keys("breaker-test")


def test_an_endpoint_nobody_wrote_about_is_closed() -> None:
    assert parse({}) == BreakerFacts()


def test_a_record_gives_state_and_time() -> None:
    facts = parse({b"slots": b'{"state":"open","since":1700000000.5}'})
    assert facts.breakers[1] == BreakerState("slots", "open", 1_700_000_000.5)


def test_a_time_in_milliseconds_is_understood() -> None:
    assert parse({b"slots": b'{"state":"open","since":1700000000500}'}).breakers[1].since == 1_700_000_000.5


def test_an_endpoint_of_a_later_version_is_left_out() -> None:
    assert parse({b"teapots": b'{"state":"open","since":1}'}) == BreakerFacts()


@pytest.mark.parametrize(
    "record", [b"", b"open", b"[]", b"{}", b'{"state":"ajar"}', b'{"state":"open","since":"x"}']
)
def test_a_record_nobody_writes_is_an_error_that_names_the_endpoint(record: bytes) -> None:
    with pytest.raises(ValueError, match="slots"):
        parse({b"slots": record})


def test_exactly_one_state_of_each_endpoint_is_one() -> None:
    (family,) = breaker.families(parse({b"writes": b'{"state":"half_open","since":0}'}))
    current = {s.labels["endpoint"]: s.labels["state"] for s in family.samples if s.value == 1}
    assert len(family.samples) == 9
    assert current == {"reads": "closed", "slots": "closed", "writes": "half_open"}


async def test_the_hash_is_read(redis: Redis) -> None:
    await redis.hset(KEYS.breaker, "reads", '{"state":"open","since":5}')
    assert (await breaker.read(redis, KEYS)).breakers[0] == BreakerState("reads", "open", 5.0)
