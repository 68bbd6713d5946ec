"""Latency, when the state is touched, the two-second cache, and faults: what makes a real Cal.com hard to cache."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from calcom.simulator.app import Application, _Exchange
from tests.calcom.simulator.served import BOOKINGS, SLOTS, Served, served

DAY = {"eventTypeId": "101", "start": "2026-01-06", "end": "2026-01-06"}


@pytest.fixture(scope="module")
def quick() -> Iterator[Served]:
    with served(rate_limit=100_000, slots_cache_ttl=2.0) as running:
        yield running


@pytest.fixture
def simulator(quick: Served) -> Iterator[Served]:
    quick.admin("/reset")
    quick.clock.freeze()
    yield quick
    quick.clock.unfreeze()


def starts(simulator: Served) -> list[str]:
    return [s["start"] for s in simulator.slots(101, "2026-01-06", "2026-01-06")["2026-01-06"]]


def book(simulator: Served, start: str) -> httpx2.Response:
    body = {
        "start": start,
        "eventTypeId": 101,
        "attendee": {"name": "Guest", "email": "guest@example.org", "timeZone": "UTC"},
    }
    return simulator.api.post("/v2/bookings", headers=BOOKINGS | simulator.key(), json=body)


def last(simulator: Served, **wanted: Any) -> Any:
    entries = simulator.admin("/journal", method="GET")["entries"]
    return next(e for e in reversed(entries) if wanted.items() <= e.items())


# The two-second cache (contract 4.1)


def test_a_refetch_right_after_a_write_shows_the_old_answer_for_two_seconds(simulator: Served) -> None:
    first = starts(simulator)[0]
    assert book(simulator, first).status_code == 201
    assert first in starts(simulator)
    simulator.clock.advance(1.9)
    assert first in starts(simulator)
    simulator.clock.advance(0.2)
    assert first not in starts(simulator)
    stats = simulator.stats()
    assert (stats["slots_computed_total"], stats["slots_from_cache"]) == (2, 2)


def test_another_input_is_computed_afresh(simulator: Served) -> None:
    first = starts(simulator)[0]
    book(simulator, first)
    ranged = simulator.slots(101, "2026-01-06", "2026-01-06", format="range")["2026-01-06"]
    assert first not in [s["start"] for s in ranged]


def test_answers_from_the_cache_are_marked_in_the_journal(simulator: Served) -> None:
    starts(simulator)
    assert last(simulator, endpoint_class="slots")["cached"] is False
    starts(simulator)
    assert last(simulator, endpoint_class="slots")["cached"] is True


# Latency


@pytest.mark.parametrize(("moment", "sees_the_booking"), [("start", False), ("end", True)])
def test_the_state_is_read_where_the_options_say(moment: str, sees_the_booking: bool) -> None:
    with served(state_read=moment, speed=20.0) as simulator:
        first = starts(simulator)[0]
        simulator.admin("/latency", {"profile": "20-25"})
        answers: list[list[str]] = []
        reader = threading.Thread(target=lambda: answers.append(starts(simulator)))
        reader.start()
        _until_in_flight(simulator)
        simulator.admin("/latency", {"profile": "none"})
        assert book(simulator, first).status_code == 201
        reader.join()
        assert (first not in answers[0]) is sees_the_booking


def _until_in_flight(simulator: Served) -> None:
    while simulator.stats()["in_flight"] == 0:
        pass


def test_the_journal_tells_when_a_call_arrived_touched_the_state_and_ended() -> None:
    with served(latency="report", speed=50.0) as simulator:
        simulator.api.get("/v2/slots", params=DAY, headers=SLOTS)
        entry = last(simulator, endpoint_class="slots")
        assert entry["arrived"] <= entry["state_at"] <= entry["completed"]
        assert entry["completed"] - entry["arrived"] >= 0.3
        assert (entry["status"], entry["wrote"], entry["state_version"]) == (200, False, 0)
        # Real time passed fifty times slower.
        assert entry["completed_real"] - entry["arrived_real"] < entry["completed"] - entry["arrived"]


def test_the_edge_cuts_a_call_at_a_minute_and_the_write_happens_all_the_same() -> None:
    with served(speed=200.0) as simulator:
        first = starts(simulator)[0]
        simulator.admin("/latency", {"profile": "cut60"})
        cut = book(simulator, first)
        assert (cut.status_code, cut.headers["content-type"]) == (524, "text/html; charset=UTF-8")
        while not simulator.admin("/journal?writes=1", method="GET")["entries"]:
            pass
        simulator.admin("/latency", {"profile": "none"})
        assert first not in starts(simulator)


# Faults


def fault(simulator: Served, **body: Any) -> None:
    simulator.admin("/faults", body)


def slots(simulator: Served) -> httpx2.Response:
    return simulator.api.get("/v2/slots", params=DAY, headers=SLOTS | simulator.key())


def test_a_fault_hits_as_many_calls_as_it_was_told(simulator: Served) -> None:
    fault(simulator, kind="error", classes=["slots"], count=2)
    assert [slots(simulator).status_code for _ in range(3)] == [500, 500, 200]
    assert simulator.admin("/faults", method="GET")["faults"] == []


def test_a_fault_with_a_time_ends_with_it(simulator: Served) -> None:
    fault(simulator, kind="bad_gateway", classes=["slots"], seconds=10)
    assert slots(simulator).status_code == 502
    simulator.clock.advance(10.1)
    assert slots(simulator).status_code == 200


def test_both_shapes_of_a_500_are_there(simulator: Served) -> None:
    fault(simulator, kind="error")
    fault(simulator, kind="unhandled")
    body = slots(simulator).json()
    assert (body["status"], body["error"]["code"]) == ("error", "INTERNAL_SERVER_ERROR")
    assert slots(simulator).json() == {"statusCode": 500, "message": "Internal server error"}


def test_a_bad_gateway_is_a_page(simulator: Served) -> None:
    fault(simulator, kind="bad_gateway")
    response = slots(simulator)
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html; charset=UTF-8")
    assert "<h1>Bad gateway</h1>" in response.text


def test_a_reset_breaks_the_connection(simulator: Served) -> None:
    fault(simulator, kind="reset")
    with pytest.raises(httpx2.NetworkError):
        slots(simulator)
    assert slots(simulator).status_code == 200


def test_a_hanging_call_never_answers(simulator: Served) -> None:
    fault(simulator, kind="hang")
    with pytest.raises(httpx2.ReadTimeout):
        simulator.api.get("/v2/slots", params=DAY, headers=SLOTS, timeout=0.2)
    assert slots(simulator).status_code == 200


def test_a_broken_calendar_looks_like_no_availability(simulator: Served) -> None:
    fault(simulator, kind="empty")
    response = slots(simulator)
    assert (response.status_code, response.json()) == (200, {"status": "success", "data": {}})


def test_a_fault_after_the_work_leaves_the_write_done(simulator: Served) -> None:
    first = starts(simulator)[0]
    fault(simulator, kind="unhandled", classes=["bookings"], method="POST", when="after")
    assert book(simulator, first).status_code == 500
    assert book(simulator, first).status_code == 400


def test_a_fault_before_the_work_leaves_it_undone(simulator: Served) -> None:
    first = starts(simulator)[0]
    fault(simulator, kind="reset", classes=["bookings"])
    # The client meets the reset while it writes or while it reads, and words it differently.
    with pytest.raises((httpx2.NetworkError, httpx2.RemoteProtocolError)):
        book(simulator, first)
    assert book(simulator, first).status_code == 201


def test_of_two_racing_creates_both_can_succeed(simulator: Served) -> None:
    first = starts(simulator)[0]
    assert book(simulator, first).status_code == 201
    fault(simulator, kind="race")
    assert [book(simulator, first).status_code for _ in range(2)] == [201, 400]


def test_creates_that_do_not_see_one_another_can_both_succeed_and_later_ones_cannot() -> None:
    with served(latency="report", speed=20, state_read="start") as simulator:
        first = starts(simulator)[0]
        fault(simulator, kind="blind", method="POST", seconds=86_400)
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(book, simulator, first) for _ in range(2)]
            assert [one.result().status_code for one in both] == [201, 201]
        assert book(simulator, first).status_code == 400


def test_other_classes_and_methods_are_spared(simulator: Served) -> None:
    fault(simulator, kind="error", classes=["bookings"], method="POST", count=5)
    assert slots(simulator).status_code == 200
    assert simulator.api.get("/v2/bookings", headers=BOOKINGS | simulator.key()).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "meltdown"}, "error, unhandled, bad_gateway"),
        ({"kind": "error", "classes": ["all"]}, "slots, reservations"),
        ({"kind": "error", "count": 0}, "count: 0"),
        ({"kind": "error", "seconds": -1}, "seconds: -1"),
        ({"kind": "error", "when": "later"}, "before, after"),
        ({"kind": "error", "klass": "slots"}, "unknown: klass"),
    ],
)
def test_a_fault_nobody_understands_is_refused_by_name(
    simulator: Served, body: dict[str, Any], words: str
) -> None:
    response = simulator.port.post("/faults", json=body)
    assert response.status_code == 400
    assert words in response.json()["error"]


def test_a_bug_answers_as_an_unhandled_exception_would(
    simulator: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(_Exchange, "_run_work", broken)
    assert Application is not None
    response = slots(simulator)
    assert (response.status_code, response.json()["statusCode"]) == (500, 500)
    assert "simulator.bug" in caplog.text


def test_a_block_on_command_refuses_until_it_ends(simulator: Served) -> None:
    key = SLOTS | simulator.key()
    assert simulator.api.get("/v2/slots", params=DAY, headers=key).status_code == 200
    simulator.admin("/block", {"seconds": 30})
    assert simulator.api.get("/v2/slots", params=DAY, headers=key).status_code == 429
    simulator.clock.advance(30.1)
    assert simulator.api.get("/v2/slots", params=DAY, headers=key).status_code == 200


def test_a_skewed_clock_shows_in_the_date_header(simulator: Served) -> None:
    before = slots(simulator).headers["date"]
    simulator.admin("/clock", {"action": "skew", "seconds": 86_400})
    after = slots(simulator).headers["date"]
    simulator.admin("/clock", {"action": "skew", "seconds": 0})
    assert before.startswith("Mon, 05 Jan 2026")
    assert after.startswith("Tue, 06 Jan 2026")
