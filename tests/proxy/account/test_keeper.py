"""Two keepers are two processes; the Redis between them is real."""

import asyncio
import logging
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.account import AccountMap, EventTypeFacts, Promises
from core.keys import Keys
from proxy.account import shelf
from proxy.account.aged import Answer
from proxy.account.keeper import Keeper
from tests.proxy.account.calcom import ACCOUNT, answer, event_type, everything, success
from tests.proxy.account.conftest import Process
from tests.proxy.waiting import until

NOW = 1_800_000_000.0
PATCH = "/v2/event-types/5"


async def learn(keeper: Keeper, answers: list[Answer], now: float = NOW) -> None:
    await keeper.look(now)
    assert await keeper.learn(answers, keeper.fence(), now, asked_for=True)


async def learned(process: Process, now: float = NOW) -> tuple[Keeper, Keeper]:
    """Two processes that know everything."""
    one, other = process(), process()
    await learn(one, everything(now), now)
    await other.look(now)
    return one, other


def knows(account: AccountMap) -> bool:
    """Whether every event type is known with its settings."""
    return all(one in account.event_types and account.event_types[one].lengths for one in (5, 6, 9))


def changed(path: str = PATCH, data: object = None) -> Answer:
    return answer(path, NOW, data or event_type(5, lengthInMinutes=45), method="PATCH")


async def test_a_new_process_knows_nothing_until_it_has_looked(process: Process) -> None:
    one, other = process(), process()
    assert one.fence() is None
    await learn(one, everything(NOW))
    assert knows(one.current(NOW))
    assert other.current(NOW).same_facts(AccountMap.empty())
    assert knows(await other.confirmed(NOW))
    assert knows(other.current(NOW))


async def test_processes_agree_on_the_version_of_what_they_know(process: Process) -> None:
    one, other = await learned(process)
    assert one.current(NOW).version == (await other.confirmed(NOW)).version > 0


async def test_what_is_too_old_is_unknown_without_anybody_looking(process: Process) -> None:
    one, _ = await learned(process)
    assert knows(one.current(NOW + 599))
    assert one.current(NOW + 600).same_facts(AccountMap.empty())
    assert (await one.confirmed(NOW + 600)).same_facts(AccountMap.empty())


async def test_one_map_is_one_object_while_nothing_grows_too_old(process: Process) -> None:
    one, _ = await learned(process)
    assert one.current(NOW) is one.current(NOW + 599) is await one.confirmed(NOW + 1)


async def test_half_the_map_can_be_too_old(process: Process) -> None:
    one, _ = await learned(process)
    await learn(one, [answer("/v2/event-types", NOW + 300)], NOW + 300)
    account = one.current(NOW + 601)
    assert account.hosts_of(5) == frozenset({1})
    assert account.event_types[9] == EventTypeFacts(9)


async def test_processes_that_learn_at_once_lose_nothing(process: Process) -> None:
    keepers = [process() for _ in ACCOUNT]
    for keeper in keepers:
        await keeper.look(NOW)
    fences = [keeper.fence() for keeper in keepers]
    answers = everything(NOW)
    done = await asyncio.gather(
        *(
            keeper.learn([one], fence, NOW)
            for keeper, one, fence in zip(keepers, answers, fences, strict=True)
        )
    )
    assert sum(done) >= 5  # one may give up after as many conflicts
    for keeper, one, ok in zip(keepers, answers, done, strict=True):
        assert ok or await keeper.learn([one], keeper.fence(), NOW)
    assert knows(await keepers[0].confirmed(NOW))


async def test_the_same_answer_again_is_not_written_again(process: Process) -> None:
    one, other = await learned(process)
    version = one.current(NOW).version
    assert await other.learn([answer("/v2/event-types", NOW + 10)], other.fence(), NOW + 10)
    assert (await one.confirmed(NOW)).version == version


async def test_a_change_takes_facts_away_in_every_process_before_it_leaves(process: Process) -> None:
    one, other = await learned(process)
    await one.begin_change("w", "PATCH", PATCH, NOW)
    account = await other.confirmed(NOW)
    assert account.event_types[5].lengths is None
    assert account.hosts_of(6) == frozenset({1})


async def test_the_reach_of_a_change_is_computed_from_the_map_before_it(process: Process) -> None:
    one, _ = await learned(process)
    mark = await one.begin_change("w", "PATCH", PATCH, NOW)
    assert knows(await one.confirmed(NOW, mark))
    assert not knows(await one.confirmed(NOW))


