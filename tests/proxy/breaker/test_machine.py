import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.breaker.machine import Breaker, Failure, Knock, Pass, Refusal, State, Terms


def made(failures: int = 1, open_seconds: float = 10, longest: float = 10, slow: float = 0) -> Breaker:
    return Breaker(Terms(failures, open_seconds, longest, slow), luck=lambda: 0.0)


def entered(breaker: Breaker, now: float = 0) -> Pass:
    """Leave to call; the probe is this process's where one is due."""
    permit = breaker.enter(now)
    if isinstance(permit, Knock):
        permit = breaker.grant(permit) or breaker.enter(now)
    assert isinstance(permit, Pass)
    return permit


def failed(breaker: Breaker, now: float = 0) -> Failure | None:
    return breaker.record(entered(breaker, now), ok=False, now=now)


def passed(breaker: Breaker, now: float = 0, seconds: float = 0) -> None:
    breaker.record(entered(breaker, now), ok=True, now=now, seconds=seconds)


def opened(open_seconds: float = 10, longest: float = 10) -> Breaker:
    breaker = made(open_seconds=open_seconds, longest=longest)
    failed(breaker)
    assert breaker.state is State.OPEN
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_of_a_quiet_time() -> None:
    breaker = made(failures=5)
    for _ in range(4):
        failed(breaker)
    assert isinstance(breaker.enter(now=0), Pass)
    failed(breaker)
    assert breaker.state is State.OPEN


def test_open_it_refuses_and_says_for_how_long() -> None:
    assert opened().enter(now=4) == Refusal(retry_after=6)


def test_after_its_time_exactly_one_may_ask_for_the_probe() -> None:
    breaker = opened()
    knock = breaker.enter(now=10)
    assert isinstance(knock, Knock)
    assert isinstance(breaker.enter(now=10), Refusal)
    permit = breaker.grant(knock)
    assert permit is not None
    assert permit.is_probe
    assert breaker.state is State.HALF_OPEN
    assert isinstance(breaker.enter(now=99), Refusal)


def test_who_is_denied_the_probe_asks_again_when_told_to() -> None:
    breaker = opened()
    knock = breaker.enter(now=10)
    assert isinstance(knock, Knock)
    breaker.deny(knock, now=10, seconds=3)
    assert breaker.enter(now=11) == Refusal(retry_after=2)
    assert isinstance(breaker.enter(now=13), Knock)


def test_a_knock_is_void_once_the_fleet_has_moved() -> None:
    breaker = opened()
    knock = breaker.enter(now=10)
    assert isinstance(knock, Knock)
    breaker.close_as_told()
    assert breaker.grant(knock) is None
    breaker.deny(knock, now=10, seconds=5)
    assert isinstance(breaker.enter(now=10), Pass)


def test_a_good_probe_closes_and_a_bad_one_opens_anew() -> None:
    breaker = opened()
    breaker.record(entered(breaker, now=10), ok=False, now=11)
    assert breaker.enter(now=20) == Refusal(retry_after=1)
    breaker.record(entered(breaker, now=21), ok=True, now=22)
    assert breaker.state is State.CLOSED
    assert not entered(breaker, now=22).is_probe


def test_the_open_time_doubles_up_to_the_longest_and_begins_anew_after_a_success() -> None:
    breaker, now = opened(open_seconds=10, longest=30), 0.0
    seen = []
    for _ in range(4):
        seen.append(breaker.left(now))
        now += breaker.left(now)
        breaker.record(entered(breaker, now), ok=False, now=now)
    assert seen == [10, 20, 30, 30]
    now += 30
    breaker.record(entered(breaker, now), ok=True, now=now)
    failed(breaker, now)
    assert breaker.left(now) == 10


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_an_open_time_is_never_longer_than_the_longest_nor_much_shorter_than_meant(
    opens: int, luck: float
) -> None:
    seconds = Terms(open_seconds=10, longest=30).open_for(opens, luck)
    assert min(10 * 2 ** (opens - 1), 30) * 0.8 <= seconds <= 30


def test_a_released_probe_lets_the_next_one_go() -> None:
    breaker = opened()
    breaker.release(entered(breaker, now=10), now=10)
    assert breaker.state is State.OPEN
    assert entered(breaker, now=10).is_probe


def test_releasing_after_recording_changes_nothing() -> None:
    breaker = opened()
    old = entered(breaker, now=10)
    breaker.record(old, ok=False, now=10)
    fresh = entered(breaker, now=20)
    breaker.release(old, now=20)
    assert fresh.is_probe
    assert isinstance(breaker.enter(now=20), Refusal)


