"""The rules of the house, read off the source: imports run one way, `checker/solving` alone knows a solver, `models/native` alone a back end."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.rooms import PICTURE, ROOMS, ROOT, Graph, boxes, circles, imported, imports, modules, picture, sources

SOLVERS = {"z3", "bitwuzla", "cvc5", "pysmt"}
BACK_ENDS = {"llvmlite", "wasmtime", "numba", "cffi", "tinycc"}
# Families that specifications may be of, whether or not one of them is shipped.
# Formats of others are called by their names, which are no instruction sets.
FORMATS = re.compile("RISC-V Unified Database|riscv-opcodes|Intel HEX")
FAMILIES = r"i[3-6]86|x86|ia32|amd64|intel|risc.?v|rv(32|64)|m68\w*|mc68\w*|68000|pdp.?1\d|s370|arm(v\d|64)?|aarch\w*|mips\d*|sparc|vax"


def rooms(tree: ast.AST) -> set[str]:
    """The rooms that code imports from; `pgcheck` stands for the face."""
    parts = [name.split(".") for name in imported(tree)]
    inside = [p for p in parts if p[0] == "pgcheck"]
    found = {p[1] if p[1] in ROOMS else "pgcheck" for p in inside if len(p) > 1}
    return found | {p[0] for p in parts if p[0] in ROOMS[:-1]}


def above(room: str, tree: ast.AST) -> set[str]:
    """Rooms that code of `room` imports from although they stand above it."""
    return {r for r in rooms(tree) if ROOMS.index(r) > ROOMS.index(room)}


def words(tree: ast.AST) -> Iterator[str]:
    """Names and texts of the code, without docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word) | ast.keyword(arg=str(word)):
                yield word
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.alias(name=word):
                yield word
            case ast.Constant(value=str(word)) if id(node) not in docstrings:
                yield word


def named(tree: ast.AST) -> set[str]:
    """The instruction sets that code names, by family or as shipped."""
    shipped = "|".join(re.escape(p.stem) for p in (ROOT / "specs").glob("*.yaml"))
    pattern = re.compile(rf"(?<![a-z0-9])({FAMILIES}|{shipped})(?![a-z0-9])", re.IGNORECASE)
    said = (FORMATS.sub("", word).replace("_", " ") for word in words(tree))
    return {found[0] for word in said for found in pattern.finditer(word)}


FILES = [(room, path) for room in ROOMS for path in sources(ROOT / room)]


OWN_PROCESSOR = {"aarch64", "arm64", "x86"}
"""What pgcheck itself may run on with a back end that knows how."""


@pytest.mark.parametrize("room, path", FILES, ids=lambda x: x if isinstance(x, str) else str(x.relative_to(ROOT)))
def test_imports_run_one_way(room: str, path: Path) -> None:
    assert above(room, ast.parse(path.read_text(encoding="utf-8"))) == set()


@pytest.mark.parametrize("room, path", FILES, ids=lambda x: x if isinstance(x, str) else str(x.relative_to(ROOT)))
def test_only_the_solver_modules_know_a_solver(room: str, path: Path) -> None:
    found = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))} & SOLVERS
    assert not found or (path.is_relative_to(ROOT / "checker" / "solving"))


@pytest.mark.parametrize("room, path", FILES, ids=lambda x: x if isinstance(x, str) else str(x.relative_to(ROOT)))
def test_only_the_native_engine_knows_a_back_end(room: str, path: Path) -> None:
    found = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))} & BACK_ENDS
    assert not found or path.is_relative_to(ROOT / "models" / "native")


def test_a_back_end_is_seen_however_it_is_imported() -> None:
    path = ROOT / "models" / "native" / "linking.py"
    assert {"llvmlite.binding"} == {n for n in imported(ast.parse(path.read_text("utf-8"))) if "llvm" in n}


@pytest.mark.parametrize("room, path", FILES, ids=lambda x: x if isinstance(x, str) else str(x.relative_to(ROOT)))
def test_no_code_names_an_instruction_set(room: str, path: Path) -> None:
    allowed = OWN_PROCESSOR if path == ROOT / "models" / "native" / "linking.py" else set()
    assert named(ast.parse(path.read_text(encoding="utf-8"))) == allowed