async def test_the_map_before_a_change_grows_old_as_well(process: Process) -> None:
    one, _ = await learned(process)
    mark = await one.begin_change("w", "PATCH", PATCH, NOW + 599)
    assert not knows(await one.confirmed(NOW + 600, mark))


async def test_a_change_during_another_leaves_nobody_sure_of_what_was_before(process: Process) -> None:
    one, other = await learned(process)
    first = await one.begin_change("w1", "PATCH", PATCH, NOW)
    second = await other.begin_change("w2", "PATCH", "/v2/event-types/6", NOW)
    assert (await one.confirmed(NOW, first)).same_facts(AccountMap.empty())
    before = await other.confirmed(NOW, second)
    assert before.event_types[5].lengths is None
    assert before.hosts_of(6) == frozenset({1})


@pytest.mark.parametrize("ended", [False, True])
async def test_a_booking_that_a_change_overtakes_reaches_everything(process: Process, ended: bool) -> None:
    one, other = await learned(process)
    mark = one.mark()
    assert knows(await one.confirmed(NOW, mark))
    change = await other.begin_change("w", "PATCH", PATCH, NOW)
    if ended:
        await other.end_change("w", change, changed(), NOW)
    assert (await one.confirmed(NOW, mark)).same_facts(AccountMap.empty())


async def test_a_booking_that_began_before_its_process_had_looked_reaches_everything(
    process: Process,
) -> None:
    await learned(process)
    new = process()
    mark = new.mark()
    assert (await new.confirmed(NOW, mark)).same_facts(AccountMap.empty())


async def test_what_is_learned_during_a_booking_does_not_widen_it(process: Process) -> None:
    one, other = await learned(process)
    mark = one.mark()
    await learn(other, [answer("/v2/event-types", NOW, [event_type(5), event_type(8)])])
    account = await one.confirmed(NOW, mark)
    assert knows(account)
    assert 8 in account.event_types


async def test_an_answer_asked_for_before_a_change_is_not_believed_after_it(process: Process) -> None:
    one, other = await learned(process)
    fence = other.fence()
    mark = await one.begin_change("w", "PATCH", PATCH, NOW)
    await one.end_change("w", mark, changed(), NOW)
    late = [event_type(5, afterEventBuffer=10)]
    assert not await other.learn([answer("/v2/event-types", NOW, late)], fence, NOW)
    assert (await other.confirmed(NOW)).event_types[5].lengths == frozenset({45})


async def test_nothing_is_learned_while_a_change_is_under_way(process: Process) -> None:
    one, other = await learned(process)
    await one.begin_change("w", "PATCH", PATCH, NOW)
    assert one.fence() is None
    await other.look(NOW)
    assert other.fence() is None
    # Not even with a fence taken from the version that the change began with.
    held = other.held
    assert held is not None
    assert not await other.learn([answer("/v2/event-types", NOW)], held.version, NOW)
    assert (await other.confirmed(NOW)).event_types[5].lengths is None


async def test_the_answer_of_a_change_is_learned_at_once(process: Process) -> None:
    one, other = await learned(process)
    mark = await one.begin_change("w", "PATCH", PATCH, NOW)
    await one.end_change("w", mark, changed(), NOW)
    assert (await other.confirmed(NOW)).event_types[5].lengths == frozenset({45})
    assert one.fence() is not None
    assert other.fence() is not None


async def test_the_answer_of_a_change_beside_another_is_not_believed(process: Process) -> None:
    one, other = await learned(process)
    first = await one.begin_change("w1", "PATCH", PATCH, NOW)
    second = await other.begin_change("w2", "PATCH", PATCH, NOW)
    await one.end_change("w1", first, changed(), NOW)
    assert (await one.confirmed(NOW)).event_types[5].lengths is None
    assert one.fence() is None
    # Nor that of the last to end: it may have been the first to be done.
    await other.end_change("w2", second, changed(), NOW)
    assert (await one.confirmed(NOW)).event_types[5].lengths is None
    assert one.fence() is not None


async def test_the_answer_of_a_change_that_began_beside_a_dead_one_is_not_believed(
    process: Process, redis: Any, keys: Keys
) -> None:
    dying, other = await learned(process)
    await dying.begin_change("w1", "PATCH", PATCH, NOW)
    mark = await other.begin_change("w2", "PATCH", PATCH, NOW)
    # As when its time has run out.
    await redis.zrem(f"{{cg:{keys.account}}}:map:changes", "w1")
    await other.end_change("w2", mark, changed(), NOW)
    assert (await other.confirmed(NOW)).event_types[5].lengths is None


