"""A fault: edits of the text of one definition of the shipped code, planted in a process of its own before the module is imported.

The faults of `tests/data/faults.yaml` are tables in `faults/`, one for each room, by id. Texts are read and compared, never imported.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import yaml

from tests.mutants.mutant import Stale

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIST = HERE.parent / "data" / "faults.yaml"
ROOMS = ("isa", "models", "vmm", "checker", "pgcheck")


def file_of(module: str) -> Path:
    """The file of a module of the product."""
    room, *rest = module.split(".")[1:]
    return ROOT.joinpath(*(() if room in ROOMS else ("pgcheck",)), room, *rest).with_suffix(".py")


@dataclass(frozen=True)
class Fault:
    """`edits` replace texts of the definition `target` ("module:Class.method", "module:TABLE"), each of which occurs in it exactly once.

    `by` are the killers, the quickest first (killers.py); `equivalent` names the test whose solver proves that nothing can tell.
    """

    id: str
    room: str
    target: str
    edits: tuple[tuple[str, str], ...]
    by: tuple[str, ...]
    equivalent: str = ""

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    @property
    def file(self) -> Path:
        """The file of the module that is changed."""
        return file_of(self.module)

    def source(self) -> str:
        """The text of the module with the fault in it. Raises Stale."""
        if not self.file.is_file():
            raise Stale(f"there is no module {self.module}")
        text = self.file.read_text("utf-8")
        start, end = span(text, self.target.partition(":")[2])
        part = text[start:end]
        for old, new in self.edits:
            if part.count(old) != 1:
                raise Stale(f"{self.target} has {part.count(old)} times: {old}")
            part = part.replace(old, new)
        changed = text[:start] + part + text[end:]
        if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text)):
            raise Stale(f"{self.id} changes nothing in {self.target}")
        return changed


def span(text: str, name: str) -> tuple[int, int]:
    """Where the definition of a name stands in a module's text, decorators apart. Raises Stale."""
    body: Sequence[ast.stmt] = ast.parse(text).body
    found: ast.stmt | None = None
    for part in name.split("."):
        found = next((s for s in body if _defines(s, part)), None)
        if found is None:
            raise Stale(f"nothing defines {name}")
        body = getattr(found, "body", [])
    assert found is not None and found.end_lineno is not None
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: found.lineno - 1])), sum(map(len, lines[: found.end_lineno]))


def _defines(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            return statement.name == name
        case ast.AnnAssign(target=ast.Name(id=found)):
            return found == name
        case ast.Assign(targets=[ast.Name(id=found)]):
            return found == name
    return False


def listed() -> Mapping[str, Mapping[str, Any]]:
    """The rows of the list by id."""
    return {row["id"]: row for row in yaml.safe_load(LIST.read_text("utf-8"))["faults"]}


def faults() -> Mapping[str, Fault]:
    """All faults by id, in the order of the list."""
    found: dict[str, Fault] = {}
    for room in ROOMS:
        table = yaml.safe_load((HERE / "faults" / f"{room}.yaml").read_text("utf-8")) or {}
        for identifier, row in table.items():
            edits = tuple((old, new) for old, new in row["edits"])
            found[identifier] = Fault(
                identifier, room, row["target"], edits, tuple(row["by"]), row.get("equivalent", "")
            )
    return {i: found[i] for i in sorted(found, key=lambda i: (i[0], int(re.sub(r"\D", "", i))))}


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from the text that a fault gives it."""

    def __init__(self, fault: Fault, name: str, path: str) -> None:
        super().__init__(name, path)
        self.fault = fault

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.fault.source(), self.path, "exec", dont_inherit=True)


@dataclass(frozen=True)
class _Finder(importlib.abc.MetaPathFinder):
    fault: Fault

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.fault.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert found is not None and found.origin is not None
        found.loader = _Loader(self.fault, fullname, found.origin)
        return found


def plant(fault: Fault) -> None:
    """Import the module with the fault into this process, for good. Raises Stale, also where the module has been imported before."""
    if fault.module in sys.modules:
        raise Stale(f"{fault.module} is here already")
    sys.meta_path.insert(0, _Finder(fault))
    importlib.import_module(fault.module)  # before pytest does, which has a way of its own
