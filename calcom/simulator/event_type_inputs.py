"""Event types as they are sent in: the API's fields, turned into the world's (contract 6.2)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from calcom.simulator.model import (
    NO_LIMITS,
    BookingWindow,
    ConfirmationPolicy,
    Host,
    Limits,
    Recurrence,
    Seats,
)
from calcom.simulator.validation import (
    Check,
    Field,
    Invalid,
    Shape,
    boolean,
    day,
    full_text,
    list_of,
    mapping,
    nested,
    one_of,
    text,
    whole,
)

_MINUTES: Final = whole(0, 60 * 24 * 366)


def _or_disabled(shape: Shape, build: Callable[[dict[str, Any]], Any], nothing: Any = None) -> Check:
    """A nested object, or `{"disabled": true}` for nothing."""
    inner = nested(shape)

    def check(name: str, value: Any) -> Any:
        if isinstance(value, dict) and value.get("disabled") is True:
            return nothing
        return build(inner(name, value))

    return check


_PERIODS: Final = Shape({period: Field(whole(1)) for period in ("day", "week", "month", "year")})


def _window(name: str, value: Any) -> BookingWindow | None:
    if isinstance(value, dict) and value.get("disabled") is True:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "range":
        days = list_of(day, least=2)(name, value.get("value"))
        return BookingWindow("range", start=days[0], end=days[1])
    values = nested(_DAYS_AHEAD)(name, value)
    return BookingWindow(values["type"], value=values["value"], rolling=values.get("rolling", False))


_DAYS_AHEAD: Final = Shape(
    {
        "type": Field(one_of("businessDays", "calendarDays", "range"), required=True),
        "value": Field(whole(0, 3660), required=True),
        "rolling": Field(boolean),
    }
)
_NOTICE: Final = Shape(
    {
        "unit": Field(one_of("minutes", "hours"), required=True),
        "count": Field(whole(0), required=True),
    }
)
_CONFIRMATION: Final = Shape(
    {
        "type": Field(one_of("always", "time"), required=True),
        "noticeThreshold": Field(nested(_NOTICE)),
        "blockUnconfirmedBookingsInBooker": Field(boolean, required=True),
    }
)


def _confirmation(values: dict[str, Any]) -> ConfirmationPolicy:
    notice = values.get("noticeThreshold")
    minutes = 0 if notice is None else notice["count"] * (60 if notice["unit"] == "hours" else 1)
    return ConfirmationPolicy(values["type"], minutes, values["blockUnconfirmedBookingsInBooker"])


_RECURRENCE: Final = Shape(
    {
        "interval": Field(whole(1), required=True),
        "occurrences": Field(whole(1, 100), required=True),
        "frequency": Field(one_of("weekly", "monthly", "yearly"), required=True),
    }
)
_SEATS: Final = Shape(
    {
        "seatsPerTimeSlot": Field(whole(1, 1000), required=True),
        "showAttendeeInfo": Field(boolean, required=True),
        "showAvailabilityCount": Field(boolean, required=True),
    }
)
_ACTIVE: Final = Shape({"maximumActiveBookings": Field(whole(1)), "offerReschedule": Field(boolean)})
_SWITCH: Final = Shape({"disabled": Field(boolean), "minutesBefore": Field(whole(0))})
_HOST: Final = Shape(
    {
        "userId": Field(whole(), required=True),
        "mandatory": Field(boolean),
        "priority": Field(one_of("lowest", "low", "medium", "high", "highest")),
    }
)


def _host(name: str, value: Any) -> Host:
    values = nested(_HOST)(name, value)
    return Host(values["userId"], values.get("mandatory", False), values.get("priority", "medium"))


def _length_options(name: str, value: Any) -> tuple[int, ...]:
    # The API description says texts, the answers show numbers; clients send either.
    if not isinstance(value, list):
        raise Invalid(f"{name} must be an array")
    one = whole(1, 60 * 24)
    return tuple(
        one(name, int(v) if isinstance(v, str) and v.isascii() and v.isdigit() else v) for v in value
    )


_FIELDS: Final[Mapping[str, tuple[str, Check]]] = {
    "lengthInMinutes": ("length", whole(1, 60 * 24)),
    "lengthInMinutesOptions": ("length_options", _length_options),
    "title": ("title", full_text),
    "slug": ("slug", full_text),
    "description": ("description", text),
    "slotInterval": ("slot_interval", whole(1, 60 * 24)),
    "minimumBookingNotice": ("minimum_notice", _MINUTES),
    "beforeEventBuffer": ("before_buffer", _MINUTES),
    "afterEventBuffer": ("after_buffer", _MINUTES),
    "scheduleId": ("schedule_id", whole()),
    "bookingLimitsCount": ("limits_count", _or_disabled(_PERIODS, lambda v: Limits(**v), NO_LIMITS)),
    "bookingLimitsDuration": ("limits_duration", _or_disabled(_PERIODS, lambda v: Limits(**v), NO_LIMITS)),
    "bookerActiveBookingsLimit": (
        "max_active_bookings",
        _or_disabled(_ACTIVE, lambda v: v.get("maximumActiveBookings")),
    ),
    "onlyShowFirstAvailableSlot": ("first_slot_only", boolean),
    "showOptimizedSlots": ("optimized_slots", boolean),
    "bookingWindow": ("window", _window),
    "offsetStart": ("offset_start", _MINUTES),
    "confirmationPolicy": ("confirmation", _or_disabled(_CONFIRMATION, _confirmation)),
    "recurrence": ("recurrence", _or_disabled(_RECURRENCE, lambda v: Recurrence(**v))),
    "seats": (
        "seats",
        _or_disabled(
            _SEATS,
            lambda v: Seats(v["seatsPerTimeSlot"], v["showAttendeeInfo"], v["showAvailabilityCount"]),
        ),
    ),
    "hidden": ("hidden", boolean),
    "bookingRequiresAuthentication": ("requires_authentication", boolean),
    "disableCancelling": (
        "disable_cancelling",
        lambda name, value: nested(_SWITCH)(name, value).get("disabled", False),
    ),
    "metadata": ("metadata", mapping),
}
_TEAM_FIELDS: Final[Mapping[str, tuple[str, Check]]] = {
    "hosts": ("hosts", lambda name, value: tuple(list_of(_host)(name, value))),
    "assignAllTeamMembers": ("assign_all_members", boolean),
}
_SCHEDULING: Final = {
    **{word: word for word in ("roundRobin", "collective", "managed")},
    **{word.upper(): word for word in ("collective", "managed")},
    "ROUND_ROBIN": "roundRobin",
}


def _scheduling(name: str, value: Any) -> str:
    return _SCHEDULING[one_of(*_SCHEDULING)(name, value)]


def _shape(*, team: bool, required: tuple[str, ...]) -> Shape:
    known = {**_FIELDS, **(_TEAM_FIELDS if team else {})}
    shape = {name: Field(check, required=name in required) for name, (_, check) in known.items()}
    shape["disableRescheduling"] = Field(nested(_SWITCH))
    if team:
        shape["schedulingType"] = Field(_scheduling, required="schedulingType" in required)
    return Shape(shape)


_NEEDED: Final = ("lengthInMinutes", "title", "slug")
_CREATE: Final = _shape(team=False, required=_NEEDED)
_UPDATE: Final = _shape(team=False, required=())
_CREATE_TEAM: Final = _shape(team=True, required=(*_NEEDED, "schedulingType"))
_UPDATE_TEAM: Final = _shape(team=True, required=())
_MODEL_NAMES: Final = {name: model for name, (model, _) in {**_FIELDS, **_TEAM_FIELDS}.items()}


def create_fields(body: Mapping[str, Any], *, team: bool = False) -> dict[str, Any]:
    """Model fields of a new event type. Raises Refused 400."""
    return _to_model((_CREATE_TEAM if team else _CREATE).read(body))


def update_fields(body: Mapping[str, Any], *, team: bool = False) -> dict[str, Any]:
    """Model fields that change; nothing that was not sent. Raises Refused 400."""
    return _to_model((_UPDATE_TEAM if team else _UPDATE).read(body))


def _to_model(values: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = {}
    for name, value in values.items():
        if name == "disableRescheduling":
            model["disable_rescheduling"] = value.get("disabled", False)
            model["reschedule_notice"] = value.get("minutesBefore")
        elif name == "schedulingType":
            model["scheduling"] = value
        else:
            model[_MODEL_NAMES[name]] = value
    return model
