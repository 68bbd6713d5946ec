"""The traffic is the report's mix, seeded, in order, and overlapping."""

from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import islice, takewhile
from urllib.parse import parse_qs, urlsplit

import pytest

from loadtest.catalogue import Catalogue, EventType
from loadtest.traffic import Change, Intent, Kind, Profile, alternatives_target, intents, slots_targets

TODAY = date(2026, 11, 23)
CATALOGUE = Catalogue(tuple(EventType(number, f"type-{number}") for number in range(1, 9)), TODAY)


def hours(count: int, rate: float = 60.0, profile: Profile | None = None) -> list[Intent]:
    stream = intents(CATALOGUE, seed=7, rate_per_minute=rate, profile=profile)
    return list(takewhile(lambda intent: intent.at < count * 3600, stream))


def requests_of(intent: Intent) -> int:
    return 1 if intent.kind is Kind.BOOKING else len(slots_targets(intent, TODAY))


def test_equal_seeds_give_equal_streams_and_others_do_not() -> None:
    first, again, other = (
        list(islice(intents(CATALOGUE, seed=seed, rate_per_minute=60), 500)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_first_intent_is_due_at_once_and_the_rest_in_order() -> None:
    due = [intent.at for intent in hours(2)]
    assert due[0] == 0
    assert due == sorted(due)


def test_three_looks_one_search_for_alternatives_and_one_booking_in_five_steps() -> None:
    kinds = Counter(intent.kind for intent in hours(20))
    total = sum(kinds.values())
    assert kinds[Kind.AVAILABILITY] / total == pytest.approx(0.6, abs=0.01)
    assert kinds[Kind.ALTERNATIVES] / total == pytest.approx(0.2, abs=0.01)
    assert kinds[Kind.BOOKING] / total == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("rate", [6.0, 60.0, 600.0])
def test_the_rate_counts_client_requests(rate: float) -> None:
    length = int(1200 / rate)
    spent = sum(requests_of(intent) for intent in hours(length, rate))
    assert spent / (length * 60) == pytest.approx(rate, rel=0.1)


def test_a_conversation_stays_with_its_type_and_zone_opens_with_a_look_and_ends_with_a_booking() -> None:
    conversations: dict[int, list[Intent]] = defaultdict(list)
    for intent in hours(2):
        conversations[intent.conversation].append(intent)
    whole = [steps for steps in conversations.values() if len(steps) == 5]
    assert len(whole) > 100
    for steps in whole:
        assert len({(step.event_type, step.zone) for step in steps}) == 1
        assert steps[0].kind is Kind.AVAILABILITY
        assert steps[-1].kind is Kind.BOOKING


def test_half_hour_and_quarter_hour_zones_and_every_span_take_part() -> None:
    seen = hours(20)
    assert {"Asia/Kolkata", "Pacific/Chatham"} <= {intent.zone for intent in seen}
    assert {intent.days for intent in seen} == {7, 14, 30}
    assert {intent.change for intent in seen} == set(Change)


def test_popular_types_are_asked_for_more_and_a_flat_profile_asks_for_all_alike() -> None:
    popular = Counter(intent.event_type.id for intent in hours(20))
    assert [event_type for event_type, _ in popular.most_common(3)] == [1, 2, 3]
    flat = Counter(intent.event_type.id for intent in hours(20, profile=Profile(popularity=0)))
    assert max(flat.values()) < 1.5 * min(flat.values())


def test_a_look_spans_its_days_inclusively() -> None:
    look = next(intent for intent in hours(1) if intent.kind is Kind.AVAILABILITY and intent.days == 7)
    (target,) = slots_targets(look, TODAY)
    query = parse_qs(urlsplit(target).query)
    span = date.fromisoformat(query["end"][0]) - date.fromisoformat(query["start"][0])
    assert span.days == 6
    assert query["eventTypeId"] == [str(look.event_type.id)]
    assert query["timeZone"] == [look.zone]


def test_alternatives_are_different_single_days_around_the_wish_and_never_past() -> None:
    for intent in (intent for intent in hours(5) if intent.kind is Kind.ALTERNATIVES):
        queries = [parse_qs(urlsplit(target).query) for target in slots_targets(intent, TODAY)]
        days = [(date.fromisoformat(query["start"][0]) - TODAY).days for query in queries]
        assert all(query["start"] == query["end"] for query in queries)
        assert 3 <= len(days) == len(set(days)) == intent.alternative_days <= 7
        assert days[0] == intent.wish_day
        assert min(days) >= 0


def test_who_asks_a_gateway_for_alternatives_asks_once_and_wishes_for_office_hours_from_tomorrow_on() -> None:
    asking = Profile(asks_gateway=True)
    assert asking.requests_per_conversation == 5
    for intent in (one for one in hours(5, profile=asking) if one.kind is Kind.ALTERNATIVES):
        target = urlsplit(alternatives_target(intent, TODAY))
        query = parse_qs(target.query)
        wish = datetime.fromisoformat(query["wish"][0])
        assert target.path == "/-/alternatives"
        assert wish.date() > TODAY
        assert 9 <= wish.hour < 18
        assert wish.minute in (0, 30)
        assert query["timeZone"] == [intent.zone]
    assert not any(intent.asks_gateway for intent in hours(1))


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rate above zero"):
        intents(CATALOGUE, seed=1, rate_per_minute=0)


def test_an_empty_catalogue_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one event type"):
        Catalogue((), TODAY)
