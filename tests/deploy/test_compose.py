import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = [name for name, service in SERVICES.items() if service.get("restart") != "no"]
TAG = re.compile(r"[\w./-]+:v?\d[\w.-]*")
each_service = pytest.mark.parametrize("name", SERVICES)


def test_all_the_pieces_are_there() -> None:
    assert set(SERVICES) == {
        "gateway",
        "generate",
        "redis",
        "postgres",
        "prometheus",
        "alertmanager",
        "grafana",
    }


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_service_is_watched_and_restarted(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


@each_service
def test_images_are_pinned_to_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert TAG.fullmatch(image), image
    assert not image.endswith(":latest")


def test_our_image_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    ours = {service["image"] for service in SERVICES.values() if service.get("build")}
    assert ours == {f"calgate:{version[1]}"}


@each_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


def test_published_ports_are_all_different() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(published) == ["3000", "8080", "9090", "9093", "9464"]


@each_service
def test_nothing_secret_is_written_down(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        assert not re.search(r"PASSWORD|SECRET|TOKEN|API_KEY", key), key
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), key


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile", "deploy/README.md"])
def test_every_setting_named_is_a_setting(file: str) -> None:
    named = set(re.findall(r"\bCALGATE_([A-Z_]+)\b", (ROOT / file).read_text()))
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_gateways_settings_are_valid() -> None:
    written = {
        name.removeprefix("CALGATE_").lower(): _default(str(value))
        for name, value in SERVICES["gateway"]["environment"].items()
    }
    settings = Settings.model_validate(written)
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.database_url is None


@each_service
def test_every_mounted_file_exists_or_is_generated(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, target = mount.split(":")[:2]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mount.endswith(":ro"), mount
        else:
            assert source in COMPOSE["volumes"], source
        assert target.startswith("/")


def test_every_volume_is_used() -> None:
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


@each_service
def test_who_reads_generated_files_waits_for_them(name: str) -> None:
    if name != "generate" and any(
        mount.startswith("generated:") for mount in SERVICES[name].get("volumes", [])
    ):
        assert SERVICES[name]["depends_on"]["generate"]["condition"] == "service_completed_successfully"


@each_service
def test_what_a_service_waits_for_can_be_reached(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        # A service with a profile may not be started, and what waits for it would then never be.
        assert "profiles" not in SERVICES[other]


def test_the_gateway_is_given_longer_to_stop_than_it_takes_to_drain() -> None:
    grace = int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().drain_seconds


def _default(value: str) -> str:
    """What Compose makes of `${NAME:-default}` when NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
