"""Programs of the machine that some tests need."""

import os
import shutil

import pytest

_REQUIRE = "CALGATE_REQUIRE_TOOLS"


def require_tool(name: str, debian_package: str) -> str:
    """The path of the program `name`.

    Without it the calling test is skipped with the way to install it, or fails when CALGATE_REQUIRE_TOOLS=1,
    as continuous integration sets it: there, a skipped proof would look like a passed one.
    """
    found = shutil.which(name)
    if found is not None:
        return found
    reason = f"{name} is not on the PATH: apt-get install {debian_package}"
    if os.environ.get(_REQUIRE) == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
