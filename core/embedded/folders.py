"""Folders an embedded server lives in: made, checked, and with a socket path short enough to bind."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.errors import EmbeddedServerError

LEAST_FREE_BYTES = 64 * 1024 * 1024

# The kernel's limit is 108 on Linux and 104 on macOS, with the closing NUL.
LONGEST_SOCKET_PATH = 100

_WAY_OUT = "set CALGATE_DATA_DIR to a folder that can be used"
_REASONS = {
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EROFS: "it is on a read-only file system",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.EEXIST: "there is a file of that name",
    errno.ENAMETOOLONG: "the path is too long",
}


def prepare(folder: Path, *, free_bytes: Callable[[Path], int] | None = None) -> Path:
    """Make `folder` (for this user only), prove that it can be written to; return it absolute.

    Raises EmbeddedServerError that names the folder and the reason.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        raise unusable(folder, error) from None
    free = (free_bytes or _free_bytes)(folder)
    if free < LEAST_FREE_BYTES:
        raise EmbeddedServerError(
            f"the data folder {folder} cannot be used: the disk is full "
            f"({free // 2**20} MiB free, {LEAST_FREE_BYTES // 2**20} MiB needed); free some, or {_WAY_OUT}"
        )
    return folder


def unusable(folder: Path, error: OSError) -> EmbeddedServerError:
    """The error of `folder` in words."""
    reason = _REASONS.get(error.errno or 0) or os.strerror(error.errno or 0)
    return EmbeddedServerError(f"the data folder {folder} cannot be used: {reason}; {_WAY_OUT}")


def socket_folder(folder: Path, file_name: str) -> Path:
    """`folder` when a socket called `file_name` fits in there, otherwise a short one of this user's own.

    The short one is the same for the same folder, so that the next start finds it again.
    """
    if len(os.fsencode(folder / file_name)) <= LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    name = f"calgate-{os.geteuid()}-{digest}"
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked below
        short = base / name
        if len(os.fsencode(short / file_name)) <= LONGEST_SOCKET_PATH:
            return _private(short)
    raise EmbeddedServerError(f"the path of the data folder {folder} is too long for a socket; {_WAY_OUT}")


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # Anyone may write to the temporary folder: what lies there under our name must really be ours.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o066:
        raise EmbeddedServerError(f"{folder} exists and does not belong to this user alone; remove it")
    return folder


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
