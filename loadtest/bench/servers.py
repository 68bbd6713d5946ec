"""What is compared: each server in front of the same stand-in, started alone, on one core."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.clock import SystemClock
from loadtest.client import Client, ClientError

TARGET: Final = "/v2/slots?eventTypeId=101&start=2050-09-05&end=2050-09-11"
VERSION: Final = ("cal-api-version", "2024-09-04")

_NGINX: Final = """\
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; sendfile on;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=slots:10m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {upstream}; proxy_cache slots; proxy_cache_key $request_uri; proxy_cache_valid 200 10m; {more}
    }}
  }}
}}
"""


_VCL: Final = """\
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{port}"; }}
sub vcl_recv {{
  if (req.method == "PURGE") {{ return (purge); }}
  if (req.method == "BAN") {{ ban("obj.http.x-asked ~ " + req.http.x-ban); return (synth(200)); }}
}}
sub vcl_backend_response {{ set beresp.http.x-asked = bereq.url; }}
sub vcl_deliver {{ if (obj.hits > 0) {{ set resp.http.x-cache = "HIT"; }} else {{ set resp.http.x-cache = "MISS"; }} }}
"""


@dataclass(frozen=True, slots=True)
class Missing(Exception):
    """A program to compare with is not installed."""

    program: str
    package: str

    def __str__(self) -> str:
        return f"{self.program} is not installed (Debian: apt-get install {self.package})"


def free_port() -> int:
    """A loopback port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, package: str) -> str:
    """The path of *name*. Raises Missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(name, package)
    return found


@contextmanager
def running(argv: list[str], *, core: int, env: dict[str, str] | None = None) -> Iterator[int]:
    """A child process pinned to *core* (where the system can), ended with the block; yields its pid."""
    child = subprocess.Popen(
        argv, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(child.pid, {core})
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def stand_in(core: int) -> Iterator[str]:
    """The upstream everybody gets; yields its origin."""
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "loadtest.bench.upstream:app", "--port", str(port)]
    with running([*argv, "--log-level", "critical"], core=core):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gateway(
    upstream: str, folder: Path, core: int, *, l1: bool = True, access_log: str = "off"
) -> Iterator[str]:
    """One gateway process with its own embedded Redis on the same core; all counters on."""
    port = free_port()
    env = {
        "CALGATE_UPSTREAM_URL": upstream,
        "CALGATE_PROXY_LISTEN": f"127.0.0.1:{port}",
        "CALGATE_WORKERS": "1",
        "CALGATE_DATA_DIR": str(folder),
        "CALGATE_SLOTS_TTL_SECONDS": "600",
        "CALGATE_L1": str(l1).lower(),
        "CALGATE_ACCESS_LOG": access_log,
    }
    with running([sys.executable, "-m", "calgate", "proxy"], core=core, env=env):
        yield f"http://127.0.0.1:{port}"


def logging_gateway(upstream: str, folder: Path, core: int) -> AbstractContextManager[str]:
    """The same with a line of log for every answer."""
    return gateway(upstream, folder, core, access_log="all")


def asking_gateway(upstream: str, folder: Path, core: int) -> AbstractContextManager[str]:
    """The same without copies of its own: every hit asks Redis."""
    return gateway(upstream, folder, core, l1=False)


@contextmanager
def nginx(upstream: str, folder: Path, core: int, *, more: str = "") -> Iterator[str]:
    """nginx `proxy_cache`, tuned: one worker, no access log; *more* goes into its location."""
    binary = program("nginx", "nginx")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream, more=more))
    with running([binary, "-p", str(folder), "-c", str(config)], core=core):
        yield f"http://127.0.0.1:{port}"


def telling_nginx(upstream: str, folder: Path, core: int) -> AbstractContextManager[str]:
    """The same, saying of each answer whether it was cached."""
    return nginx(upstream, folder, core, more="add_header x-cache $upstream_cache_status;")


@contextmanager
def varnish(upstream: str, folder: Path, core: int, *, vcl: str = "") -> Iterator[str]:
    """Varnish with its defaults and enough memory; *vcl* is its program, if it needs one."""
    binary = program("varnishd", "varnish")
    port = free_port()
    source = ["-b", upstream.removeprefix("http://")]
    if vcl:
        (folder / "bench.vcl").write_text(vcl.format(port=upstream.rpartition(":")[2]))
        source = ["-f", str(folder / "bench.vcl")]
    # Without its jail it may use a folder that is ours alone.
    argv = [binary, "-j", "none", "-F", "-n", str(folder), "-a", f"127.0.0.1:{port}", *source]
    with running([*argv, "-s", "malloc,64m"], core=core):
        yield f"http://127.0.0.1:{port}"


def clearing_varnish(upstream: str, folder: Path, core: int) -> AbstractContextManager[str]:
    """The same, which can be purged and banned, and says of each answer whether it was cached."""
    return varnish(upstream, folder, core, vcl=_VCL)


async def answering(client: Client) -> None:
    """Wait until a server answers at all. Raises ClientError when it does not within half a minute."""
    clock = SystemClock()
    give_up = clock.monotonic() + 30
    while True:
        try:
            if (await client.get(TARGET, dict([VERSION]))).status == 200:
                return
        except ClientError:
            if clock.monotonic() > give_up:
                raise
        await clock.sleep(0.1)
