"""The admin port: time, figures, journal, keys and the oracle."""

from collections.abc import Iterator
from typing import Any

import pytest

from calcom.simulator.seed import MAIN_KEY
from tests.calcom.simulator.served import BOOKINGS, SLOTS, Served, served

TARGET = "/v2/slots?eventTypeId=101&start=2026-01-06&end=2026-01-07"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=100_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(simulator: Served) -> None:
    simulator.admin("/reset")


def read(simulator: Served) -> Any:
    return simulator.api.get(TARGET, headers=SLOTS | simulator.key()).json()["data"]


def book(simulator: Served, start: str) -> int:
    """The version the booking made."""
    body = {
        "start": start,
        "eventTypeId": 101,
        "attendee": {"name": "G", "email": "g@example.org", "timeZone": "UTC"},
    }
    response = simulator.api.post("/v2/bookings", headers=BOOKINGS | simulator.key(), json=body)
    assert response.status_code == 201, response.text
    return int(response.headers["x-sim-version"])


def test_health_tells_the_version_and_the_simulated_time(simulator: Served) -> None:
    health = simulator.admin("/healthz", method="GET")
    assert (health["status"], health["version"]) == ("ok", 0)
    assert health["now"].startswith("2026-01-05T08:0")


def test_an_operation_that_does_not_exist_is_said_so(simulator: Served) -> None:
    response = simulator.port.get("/nothing")
    assert response.status_code == 404
    assert "no such operation" in response.json()["error"]


