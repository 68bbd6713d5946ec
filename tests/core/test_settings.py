"""core/settings.py with core/sources.py and core/complaints.py: what may be set, from where, and what is said."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.settings import Loaded, Settings, SettingsError, child_environ, load, load_settings

NOWHERE = Path("/nonexistent")


def loaded(
    environ: dict[str, str] | None = None,
    toml: str | None = None,
    secrets: dict[str, str] | None = None,
    overrides: dict[str, object] | None = None,
    *,
    folder: Path = NOWHERE,
) -> Loaded:
    config = None
    if toml is not None:
        config = folder / "calgate.toml"
        config.write_text(toml)
    for name, text in (secrets or {}).items():
        (folder / name).write_text(text)
    return load(config, overrides, environ or {}, secrets_dir=folder if secrets else NOWHERE)


def complaint(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(environ)
    return str(caught.value)


def test_everything_has_a_default_that_passes_its_own_checks() -> None:
    found = loaded()
    assert found.settings.upstream_url == "https://api.cal.com"
    assert found.settings.rate_limit == 120
    assert 1 <= found.settings.workers <= 64
    assert set(found.origins.values()) == {"the default"}
    assert set(found.origins) == set(Settings.model_fields)


def test_the_higher_source_wins_and_each_value_knows_its_origin(tmp_path: Path) -> None:
    toml = "rate_limit = 10\nworkers = 3\naccount = 'file'\nslots_ttl_seconds = 5"
    secrets = {"calgate_workers": "4\n", "calgate_account": "secret", "calgate_rate_limit": "11"}
    environ = {"CALGATE_ACCOUNT": "environment", "CALGATE_RATE_LIMIT": "12"}
    found = loaded(environ, toml, secrets, {"rate_limit": 13, "workers": None}, folder=tmp_path)
    assert (found.settings.rate_limit, found.origins["rate_limit"]) == (
        13,
        "the command line (--set rate_limit)",
    )
    assert (found.settings.account, found.origins["account"]) == (
        "environment",
        "the environment variable CALGATE_ACCOUNT",
    )
    assert (found.settings.workers, found.origins["workers"]) == (4, f"the file {tmp_path}/calgate_workers")
    assert (found.settings.slots_ttl_seconds, found.origins["slots_ttl_seconds"]) == (
        5.0,
        f"{tmp_path}/calgate.toml",
    )


def test_any_setting_may_be_in_a_file_that_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:hunter2@cache:6379/0\n")
    found = loaded({"CALGATE_REDIS_URL_FILE": str(tmp_path / "url")})
    assert found.settings.redis_url == "redis://:hunter2@cache:6379/0"
    assert found.origins["redis_url"] == f"the file {tmp_path}/url"


def test_the_settings_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("rate_limit = 60")
    assert load_settings(environ={"CALGATE_CONFIG": str(tmp_path / "c.toml")}).rate_limit == 60


WRONG = {
    "ids": (
        {"CALGATE_PLAIN_ROUND_ROBINS": "12;34"},
        (
            "plain_round_robins = '12;34' (from the environment variable CALGATE_PLAIN_ROUND_ROBINS): "
            "must be whole numbers with commas between, as in 12,34"
        ),
    ),
    "unknown": (
        {"CALGATE_RATE_LIMT": "1"},
        "CALGATE_RATE_LIMT (from the environment): unknown setting; did you mean CALGATE_RATE_LIMIT?",
    ),
    "unknown, far from all": (
        {"CALGATE_XYZZY": "1"},
        "CALGATE_XYZZY (from the environment): unknown setting; `calgate config --describe` lists all of them",
    ),
    "small letters": (
        {"calgate_workers": "1"},
        "calgate_workers (from the environment): must be in capitals: CALGATE_WORKERS",
    ),
    "not a number": (
        {"CALGATE_RATE_LIMIT": "12O"},
        (
            "rate_limit = '12O' (from the environment variable CALGATE_RATE_LIMIT): "
            "must be a whole number from 1 to 100000"
        ),
    ),
    "fraction of a count": (
        {"CALGATE_WORKERS": "1.5"},
        "workers = '1.5' (from the environment variable CALGATE_WORKERS): must be a whole number from 1 to 64",
    ),
    "below": (
        {"CALGATE_WORKERS": "0"},
        "workers = '0' (from the environment variable CALGATE_WORKERS): must be a whole number from 1 to 64",
    ),
    "above": (
        {"CALGATE_WORKERS": "65"},
        "workers = '65' (from the environment variable CALGATE_WORKERS): must be a whole number from 1 to 64",
    ),
    "not positive": (
        {"CALGATE_JOBS_TIMEOUT_SECONDS": "0"},
        (
            "jobs_timeout_seconds = '0' (from the environment variable CALGATE_JOBS_TIMEOUT_SECONDS): "
            "must be a number above 0, at most 3600"
        ),
    ),
    "infinite": (
        {"CALGATE_DRAIN_SECONDS": "inf"},
        "drain_seconds = 'inf' (from the environment variable CALGATE_DRAIN_SECONDS): must be a number from 0 to 600",
    ),
    "no number at all": (
        {"CALGATE_KEEPALIVE_SECONDS": "nan"},
        (
            "keepalive_seconds = 'nan' (from the environment variable CALGATE_KEEPALIVE_SECONDS): "
            "must be a number from 0 to 3600"
        ),
    ),
    "choice": (
        {"CALGATE_LOG_FORMAT": "yaml"},
        "log_format = 'yaml' (from the environment variable CALGATE_LOG_FORMAT): must be one of json, console",
    ),
    "name": (
        {"CALGATE_ACCOUNT": "My Account"},
        (
            "account = 'My Account' (from the environment variable CALGATE_ACCOUNT): "
            "must be 1 to 32 characters out of a-z, 0-9 and -"
        ),
    ),
    "empty folder": (
        {"CALGATE_DATA_DIR": ""},
        "data_dir = '' (from the environment variable CALGATE_DATA_DIR): must name a folder",
    ),
    "listen": (
        {"CALGATE_PROXY_LISTEN": "8080"},
        (
            "proxy_listen = '8080' (from the environment variable CALGATE_PROXY_LISTEN): must be HOST:PORT with a port "
            "from 0 (any free one) to 65535, as in 127.0.0.1:8080 or [::1]:8080"
        ),
    ),
    "upstream path": (
        {"CALGATE_UPSTREAM_URL": "https://api.cal.com/v2"},
        (
            "upstream_url = 'https://api.cal.com/v2' (from the environment variable CALGATE_UPSTREAM_URL): must be an "
            "origin such as https://api.cal.com: http:// or https://, a host and perhaps a port; without a path, since "
            "clients send /v2/… themselves"
        ),
    ),
    "upstream credentials": (
        {"CALGATE_UPSTREAM_URL": "https://me:hunter2@api.cal.com"},
        (
            "upstream_url = 'https://***@api.cal.com' (from the environment variable CALGATE_UPSTREAM_URL): must be an "
            "origin such as https://api.cal.com: http:// or https://, a host and perhaps a port; credentials do not "
            "belong in it"
        ),
    ),
    "redis of another kind": (
        {"CALGATE_REDIS_URL": "redis+sentinel://:hunter2@a:1"},
        (
            "redis_url = 'redis+sentinel://***@a:1' (from the environment variable CALGATE_REDIS_URL): must be "
            "`embedded` or a URL that begins with redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://; "
            "sentinels need the name of their service, as in redis+sentinel://host:26379/mymaster"
        ),
    ),
    "redis database": (
        {"CALGATE_REDIS_URL": "redis://h/first"},
        (
            "redis_url = 'redis://h/first' (from the environment variable CALGATE_REDIS_URL): must be `embedded` or a "
            "URL that begins with redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://; after the host "
            "only the number of a database may follow, as in /0"
        ),
    ),
    "database": (
        {"CALGATE_DATABASE_URL": "mysql://root:hunter2@h/cal"},
        (
            "database_url = 'mysql://***@h/cal' (from the environment variable CALGATE_DATABASE_URL): must be empty "
            "(off), `embedded`, or a URL that begins with postgresql://"
        ),
    ),
    "file that is not there": (
        {"CALGATE_REDIS_URL_FILE": "/nonexistent/url"},
        (
            "redis_url (from CALGATE_REDIS_URL_FILE=/nonexistent/url): the file cannot be read: "
            "No such file or directory"
        ),
    ),
    "value and file": (
        {"CALGATE_REDIS_URL": "embedded", "CALGATE_REDIS_URL_FILE": "/nonexistent/url"},
        "redis_url: CALGATE_REDIS_URL and CALGATE_REDIS_URL_FILE are both set; unset one",
    ),
    "settings file that is not there": (
        {"CALGATE_CONFIG": "/nonexistent/c.toml"},
        "/nonexistent/c.toml: the settings file cannot be read: No such file or directory",
    ),
    "key without tokens": (
        {"CALGATE_UPSTREAM_API_KEY": "cal_live_hunter2"},
        (
            "upstream_api_key without client_tokens: a gateway that holds the key must know who may use it, and one "
            "that does not has no use for tokens; set both or neither"
        ),
    ),
    "tokens without key": (
        {"CALGATE_CLIENT_TOKENS": f"shop=sha256:{'0' * 64}"},
        (
            "client_tokens without upstream_api_key: a gateway that holds the key must know who may use it, and one "
            "that does not has no use for tokens; set both or neither"
        ),
    ),
    "a plain token": (
        {"CALGATE_CLIENT_TOKENS": "shop=hunter2", "CALGATE_UPSTREAM_API_KEY": "k"},
        (
            "client_tokens = *** (from the environment variable CALGATE_CLIENT_TOKENS): entry 1 (shop) must have the "
            "hash of a token, as in shop=sha256: and 64 hex digits; `calgate clients hash shop` makes it of a token "
            "you have"
        ),
    ),
    "a key with its scheme": (
        {"CALGATE_UPSTREAM_API_KEY": "Bearer hunter2", "CALGATE_CLIENT_TOKENS": f"shop=sha256:{'0' * 64}"},
        (
            "upstream_api_key = *** (from the environment variable CALGATE_UPSTREAM_API_KEY): must be the key alone: "
            "ASCII without spaces, and without `Bearer` before it"
        ),
    ),
    "guard": (
        {"CALGATE_RATE_GUARD_SECONDS": "60"},
        "rate_guard_seconds = 60.0 with rate_window_seconds = 60.0: the guard must be shorter than the window",
    ),
    "pace": (
        {"CALGATE_RATE_LIMIT": "5"},
        (
            "rate_pace_per_second = 10 with rate_limit = 5: the pace of one second must not be more than the limit of "
            "the whole window"
        ),
    ),
    "wait": (
        {"CALGATE_RATE_WINDOW_SECONDS": "10", "CALGATE_BUDGET_MAX_WAIT_SECONDS": "12"},
        (
            "budget_max_wait_seconds = 12.0 with rate_window_seconds = 10.0: nobody ever has to wait longer than the "
            "window and its guard"
        ),
    ),
    "same port": (
        {"CALGATE_MONITOR_LISTEN": "127.0.0.1:8080"},
        "proxy_listen and monitor_listen are both 127.0.0.1:8080: give each its own port",
    ),
    "itself": (
        {"CALGATE_UPSTREAM_URL": "http://127.0.0.1:8080"},
        (
            "upstream_url = http://127.0.0.1:8080 is proxy_listen itself: the gateway would call itself; point "
            "upstream_url at Cal.com or a simulator"
        ),
    ),
}


@pytest.mark.parametrize(("environ", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named_with_its_source_and_what_is_allowed(
    environ: dict[str, str], message: str
) -> None:
    assert complaint(environ) == f"a setting is wrong: {message}"


WRONG_TOML = {
    "unknown": ("rate_limt = 1", "rate_limt (from {file}): unknown setting; did you mean rate_limit?"),
    "dashes": ("rate-limit = 1", "rate-limit (from {file}): unknown setting; did you mean rate_limit?"),
    "table": ("[redis_url]\nhost = 'h'", "redis_url (from {file}): must be a plain value, not a table"),
    "truth for a number": (
        "workers = true",
        "workers = True (from {file}): must be a number, not true or false",
    ),
    "list": ("workers = [1]", "workers = [1] (from {file}): must be a whole number from 1 to 64"),
    "syntax": (
        "workers = ",
        "{file}: the settings file is not valid TOML: Invalid value (at end of document)",
    ),
}


@pytest.mark.parametrize(("toml", "message"), WRONG_TOML.values(), ids=WRONG_TOML.keys())
def test_a_mistake_in_the_file_is_named_with_the_file(toml: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(toml=toml, folder=tmp_path)
    expected = message.format(file=tmp_path / "calgate.toml")
    assert str(caught.value) == f"a setting is wrong: {expected}"


def test_several_mistakes_of_several_sources_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(
            {"CALGATE_WORKRES": "1"},
            "log_level = 'loud'",
            {"calgate_pasword": "x"},
            {"rate_limit": "many", "shoe_size": 43},
            folder=tmp_path,
        )
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 settings are wrong:"
    assert [line.split()[0] for line in lines[1:]] == [
        "calgate_pasword",
        "CALGATE_WORKRES",
        "shoe_size",
        "rate_limit",
        "log_level",
    ]


def test_a_secret_file_that_is_huge_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calgate_account").write_bytes(b"\xff\xfe")
    (tmp_path / "calgate_redis_url").write_bytes(b"x" * 70_000)
    with pytest.raises(SettingsError) as caught:
        load(environ={}, secrets_dir=tmp_path)
    assert str(caught.value).splitlines()[1:] == [
        f"  account (from {tmp_path}/calgate_account): the file is not UTF-8 text",
        f"  redis_url (from {tmp_path}/calgate_redis_url): the file is larger than 65536 bytes",
    ]


def test_what_kubernetes_adds_for_a_service_called_calgate_is_no_setting() -> None:
    environ = {
        "CALGATE_SERVICE_HOST": "10.0.0.1",
        "CALGATE_SERVICE_PORT": "8080",
        "CALGATE_SERVICE_PORT_HTTP": "8080",
        "CALGATE_PORT": "tcp://10.0.0.1:8080",
        "CALGATE_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "CALGATE_PORT_8080_TCP_ADDR": "10.0.0.1",
        "CALGATE_MONITOR_SERVICE_HOST": "10.0.0.2",
    }
    assert set(loaded(environ).origins.values()) == {"the default"}


def test_a_port_the_user_meant_to_set_is_not_mistaken_for_a_service() -> None:
    assert "unknown setting" in complaint({"CALGATE_PORT": "8080"})


def test_a_child_gets_exactly_these_settings_and_nothing_else_of_ours() -> None:
    settings = load_settings(environ={"CALGATE_DATABASE_URL": "", "CALGATE_SLOTS_TTL_SECONDS": "0.1"})
    environ = child_environ(
        settings, {"PATH": "/bin", "CALGATE_CONFIG": "/x", "CALGATE_REDIS_URL_FILE": "/y"}
    )
    assert environ["PATH"] == "/bin"
    assert not {"CALGATE_CONFIG", "CALGATE_REDIS_URL_FILE"} & set(environ)
    again = load_settings(environ=environ)
    assert again == settings.model_copy(update={"data_dir": settings.data_dir.absolute()})


HOLDING = {"CALGATE_UPSTREAM_API_KEY": "cal_live_hunter2", "CALGATE_CLIENT_TOKENS": f"shop=sha256:{'7' * 64}"}


def test_the_gateways_own_secrets_are_shown_by_nothing_and_handed_on_by_no_environment() -> None:
    settings = load_settings(environ=HOLDING)
    assert settings.secrets() == {
        "upstream_api_key": "cal_live_hunter2",
        "client_tokens": HOLDING["CALGATE_CLIENT_TOKENS"],
    }
    assert [client.alias for client in settings.clients] == ["shop"]
    for text in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        str(child_environ(settings, HOLDING)),
    ):
        assert "hunter2" not in text
        assert "7777" not in text
    with pytest.raises(ValidationError) as caught:
        Settings(upstream_api_key="cal live hunter2", client_tokens="shop=hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


def test_an_empty_secret_is_none() -> None:
    settings = load_settings(environ={"CALGATE_UPSTREAM_API_KEY": "", "CALGATE_CLIENT_TOKENS": ""})
    assert settings.secrets() == {}
    assert settings.clients == ()


def test_settings_constructed_directly_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_RATE_LIMIT", "60")
    assert Settings().rate_limit == 120
    assert load_settings(environ=os.environ).rate_limit == 60


def test_settings_cannot_be_changed_or_extended() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.rate_limit = 1
    with pytest.raises(ValidationError):
        Settings(rate_limits=1)  # type: ignore[call-arg]


def test_neither_repr_nor_an_error_shows_a_password() -> None:
    settings = Settings(
        redis_url="rediss://user:hunter2@h:1/0", database_url="postgresql://u:hunter2@h/db?password=hunter2"
    )
    assert "hunter2" not in repr(settings) + str(settings)
    assert "hunter2" not in complaint({"CALGATE_REDIS_URL": "redis://:hunter2@h:notaport"})
    assert "hunter2" not in complaint({"CALGATE_REDIS_URL": "redis://:hunter@2hunter2@h/x"})


def test_a_key_given_where_its_digest_belongs_is_not_shown() -> None:
    text = complaint({"CALGATE_RATE_LIMIT_TIERS": "cal_live_secret=300"})
    assert "rate_limit_tiers (from the environment variable CALGATE_RATE_LIMIT_TIERS): entry 1 is not" in text
    assert "secret" not in text


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
