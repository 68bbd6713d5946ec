"""calgate/handing.py: children get the secrets, their environments do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from calgate.handing import handed

READ = """
import os, pathlib, sys
from core.settings import load
print(load(environ=os.environ).settings.secrets()["upstream_api_key"])
assert b"hunter2" not in pathlib.Path("/proc/self/environ").read_bytes()
"""

pytestmark = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="only Linux has memory without a name"
)


def test_any_number_of_children_read_a_secret_that_is_in_no_environment() -> None:
    with handed({"upstream_api_key": "hunter2", "client_tokens": f"shop=sha256:{'0' * 64}"}) as secrets:
        assert "hunter2" not in str(secrets)
        environ = {"PATH": os.environ["PATH"], **secrets.environ}
        for _ in range(2):
            found = subprocess.run(
                [sys.executable, "-c", READ],
                env=environ,
                pass_fds=secrets.descriptors,
                cwd=Path(__file__).parents[2],
                capture_output=True,
                check=True,
                text=True,
            )
            assert found.stdout == "hunter2\n"
    for descriptor in secrets.descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_without_secrets_nothing_is_handed() -> None:
    with handed({}) as secrets:
        assert secrets.environ == {}
        assert secrets.descriptors == ()
