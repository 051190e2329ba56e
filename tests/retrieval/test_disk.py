"""A directory is replaced as a whole, and a replacement that was interrupted is ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.disk import replace_directory, require_room, settle_directory
from retrieval.errors import InputError


def written(directory: Path, text: str) -> Path:
    directory.mkdir()
    (directory / "file").write_text(text)
    return directory


@pytest.mark.parametrize("fails", [None, 0, 1])
def test_the_old_directory_or_the_new_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int | None) -> None:
    directory, new = written(tmp_path / "a", "old"), written(tmp_path / "b", "new")
    usual, calls = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) - 1 == fails:
            raise OSError(28, "No space left on device")
        return usual(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        if fails is None:
            replace_directory(new, directory)
        else:
            with pytest.raises(OSError, match="No space"):
                replace_directory(new, directory)
    assert (directory / "file").read_text() == ("new" if fails is None else "old")
    assert {path.name for path in tmp_path.iterdir()} == ({"a"} if fails is None else {"a", "b"})


def test_a_kill_between_the_two_renames_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, new = written(tmp_path / "a", "old"), written(tmp_path / "b", "new")
    usual, calls = Path.rename, []

    def killed(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return usual(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_directory(new, directory)
    assert not directory.exists()
    settle_directory(directory)
    assert (directory / "file").read_text() == "old"
    replace_directory(new, directory)
    assert (directory / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("own", [True, False])
def test_the_folder_one_is_in_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    monkeypatch.chdir(tmp_path)
    for directory in (Path(), tmp_path):
        with pytest.raises(InputError, match="is the folder you are in"):
            require_room(directory, own=own, what="model")
    require_room(Path("inside"), own=False, what="model")