async def test_a_change_that_was_refused_opens_the_map_again(process: Process) -> None:
    one, other = await learned(process)
    await one.begin_change("w", "PATCH", PATCH, NOW)
    await one.unchanged("w")
    await learn(other, [answer("/v2/event-types", NOW)])
    assert knows(await one.confirmed(NOW))


async def test_a_change_whose_process_died_is_over_when_it_can_no_longer_land(process: Process) -> None:
    dying, other = process(change_seconds=0.05), process()
    await learn(dying, everything(NOW))
    await dying.begin_change("w", "PATCH", PATCH, NOW)

    async def is_over() -> bool:
        await other.look(NOW)
        return other.fence() is not None

    await until(is_over)
    assert (await other.confirmed(NOW)).event_types[5].lengths is None
    await learn(other, [answer("/v2/event-types", NOW)])
    assert knows(await other.confirmed(NOW))


async def test_an_answer_from_during_a_dead_change_is_not_believed_when_it_is_over(process: Process) -> None:
    dying, other = process(change_seconds=0.05), process()
    await learn(dying, everything(NOW))
    await other.look(NOW)
    fence = other.fence()
    await dying.begin_change("w", "PATCH", PATCH, NOW)

    async def is_over() -> bool:
        return (await other.look(NOW)).changing == 0

    await until(is_over)
    assert not await other.learn([answer("/v2/event-types", NOW)], fence, NOW)


