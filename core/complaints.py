"""Turns what pydantic found wrong into sentences: the key, its value, its source, what is allowed."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from core.sources import Given
from core.urls import mask

_LONGEST_SHOWN = 120


def explain(
    fields: Mapping[str, FieldInfo], given: Mapping[str, Given], error: ValidationError
) -> Iterator[str]:
    """One line for each finding; values are shown with the credentials of URLs masked."""
    for finding in error.errors(include_url=False):
        if not finding["loc"]:  # settings that are right alone and wrong together
            yield from _plain(finding).splitlines()
            continue
        name = str(finding["loc"][0])
        if name not in fields:
            yield f"{name}: unknown setting"
            continue
        source = given.get(name)
        origin = "the default" if source is None else source.origin
        value = "***"
        if not is_secret(fields[name]):
            value = show(finding.get("input") if source is None else source.value)
        # What may be a key by mistake is not repeated.
        shown = f" = {value}" if fields[name].repr else ""
        yield f"{name}{shown} (from {origin}): {_reason(fields[name], finding)}"


def allowed(field: FieldInfo) -> str:
    """What a number or choice may be: `a whole number from 1 to 64`; empty for what has its own check."""
    choices = _choices(field.annotation)
    if choices:
        return f"one of {', '.join(choices)}"
    if field.annotation is int:
        return f"a whole number{_range(field)}"
    if field.annotation is float:
        return f"a number{_range(field)}"
    if field.metadata and any(hasattr(rule, "pattern") for rule in field.metadata):
        return "1 to 32 characters out of a-z, 0-9 and -"
    return ""


def is_secret(field: FieldInfo) -> bool:
    """Whether nobody may be shown the setting's value."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def show(value: object) -> str:
    """A value as an error may show it: quoted, masked, and not endless."""
    text = mask(value) if isinstance(value, str) else str(value)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}…"
    return repr(text) if isinstance(value, str) else text


def _reason(field: FieldInfo, finding: Any) -> str:
    if finding["type"] == "value_error":
        return _plain(finding)
    limits = allowed(field)
    return f"must be {limits}" if limits else _plain(finding)


def _plain(finding: Any) -> str:
    # A ValueError's own words; pydantic puts "Value error, " before them.
    cause = finding.get("ctx", {}).get("error")
    return str(cause) if cause is not None else str(finding["msg"])


def _choices(annotation: object) -> tuple[str, ...]:
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _range(field: FieldInfo) -> str:
    low, high = "", ""
    for rule in field.metadata:
        match rule:
            case Ge(ge=bound):
                low = f" from {bound}"
            case Gt(gt=bound):
                low = f" above {bound}"
            case Le(le=bound):
                high = f" to {bound}"
            case Lt(lt=bound):
                high = f" below {bound}"
    if low.startswith(" above") and high.startswith(" to"):
        high = f", at most{high.removeprefix(' to')}"
    return low + high
