"""The routines that a machine's engine is generated from, and what each has to do: the same as the terms of its instruction or function."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pgcheck.checker.generated.context import Contexts
from pgcheck.checker.generated.integers import Number, Unknown, unsigned
from pgcheck.checker.generated.normal import normal
from pgcheck.checker.generated.statements import Called, Evaluator
from pgcheck.checker.generated.traced import ACCESS, Flow, Traced, accessed, starting
from pgcheck.checker.questions.copies import differ
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    disjunction,
    eq,
    ite,
    land,
    lnot,
    lor,
    operand,
    parameter,
    variable,
)
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.generated.program import Program
from pgcheck.models.symbolic import NEXT_PC, Exit, initial, perform, resized


@dataclass(frozen=True, slots=True)
class Routine:
    """Emitted code of an instruction, or of the function of that name."""

    name: str
    text: str
    instruction: Instruction | None = None


@dataclass(frozen=True, slots=True)
class Library:
    """All routines of a machine; `functions` are those that others call, by their Python names."""

    machine: Machine
    program: Program
    routines: tuple[Routine, ...]
    functions: Mapping[str, Routine]
    trees: dict[str, ast.FunctionDef] = field(default_factory=dict)

    def called(self, python: str) -> Called:
        """A function that is called. Raises Unknown."""
        routine = self.functions.get(python)
        if routine is None:
            raise Unknown(f"a call of {python}")
        return Called(routine.name, self.tree(routine))

    def tree(self, routine: Routine) -> ast.FunctionDef:
        """The code of a routine."""
        found = self.trees.get(routine.text)
        if found is None:
            (found,) = (n for n in ast.parse(routine.text).body if isinstance(n, ast.FunctionDef))
            self.trees[routine.text] = found
        return found


def library(machine: Machine) -> Library:
    """What is generated of a machine whose devices are those of its platform."""
    platform = machine.platform
    ports = frozenset((*platform.clock, *(leaf for device in platform.devices for leaf in device.leaves)))
    program = Program(machine, ports)
    for name in machine.code.functions:
        program.function(name)
    for instruction in machine.instructions:
        program.single(instruction)
    return library_of(program, machine.instructions)


def library_of(program: Program, instructions: Sequence[Instruction] = ()) -> Library:
    """What a program has made so far, of these instructions alone."""
    functions = {python: Routine(name, program.texts[python]) for python, name in program.names.items()}
    singles = [Routine(i.id, program.texts[i.id], i) for i in instructions]
    return Library(program.machine, program, (*functions.values(), *singles), functions)


def compared(library: Library, routine: Routine) -> dict[str, Term]:
    """Where a routine and its terms differ: what, and when; none of it may be possible. Raises Unknown for Python that is not known."""
    right = meant(library.machine, routine)
    done, escapes = emitted(library, routine)
    found: dict[str, list[Term]] = {}
    for what, when in (*Comparer(library.machine).differences(right, done), *escapes):
        if when is not FALSE:
            found.setdefault(what, []).append(when)
    return {what: disjunction(whens) for what, whens in found.items()}


def meant(machine: Machine, routine: Routine) -> Traced:
    """The terms of a routine's instruction or function."""
    instruction = routine.instruction
    if instruction is None:
        function = machine.code.functions[routine.name]
        done = Traced(machine, _started(machine), {}, cuts=False)
        done.frame.results = done.call(routine.name, tuple(parameter(w, n) for n, w in function.parameters))
        return done
    operands = {n: operand(b.width, n) for n, b in instruction.operands.items()}
    done = Traced(machine, starting(initial(machine)), operands, cuts=False)
    perform(done, instruction.body, instruction.length, instruction.encoding_term)
    return done


def _started(machine: Machine) -> dict[str, Term]:
    pc = machine.state.leaves[machine.state.pc]
    return starting(initial(machine)) | {NEXT_PC: variable(pc.width, Name(FREE, NEXT_PC))}


