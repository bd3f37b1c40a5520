"""The rules of the house that a reader can count: sizes of files, functions and folders, parameters, names that are another's own."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.rooms import ROOMS, ROOT, sources

LINES, WITH_A_REASON, FUNCTION, MODULES, PARAMETERS, PREFIX = 400, 450, 60, 16, 6, 3
# Files between the two limits, with what keeps them whole.
WHOLE = {
    "checker/monitor/guest.py": "the monitored side of a step: what the dispatcher asks for, and what answers it on terms",
    "checker/monitor/shadow.py": "the scenarios of shadow tables, which read as one table",
}
# A folder whose modules carry the rows of a table holds as many as there are rows.
TABLES = {
    "checker/laws",
    "checker/premises",
    "checker/verdicts",
    "checker/campaign/properties",
    "models/devices",
    "pgcheck/reports/formats",
    "vmm/kinds",
}
# Functions that take more: the face's own words, each a keyword with a default.
WORDS = {"pgcheck/api.py:check"}
CODE = {str(p.relative_to(ROOT)): p for room in ROOMS for p in sources(ROOT / room)}
TESTS = {str(p.relative_to(ROOT)): p for p in sources(ROOT / "tests")}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """What a caller may give; a command's parameters are its options."""
    if any(isinstance(d, ast.Call) and ast.unparse(d.func).startswith("click.") for d in function.decorator_list):
        return 0
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([n for n in names if n not in ("self", "cls")])


def reaches(tree: ast.AST) -> Iterator[str]:
    """Uses of names that begin with an underscore, of something that is neither `self` nor of this module's own making."""
    own = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    own |= {t.id for n in ast.walk(tree) if isinstance(n, ast.AnnAssign) and isinstance(t := n.target, ast.Name)}
    own |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) in ("self", "cls")}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, value=value) if name.startswith("_") and not name.startswith("__"):
                if name not in own and ast.unparse(value) not in ("self", "cls", "os", "sys"):
                    yield ast.unparse(node)
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] in (
                "pgcheck",
                "tests",
                "docs",
            ):
                yield from (
                    f"{module}.{a.name}" for a in names if a.name.startswith("_") and not a.name.startswith("__")
                )


def prefixes(names: list[str]) -> list[str]:
    """What several names of one folder begin with: it wants to be a folder."""
    counted = Counter(n.partition("_")[0] for n in names if not n.startswith("test_"))
    return sorted(p for p, count in counted.items() if count >= PREFIX and p)


@pytest.mark.parametrize("name", CODE)
def test_a_file_is_of_a_size_to_be_read(name: str) -> None:
    lines = len(CODE[name].read_text(encoding="utf-8").splitlines())
    assert lines <= (WITH_A_REASON if name in WHOLE else LINES)


def test_no_reason_is_given_for_a_file_that_needs_none() -> None:
    assert all(len(CODE[n].read_text(encoding="utf-8").splitlines()) > LINES for n in WHOLE)


@pytest.mark.parametrize("name", CODE)
def test_functions_are_short_and_take_few_parameters(name: str) -> None:
    found = list(functions(ast.parse(CODE[name].read_text(encoding="utf-8"))))
    assert [f.name for f in found if (f.end_lineno or 0) - f.lineno >= FUNCTION] == []
    assert [f.name for f in found if parameters(f) > PARAMETERS and f"{name}:{f.name}" not in WORDS] == []


@pytest.mark.parametrize("name", CODE | TESTS)
def test_what_a_module_keeps_to_itself_is_left_alone(name: str) -> None:
    path = CODE.get(name) or TESTS[name]
    assert sorted({*reaches(ast.parse(path.read_text(encoding="utf-8")))}) == []


def test_a_folder_holds_one_idea_in_a_few_modules() -> None:
    folders: dict[Path, list[str]] = {}
    for path in CODE.values():
        folders.setdefault(path.parent, []).append(path.stem)
    crowded = {str(f.relative_to(ROOT)) for f, names in folders.items() if len(names) > MODULES}
    alike = {str(f.relative_to(ROOT)) for f, names in folders.items() if prefixes(names)}
    assert (crowded | alike) - TABLES == set()


def test_the_rules_see_what_they_are_about() -> None:
    tree = ast.parse(
        "from pgcheck.isa import _a\nclass A:\n    def f(self, a, b, *, c): return other._b + self._c + A._c\nx._d()\n"
    )
    assert sorted(reaches(tree)) == ["other._b", "pgcheck.isa._a", "x._d"]
    assert [parameters(f) for f in functions(tree)] == [3]
    assert parameters(next(functions(ast.parse("@click.option('a')\ndef f(a, b): pass")))) == 0
    assert prefixes(["a_b", "a_c", "a", "b", "b_c", "test_a", "test_b", "test_c"]) == ["a"]
