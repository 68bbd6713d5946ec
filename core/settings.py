"""All settings of Calgate: one class, strict, defaulted, checked once.

`load_settings` reads the sources; constructing `Settings(...)` directly reads neither environment nor
files, which is what tests want. Sources in falling order of weight: command line, environment, secret
files, TOML file, defaults (`core/sources.py`).
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from calcom.ratelimit import tiers_of
from core import clients
from core.complaints import explain, is_secret
from core.errors import SettingsError
from core.sources import ENV_PREFIX, SECRETS_DIR, gather
from core.topology import parse
from core.urls import (
    check_database_url,
    check_listen,
    check_redis_url,
    check_upstream_url,
    mask,
    split_listen,
)

__all__ = ["Loaded", "Settings", "SettingsError", "child_environ", "load", "load_settings", "split_listen"]

_MOST_WORKERS = 64


def _default_workers() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, _MOST_WORKERS))


def _not_bool(value: object) -> object:
    # TOML's `true` would pass for 1 otherwise. ValueError, since pydantic collects only that.
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004
    return value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _not_empty(value: object) -> object:
    if value == "":  # Path("") would quietly mean the current folder
        raise ValueError("must name a folder")
    return value


def _ids(value: str) -> str:
    if any(not one.strip().isdecimal() for one in value.split(",") if value):
        raise ValueError("must be whole numbers with commas between, as in 12,34")
    return value


def _key(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value() if value else ""
    if value and not (text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= 512):
        raise ValueError("must be the key alone: ASCII without spaces, and without `Bearer` before it")
    return value


def _clients(value: SecretStr | None) -> SecretStr | None:
    if value:
        clients.parse(value.get_secret_value())
    return value


def _tiers(value: str) -> str:
    tiers_of(value)
    return value


_Count = Annotated[int, BeforeValidator(_not_bool)]
_Seconds = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting, with its unit, its bounds and its reason. Frozen; unknown names are refused."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="forbid",
        validate_default=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    # ── What stands in front of what ──
    upstream_url: Annotated[str, AfterValidator(check_upstream_url)] = Field(
        default="https://api.cal.com",
        description="Where calls go: the origin of the Cal.com API (scheme, host, port), without a path.",
    )
    proxy_listen: Annotated[str, AfterValidator(check_listen)] = Field(
        default="127.0.0.1:8080", description="HOST:PORT the gateway answers on; port 0 takes any free one."
    )
    monitor_listen: Annotated[str, AfterValidator(check_listen)] = Field(
        default="127.0.0.1:9464",
        description="HOST:PORT of /metrics and the status page; port 0 takes any free one.",
    )
    workers: _Count = Field(
        ge=1,
        le=_MOST_WORKERS,
        default_factory=_default_workers,
        description="Gateway processes that share proxy_listen; one per CPU when unset.",
    )
    account: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = Field(
        default="default",
        description="Name of the Cal.com account; keeps the keys of several gateways on one Redis apart.",
    )

    # ── Who may use it, when it holds the key itself ──
    upstream_api_key: Annotated[SecretStr | None, BeforeValidator(_empty_is_none), AfterValidator(_key)] = (
        Field(
            default=None,
            description="The gateway's own key for Cal.com; clients then show a token of client_tokens. Unset: clients "
            "bring their own keys.",
        )
    )
    client_tokens: Annotated[SecretStr | None, BeforeValidator(_empty_is_none), AfterValidator(_clients)] = (
        Field(
            default=None,
            description="Who may use upstream_api_key: ALIAS=sha256:HASH of a token, perhaps ;share=PERCENT of the "
            "calls, with commas or line ends between; `calgate clients new` writes them.",
        )
    )

    # ── Where memory lives ──
    redis_url: Annotated[str, AfterValidator(check_redis_url)] = Field(
        default="embedded",
        description="Redis of the fleet, or `embedded`: one started and kept running in data_dir.",
    )
    database_url: Annotated[
        str | None, BeforeValidator(_empty_is_none), AfterValidator(check_database_url)
    ] = Field(
        default=None,
        description="PostgreSQL of Cal.com for the monitor, or `embedded` to try out; unset: features off.",
    )
    database_schema: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] = Field(
        default="public", description="Schema of that database in which the tables are."
    )
    data_dir: Annotated[Path, BeforeValidator(_not_empty)] = Field(
        default=Path(".calgate"),
        description="Folder for embedded servers, metrics and run-files; one running gateway per folder.",
    )

    # ── The rate limit ──
    rate_limit: _Count = Field(
        ge=1,
        le=100_000,
        default=120,
        description="Calls per window and credential that Cal.com allows; one more costs a 60 s block.",
    )
    rate_limit_tiers: Annotated[str, AfterValidator(_tiers)] = Field(
        default="",
        # A key given by mistake must not be shown in the complaint about it.
        repr=False,
        description="Limits of single credentials where they differ, as in 3f9a12bc=300,token=400@20: the first "
        "digits of the key's SHA-256 (`calgate budget` shows them) or a kind, calls per window, calls a second.",
    )
    rate_window_seconds: _Seconds = Field(
        ge=1, le=86_400, default=60, description="Seconds of Cal.com's rate-limit window."
    )
    rate_guard_seconds: _Seconds = Field(
        ge=0,
        le=3_600,
        default=1.0,
        description="Seconds added to the window, since calls arrive at Cal.com later than they leave here.",
    )
    rate_pace_per_second: _Count = Field(
        ge=1,
        le=100_000,
        default=10,
        description="Most calls in any one second, as they arrive at Cal.com: it locks accounts for bursts.",
    )
    budget_max_wait_seconds: _Seconds = Field(
        ge=0,
        le=60,
        default=2.0,
        description="Longest a call waits for its turn before it is refused with the honest time; "
        "a booking waits five times as long.",
    )
    budget_booking_reserve_percent: _Count = Field(
        ge=0,
        le=40,
        default=10,
        description="Percent of rate_limit, in whole calls, that only bookings and reservations may take.",
    )
    budget_client_reserve_percent: _Count = Field(
        ge=0,
        le=35,
        default=20,
        description="Percent of rate_limit, in whole calls, that refreshing, warming and auditing leave to clients.",
    )
    rate_shadow: bool = Field(
        default=False,
        description="Only tell which calls would be held, and let all of them go. Cal.com then says no itself, and "
        "blocks for a minute: to look at a new deployment for an hour, never to run one.",
    )
    budget_shares: bool = Field(
        default=True,
        description="When Redis is gone, let each process make reads out of a share of the calls; Redis sets the "
        "shares of processes aside that are cut off.",
    )

    # ── The cache ──
    slots_ttl_seconds: _Seconds = Field(
        gt=0,
        le=86_400,
        default=60,
        description="Seconds an availability answer stays fresh when nothing happens to it.",
    )
    slots_stale_seconds: _Seconds = Field(
        ge=0,
        le=86_400,
        default=30,
        description="Seconds an answer that is no longer fresh is still served, and asked for again behind that.",
    )
    slots_stale_if_error_seconds: _Seconds = Field(
        ge=0,
        le=604_800,
        default=86_400,
        description="Seconds an answer may be served after it was fresh when Cal.com cannot be asked; it says so.",
    )
    slots_early_refresh: _Seconds = Field(
        ge=0,
        le=10,
        default=1.0,
        description="How eagerly answers are asked for again before they end, in proportion to what asking "
        "takes; 0 waits for their end.",
    )
    slots_distinct_after_write: bool = Field(
        default=True,
        description="After a write, ask Cal.com in a way its own cache has not heard (a millisecond in the end "
        "of the range) instead of waiting that cache out.",
    )
    slots_share_ranges: bool = Field(
        default=True,
        description="Answer overlapping looks at an event type out of one longer fetch, where its settings allow "
        "it and comparisons with Cal.com agree.",
    )
    slots_share_agreements: _Count = Field(
        ge=1,
        le=1_000,
        default=5,
        description="Comparisons with Cal.com's own answer that must agree before an event type is shared so.",
    )
    slots_share_gap_seconds: _Seconds = Field(
        ge=0, le=86_400, default=30, description="Seconds between two such comparisons."
    )
    reads_ttl_seconds: _Seconds = Field(
        ge=0,
        le=86_400,
        default=30,
        description="Seconds that event types, schedules, teams and the like are kept for who asked; calendars at "
        "most 5. 0 passes all of these on.",
    )
    idempotency_seconds: _Seconds = Field(
        ge=60,
        le=604_800,
        default=86_400,
        description="Seconds for which a write sent again with the same Idempotency-Key gets the answer of the first.",
    )
    idempotency_derived_seconds: _Seconds = Field(
        ge=0,
        le=86_400,
        default=0,
        description="Seconds for which the same booking asked for again without any key gets the answer of the first, "
        "as if it had one; 0: never.",
    )
    validate_bookings: bool = Field(
        default=True,
        description="Refuse a booking that Cal.com certainly refuses without spending a call on it.",
    )
    booking_turn_seconds: _Seconds = Field(
        ge=0,
        le=300,
        default=20,
        description="Longest a booking waits for others of the same host or event type and time that are under way; "
        "0 lets all go at once.",
    )
    booking_look_seconds: _Seconds = Field(
        ge=0,
        le=60,
        default=5,
        description="Longest a write whose answer was lost is looked for before its client is told that nobody "
        "knows; 0 does not look.",
    )
    overlay_seconds: _Seconds = Field(
        ge=0,
        le=60,
        default=10,
        description="Seconds after a booking for which a cached answer is served without what the booking took, "
        "while Cal.com is asked again; 0 never does.",
    )
    cache_max_entries: _Count = Field(
        ge=100,
        le=10_000_000,
        default=20_000,
        description="Most cached answers kept in Redis; those that would end next make way.",
    )
    l1: bool = Field(
        default=True,
        description="Answer from the process's own memory while Redis tells of every change; false asks Redis "
        "on every hit.",
    )
    l1_without_redis: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Show copies of before, with their age, while Redis refuses connections. `on` is your word that "
        "nobody else in the fleet reaches it then; `auto` takes that for granted where it is on this machine.",
    )
    l1_bytes: _Count = Field(
        ge=0,
        le=17_179_869_184,
        default=67_108_864,
        description="Most memory each gateway process uses for answers of its own.",
    )
    upstream_slots_cache_seconds: _Seconds = Field(
        ge=0,
        le=60,
        default=2.0,
        description="How long Cal.com itself may repeat an old answer after a write (its own cache).",
    )
    upstream_slots_cache_margin_seconds: _Seconds = Field(
        ge=0,
        le=60,
        default=0.3,
        description="Added to upstream_slots_cache_seconds for clocks and travel time.",
    )

    account_map_seconds: _Seconds = Field(
        ge=0,
        le=86_400,
        default=600,
        description="Seconds that what was learned of event types, hosts and teams is believed; it tells which "
        "answers a booking concerns. 0 learns nothing: then a booking empties the whole cache.",
    )

    plain_round_robins: Annotated[str, AfterValidator(_ids)] = Field(
        default="",
        description="Ids of round-robin event types, with commas between, that you vouch have no contact owner, "
        "segments or lead threshold: a booking then empties only its own days of them.",
    )
    unlimited_teams: Annotated[str, AfterValidator(_ids)] = Field(
        default="",
        description="Ids of teams, with commas between, that you vouch have no booking limits of their own: a "
        "booking then empties only its own days of their event types.",
    )

    # ── Limits of the edge ──
    upstream_connect_timeout_seconds: _Seconds = Field(
        gt=0, le=600, default=5, description="Longest to reach Cal.com, in seconds."
    )
    upstream_read_timeout_seconds: _Seconds = Field(
        gt=0, le=600, default=60, description="Longest silence while Cal.com answers, in seconds."
    )
    upstream_reads_total_seconds: _Seconds = Field(
        gt=0,
        le=600,
        default=30,
        description="Longest Cal.com may take over a read in all, in seconds; whoever calls waits no longer.",
    )
    upstream_slots_total_seconds: _Seconds = Field(
        gt=0,
        le=600,
        default=65,
        description="The same for availability, which takes some teams 47 s; the edge before Cal.com gives up at 60.",
    )
    upstream_writes_total_seconds: _Seconds = Field(
        gt=0,
        le=600,
        default=150,
        description="The same for what changes something: one that is given up may have been made all the same.",
    )
    upstream_connection_seconds: _Seconds = Field(
        gt=0,
        le=86_400,
        default=300,
        description="Age from which a connection to Cal.com takes no new call, so that a new address is noticed.",
    )
    upstream_pool_connections: _Count = Field(
        ge=1, le=4_096, default=64, description="Connections to Cal.com each gateway process may hold."
    )
    max_head_bytes: _Count = Field(
        ge=1_024,
        le=1_048_576,
        default=65_536,
        description="Largest request line and headers together, in bytes; more is answered 431.",
    )
    max_body_bytes: _Count = Field(
        ge=0,
        le=1_073_741_824,
        default=5_242_880,
        description="Largest request body, in bytes; more is answered 413.",
    )
    max_connections: _Count = Field(
        ge=1, le=65_536, default=1_024, description="Client connections each gateway process may hold."
    )
    max_calls: _Count = Field(
        ge=10,
        le=65_536,
        default=512,
        description="Calls to Cal.com each gateway process may have in hand, waiting for their turn or for the "
        "answer; past it the least important is refused.",
    )
    client_head_timeout_seconds: _Seconds = Field(
        gt=0, le=600, default=10, description="Longest a client may take to send its headers, in seconds."
    )
    keepalive_seconds: _Seconds = Field(
        ge=0,
        le=3_600,
        default=75,
        description="Seconds an idle client connection is kept; longer than the usual balancer's 60.",
    )
    drain_seconds: _Seconds = Field(
        ge=0, le=600, default=30, description="Seconds a stopping process gives the requests it has begun."
    )

    # ── The breaker ──
    breaker_failures: _Count = Field(
        ge=1,
        le=1_000,
        default=5,
        description="Failures in a row, in a quiet time, after which calls to a kind of endpoint stop.",
    )
    breaker_open_seconds: _Seconds = Field(
        gt=0, le=3_600, default=10, description="Seconds before one probe may try whether Cal.com is back."
    )
    breaker_longest_open_seconds: _Seconds = Field(
        gt=0,
        le=3_600,
        default=30,
        description="The same at most: it doubles with every probe that fails.",
    )
    breaker_slow_reads_seconds: _Seconds = Field(
        ge=0,
        le=600,
        default=15,
        description="Seconds from which an answer to a read is a slow one; many of them in a row count like failures. "
        "0: none is.",
    )
    breaker_slow_slots_seconds: _Seconds = Field(
        ge=0, le=600, default=55, description="The same for availability, which takes some teams 47 s."
    )
    breaker_slow_writes_seconds: _Seconds = Field(
        ge=0,
        le=600,
        default=0,
        description="The same for what changes something; a slow booking is better than none.",
    )

    # ── Jobs ──
    jobs_max_tries: _Count = Field(
        ge=1, le=100, default=3, description="Tries of a background job before it is kept as a dead letter."
    )
    jobs_timeout_seconds: _Seconds = Field(
        gt=0, le=3_600, default=120, description="Longest one try of a job may take, in seconds."
    )
    jobs_backoff_seconds: _Seconds = Field(
        gt=0,
        le=3_600,
        default=5,
        description="Seconds before the second try; doubles with every further one (5, 10, 20).",
    )

    # ── Logs ──
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least serious event that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="json: one object a line, for machines; console: for people."
    )
    access_log: Literal["all", "no-hits", "off"] = Field(
        default="all",
        description="Which requests get a line: all, those that no cached answer served, or none.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The library's own sources cannot say which of them a wrong value came from; ours can.
        return (init_settings,)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        complaints = list(_disagreements(self))
        if complaints:
            raise ValueError("\n".join(complaints))
        return self

    @property
    def metrics_dir(self) -> Path:
        """Where the worker slots of memory-mapped counters live."""
        return self.data_dir / "metrics"

    @property
    def clients(self) -> tuple[clients.Client, ...]:
        """Who may use the gateway's own key; empty when clients bring theirs."""
        return clients.parse(self.client_tokens.get_secret_value()) if self.client_tokens else ()

    def as_environ(self) -> dict[str, str]:
        """The settings as CALGATE_* variables for a child process, paths made absolute; without `secrets`.

        Contains credentials in URLs: for an environment only, never for a log.
        """
        fields = type(self).model_fields
        return {
            ENV_PREFIX + name.upper(): _as_text(getattr(self, name))
            for name, field in fields.items()
            if not is_secret(field)
        }

    def secrets(self) -> dict[str, str]:
        """The settings that no environment, log or error may show, by name, as far as they are set."""
        found = {
            name: getattr(self, name) for name, field in type(self).model_fields.items() if is_secret(field)
        }
        return {name: value.get_secret_value() for name, value in found.items() if value is not None}

    def __repr_args__(self) -> Any:
        for name, value in super().__repr_args__():
            yield name, mask(value) if isinstance(value, str) else value


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case Path():
            return str(value.absolute())
        case _:
            return str(value)