def emitted(library: Library, routine: Routine) -> tuple[Traced, list[tuple[str, Term]]]:
    """What a routine does, and what it must not do. Raises Unknown."""
    machine, instruction = library.machine, routine.instruction
    tree = library.tree(routine)
    names = [a.arg for a in tree.args.args][2:]
    done = Traced(machine, {}, {}, cuts=False)
    numbers: list[Number]
    if instruction is None:
        function = machine.code.functions[routine.name]
        given = [parameter(w, n) for n, w in function.parameters]
        state, results, numbers = _started(machine), function.results, [unsigned(t) for t in given]
        translation = machine.code.translation
        if translation is not None and routine.name == translation.function:
            state[ACCESS] = accessed(given)
    else:
        pc = machine.state.leaves[machine.state.pc]
        state, results = starting(initial(machine)), ()
        terms = [operand(b.width, n) for n, b in instruction.operands.items()]
        numbers = [unsigned(resized(instruction.length, pc.width)), *map(unsigned, terms)]
    flow = done.frame = Flow(state, {}, numbers=dict(zip(names, numbers, strict=True)))
    evaluator = Evaluator(machine=machine, done=done, called=library.called)
    evaluator.block(tree.body, results)
    flow = evaluator.flow
    if results:
        evaluator.escape("an end without a return", flow.running)
    if instruction is not None:
        if NEXT_PC not in flow.state and flow.alive is not FALSE:
            raise Unknown("an instruction that sets no next PC")
        flow.state[machine.state.pc] = flow.state.pop(NEXT_PC, state[machine.state.pc])
    return done, evaluator.escapes


# ---- comparison


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares terms: by their normal forms, and by what is left of them where they are compared."""

    machine: Machine
    memos: list[dict[Term, Term]] = field(default_factory=list)
    contexts: Contexts = field(default_factory=Contexts)

    def same(self, a: Term, b: Term, holds: Term = TRUE) -> bool:
        """Whether two terms have one normal form, where `holds` does."""
        if a is b:
            return True
        one, other, where = normal((a, b, holds), self.memos)
        if one is other:
            return True
        left = (self.contexts.left(t, where) for t in (one, other))
        one, other = normal(tuple(left), self.memos)
        return one is other

    def apart(self, holds: Term, a: Term, b: Term) -> Term:
        """Two terms differ, and it holds."""
        return FALSE if self.same(a, b, holds) else land(holds, lnot(eq(a, b)))

    def unlike(self, holds: Term, name: str, a: Term, b: Term) -> Term:
        """Two values of a leaf, or of what is kept beside the state, differ, and it holds."""
        leaf = self.machine.state.leaves.get(name)
        if leaf is None or self.same(a, b, holds):
            return self.apart(holds, a, b)
        return land(holds, differ(leaf, a, b))

    def differences(self, right: Traced, found: Traced) -> Iterator[tuple[str, Term]]:
        """What differs, and when."""
        a, b = right.frame, found.frame
        if not self.same(a.alive, b.alive):
            yield "whether it completes", lnot(eq(a.alive, b.alive))
        for name, term in a.state.items():
            if name != ACCESS:
                yield name, self.unlike(a.alive, name, term, b.state[name])
        for term, other in zip(a.results or (), b.results or (), strict=True):
            yield "its result", self.apart(a.alive, term, other)
        for kind in dict.fromkeys((e.function, e.note) for e in (*right.exits, *found.exits)):
            ours = [e for e in right.exits if (e.function, e.note) == kind]
            theirs = [e for e in found.exits if (e.function, e.note) == kind]
            yield from self.exits(kind[0], ours, theirs)

    def exits(self, function: str, ours: list[Exit], theirs: list[Exit]) -> Iterator[tuple[str, Term]]:
        """What differs of the exits by one terminator."""
        if not ours or not theirs:
            yield f"whether it ends in {function}", disjunction(e.guard for e in (*ours, *theirs))
            return
        paired = len(ours) == len(theirs) and all(
            self.same(x.guard, y.guard) for x, y in zip(ours, theirs, strict=True)
        )
        for x, y in zip(ours, theirs, strict=True) if paired else [(_one(ours), _one(theirs))]:
            if not self.same(x.guard, y.guard):
                yield f"whether it ends in {function}", lnot(eq(x.guard, y.guard))
            for one, other in zip(x.args, y.args, strict=True):
                yield f"what {function} is given", self.apart(x.guard, one, other)
            for name, term in x.state.items():
                yield f"{name} at {function}", self.unlike(x.guard, name, term, y.state[name])


def _one(exits: list[Exit]) -> Exit:
    """One exit in place of several, of which one is taken."""
    merged, *others = exits
    for e in others:
        merged = Exit(
            lor(e.guard, merged.guard),
            merged.function,
            tuple(ite(e.guard, a, b) for a, b in zip(e.args, merged.args, strict=True)),
            merged.note,
            {n: t if t is merged.state[n] else ite(e.guard, t, merged.state[n]) for n, t in e.state.items()},
        )
    return merged
