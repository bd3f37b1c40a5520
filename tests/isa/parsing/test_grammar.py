"""Trees that are kept: an equal text is parsed once, but not where what makes trees of texts is another."""

from __future__ import annotations

import importlib.metadata
from importlib.resources import files
from pathlib import Path

import pytest

from pgcheck.isa.files.cache import Cache
from pgcheck.isa.parsing import grammar
from pgcheck.isa.parsing.grammar import Tree, tree_of
from pgcheck.isa.parsing.parse_tree import dumped

TEXT = "a + b * 2'd1"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The texts that were parsed, with a cache of the test's own."""
    kept, texts, parse = Cache(tmp_path), list[str](), vars(grammar)["_parsed"]

    def watched(text: str, start: str) -> Tree:
        texts.append(text)
        tree: Tree = parse(text, start)
        return tree

    monkeypatch.setattr(grammar, "_kept", lambda: kept)
    monkeypatch.setattr(grammar, "_parsed", watched)
    return texts


def told(text: str, start: str = "expression") -> str:
    tree = tree_of(text, start)
    grammar.keep_trees()
    return dumped(tree)


def test_an_equal_text_is_parsed_once(parsed: list[str]) -> None:
    assert told(TEXT) == told(TEXT)
    assert parsed == [TEXT]
    told("", "constraint")
    told("", "body")
    assert parsed == [TEXT, "", ""]


@pytest.mark.parametrize("part", ["the version of the parser", "the grammar", "what makes trees", "what writes trees"])
def test_a_tree_that_was_made_otherwise_is_not_taken(
    part: str, parsed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = told(TEXT)
    making = vars(grammar)["_making"]
    sources = {
        f: files("pgcheck.isa.parsing").joinpath(f).read_bytes() for f in ("idl.lark", "grammar.py", "parse_tree.py")
    }
    for name, content in sources.items():
        (tmp_path / name).write_bytes(content)
    with monkeypatch.context() as changed:
        changed.setattr(grammar, "files", lambda _: tmp_path)
        match part:
            case "the grammar":
                (tmp_path / "idl.lark").write_bytes(sources["idl.lark"] + b"\n")
            case "what makes trees":
                (tmp_path / "grammar.py").write_bytes(sources["grammar.py"] + b"\n")
            case "what writes trees":
                (tmp_path / "parse_tree.py").write_bytes(sources["parse_tree.py"] + b"\n")
            case _:
                changed.setattr(importlib.metadata, "version", lambda _: "0")
        making.cache_clear()
        assert told(TEXT) == first and parsed == [TEXT, TEXT]
    making.cache_clear()
    assert told(TEXT) == first and parsed == [TEXT, TEXT]