@pytest.mark.parametrize(
    "path", ["/faults", "/clock", "/latency", "/keys", "/limits", "/oracle/truth", "/oracle/judge"]
)
@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"{}", b'{"kind": 1, "action": 1, "queries": [1], "reads": 1}']
)
def test_nonsense_is_a_400_with_a_reason(simulator: Served, path: str, body: bytes) -> None:
    response = simulator.port.post(path, content=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_the_world_lists_who_can_be_asked_for(simulator: Served) -> None:
    world = simulator.admin("/world", method="GET")
    assert MAIN_KEY in [c["key"] for c in world["credentials"]]
    assert {e["scheduling"] for e in world["event_types"]} >= {
        "individual",
        "collective",
        "roundRobin",
        "managed",
    }


def test_time_stops_jumps_and_goes_on(simulator: Served) -> None:
    simulator.admin("/clock", {"action": "freeze"})
    one, two = (simulator.stats()["now"] for _ in range(2))
    assert one == two
    simulator.admin("/clock", {"action": "advance", "seconds": 60})
    assert simulator.stats()["now"] == pytest.approx(one + 60)
    simulator.admin("/clock", {"action": "unfreeze"})
    assert simulator.stats()["now"] >= one + 60
    back = simulator.port.post("/clock", json={"action": "advance", "seconds": -1})
    assert (back.status_code, back.json()["error"]) == (400, "seconds: time does not run backwards; use skew")


def test_stats_count_by_class_and_by_query(simulator: Served) -> None:
    read(simulator)
    read(simulator)
    simulator.api.get("/v2/nothing")
    stats = simulator.stats()
    assert stats["requests"] == {"slots:GET": 2, "unknown": 1}
    assert stats["statuses"] == {"200": 2, "404": 1}
    assert list(stats["slots_computed"].values()) == [2]
    assert stats["max_in_flight"] == 1
    assert len(stats["limiter"]) == 2
    assert all(f["max_in_60s"] == 1 and f["refused"] == 0 for f in stats["limiter"].values())


def test_the_journal_has_every_request_and_every_write(simulator: Served) -> None:
    start = read(simulator)["2026-01-06"][0]["start"]
    version = book(simulator, start)
    entries = simulator.admin("/journal", method="GET")["entries"]
    first, second = entries
    assert (first["method"], first["target"], first["status"], first["wrote"]) == ("GET", TARGET, 200, False)
    assert (second["method"], second["status"], second["wrote"]) == ("POST", 201, True)
    assert second["state_version"] == version
    assert "cal_live" not in str(entries)
    later = simulator.admin(f"/journal?since={first['seq']}", method="GET")["entries"]
    assert later == [second]
    assert simulator.admin("/journal?writes=1", method="GET")["entries"] == [second]
    assert simulator.admin("/journal?limit=1", method="GET")["entries"] == [first]


def test_keys_are_added_and_revoked(simulator: Served) -> None:
    simulator.admin("/keys", {"key": "cal_test_new", "userId": 3})
    headers = {"Authorization": "Bearer cal_test_new"}
    assert simulator.api.get("/v2/me", headers=headers).json()["data"]["username"] == "chitra"
    simulator.admin("/keys/revoke", {"key": "cal_test_new"})
    assert simulator.api.get("/v2/me", headers=headers).status_code == 401
    assert simulator.port.post("/keys", json={"key": "k", "userId": 99}).status_code == 400


def test_a_reset_brings_back_the_seeded_world_but_not_the_time(simulator: Served) -> None:
    before = read(simulator)
    book(simulator, before["2026-01-06"][0]["start"])
    simulator.admin("/clock", {"action": "advance", "seconds": 5})
    assert simulator.admin("/reset") == {"version": 0}
    assert read(simulator) == before
    assert simulator.stats()["requests"] == {"slots:GET": 1}


# The oracle


def test_the_truth_is_what_the_simulator_itself_answers(simulator: Served) -> None:
    start = read(simulator)["2026-01-06"][0]["start"]
    before = read(simulator)
    version = book(simulator, start)
    queries = [
        {"target": TARGET},
        {"target": TARGET, "version": version - 1},
        {"target": TARGET.replace("101", "9")},
    ]
    now, then, missing = simulator.admin("/oracle/truth", {"queries": queries})["answers"]
    assert now == {"version": version, "status": 200, "data": read(simulator)}
    assert then["data"] == before
    assert (missing["status"], missing["error"]) == (404, "Event Type not found")


def test_answers_from_before_and_after_a_write_are_judged_by_what_was_acknowledged(simulator: Served) -> None:
    old = read(simulator)
    version = book(simulator, old["2026-01-06"][0]["start"])
    new = read(simulator)
    base = {"target": TARGET, "ceiling": version}

    def judged(data: Any, floor: int) -> tuple[int, int, int]:
        verdict = simulator.admin("/oracle/judge", {"reads": [base | {"data": data, "floor": floor}]})
        return verdict["true"], verdict["stale"], verdict["shown_gone"]

    assert judged(new, version) == (1, 0, 0)
    # While the write was under way either answer is right; after its acknowledgement only the new one.
    assert judged(old, version - 1) == (1, 0, 0)
    assert judged(old, version) == (0, 1, 1)
    assert judged({}, version) == (0, 1, 0)


def test_an_answer_in_any_zone_and_format_can_be_judged(simulator: Served) -> None:
    target = TARGET + "&timeZone=Asia/Kolkata&format=range"
    data = simulator.api.get(target, headers=SLOTS).json()["data"]
    verdict = simulator.admin("/oracle/judge", {"reads": [{"target": target, "data": data}]})
    assert (verdict["reads"], verdict["true"]) == (1, 1)


def test_an_example_shows_what_was_wrong(simulator: Served) -> None:
    old = read(simulator)
    gone = old["2026-01-06"][0]["start"]
    version = book(simulator, gone)
    verdict = simulator.admin(
        "/oracle/judge", {"reads": [{"target": TARGET, "data": old, "floor": version, "ceiling": version}]}
    )
    example = verdict["examples"][0]
    assert [row[0] for row in example["wrongly_shown"]] == ["2026-01-06"]
    assert example["matches"] == version - 1


@pytest.mark.parametrize("rows", [{"floor": 2}, {"floor": -1}, {"ceiling": 99}, {"at": "now"}, {"data": []}])
def test_a_read_that_cannot_be_is_refused(simulator: Served, rows: dict[str, Any]) -> None:
    row = {"target": TARGET, "data": {}} | rows
    assert simulator.port.post("/oracle/judge", json={"reads": [row]}).status_code == 400


def test_a_ceiling_by_the_clock_never_falls_below_what_was_acknowledged(simulator: Served) -> None:
    start = read(simulator)["2026-01-06"][0]["start"]
    version = book(simulator, start)
    early = simulator.stats()["now"] - 60
    row = {"target": TARGET, "data": read(simulator), "floor": version, "ceiling_at": early}
    assert simulator.admin("/oracle/judge", {"reads": [row]})["true"] == 1


def test_counts_by_query_are_told_only_when_asked_for(simulator: Served) -> None:
    read(simulator)
    assert "slots_computed" not in simulator.admin("/stats", method="GET")


def test_a_call_nobody_serves_is_in_the_journal_all_the_same(simulator: Served) -> None:
    simulator.api.get("/v2/nothing")
    (entry,) = simulator.admin("/journal", method="GET")["entries"]
    assert (entry["endpoint_class"], entry["bucket"], entry["status"]) == ("unknown", "uncounted", 404)


def test_a_round_robin_can_be_made_plain_and_only_what_there_is(simulator: Served) -> None:
    made = simulator.admin("/event-types/plain", {"ids": [106, 116]})
    assert made["version"] == 1
    assert simulator.port.post("/event-types/plain", json={"ids": [999]}).status_code == 400
    assert simulator.port.post("/event-types/plain", json={"ids": 116}).status_code == 400
