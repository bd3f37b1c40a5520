"""Mutants that nobody listed: statements dropped, conditions negated, constants and comparisons off by one, in any function.

They are made from the shipped source each time, so they follow it wherever it goes; which of them are tried is a seeded sample.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType

from tests.mutants.mutant import Stale, compiled_tree, function_of, source_of

Change = Callable[[ast.AST], Iterator[tuple[ast.AST, str]]]


@dataclass(frozen=True, slots=True)
class Generated:
    """One change at the place `number` (in the order of the tree) of the function `target`, by one of `OPERATORS`."""

    target: str
    operator: str
    number: int
    what: str

    def code(self) -> CodeType:
        """The broken function's. Raises Stale."""
        function = function_of(self.target)
        tree = next((t for t, n, _ in changed(function, self.operator) if n == self.number), None)
        if tree is None:
            raise Stale(f"{self.target} has no place {self.number} for {self.operator}")
        return compiled_tree(tree, function)

    def apply(self) -> None:
        """Break the code of this process, for good. Raises Stale."""
        function_of(self.target).__code__ = self.code()

    def __str__(self) -> str:
        return f"{self.target} {self.operator}: {self.what}"


def functions(module: ModuleType) -> Iterator[str]:
    """The targets of a module's functions and methods."""
    for name, found in vars(module).items():
        if isinstance(found, FunctionType) and found.__module__ == module.__name__:
            yield f"{module.__name__}:{name}"
        elif isinstance(found, type) and found.__module__ == module.__name__:
            for method, value in vars(found).items():
                function = value.fget if isinstance(value, property) else value
                if (
                    isinstance(function, FunctionType)
                    and function.__module__ == module.__name__
                    and _has_source(function)
                ):
                    yield f"{module.__name__}:{name}.{method}"


def _has_source(function: FunctionType) -> bool:
    """Whether somebody wrote it: what dataclasses make has no file."""
    return function.__code__.co_filename == inspect.getsourcefile(importlib.import_module(function.__module__))


def changed(function: FunctionType, operator: str) -> Iterator[tuple[ast.Module, int, str]]:
    """Every tree with one change by an operator, with its number and what was changed."""
    original = ast.parse(source_of(function))
    places = [k for k, node in enumerate(ast.walk(original)) for _ in OPERATORS[operator](node)]
    number = 0
    for k in dict.fromkeys(places):
        for variant in range(places.count(k)):
            tree = copy.deepcopy(original)
            node = next(n for j, n in enumerate(ast.walk(tree)) if j == k)
            replacement, what = list(OPERATORS[operator](node))[variant]
            _Replacing(node, replacement).visit(tree)
            ast.fix_missing_locations(tree)
            yield tree, number, what
            number += 1


class _Replacing(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def _dropped(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """A statement that is done for its effect on something outside the function; without a local name it would only crash."""
    lasting = isinstance(node, ast.Assign) and not any(isinstance(t, ast.Name | ast.Tuple) for t in node.targets)
    called = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    if lasting or called or isinstance(node, ast.AugAssign | ast.Raise):
        yield ast.Pass(), ast.unparse(node)


def _negated(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """The condition of a branch, a loop over a condition, a choice or a comprehension."""
    if isinstance(node, ast.If | ast.IfExp):
        other = copy.copy(node)
        other.test = ast.UnaryOp(ast.Not(), node.test)
        yield other, ast.unparse(node.test)
    elif isinstance(node, ast.comprehension):
        for k, test in enumerate(node.ifs):
            wrong = copy.copy(node)
            wrong.ifs = [*node.ifs[:k], ast.UnaryOp(ast.Not(), test), *node.ifs[k + 1 :]]
            yield wrong, ast.unparse(test)
    elif isinstance(node, ast.BoolOp):
        for k, value in enumerate(node.values):
            rest = [v for j, v in enumerate(node.values) if j != k]
            yield (rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)), f"without {ast.unparse(value)}"


_OFF: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


def _off_by_one(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """A number one larger, or a comparison that takes or leaves the boundary."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1), f"{node.value} + 1"
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            if type(op) in _OFF:
                other = copy.copy(node)
                other.ops = [*node.ops[:k], _OFF[type(op)](), *node.ops[k + 1 :]]
                yield other, f"{ast.unparse(node)} at the boundary"


OPERATORS: dict[str, Change] = {"drop": _dropped, "negate": _negated, "off by one": _off_by_one}


def every(module: str) -> Iterator[Generated]:
    """All mutants of a module, apart from those of constructors: what is not set there is missed at once."""
    for target in functions(importlib.import_module(module)):
        if target.endswith(".__init__"):
            continue
        function = function_of(target)
        for operator in OPERATORS:
            for _, number, what in changed(function, operator):
                yield Generated(target, operator, number, what)


def sample(modules: Sequence[str], count: int, seed: int) -> list[Generated]:
    """A sample of the mutants of some modules."""
    found = [m for module in modules for m in every(module)]
    return random.Random(seed).sample(found, min(count, len(found)))