def _disagreements(s: Settings) -> Iterator[str]:
    """Values that are right alone and wrong together, each complaint naming both."""
    guard, window = s.rate_guard_seconds, s.rate_window_seconds
    if guard >= window:
        yield (
            f"rate_guard_seconds = {guard} with rate_window_seconds = {window}: "
            "the guard must be shorter than the window"
        )
    if s.rate_pace_per_second > s.rate_limit:
        yield (
            f"rate_pace_per_second = {s.rate_pace_per_second} with rate_limit = {s.rate_limit}: "
            "the pace of one second must not be more than the limit of the whole window"
        )
    if s.budget_max_wait_seconds > window + guard:
        yield (
            f"budget_max_wait_seconds = {s.budget_max_wait_seconds} with rate_window_seconds = {window}: "
            "nobody ever has to wait longer than the window and its guard"
        )
    if s.l1_without_redis == "on" and parse(s.redis_url) is not None:
        yield (
            f"l1_without_redis = on with redis_url = {mask(s.redis_url)}: of a fleet another Redis may be there "
            "for others when one refuses us; use auto or off"
        )
    if (s.upstream_api_key is None) != (s.client_tokens is None):
        given, missing = ("upstream_api_key", "client_tokens")
        if s.upstream_api_key is None:
            given, missing = missing, given
        yield (
            f"{given} without {missing}: a gateway that holds the key must know who may use it, and one that does "
            "not has no use for tokens; set both or neither"
        )
    if s.proxy_listen == s.monitor_listen and split_listen(s.proxy_listen)[1] != 0:
        yield f"proxy_listen and monitor_listen are both {s.proxy_listen}: give each its own port"
    if s.upstream_url.partition("://")[2] == s.proxy_listen:
        yield (
            f"upstream_url = {s.upstream_url} is proxy_listen itself: the gateway would call itself; "
            "point upstream_url at Cal.com or a simulator"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each name where its value came from (`the default` when nowhere)."""

    settings: Settings
    origins: Mapping[str, str]


def load(
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    secrets_dir: Path = SECRETS_DIR,
) -> Loaded:
    """Read all sources. Raises SettingsError that lists everything wrong, one line each.

    `config` is a TOML file (without it, the one CALGATE_CONFIG names); `environ` is os.environ unless given.
    """
    fields = Settings.model_fields
    gathered = gather(
        fields,
        config=config,
        overrides=overrides or {},
        environ=os.environ if environ is None else environ,
        secrets_dir=secrets_dir,
    )
    complaints = list(gathered.complaints)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({name: given.value for name, given in gathered.values.items()})
    except ValidationError as error:
        complaints += explain(fields, gathered.values, error)
    if complaints or settings is None:
        raise SettingsError(_listing(complaints)) from None
    origins = {
        name: gathered.values[name].origin if name in gathered.values else "the default" for name in fields
    }
    return Loaded(settings, origins)


def load_settings(
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """`load`, without the origins."""
    return load(config, overrides, environ).settings


def child_environ(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for a child process that is to run with exactly these `settings`, but for their `secrets`."""
    others = {name: value for name, value in environ.items() if not name.upper().startswith(ENV_PREFIX)}
    return others | settings.as_environ()


def _listing(complaints: list[str]) -> str:
    if len(complaints) == 1:
        return f"a setting is wrong: {complaints[0]}"
    return "\n".join([f"{len(complaints)} settings are wrong:", *(f"  {line}" for line in complaints)])
