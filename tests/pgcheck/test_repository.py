"""The root of the repository around a file."""

from pathlib import Path

from pgcheck.repository import root


def test_the_nearest_folder_with_git_is_the_root_else_the_start(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert root(inner) == inner
    (tmp_path / "a" / ".git").mkdir()
    assert root(inner) == tmp_path / "a"