@pytest.fixture(scope="module")
def graph() -> Graph:
    """What every module of the rooms imports."""
    return imports(modules())


def test_no_modules_import_each_other(graph: Graph) -> None:
    assert circles(graph) == []


def test_no_boxes_of_a_room_import_each_other(graph: Graph) -> None:
    """A box is a folder of a room or a file in it: docs/rooms.svg draws them."""
    assert circles(boxes(graph)) == []


def test_the_picture_is_that_of_the_imports(graph: Graph) -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(graph), "draw it again: python docs/rooms.py"


def test_every_room_has_code() -> None:
    assert {room for room, _ in FILES} == set(ROOMS)


def test_code_is_looked_for_at_every_depth_and_not_behind_links(tmp_path: Path) -> None:
    inner = tmp_path / "room" / "inner" / "deep"
    inner.mkdir(parents=True)
    for path in (tmp_path / "room" / "a.py", inner / "b.py", inner / "c.txt"):
        path.touch()
    (tmp_path / "room" / "link").symlink_to(inner)
    assert [p.name for p in sources(tmp_path / "room")] == ["a.py", "b.py"]
    assert {path.relative_to(ROOT / "pgcheck").parts[0] for room, path in FILES if room == "pgcheck"}.isdisjoint(
        ROOMS[:-1]
    )


@pytest.mark.parametrize(
    "code, found",
    [
        ("from pgcheck.checker import hole", {"checker"}),
        ("def f():\n    import pgcheck.vmm.policy", {"vmm"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pgcheck.models.symbolic import step",
            {"models"},
        ),
        ("from pgcheck import shipped", {"pgcheck"}),
        ("from pgcheck import models", {"models"}),
        ("import checker.hole", {"checker"}),
        ("import importlib\nimportlib.import_module('pgcheck.vmm')", {"vmm"}),
        ("from pgcheck.isa import terms\nimport json", set()),
    ],
)
def test_an_import_upwards_is_seen(code: str, found: set[str]) -> None:
    assert above("isa", ast.parse(code)) == found


CIRCLE = {
    "isa/__init__.py": "",
    "isa/a.py": "from pgcheck.isa.inner import b",
    "isa/inner/__init__.py": "",
    "isa/inner/b.py": "def f() -> None:\n    from importlib import import_module\n    import_module('pgcheck.isa.a')",
    "isa/c.py": "from pgcheck.isa import a\nfrom pgcheck.isa.inner import b",
    "models/__init__.py": "VALUE = 1",
    "models/d.py": "from pgcheck.models import VALUE",
}


def test_a_circle_is_seen_however_the_import_is_written(tmp_path: Path) -> None:
    for name, text in CIRCLE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for room in ROOMS:
        (tmp_path / room).mkdir(exist_ok=True)
    found = imports(modules(tmp_path))
    assert circles(found) == [["pgcheck.isa.a", "pgcheck.isa.inner.b"]]
    assert circles(boxes(found)) == [["isa/a", "isa/inner"]]
    assert found["pgcheck.models.d"] == {"pgcheck.models"} and found["pgcheck.isa.c"] == {
        "pgcheck.isa.a",
        "pgcheck.isa.inner.b",
    }


@pytest.mark.parametrize(
    "code",
    ["import z3", "def f():\n    from z3 import Solver", "from importlib import import_module\nimport_module('z3')"],
)
def test_a_solver_is_seen(code: str) -> None:
    assert set(imported(ast.parse(code))) & SOLVERS


@pytest.mark.parametrize(
    "code", ["if name == 'i386': pass", "riscv_mode = 1", "f(x86=1)", "path = 'specs/pdp10-ka10.yaml'", "MC68000 = 1"]
)
def test_the_name_of_an_instruction_set_is_seen(code: str) -> None:
    assert named(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["'''For example i386.'''", "alarm = armed = 1", "# x86\nharm = 'farm'", "def f():\n    'as on x86'"]
)
def test_other_words_and_docstrings_are_not(code: str) -> None:
    assert named(ast.parse(code)) == set()
