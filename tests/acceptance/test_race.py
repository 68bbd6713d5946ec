"""No read that begins after a booking's acknowledgement shows what that booking took, and the judge can tell."""

from __future__ import annotations

import pytest

from tests.acceptance.harness import IS_SOAK, played

pytestmark = pytest.mark.acceptance

# What a busy machine does not get done in time is not waited for: each ends by the clock, and judges what it has.
BRIEF = ("--reads", "100000", "--seconds", "900") if IS_SOAK else ("--reads", "5000", "--seconds", "30")
ENOUGH = 100_000 if IS_SOAK else 500
QUIET = ("--kill-every", "0", "--fault-every", "0")
SEARCH = ("--reads", "1000000", "--seconds", "15")


@pytest.mark.timeout(1800)
def test_a_race_with_killed_processes_and_a_failing_cal_com_shows_nothing_stale() -> None:
    _, report = played("race", *BRIEF, "--kill-every", "2")
    figures = report["figures"]
    assert figures["stale"] == 0, report
    assert figures["reads begun after an acknowledgement"] >= ENOUGH
    assert sum(figures["killed"].values()) >= 1


@pytest.mark.skipif(not IS_SOAK, reason="a minute: part of make soak")
@pytest.mark.timeout(1800)
def test_of_an_account_that_nobody_knows_nothing_stale_is_shown() -> None:
    _, report = played("race", *BRIEF, *QUIET, "--no-learn")
    figures = report["figures"]
    assert figures["stale"] == 0, report
    assert figures["reads begun after an acknowledgement"] >= ENOUGH
    assert figures["answers"]["hit"] > figures["reads"] / 10
    assert not figures["no answer"], "nothing failed, so nobody may have got none"


@pytest.mark.timeout(250)
@pytest.mark.parametrize("what", ["pushes", *(["hold-off"] if IS_SOAK else [])])
def test_the_judge_finds_what_goes_wrong_without(what: str) -> None:
    code, report = played("race", *SEARCH, *QUIET, "--without", what)
    assert code == 0, report
    assert report["figures"]["stale"] > 0


@pytest.mark.timeout(250)
def test_the_judge_finds_the_writes_that_died_with_their_process_without_intents() -> None:
    """Bursts, everybody killed while they are written, and a lease's time later; in some nothing is lost."""
    for seed in range(1, 6):
        code, report = played("race", *SEARCH[:-1], "5", "--without", "intents", "--seed", str(seed))
        if code == 0:
            break
    assert code == 0, report
    assert report["figures"]["writes lost, and made all the same"] > 0


@pytest.mark.timeout(250)
def test_the_judge_finds_what_one_rule_alone_would_touch() -> None:
    code, report = played("sabotage", "--only", "reach:shared-host")
    assert code == 0, report
    ((what, stale, _, with_it, *_),) = report["tables"][0]["rows"]
    assert what == "reach:shared-host"
    assert stale > with_it == 0
