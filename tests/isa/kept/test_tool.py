"""The digest of the tool."""

from pathlib import Path

import pytest

from pgcheck.checker import laws
from pgcheck.isa.kept.tool import digest, source_digest


def test_the_digest_of_the_tool_sees_every_source_at_every_depth(tmp_path: Path) -> None:
    deep = tmp_path / "inner" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "a.py").write_text("a")
    (deep / "b.lark").write_text("b")
    seen = [source_digest({"room": tmp_path})]
    for path, text in ((deep / "b.lark", "c"), (deep / "c.py", ""), (tmp_path / "a.py", "ab")):
        path.write_text(text)
        seen.append(source_digest({"room": tmp_path}))
    (deep / "c.py").rename(tmp_path / "c.py")
    seen.append(source_digest({"room": tmp_path}))
    assert len({*seen}) == len(seen)
    (deep / "notes.txt").write_text("no code")
    assert source_digest({"room": tmp_path}) == seen[-1]


def test_what_a_program_adds_to_a_packages_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest.__wrapped__("checker")
    monkeypatch.setattr(laws, "__path__", [*laws.__path__, str(tmp_path)])
    added = digest.__wrapped__("checker")
    (tmp_path / "law.py").write_text("LAW = 1")
    assert len({before, added, digest.__wrapped__("checker")}) == 2 and before == added
    monkeypatch.undo()
    assert digest.__wrapped__("checker") == before
