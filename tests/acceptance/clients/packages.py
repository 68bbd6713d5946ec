"""The npm packages of the clients: exact versions, checked by digest, never with scripts of theirs."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from tests.tools import missing, require_tool

HERE: Final = Path(__file__).parent / "npm"
CACHE: Final = Path(__file__).parents[3] / "build" / "clients"

N8N: Final = "n8n-nodes-base@2.41.2"
_N8N_SHA512: Final = (
    "qUItyawxR1aR/t6Fgk0whYwBSDR+VOu5RkgAI3AElVI3dqPLLcCAawAMFc/N3GFG35//quOVRUwuc7a3mVLC0g=="
)
# Four hundred nodes need a thousand packages; of these we need one node.
_N8N_FILES: Final = (
    "package/dist/nodes/Cal/",
    "package/dist/credentials/CalApi.",
    "package/dist/utils/webhook-",
)

_SECONDS: Final = 240


def installed() -> Path:
    """The folder with `node_modules` and `package`, n8n's nodes; made once for a lock.

    Where the packages cannot be had, the calling test is skipped, or fails where nothing may be skipped.
    """
    npm = require_tool("npm", "npm")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock + N8N.encode()).hexdigest()[:16]
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".making-") as making:
        made = Path(making) / "clients"
        shutil.copytree(HERE, made)
        _run([npm, "ci", "--omit=dev", "--omit=optional"], made)
        _run([npm, "pack", "--silent", N8N], made)
        (packed,) = made.glob("n8n-nodes-base-*.tgz")
        digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        assert digest == _N8N_SHA512, f"{N8N} is not what it was"
        with tarfile.open(packed) as archive:
            wanted = [one for one in archive if one.name.startswith(_N8N_FILES)]
            archive.extractall(made, members=wanted, filter="data")
        packed.unlink()
        try:
            made.rename(folder)
        except OSError:
            # Somebody else was quicker.
            assert folder.exists()
    return folder


def _run(argv: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            [*argv, "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        missing(f"npm did not fetch the clients within {_SECONDS} seconds")
    if done.returncode != 0:
        missing(f"npm cannot fetch the clients: {done.stderr.strip()[-300:]}")
