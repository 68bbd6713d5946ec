import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from core.keys import Keys
from proxy.scripts import Script, lua


def test_texts_are_put_one_after_the_other() -> None:
    both = lua("proxy.cache", "bump", "write_end")
    assert both == lua("proxy.cache", "bump") + "\n" + lua("proxy.cache", "write_end")


async def test_a_scripts_own_error_passes_through(redis: Redis, keys: Keys) -> None:
    with pytest.raises(ResponseError, match="mine"):
        await Script(redis, keys, "return redis.error_reply('ERR mine')")([], [])


async def test_a_full_redis_without_answers_to_give_up_is_an_error(redis: Redis, keys: Keys) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(ResponseError, match="OOM"):
            await Script(redis, keys, "return redis.call('SET', KEYS[1], 'x')")(["k"], [])
    finally:
        await redis.config_set("maxmemory", 0)
