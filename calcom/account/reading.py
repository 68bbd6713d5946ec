"""JSON records of Cal.com's answers, read into facts (contract 6.2). What is absent or odd reads as unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from calcom.account.facts import (
    NO_PARENT,
    NO_SCHEDULE,
    EventTypeFacts,
    Limits,
    ScheduleFacts,
    Scheduling,
    TeamFacts,
    UserFacts,
    Window,
)

PERIODS: Final = ("day", "week", "month", "year")

_SCHEDULING: Final[Mapping[object, Scheduling]] = {
    "roundRobin": "roundRobin",
    "ROUND_ROBIN": "roundRobin",
    "collective": "collective",
    "COLLECTIVE": "collective",
    "managed": "managed",
    "MANAGED": "managed",
}


def records(data: object) -> Iterator[Mapping[str, Any]]:
    """The objects of an answer's `data`: one object, or a list of them."""
    if isinstance(data, dict):
        yield data
    elif isinstance(data, list):
        yield from (one for one in data if isinstance(one, dict))


def whole(value: object) -> int | None:
    """A whole number, which true and false are not."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def words(value: object) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def event_type(
    record: Mapping[str, Any], former: EventTypeFacts | None, hosts_cut_at: int | None = None
) -> EventTypeFacts | None:
    """One event type of the 2024-06-14 shape; None for a record that is none.

    `hosts_cut_at` is the `hostsLimit` of the query: a list as long as that may lack hosts, and then the
    hosts known from before are kept if there are any.
    """
    number = whole(record.get("id"))
    if number is None or "lengthInMinutes" not in record:
        return None
    team_id = whole(record.get("teamId"))
    owner_id = whole(record.get("ownerId")) or None
    scheduling = _SCHEDULING.get(record.get("schedulingType"))
    if team_id is None:
        # A team's type can be shown in the shape of a user's; it has no owner then.
        scheduling = None if owner_id is None else "individual"
    hosts = _hosts(record) if team_id is not None else _owners(record)
    if hosts is not None and team_id is not None and hosts_cut_at is not None and len(hosts) >= hosts_cut_at:
        known = former.hosts if former is not None else None
        hosts = known if known is not None and known >= hosts else None
    assigns = record.get("assignAllTeamMembers")
    policy = _switchable(record.get("confirmationPolicy"))
    return EventTypeFacts(
        id=number,
        slug=words(record.get("slug")),
        scheduling=scheduling,
        owner_id=owner_id,
        team_id=team_id,
        parent_id=_parent(record, team_id),
        hosts=hosts,
        assigns_all_members=False if team_id is None else (assigns if isinstance(assigns, bool) else None),
        lengths=_lengths(record),
        slot_interval=whole(record.get("slotInterval")) or (0 if "slotInterval" in record else None),
        offset=whole(record.get("offsetStart")) or (0 if "offsetStart" in record else None),
        before_buffer=_minutes(record, "beforeEventBuffer"),
        after_buffer=_minutes(record, "afterEventBuffer"),
        limits_count=limits(record.get("bookingLimitsCount")),
        limits_duration=limits(record.get("bookingLimitsDuration")),
        window=_window(record),
        first_slot_only=_flag(record, "onlyShowFirstAvailableSlot"),
        optimized_slots=_flag(record, "showOptimizedSlots"),
        seats=_seats(record),
        recurs=_switchable(record["recurrence"]) is not False if "recurrence" in record else None,
        confirms=None if policy is None else policy is not False,
        blocks_pending=_blocks(policy),
        schedule_id=(whole(record["scheduleId"]) or NO_SCHEDULE) if "scheduleId" in record else None,
        hidden=_flag(record, "hidden"),
        notice=_minutes(record, "minimumBookingNotice"),
    )


def user(record: Mapping[str, Any]) -> UserFacts | None:
    """One user as /me shows them; None for a record without an id."""
    number = whole(record.get("id"))
    if number is None:
        return None
    email = words(record.get("email"))
    return UserFacts(
        number,
        words(record.get("username")),
        None if email is None else email.lower(),
        whole(record.get("defaultScheduleId")),
    )


def member(record: Mapping[str, Any]) -> UserFacts | None:
    """The person of a membership; None for a record that is no membership."""
    number, person = whole(record.get("userId")), record.get("user")
    if number is None or not isinstance(person, dict):
        return None
    return user({**person, "id": number})


def team(record: Mapping[str, Any], former: TeamFacts | None) -> TeamFacts | None:
    """One team; None for a record that is none. The hosted API does not show a team's limits: then unknown."""
    number = whole(record.get("id"))
    if number is None or "slug" not in record:
        return None
    managed = record.get("includeManagedEventsInLimits")
    return TeamFacts(
        number,
        words(record.get("slug")),
        limits(record["bookingLimits"]) if "bookingLimits" in record else None,
        managed if isinstance(managed, bool) else None,
        former.members if former is not None else frozenset(),
    )


