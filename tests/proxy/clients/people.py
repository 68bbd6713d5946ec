"""Two clients and their tokens, and a Redis that is not there, for tests."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from calcom.ratelimit import credential
from core.clients import digest_of
from core.keys import Keys

KEY = "cal_live_the_gateways_own"
SHOP = "cal_gate_" + "5" * 64
VOICE = "cal_gate_" + "7" * 64


def entries(shop: str = "", voice: str = "") -> str:
    """The setting for both; what is given is put behind the entry, as in `;share=40`."""
    return (
        f"shop=sha256:{digest_of(SHOP.encode()).hex()}{shop},"
        f"voice=sha256:{digest_of(VOICE.encode()).hex()}{voice}"
    )


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "cal-api-version": "2024-09-04"}


def nowhere() -> Redis:
    """A Redis that cannot be reached, and says so at once."""
    return Redis(unix_socket_path="/nonexistent.sock", retry=Retry(NoBackoff(), 0))


async def blocked(redis: Redis, keys: Keys, authorization: str, seconds: int) -> None:
    """Have every call of a credential wait for *seconds*, as after a 429 of Cal.com."""
    now, _ = await redis.time()
    bucket = credential({"authorization": authorization}).bucket
    await redis.set(keys.blocked(bucket), (now + seconds) * 1000)