@pytest.mark.parametrize("ok", [True, False])
def test_a_late_outcome_of_an_earlier_stay_is_ignored(ok: bool) -> None:
    breaker = made()
    late = entered(breaker)
    failed(breaker)
    assert breaker.record(late, ok=ok, now=1) is None
    assert breaker.state is State.OPEN
    assert breaker.enter(now=4) == Refusal(retry_after=6)


def test_a_late_probe_whose_place_another_took_changes_nothing() -> None:
    breaker = opened()
    late = entered(breaker, now=10)
    breaker.open_as_told(until=50, opens=3)
    breaker.record(late, ok=True, now=12)
    breaker.release(late, now=12)
    assert breaker.enter(now=12) == Refusal(retry_after=38)


def test_slow_answers_open_it_only_when_they_are_what_comes() -> None:
    breaker = made(failures=5, slow=15)
    for _ in range(200):
        passed(breaker, seconds=20)
        for _ in range(9):
            passed(breaker, seconds=0.5)
    assert breaker.state is State.CLOSED
    slow = 0
    while breaker.state is State.CLOSED:
        passed(breaker, seconds=15)
        slow += 1
    assert 5 < slow < 20


def test_without_a_bound_no_answer_is_slow() -> None:
    breaker = made(failures=1, slow=0)
    passed(breaker, seconds=10_000)
    assert breaker.state is State.CLOSED


def test_others_are_told_what_succeeded_before_a_failure_and_how_long_ago() -> None:
    breaker = made(failures=5)
    for at in (1, 2, 3):
        passed(breaker, now=at)
    assert failed(breaker, now=7) == Failure(passed=3, quiet=4)
    assert failed(breaker, now=8) == Failure(passed=0, quiet=5)


def test_failures_heard_of_count_like_own_ones_but_do_not_open() -> None:
    breaker = made(failures=5)
    for at in range(9):
        breaker.hear(Failure(passed=0, quiet=100), now=at)
    assert isinstance(breaker.enter(now=10), Pass)
    failed(breaker, now=10)
    assert breaker.state is State.OPEN


def test_what_succeeded_elsewhere_before_the_failures_began_does_not_speak_against_them() -> None:
    breaker = made(failures=5)
    failed(breaker, now=100)
    for at in (101, 102, 103):
        breaker.hear(Failure(passed=50, quiet=at - 99), now=at)
    failed(breaker, now=104)
    assert breaker.state is State.OPEN


def test_what_succeeded_elsewhere_since_then_does() -> None:
    breaker = made(failures=5)
    failed(breaker, now=100)
    for at in (101, 102, 103):
        breaker.hear(Failure(passed=50, quiet=0.1), now=at)
    failed(breaker, now=104)
    assert breaker.state is State.CLOSED


def test_an_open_one_does_not_listen() -> None:
    breaker = opened()
    breaker.hear(Failure(passed=0, quiet=100), now=1)
    assert breaker.enter(now=4) == Refusal(retry_after=6)


def test_its_repr_tells_its_state() -> None:
    assert repr(opened()) == "Breaker(open, Evidence(0% of an outage, usually 2.0% fail))"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["enter", "ok", "bad", "release", "deny", "hear", "told open", "told closed"]),
            st.integers(0, 30),
        ),
        max_size=60,
    )
)
def test_never_is_more_than_one_probe_out_nor_a_call_let_through_while_open(
    steps: list[tuple[str, int]],
) -> None:
    breaker = made(failures=2)
    out: list[Pass] = []
    now = until = 0.0
    for what, seconds in steps:
        now += seconds
        before, opens = breaker.state, breaker.generation
        match what:
            case "enter" | "deny":
                permit = breaker.enter(now)
                if isinstance(permit, Knock):
                    assert now >= until
                    if what == "deny":
                        breaker.deny(permit, now=now, seconds=1)
                        until = now + 1
                    else:
                        granted = breaker.grant(permit)
                        assert granted is not None
                        out.append(granted)
                elif isinstance(permit, Pass):
                    assert before is State.CLOSED
                    out.append(permit)
                else:
                    assert permit.retry_after > 0
            case "hear":
                breaker.hear(Failure(0, 1.0), now=now)
                assert breaker.state is before
            case "told open":
                breaker.open_as_told(until=now + 5, opens=1)
                until = now + 5
            case "told closed":
                breaker.close_as_told()
            case _ if out:
                permit = out.pop()
                if what == "release":
                    breaker.release(permit, now=now)
                else:
                    breaker.record(permit, ok=what == "ok", now=now)
                if breaker.state is State.OPEN and breaker.generation != opens:
                    until = now if what == "release" else now + 10
        assert sum(p.is_probe and p.generation == breaker.generation for p in out) <= 1
