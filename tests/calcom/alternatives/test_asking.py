"""A question is read strictly, refused in words that help, and becomes one look for each event type."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.alternatives import Strategy, Unclear, question_of
from calcom.alternatives.asking import DEFAULT_COUNT, DEFAULT_DAYS, FURTHEST_DAYS, MOST_DAYS
from calcom.ranges import look_of
from calcom.slots import parse
from tests.calcom.ranges.test_additive import PLAIN, account

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()


def asked(**values: object) -> str:
    return urlencode({"eventTypeId": 101, "wish": "2026-12-01T10:00", "timeZone": "Europe/Berlin"} | values)


def test_what_is_not_said_is_the_usual() -> None:
    question = question_of(asked(), NOW)
    assert question.types == ((("eventTypeId", "101"),),)
    assert question.strategies == tuple(Strategy)
    assert (question.count, question.duration) == (DEFAULT_COUNT, None)
    assert question.first == date(2026, 12, 1)
    assert (question.last - question.first).days == DEFAULT_DAYS - 1
    assert question_of("eventTypeId=1&wish=2026-12-01", NOW).zone == "UTC"


def test_everything_can_be_said() -> None:
    question = question_of(
        asked(eventTypeId="7,3,7", count=20, days=42, strategy="next_free,same_day,next_free", duration=45),
        NOW,
    )
    assert question.types == ((("eventTypeId", "7"),), (("eventTypeId", "3"),))
    assert question.strategies == (Strategy.NEXT_FREE, Strategy.SAME_DAY)
    assert (question.count, question.duration) == (20, "45")
    assert (question.last - question.first).days == 41


@pytest.mark.parametrize(
    ("named", "selector"),
    [
        ({"eventTypeSlug": "intro", "username": "ada"}, (("eventTypeSlug", "intro"), ("username", "ada"))),
        (
            {"teamSlug": "sales", "eventTypeSlug": "demo", "organizationSlug": "acme"},
            (("eventTypeSlug", "demo"), ("teamSlug", "sales"), ("organizationSlug", "acme")),
        ),
        (
            {"eventTypeSlug": "café & co", "username": "ada"},
            (("eventTypeSlug", "café & co"), ("username", "ada")),
        ),
    ],
)
def test_an_event_type_may_be_named_by_slug(named: dict[str, str], selector: object) -> None:
    question = question_of(urlencode(named | {"wish": "2026-12-01"}), NOW)
    assert question.types == (selector,)
    look = parse_qs(question.look(question.types[0]))
    assert {name: look[name] for name in named} == {name: [value] for name, value in named.items()}


WANTED = {
    "wish": "wish must be a date as 2026-12-01",
    "timeZone": "timeZone must be an IANA name",
    "count": "count must be a whole number from 1 to 20",
    "days": "days must be a whole number from 1 to 42",
    "duration": "duration must be a whole number from 1 to 9999",
    "strategy": "strategy must be one or several, with commas between, of same_day, next_workday",
    "eventTypeId": "eventTypeId must be a number",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("wish", value)
            for value in ("", "soon", "2026-02-30", "2026-12-01T25:00", "\ufffd", "2026-12-01\x00")
        ],
        *[("timeZone", value) for value in ("", "Mars/Olympus", "../../etc/passwd", "Europe", "+01:00")],
        *[("timeZone", value) for value in ("zone.tab", "Europe/Berlin\x00", "a" * 5000, "/etc/passwd")],
        *[("count", value) for value in ("", "0", "-1", "21", "1.5", "1e1", "٣", "9" * 4000, " 3")],
        *[("days", value) for value in ("0", "43", "two")],
        *[("duration", value) for value in ("", "0", "abc", "10000", "30.5")],
        *[("strategy", value) for value in ("", "nearest", "same_day,", "SAME_DAY", "exact")],
        *[("eventTypeId", value) for value in ("", "abc", "0", "-1", "1,,2", "1.5", "9" * 30, "٣", "1 ")],
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(Unclear) as refused:
        question_of(asked(**{name: value}), NOW)
    assert str(refused.value).startswith(WANTED[name])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "eventTypeId is missing|wish is missing"),
        ("eventTypeId=1", "wish is missing"),
        ("wish=2026-12-01", "eventTypeId is missing"),
        ("wish=2026-12-01&eventTypeSlug=intro", "either username or teamSlug"),
        ("wish=2026-12-01&eventTypeSlug=intro&username=a&teamSlug=b", "either username or teamSlug"),
        ("wish=2026-12-01&username=a", "eventTypeId is missing"),
        ("wish=2026-12-01&eventTypeId=1&username=a", "eventTypeId and username exclude each other"),
        ("wish=2026-12-01&eventTypeSlug=&username=a", "eventTypeSlug must be 1 to 200 characters"),
        ("wish=2026-12-01&eventTypeSlug=%FF&username=a", "in UTF-8"),
        ("wish=2026-12-01&eventTypeSlug=a%00&username=a", "in UTF-8"),
        (f"wish=2026-12-01&eventTypeSlug={'a' * 201}&username=a", "1 to 200 characters"),
        ("wish=2026-12-01&eventTypeId=1&eventTypeId=1", "eventTypeId may be given only once"),
        ("wish=2026-12-01&wish=2026-12-02&eventTypeId=1", "wish may be given only once"),
        ("wish=2026-12-01&eventTypeId=1&%77ish=2026-12-01", "wish may be given only once"),
        ("wish=2026-12-01&eventTypeId=1&limit=3", "limit is not a parameter; there are eventTypeId"),
        ("wish=2026-12-01&eventTypeId=1&%0D%0Aset=3", "one of the names is not a parameter"),
        ("wish=2026-12-01&eventTypeId=1&count", "of the form name=value"),
        ("wish", "of the form name=value"),
        (
            f"wish=2026-12-01&eventTypeId={','.join(map(str, range(1, 101)))}",
            "names 100 event types; at most 5",
        ),
    ],
)
def test_a_question_that_does_not_hold_together_is_refused(query: str, words: str) -> None:
    with pytest.raises(Unclear, match=words):
        question_of(query, NOW)


@pytest.mark.parametrize(
    "wish",
    ["2026-11-24", "2026-11-24T23:59", "2025-12-01", "0001-01-02", "1970-01-01", "9999-12-31", "2028-11-25"],
)
def test_a_wish_for_a_day_that_is_over_or_years_ahead_is_told_what_today_is(wish: str) -> None:
    with pytest.raises(Unclear, match="from 2026-11-25, which is today in Europe/Berlin, to 2028-11-24"):
        question_of(asked(wish=wish), NOW)


def test_a_time_of_today_that_has_passed_and_the_furthest_day_are_fine() -> None:
    assert question_of(asked(wish="2026-11-25T08:00"), NOW).first == TODAY
    furthest = TODAY + timedelta(days=FURTHEST_DAYS)
    assert question_of(asked(wish=str(furthest), days=42), NOW).first == furthest


def test_today_is_the_callers() -> None:
    night = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    assert question_of(asked(wish="2026-11-25", timeZone="America/New_York"), night).first == TODAY
    with pytest.raises(Unclear, match="from 2026-11-26, which is today in Europe/Berlin"):
        question_of(asked(wish="2026-11-25"), night)


def test_wishes_of_one_week_are_answered_by_one_look() -> None:
    looks = set()
    for day in range(7, 14):
        question = question_of(asked(wish=f"2026-12-{day:02}T1{day % 10}:00", count=day), NOW)
        looks.add(question.look(question.types[0]))
    assert len(looks) == 1
    (look,) = looks
    query = parse(look, "2024-09-04")
    assert query is not None
    assert dict(query.parameters) == {
        "eventTypeId": "101",
        "start": "2026-12-06T23:00:00Z",
        "end": "2026-12-27T22:59:59Z",
        "timeZone": "Europe/Berlin",
    }


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"])
def test_wishes_of_the_next_four_weeks_are_answered_out_of_one_window(zone: str) -> None:
    windows = set()
    for ahead in range(1, 26):
        question = question_of(asked(eventTypeId=7, wish=TODAY + timedelta(days=ahead), timeZone=zone), NOW)
        query = parse(question.look(question.types[0]), "2024-09-04")
        assert query is not None
        look = look_of(account(PLAIN), query, "2024-09-04", NOW)
        assert look is not None
        windows |= {window.query_string for window in look.windows}
    assert len(windows) == 1


@given(
    zone=st.sampled_from(sorted(name for name in available_timezones() if "/" in name)),
    ahead=st.integers(1, FURTHEST_DAYS - 1),
    days=st.integers(1, MOST_DAYS),
)
def test_a_look_holds_its_days_whole_in_every_zone(zone: str, ahead: int, days: int) -> None:
    question = question_of(asked(wish=TODAY + timedelta(days=ahead), days=days, timeZone=zone), NOW)
    look = parse_qs(question.look(question.types[0]))
    start, end = (
        datetime.fromisoformat(look[name][0]).astimezone(ZoneInfo(zone)) for name in ("start", "end")
    )
    assert start.date() <= question.first <= question.last <= end.date()
    assert (start.weekday(), end.weekday()) == (0, 6)
    assert (end - start).days <= days + 12
    # Whole days: a second more on either side is another day.
    assert (start.astimezone(UTC) - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() < start.date()
    assert (end.astimezone(UTC) + timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() > end.date()
    # An end on a whole minute could not be asked past Cal.com's own cache.
    assert end.second == 59


VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "2026-12-01",
            "2026-12-01T10:00+01:00",
            "9999-12-31",
            "0001-01-01T00:00Z",
            "2028-11-24",
            "7",
            "1,2",
            "Asia/Tokyo",
        ]
    ),
)


@given(
    st.lists(
        st.tuples(st.sampled_from([*WANTED, "eventTypeSlug", "username", "teamSlug", "limit"]), VALUES),
        max_size=8,
    ),
    st.binary(max_size=20),
)
def test_any_question_is_either_refused_or_one_that_can_be_asked(
    pairs: list[tuple[str, str]], noise: bytes
) -> None:
    base = [("eventTypeId", "101"), ("wish", "2026-12-01T10:00")]
    refusals = []
    for query in (urlencode(pairs), urlencode([*base, *pairs]), noise.decode("latin-1")):
        try:
            question = question_of(query, NOW)
        except Unclear as unclear:
            refusals.append(str(unclear))
            continue
        for selector in question.types:
            look = parse(question.look(selector), "2024-09-04")
            assert look is not None
            assert look.bounds is not None
    # Whatever was sent, a refusal is one line of text.
    assert all(text.isprintable() for text in refusals)
