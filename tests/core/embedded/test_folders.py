"""core/embedded/folders.py"""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from core.embedded.folders import LONGEST_SOCKET_PATH, prepare, socket_folder, unusable
from core.errors import EmbeddedServerError


def test_a_folder_is_made_for_this_user_only(tmp_path: Path) -> None:
    made = prepare(tmp_path / "a" / "b")
    assert made.is_dir()
    assert made.stat().st_mode & 0o777 == 0o700
    assert list(made.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(EmbeddedServerError) as caught:
        prepare(tmp_path / "data")
    assert str(caught.value) == (
        f"the data folder {tmp_path}/data cannot be used: there is a file of that name; "
        "set CALGATE_DATA_DIR to a folder that can be used"
    )


def test_a_folder_below_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(EmbeddedServerError, match="part of the path is a file, not a folder"):
        prepare(tmp_path / "data" / "redis")


def test_a_full_disk_is_told_before_a_server_breaks_on_it(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"the disk is full \(3 MiB free, 64 MiB needed\)"):
        prepare(tmp_path / "data", free_bytes=lambda _: 3 * 2**20)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, "this user may not write there"),
        (errno.EROFS, "it is on a read-only file system"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_every_reason_is_in_words(number: int, reason: str) -> None:
    error = unusable(Path("/data"), OSError(number, "?"))
    assert f"the data folder /data cannot be used: {reason};" in str(error)


def test_a_socket_stays_in_its_folder_when_the_path_is_short(tmp_path: Path) -> None:
    assert socket_folder(Path("/data"), "r.sock") == Path("/data")


def test_a_long_path_has_a_short_private_folder_the_next_start_finds_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as base:
        monkeypatch.setattr(tempfile, "tempdir", base)
        long = Path("/" + "x" * 120)
        short = socket_folder(long, "r.sock")
        assert short.parent == Path(base)
        assert len(os.fsencode(short / "r.sock")) <= LONGEST_SOCKET_PATH
        assert short.stat().st_mode & 0o777 == 0o700
        assert socket_folder(long, "r.sock") == short
        assert socket_folder(long / "y", "r.sock") != short


def test_a_short_folder_others_can_read_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as base:
        monkeypatch.setattr(tempfile, "tempdir", base)
        long = Path("/" + "x" * 120)
        socket_folder(long, "r.sock").chmod(0o777)
        with pytest.raises(EmbeddedServerError, match="does not belong to this user alone"):
            socket_folder(long, "r.sock")