def schedule(record: Mapping[str, Any]) -> ScheduleFacts | None:
    """One schedule of the 2024-06-11 shape; None for a record that is none."""
    number = whole(record.get("id"))
    if number is None or "availability" not in record or "overrides" not in record:
        return None
    default = record.get("isDefault")
    return ScheduleFacts(
        number,
        whole(record.get("ownerId")),
        words(record.get("timeZone")),
        _overnight(record),
        default if isinstance(default, bool) else None,
    )


def limits(value: object) -> Limits | None:
    """Ceilings per period; an empty tuple for none, None when it cannot be read."""
    value = _switchable(value)
    if value is False or value is None:
        return () if value is False else None
    if not isinstance(value, dict):
        return None
    return tuple((period, value[period]) for period in PERIODS if whole(value.get(period)) is not None)


def _switchable(value: object) -> object:
    """False for a setting that is off, which is written `null` or `{"disabled": true}`."""
    if value is None or (isinstance(value, dict) and value.get("disabled") is True):
        return False
    return value


def _blocks(policy: object) -> bool | None:
    if policy is False:
        return False
    blocks = policy.get("blockUnconfirmedBookingsInBooker") if isinstance(policy, dict) else None
    return blocks if isinstance(blocks, bool) else None


def _minutes(record: Mapping[str, Any], name: str) -> int | None:
    if name not in record:
        return None
    return 0 if record[name] is None else whole(record[name])


def _flag(record: Mapping[str, Any], name: str) -> bool | None:
    value = record.get(name)
    return value if isinstance(value, bool) else None


def _parent(record: Mapping[str, Any], team_id: int | None) -> int | None:
    if team_id is not None:
        return whole(record.get("parentEventTypeId")) or NO_PARENT
    return whole(record.get("parentEventTypeId"))


def _owners(record: Mapping[str, Any]) -> frozenset[int] | None:
    owner = whole(record.get("ownerId"))
    if not owner:
        return None
    listed = {whole(one.get("id")) for one in records(record.get("users"))}
    return frozenset(one for one in listed if one is not None) | {owner}


def _hosts(record: Mapping[str, Any]) -> frozenset[int] | None:
    if not isinstance(record.get("hosts"), list):
        return None
    listed = [whole(one.get("userId")) for one in records(record["hosts"])]
    if any(one is None for one in listed):
        return None
    return frozenset(one for one in listed if one is not None)


def _lengths(record: Mapping[str, Any]) -> frozenset[int] | None:
    options = record.get("lengthInMinutesOptions") or []
    if not isinstance(options, list):
        return None
    listed = [whole(one) for one in (record["lengthInMinutes"], *options)]
    if any(one is None or one <= 0 for one in listed):
        return None
    return frozenset(one for one in listed if one is not None)


def _window(record: Mapping[str, Any]) -> Window | None:
    if "bookingWindow" not in record:
        return None
    value = record["bookingWindow"]
    listed = value if isinstance(value, list) else [value]
    shown = [one for one in listed if _switchable(one) is not False]
    if not shown:
        return Window("none")
    first = shown[0]
    if len(shown) > 1 or not isinstance(first, dict) or words(first.get("type")) is None:
        return None
    # A window that does not say whether it rolls is taken to, except one of fixed dates, which cannot.
    rolling = first.get("rolling", first["type"] != "range") is not False
    return Window(first["type"], str(first.get("value")), rolling)


def _seats(record: Mapping[str, Any]) -> int | None:
    seats = _switchable(record.get("seats")) or {"seatsPerTimeSlot": record.get("seatsPerTimeSlot", 0)}
    if not isinstance(seats, dict):
        return None
    count = seats.get("seatsPerTimeSlot")
    return 0 if count is None else whole(count)


def _overnight(record: Mapping[str, Any]) -> bool:
    """Whether any hours may touch both ends of a day, so that free time could run on past midnight.

    The API has no 24:00 and writes 23:59 for it; the last quarter of an hour counts as the end.
    """
    rows = [*records(record["availability"]), *records(record["overrides"])]
    hours = [one for one in rows if one.get("startTime") != one.get("endTime")]  # equal ones close a date
    starts = [words(one.get("startTime")) for one in hours]
    ends = [words(one.get("endTime")) for one in hours]
    if any(one is None or len(one) != 5 for one in (*starts, *ends)):
        return True
    if any(a is not None and b is not None and b < a for a, b in zip(starts, ends, strict=True)):
        return True
    early = any(start is not None and start <= "00:15" for start in starts)
    late = any(end is not None and (end >= "23:45" or end == "00:00") for end in ends)
    return early and late
