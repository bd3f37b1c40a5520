"""The digest of the tool."""

from pathlib import Path

from pgcheck.isa.kept.tool import source_digest


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