async def test_a_change_among_many_conflicts_takes_all_facts(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await learned(process)
    real = shelf.Shelf.forget

    async def contended(self: shelf.Shelf, held: Any, *rest: Any) -> int:
        if held is not None:
            raise shelf.Conflict
        return await real(self, held, *rest)

    monkeypatch.setattr(shelf.Shelf, "forget", contended)
    mark = await one.begin_change("w", "PATCH", PATCH, NOW)
    assert (await other.confirmed(NOW)).same_facts(AccountMap.empty())
    assert not knows(await one.confirmed(NOW, mark))
    await one.end_change("w", mark, changed(), NOW)
    held = await other.look(NOW)
    assert held.changing == 0
    assert held.aged.account.event_types.keys() == {5, 6, 9}


async def test_an_event_type_stays_in_reach_when_the_facts_cannot_be_read(
    process: Process, redis: Any, keys: Keys
) -> None:
    await learned(process)
    await redis.hset(f"{{cg:{keys.account}}}:map", mapping={"facts": b'{"schema":0}'})
    new = process()
    held = await new.look(NOW)
    assert held.aged.account.event_types == {one: EventTypeFacts(one) for one in (5, 6, 9)}
    await learn(new, [answer("/v2/event-types", NOW, [event_type(5)])])
    assert (await process().confirmed(NOW)).event_types.keys() == {5, 6, 9}


async def test_a_redis_that_restarted_is_not_believed(process: Process, redis: Any, keys: Keys) -> None:
    one, other = await learned(process)
    mark, fence = one.mark(), one.fence()
    await redis.set(keys.epoch, "another server")
    # It could not be published either: what was forgotten last may be what was lost.
    assert not await one.learn([answer("/v2/event-types", NOW, [event_type(8)])], fence, NOW)
    assert not knows(await other.confirmed(NOW))
    assert not knows(await one.confirmed(NOW, mark))
    await learn(one, everything(NOW))
    assert knows(await other.confirmed(NOW))


async def test_a_lost_map_never_gets_a_version_that_was_there_before(
    process: Process, redis: Any, keys: Keys
) -> None:
    one, other = await learned(process)
    version = one.current(NOW).version
    await redis.delete(f"{{cg:{keys.account}}}:map")
    assert not knows(await other.confirmed(NOW))
    assert other.held is not None
    assert other.held.version > version


async def test_without_redis_everything_is_reached_and_nothing_is_raised_but_for_a_change(
    unreachable: Redis, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(unreachable, keys)
    assert (await keeper.confirmed(NOW)).same_facts(AccountMap.empty())
    with caplog.at_level(logging.WARNING):
        assert not await keeper.learn([answer("/v2/me", NOW)], 1, NOW)
    assert "account.not_learned" in caplog.messages
    with pytest.raises(RedisError):
        await keeper.begin_change("w", "PATCH", PATCH, NOW)


async def test_an_answer_nobody_foresaw_costs_knowledge_only(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = await learned(process)
    odd = Answer(
        "GET", "/v2/event-types", {}, "2024-06-14", 200, success([{"id": [], "lengthInMinutes": 1}]), NOW
    )
    with caplog.at_level(logging.ERROR):
        await one.learn([odd], one.fence(), NOW)
    assert knows(await one.confirmed(NOW))


async def test_a_map_too_large_to_share_is_shared_by_its_ids(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MAX_BYTES", 100)
    one, other = process(), process()
    await learn(one, everything(NOW))
    held = await other.look(NOW)
    assert held.aged.knows_nothing
    assert held.aged.account.event_types.keys() == {5, 6, 9}


async def test_the_keys_of_the_map_do_not_stay_for_ever(process: Process, redis: Any) -> None:
    one = process()
    await one.look(NOW)
    await one.begin_change("w", "PATCH", PATCH, NOW)
    keys = await redis.keys("*:map*")
    assert len(keys) == 2
    for key in keys:
        assert await redis.ttl(key) > 0, key


async def test_gaps_are_named(process: Process) -> None:
    one = process()
    assert one.gaps(NOW) == ["the shared map has not been looked at yet"]
    await one.look(NOW)
    assert one.gaps(NOW) == ["nothing is known: every write reaches the whole account"]
    await learn(one, everything(NOW))
    assert one.gaps(NOW) == ["user 2: event types not known in full"]
    await one.begin_change("w", "PATCH", "/v2/teams/3", NOW)
    gaps = one.gaps(NOW)
    assert "1 writes under way may change the map" in gaps
    assert "team 3: members not known in full" in gaps
    assert "event types" in repr(one)


async def test_what_the_operator_vouches_for_is_in_every_map(process: Process) -> None:
    promises = Promises(plain_round_robins=frozenset({9}))
    one = process(promises=promises)
    assert one.current(NOW).promises == promises
    await learn(one, everything(NOW))
    assert (await one.confirmed(NOW)).promises == promises
    assert one.current(NOW + 600).promises == promises


async def test_changes_that_begin_at_once_both_take_their_facts_away(process: Process) -> None:
    one, other = await learned(process)
    await asyncio.gather(
        one.begin_change("w1", "PATCH", PATCH, NOW),
        other.begin_change("w2", "PATCH", "/v2/event-types/6", NOW),
    )
    account = await one.confirmed(NOW)
    assert account.event_types[5].lengths is None
    assert account.event_types[6].lengths is None
    assert account.event_types[9].lengths == frozenset({30})


async def test_the_map_before_a_change_is_nothing_to_go_by_once_something_was_learned_since(
    process: Process, redis: Any, keys: Keys
) -> None:
    one, other = await learned(process)
    mark = await one.begin_change("w", "PATCH", PATCH, NOW)
    # The change took longer than changes may, and somebody met an event type that the old map does not have.
    await redis.zrem(f"{{cg:{keys.account}}}:map:changes", "w")
    await learn(other, [answer("/v2/event-types", NOW, [event_type(8)])])
    assert (await one.confirmed(NOW, mark)).same_facts(AccountMap.empty())


async def test_an_answer_is_wanted_that_teaches_and_was_not_heard_just_now(process: Process) -> None:
    one = process()
    asked = ("GET", "/v2/event-types", {"sortCreatedAt": "asc"}, NOW)
    assert not one.wants(*asked)
    await one.look(NOW)
    assert one.wants(*asked)
    heard = answer("/v2/event-types", NOW, query={"sortCreatedAt": "asc"})
    for _ in range(2):
        assert await one.learn([heard], one.fence(), NOW)
        assert not one.wants(*asked)
    assert one.wants("GET", "/v2/event-types", {}, NOW)
    assert one.wants("GET", "/v2/event-types", {"sortCreatedAt": "asc"}, NOW + 30)
    assert not one.wants("GET", "/v2/bookings", {}, NOW)


async def test_after_a_change_every_answer_is_wanted_again_but_none_during_it(process: Process) -> None:
    one, _ = await learned(process)
    asked = ("GET", "/v2/event-types", dict[str, str](), NOW)
    assert not one.wants(*asked)
    await one.begin_change("w", "PATCH", PATCH, NOW)
    assert not one.wants(*asked)
    await one.unchanged("w")
    await one.look(NOW)
    assert one.wants(*asked)
