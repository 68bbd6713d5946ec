"""Which event types a slots query depends on (contract 4.1, selectors A to D)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from calcom.account.facts import AccountMap, EventTypeFacts

_REACHES_FURTHER: Final = ("bookingUidToReschedule", "rrHostSubsetIds", "usernames", "organizationSlug")
"""Parameters that make an answer depend on more than its event type: on one booking's people (contract 8,
row 14), on other hosts standing in for the chosen ones (row 11), on a group of users, on who is in an
organization."""

_SHIFTING_ZONES: Final = frozenset({"australia/lord_howe", "australia/lhi"})
"""Zones whose clocks move by less than an hour, so that starts change their minute overnight."""


def resolve(account: AccountMap, query: Mapping[str, str]) -> frozenset[int] | None:
    """The event types that the answer to `GET /v2/slots` depends on; None when on anything.

    An entry for None must be dropped by every reach that touches anything at all: a reach lists only event
    types that the map knows of. A slug that could name several gives them all.
    """
    if any(query.get(name) for name in _REACHES_FURTHER):
        return None
    if query.get("timeZone", "").lower() in _SHIFTING_ZONES:
        return None
    named = query.get("eventTypeId")
    if named is not None:
        wanted = int(named) if named.isascii() and named.isdigit() else None
        return None if wanted not in account.event_types or wanted is None else frozenset({wanted})
    slug, username, team_slug = query.get("eventTypeSlug"), query.get("username"), query.get("teamSlug")
    if slug is None or (username is None) == (team_slug is None):
        return None
    if username is not None:
        return _of_user(account, slug, username)
    return _of_team(account, slug, team_slug)


def named_type(account: AccountMap, record: Mapping[str, object]) -> int | None:
    """The event type that the body of a booking names by id or slug; None when the map cannot tell."""
    number = record.get("eventTypeId")
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    query = {
        name: value
        for name in ("eventTypeSlug", "username", "teamSlug", "organizationSlug")
        if isinstance(value := record.get(name), str)
    }
    found = resolve(account, query)
    return next(iter(found)) if found is not None and len(found) == 1 else None


def _called(slug: str, types: Sequence[EventTypeFacts]) -> frozenset[int]:
    """Those of this slug, and if there are any, those whose slug was forgotten."""
    known = frozenset(one.id for one in types if one.slug == slug)
    return known | frozenset(one.id for one in types if one.slug is None) if known else known


def _of_user(account: AccountMap, slug: str, username: str) -> frozenset[int] | None:
    owners = {
        one.id
        for one in account.users.values()
        if one.username is not None and one.username.lower() == username.lower()
    }
    if len(owners) != 1:
        return None
    owner = owners.pop()
    found = _called(slug, [one for one in account.event_types.values() if one.owner_id == owner])
    # A namesake that the map has not seen, such as a managed child, could be meant as well.
    return found if found and f"event_types:{owner}" in account.complete else None


def _of_team(account: AccountMap, slug: str, team_slug: str | None) -> frozenset[int] | None:
    teams = {one.id for one in account.teams.values() if one.slug == team_slug}
    if len(teams) != 1:
        return None
    team_id = teams.pop()
    found = _called(slug, [one for one in account.event_types.values() if one.team_id == team_id])
    return found if found and f"team_event_types:{team_id}" in account.complete else None
