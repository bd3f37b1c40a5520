"""Where a test belongs: tests/ROOM/FOLDER/test_MODULE.py is about ROOM/FOLDER/MODULE.py.

`test_MODULE_TOPIC.py` is about a part of it, a test that is called as its folder is about the whole folder, and what lies at a room's top folder
may be about the whole room: then its docstring says what.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.specifications import ROOT

ROOMS = ("isa", "models", "vmm", "checker", "pgcheck")
TESTS = sorted(p for room in ROOMS for p in (ROOT / "tests" / room).rglob("test_*.py"))


def subjects(folder: Path) -> Iterator[str]:
    """What a test in the mirror of a folder may be called after."""
    yield folder.name
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix == ".py" or (path / "__init__.py").exists():
            yield path.stem


def misplaced(test: Path, root: Path) -> str:
    """Why a test does not lie where its subject does; "" if it does. `root` holds the rooms and `tests`."""
    inside = test.relative_to(root / "tests")
    name = test.stem.removeprefix("test_")
    if any(name == subject or name.startswith(f"{subject}_") for subject in subjects(root / inside.parent)):
        return ""
    if len(inside.parts) > 2:
        return f"there is no {inside.parent / name}.py"
    said = ast.get_docstring(ast.parse(test.read_text(encoding="utf-8"))) or ""
    return "" if len(said.split()) > 4 else "it does not say what of the room it is about"


@pytest.mark.parametrize("test", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_tests_lie_where_their_subject_does(test: Path) -> None:
    assert misplaced(test, ROOT) == ""


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("isa/terms/test_nodes.py", "", ""),
        ("isa/terms/test_nodes_many.py", "", ""),
        ("isa/terms/test_terms.py", "", ""),
        ("isa/terms/test_nod.py", "'''Long enough to say what it is about.'''", "there is no isa/terms/nod.py"),
        ("isa/other/test_nodes.py", "", "there is no isa/other/nodes.py"),
        ("isa/test_terms.py", "", ""),
        ("isa/test_agreement.py", "'''The parts of the room agree.'''", ""),
        ("isa/test_agreement.py", "'''Agreement.'''", "it does not say what of the room it is about"),
    ],
)
def test_a_test_elsewhere_is_noticed(name: str, text: str, why: str, tmp_path: Path) -> None:
    for file, content in (("isa/terms/__init__.py", ""), ("isa/terms/nodes.py", ""), (f"tests/{name}", text)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    assert misplaced(tmp_path / "tests" / name, tmp_path) == why
