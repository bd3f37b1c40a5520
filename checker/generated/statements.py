"""Emitted statements evaluated on terms, by the operations that the symbolic binding has."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pgcheck.checker.generated.expressions import NEXT, Expressions, unknown
from pgcheck.checker.generated.integers import Number, Unknown, known, unsigned
from pgcheck.checker.generated.traced import ACCESS, NO_ACCESS, accessed, met
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.terms import FALSE, TRUE, Term, store, variable
from pgcheck.isa.terms.names import CHOICE
from pgcheck.models.symbolic import NEXT_PC

CURRENT: Final = "R.access"


@dataclass(frozen=True, slots=True)
class Called:
    """A function that emitted code calls: its name in the specification, and its own code."""

    name: str
    code: ast.FunctionDef


@dataclass(slots=True, kw_only=True)
class Evaluator(Expressions):
    """Evaluates a routine on the state of `done`; `called` are the functions that it calls."""

    called: Callable[[str], Called]

    # ---- statements

    def block(self, statements: Sequence[ast.stmt], results: tuple[int, ...]) -> None:
        """Evaluate statements of a body that returns `results`."""
        for position, statement in enumerate(statements):
            if self.done.over:
                return
            here, rest = (partial(self.block, statements[at:], results) for at in (position, position + 1))
            if self.flow.running is not TRUE:
                return self.done.resumed(here, met)
            if not isinstance(statement, ast.If):
                self.statement(statement, results)
                continue
            guard = self.truth(statement.test)
            if not guard.is_constant:
                sides = (partial(self.block, side, results) for side in (statement.body, statement.orelse))
                return self.done.either(guard, *sides, rest=rest, join=met)
            self.block(statement.body if guard is TRUE else statement.orelse, results)

    def statement(self, statement: ast.stmt, results: tuple[int, ...]) -> None:
        match statement:
            case ast.Pass():
                return
            case ast.Assign(targets=[target], value=value):
                self.assign(target, value)
            case ast.Expr(value=ast.Call() as call):
                self.effect(call)
            case ast.Return(value=value):
                self.returned(value, results)
            case ast.Raise(
                exc=ast.Call(func=ast.Name(id="Ended"), args=[ast.Call(func=ast.Name(id="Exit"), args=args)])
            ):
                self.ended(args)
            case _:
                unknown(statement)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self.flow.numbers[name] = self.number(value)
            case ast.Tuple(elts=elements) if isinstance(value, ast.Call):
                for element, number in zip(elements, self.call(value), strict=True):
                    if not isinstance(element, ast.Name):
                        unknown(target)
                    self.flow.numbers[element.id] = number
            case ast.Attribute() if ast.unparse(target) == NEXT:
                pc = self.machine.state.leaves[self.machine.state.pc]
                self.flow.state[NEXT_PC] = self.fitted(self.number(value), pc.width, "the next PC")
            case ast.Attribute() if ast.unparse(target) == CURRENT:
                self.flow.state[ACCESS] = self.access(value)
            case ast.Subscript(value=ast.Name(id="S"), slice=ast.Constant(value=str(name))):
                leaf = self.machine.state.leaves[name]
                self.flow.state[name] = self.fitted(self.number(value), leaf.width, name)
            case ast.Subscript(
                value=ast.Subscript(value=ast.Name(id="S"), slice=ast.Constant(value=str(name))), slice=at
            ):
                array = self.array(name)
                number = self.number(value)
                index = self.index(array, at)
                self.done.indexed(name, index, write=True)
                new = self.fitted(number, array.width, f"an element of {name}")
                self.flow.state[name] = store(self.flow.state[name], index, new)
            case _:
                unknown(target)

    def returned(self, value: ast.expr | None, results: tuple[int, ...]) -> None:
        given = [] if value is None else value.elts if isinstance(value, ast.Tuple) else [value]
        if len(given) != len(results):
            raise Unknown(f"a return of {len(given)} values for {len(results)}")
        found = tuple(self.fitted(self.number(v), w, "a result") for v, w in zip(given, results, strict=True))
        self.flow.results, self.flow.running = found, FALSE

    def ended(self, args: Sequence[ast.expr]) -> None:
        match args:
            case [ast.Constant(value=str(function)), ast.Tuple(elts=payload), ast.Constant(value=str(note)), access]:
                rule = self.machine.code.functions.get(function)
                widths = [w for _, w in rule.parameters] if rule is not None else [0] * len(payload)
                given = tuple(
                    self.fitted(self.number(v), w, f"an argument of {function}")
                    for v, w in zip(payload, widths, strict=True)
                )
                self.flow.state[ACCESS] = self.access(access)
                self.done.exit(function, given, note)
            case _:
                raise Unknown("an exit of another form")

    def access(self, value: ast.expr) -> Term:
        """What a fault is about: nothing, what is noted, or the arguments of a translation."""
        if isinstance(value, ast.Constant) and value.value is None:
            return NO_ACCESS
        if isinstance(value, ast.Attribute) and ast.unparse(value) == CURRENT:
            return self.flow.state[ACCESS]
        translation = self.machine.code.translation
        if not isinstance(value, ast.Tuple) or translation is None:
            unknown(value)
        widths = [w for _, w in self.machine.code.functions[translation.function].parameters]
        return accessed(
            [self.fitted(self.number(v), w, "an argument") for v, w in zip(value.elts, widths, strict=True)]
        )

    @property
    def results(self) -> tuple[Term, ...] | None:
        """What the current function has returned on the paths that have."""
        return self.flow.results

    # ---- calls

    def effect(self, call: ast.Call) -> None:
        """A call whose value is dropped."""
        match ast.unparse(call.func), call.args:
            case "R.store", [address, ast.Constant(value=int(count)), value]:
                place = self.address(address)
                width = count * self.machine.state.memory_unit
                self.done.write(place, self.fitted(self.number(value), width, "what is stored"))
            case "R.step.set_scalar", [ast.Constant(value=str(name)), value]:
                leaf = self.machine.state.leaves[name]
                self.flow.state[name] = self.fitted(self.number(value), leaf.width, name)
            case "R.step.set_element", [ast.Constant(value=str(name)), at, value]:
                array = self.array(name)
                index, number = self.index(array, at), self.number(value)
                self.done.set_element(array, index, self.fitted(number, array.width, f"an element of {name}"))
            case _:
                self.call(call)

    def address(self, value: ast.expr) -> Term:
        return self.fitted(self.number(value), self.machine.state.address_width, "a physical address")

    def call(self, call: ast.Call) -> list[Number]:
        """The results of a call."""
        match ast.unparse(call.func), call.args:
            case "R.load", [address, ast.Constant(value=int(count))]:
                return [unsigned(self.done.load(self.address(address), count * self.machine.state.memory_unit))]
            case "R.step.undefined", [ast.Constant(value=str(site)), ast.Constant(value=int(width))]:
                return [unsigned(variable(width, self.done.instance(CHOICE, site)))]
            case "R.step.volatile", [ast.Constant(value=str(name)), at]:
                leaf = self.machine.state.leaves[name]
                if isinstance(leaf, ArrayLeaf):
                    self.done.indexed(name, self.index(leaf, at), write=False)
                return [unsigned(self.done.volatile(leaf))]
            case name, [ast.Name(id="R"), ast.Name(id="S"), *args] if isinstance(call.func, ast.Name):
                return self.function(name, [self.number(a) for a in args])
            case _:
                raise Unknown(f"a call of {ast.unparse(call.func)}")

    def function(self, python: str, args: Sequence[Number]) -> list[Number]:
        """A call of emitted code."""
        called = self.called(python)
        function = self.machine.code.functions[called.name]
        names = [a.arg for a in called.code.args.args][2:]
        for number, (_, width) in zip(args, function.parameters, strict=True):
            self.escape(f"an argument of {called.name} is no number of {width or 1} bits", number.beyond(width))
        outer = self.flow.numbers, self.flow.running, self.flow.results
        self.flow.numbers = dict(zip(names, args, strict=True))
        self.flow.running, self.flow.results = TRUE, None
        self.block(called.code.body, function.results)
        found = self.results
        if function.results:
            self.escape(f"{called.name} ends without a return", self.flow.running)
        self.flow.numbers, self.flow.running, self.flow.results = outer
        return [unsigned(r) for r in found] if found is not None else [known(0)] * len(function.results)
