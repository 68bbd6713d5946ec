from pathlib import Path

from alerts.files import difference, write


def test_what_was_written_does_not_differ(tmp_path: Path) -> None:
    files = {"a.yml": "1", "sub/b.yml": "2"}
    assert write(tmp_path, files) == [tmp_path / "a.yml", tmp_path / "sub" / "b.yml"]
    assert not difference(tmp_path, files)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.yml", "b.yml", "sub"]


def test_a_difference_names_each_file(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1", "b": "2"})
    found = difference(tmp_path, {"a": "1", "b": "3", "c": "4"})
    assert found.lines() == ["missing: c", "differs: b"]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("mine")
    write(tmp_path, {"a": "1"})
    assert (tmp_path / "own.yml").read_text() == "mine"
    assert not difference(tmp_path, {"a": "1"})
