"""The load's catalogue is the simulator's data set."""

from datetime import UTC, datetime

from calcom.simulator.seed import event_types
from loadtest.simulated import account, town

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_account_has_every_event_type_and_the_town_only_what_anybody_may_book() -> None:
    everything = account(1, NOW)
    ids = {one.id for one in everything.event_types}
    assert ids >= {one.id for one in event_types(NOW.date())}
    called_for = town(1, NOW).event_types
    assert {one.id for one in called_for} < ids
    # Managed parents cannot be booked, hidden ones are not offered, and one wants a login.
    assert not {107, 115, 118} & {one.id for one in called_for}


def test_the_reports_services_are_the_most_popular() -> None:
    assert [one.id for one in town(1, NOW).event_types[:3]] == [105, 106, 116]


def test_types_are_named_as_the_simulator_names_them() -> None:
    known = {one.id: one for one in account(1, NOW).event_types}
    assert (known[101].slug, known[101].username, known[101].team_slug) == ("intro", "ada", None)
    assert (known[106].slug, known[106].username, known[106].team_slug) == ("call", None, "sales")
    assert known[110].lengths == (15, 30, 60)
    assert known[106].host_ids == (1, 2, 4, 6)


def test_equal_seeds_make_equal_accounts() -> None:
    assert account(3, NOW) == account(3, NOW)
    assert account(3, NOW).booking_uids != account(4, NOW).booking_uids
