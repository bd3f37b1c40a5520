"""A mutant: one function or method of the shipped code with a bug put into it, and the means to apply it to this process.

A file `ID.py` here holds the mutant of bug ID of `tests/data/bugs.yaml` as `MUTANT`. Nothing but a process of its own is ever changed.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import yaml

HERE = Path(__file__).parent
BUGS = HERE.parent / "data" / "bugs.yaml"
MECHANISMS = frozenset(
    {
        "trap-and-emulate",
        "shadow-paging",
        "resource-control",
        "isolation",
        "platform-emulation",
        "io-disk-file",
        "checker",
        "native-engine",
    }
)


class Stale(Exception):
    """The mutant does not fit the code: its target is gone, or the text that it replaces."""


@dataclass(frozen=True)
class Mutant:
    """`edits` replace texts of the function `target` ("module:Class.method"), each of which occurs in it exactly once.

    `by` are the properties that ought to kill it, the quickest first, `noticed` the commands of a user that do (killers.py); `how` says how the bug is restated for this monitor and what
    a guest, or a reader of reports, notices of it: why it is no equivalent program.
    """

    target: str
    edits: tuple[tuple[str, str], ...]
    by: tuple[str, ...]
    how: str
    noticed: tuple[str, ...] = ()

    def original(self) -> FunctionType:
        """The function as shipped. Raises Stale."""
        return function_of(self.target)

    def code(self) -> CodeType:
        """The broken function's. Raises Stale."""
        function = self.original()
        text = source_of(function)
        for old, new in self.edits:
            if text.count(old) != 1:
                raise Stale(f"{self.target} has {text.count(old)} times: {old}")
            text = text.replace(old, new)
        return compiled(text, function)

    def apply(self) -> None:
        """Break the code of this process, for good; whoever holds the function has the broken one. Raises Stale."""
        self.original().__code__ = self.code()


def function_of(target: str) -> FunctionType:
    """The function that "module:Class.method" names. Raises Stale."""
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = vars(found).get(name) if isinstance(found, type) else getattr(found, name, None)
    for wrapper in ("fget", "__func__", "func", "__wrapped__"):
        found = getattr(found, wrapper, found) if not isinstance(found, FunctionType) else found
    if not isinstance(found, FunctionType) or found.__module__ != module:
        raise Stale(f"there is no function {target}")
    return found


def source_of(function: Callable[..., object]) -> str:
    """The text of a function, not indented."""
    return textwrap.dedent(inspect.getsource(function))


def compiled(text: str, like: FunctionType) -> CodeType:
    """The code of a function's text in place of `like`. Raises Stale."""
    return compiled_tree(ast.parse(text), like)


def compiled_tree(tree: ast.Module, like: FunctionType) -> CodeType:
    """The code of a function's syntax in place of `like`. Raises Stale."""
    [definition] = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    flags = __future__.annotations.compiler_flag
    whole = compile(tree, f"<mutant of {like.__qualname__}>", "exec", flags=flags, dont_inherit=True)
    code = next(c for c in whole.co_consts if isinstance(c, CodeType))
    if code.co_freevars != like.__code__.co_freevars:
        raise Stale(f"{like.__qualname__} closes over {like.__code__.co_freevars}")
    return code


def bugs() -> Mapping[str, Mapping[str, Any]]:
    """The bugs of the corpus by id."""
    return {b["id"]: b for b in yaml.safe_load(BUGS.read_text(encoding="utf-8"))["bugs"]}


def missing() -> Mapping[str, str]:
    """The bugs without a mutant, each with the mechanism that is not built."""
    return dict(yaml.safe_load((HERE / "missing.yaml").read_text(encoding="utf-8")))


def identifiers() -> tuple[str, ...]:
    """The bugs that have a mutant."""
    found = [p.stem for p in HERE.glob("[BC][0-9]*.py")]
    return tuple(sorted(found, key=lambda name: (name[0], int(name[1:]))))


def mutant(identifier: str) -> Mutant:
    """The mutant of a bug."""
    found = importlib.import_module(f"tests.mutants.{identifier}").MUTANT
    assert isinstance(found, Mutant)
    return found
