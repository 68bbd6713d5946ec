"""What the service `generate` writes is what the other services read."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.promtool import promtool

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The volume after `generate` has run: its own script, with the volume's path replaced."""
    volume = tmp_path_factory.mktemp("generated")
    service = SERVICES["generate"]
    (script,) = service["command"]
    assert service["entrypoint"] == ["sh", "-euc"]
    environment = {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service["environment"].items()
    }
    subprocess.run(
        ["/bin/sh", "-euc", script.replace("$$", "$").replace("/generated", str(volume))],
        env={**environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        timeout=120,
        capture_output=True,
    )
    return volume


def _mentioned(text: str) -> set[str]:
    return {match.rstrip("/") for match in re.findall(r"/generated(/[\w./-]+)", text)}


def test_every_generated_path_that_is_read_is_written(generated: Path) -> None:
    read = set()
    for file in ("deploy/prometheus.yml", "deploy/grafana/provisioning/dashboards/calgate.yml"):
        read |= _mentioned((ROOT / file).read_text())
    read |= _mentioned(" ".join(SERVICES["alertmanager"]["command"]))
    read |= _mentioned(str(SERVICES["grafana"]["environment"]))
    assert len(read) == 4
    for path in read:
        assert (generated / path.lstrip("/")).exists(), path


def test_promtool_accepts_the_configuration_with_its_rules(generated: Path, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "prometheus.yml").read_text()
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/generated", str(generated)))
    done = promtool("check", "config", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 rules found" in done.stdout


def test_prometheus_scrapes_the_monitor_under_the_name_the_alerts_know() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "calgate"
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert SERVICES[host]["environment"]["CALGATE_MONITOR_LISTEN"].endswith(f":{port}")


def test_grafana_knows_the_scrape_interval() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    assert sources["datasources"][0]["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
