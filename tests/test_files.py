"""Files appear whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from robustill.files import (
    read_json,
    read_signed,
    remove_leftovers,
    replacing,
    require_writable,
    write_json,
    write_signed,
    write_text,
)


def test_a_new_file_in_a_new_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "note.txt", "Grüße\n")
    assert (tmp_path / "a" / "b" / "note.txt").read_text(encoding="utf-8") == "Grüße\n"
    assert os.listdir(tmp_path / "a" / "b") == ["note.txt"]


def test_json_is_readable_by_people(tmp_path: Path) -> None:
    write_json(tmp_path / "row.json", {"name": "δ", "values": [1, None]})
    text = (tmp_path / "row.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "δ", "values": [1, None]} and "δ" in text and text.endswith("}\n")


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("old")
    with replacing(file) as temporary:
        temporary.write_text("new")
        assert file.read_text() == "old" and temporary.parent == file.parent
    assert file.read_text() == "new" and os.listdir(tmp_path) == ["note.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError("no")], ids=repr)
def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "note.txt"
    file.write_text("old")
    with pytest.raises(type(error)), replacing(file) as temporary:
        temporary.write_text("ne")
        raise error
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["note.txt"]


def test_a_failure_before_the_first_byte_is_its_own_message(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "note.txt"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_written_as_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "row.json", {"epoch": 1})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "row.json", {"epoch": object()})
    assert json.loads((tmp_path / "row.json").read_text()) == {"epoch": 1} and os.listdir(tmp_path) == ["row.json"]


def test_the_file_is_on_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    replace = Path.replace

    def noted(path: Path, target: Path) -> Path:
        done.append("replaced")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", lambda fd: done.append("flushed"))
    monkeypatch.setattr(Path, "replace", noted)
    write_text(tmp_path / "note.txt", "new")
    assert done == ["flushed", "replaced", "flushed"]  # the file, its name, and the folder that holds the name


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "last" / "config.json", "{}")
    (tmp_path / "last" / ".config.json.4711.tmp").write_text("{")
    (tmp_path / ".state-0001.pt.4711.tmp").write_bytes(b"half")
    remove_leftovers(tmp_path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["config.json"]
    remove_leftovers(tmp_path / "nowhere")


def test_what_was_signed_is_read_and_what_was_changed_is_refused(tmp_path: Path) -> None:
    file, entries = tmp_path / "row.json", {"name": "δ", "values": (1, 0.1), "nothing": None}
    write_signed(file, entries)
    assert read_signed(file) == {"name": "δ", "values": [1, 0.1], "nothing": None}
    file.write_text(file.read_text().replace("0.1", "0.3"))
    with pytest.raises(ValueError, match=r"row.json is damaged: .* Put back a copy .*, remove its entry 'digest'"):
        read_signed(file)
    write_json(file, entries)  # as older versions did
    assert read_signed(file)["values"] == [1, 0.1]


@pytest.mark.parametrize(
    "text", ["{", "", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"], ids=["cut", "empty", "deep", "long"]
)
def test_what_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "row.json").write_text(text)
    with pytest.raises(ValueError, match=r"row.json is not valid JSON: .* Put back a copy"):
        read_json(tmp_path / "row.json")


def test_a_list_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"row.json should hold a JSON object; found a list"):
        read_signed(tmp_path / "row.json")


def test_whether_a_file_can_be_written_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(tmp_path / "new" / "deep" / "row.json")
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match=r"must be a file, and is a folder. Name a file in it, such as .*result.json"):
        require_writable(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file/row.json must lie in a folder; .*file is a file. Name another place"):
        require_writable(tmp_path / "file" / "row.json")

    def forbidden(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", forbidden)
    with pytest.raises(PermissionError) as caught:
        require_writable(tmp_path / "row.json")
    assert caught.value.filename == str(tmp_path / "row.json")


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    (tmp_path / "row.json").mkdir()
    with pytest.raises(OSError) as caught:
        write_text(tmp_path / "row.json", "x")
    assert caught.value.filename == str(tmp_path / "row.json")
