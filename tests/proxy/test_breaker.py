import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.breaker import Breaker, Pass, Refusal, State


def entered(breaker: Breaker, now: float = 0) -> Pass:
    permit = breaker.enter(now)
    assert isinstance(permit, Pass)
    return permit


def opened(failures: int = 1, open_seconds: float = 10) -> Breaker:
    breaker = Breaker(failures=failures, open_seconds=open_seconds)
    for _ in range(failures):
        breaker.record(entered(breaker), ok=False, now=0)
    assert breaker.state is State.OPEN
    return breaker


def test_it_opens_only_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(failures=3, open_seconds=10)
    for ok in (False, False, True, False, False):
        breaker.record(entered(breaker), ok=ok, now=0)
    assert isinstance(breaker.enter(now=0), Pass)
    breaker.record(entered(breaker), ok=False, now=0)
    assert breaker.state is State.OPEN


def test_open_it_refuses_and_says_for_how_long() -> None:
    assert opened().enter(now=4) == Refusal(retry_after=6)


def test_after_its_time_exactly_one_probe_may_go() -> None:
    breaker = opened()
    assert entered(breaker, now=10).is_probe
    assert breaker.state is State.HALF_OPEN
    assert isinstance(breaker.enter(now=10), Refusal)
    assert isinstance(breaker.enter(now=99), Refusal)


def test_a_good_probe_closes_and_a_bad_one_opens_anew() -> None:
    breaker = opened()
    breaker.record(entered(breaker, now=10), ok=False, now=11)
    assert breaker.enter(now=20) == Refusal(retry_after=1)
    breaker.record(entered(breaker, now=21), ok=True, now=22)
    assert breaker.state is State.CLOSED
    assert not entered(breaker, now=22).is_probe


def test_a_released_probe_lets_the_next_one_go() -> None:
    breaker = opened()
    breaker.release(entered(breaker, now=10))
    assert entered(breaker, now=10).is_probe


def test_releasing_after_recording_changes_nothing() -> None:
    breaker = opened()
    old = entered(breaker, now=10)
    breaker.record(old, ok=False, now=10)
    fresh = entered(breaker, now=20)
    breaker.release(old)
    assert fresh.is_probe
    assert isinstance(breaker.enter(now=20), Refusal)


@pytest.mark.parametrize("ok", [True, False])
def test_a_late_outcome_of_an_earlier_stay_is_ignored(ok: bool) -> None:
    breaker = Breaker(failures=1, open_seconds=10)
    late = entered(breaker)
    breaker.record(entered(breaker), ok=False, now=0)
    breaker.record(late, ok=ok, now=1)
    assert breaker.state is State.OPEN
    assert breaker.enter(now=4) == Refusal(retry_after=6)


def test_its_repr_tells_its_state() -> None:
    assert repr(opened()) == "Breaker(open, failures in a row: 0)"


@given(
    st.lists(st.tuples(st.sampled_from(["enter", "ok", "bad", "release"]), st.integers(0, 30)), max_size=60)
)
def test_never_is_more_than_one_probe_out_nor_a_call_let_through_while_open(
    steps: list[tuple[str, int]],
) -> None:
    breaker = Breaker(failures=2, open_seconds=10)
    out: list[Pass] = []
    now = opened_at = 0.0
    for what, seconds in steps:
        now += seconds
        before = breaker.state
        if what == "enter":
            permit = breaker.enter(now)
            if isinstance(permit, Pass):
                assert before is not State.OPEN or now >= opened_at + 10
                out.append(permit)
            else:
                assert permit.retry_after > 0
        elif out:
            permit = out.pop()
            if what == "release":
                breaker.release(permit)
            else:
                breaker.record(permit, ok=what == "ok", now=now)
        if breaker.state is State.OPEN and before is not State.OPEN:
            opened_at = now
        assert sum(p.is_probe and p.generation == breaker.generation for p in out) <= 1
