"""Python made of one machine: functions, and blocks of instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import CodeType, FunctionType
from typing import Any, Final, Protocol

from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import OPERATORS, Name, mask, walk
from pgcheck.isa.terms.names import LOCAL, OPERAND
from pgcheck.isa.terms.reads import terms_of
from pgcheck.models.generated.access import VIEWS
from pgcheck.models.generated.emitter import Emitter, Frame
from pgcheck.models.generated.facts import Facts, PageLinear
from pgcheck.models.generated.lines import Geometry, Goto, Setting, TooLong, Unsupported
from pgcheck.models.generated.source import Value
from pgcheck.models.reference.cycle import operand_value
from pgcheck.models.state import Cells, Ended, Exit, Fetched, State

LONGEST_BLOCK: Final = 32
_SMALL_ARRAY: Final = 16

Values = tuple[int | tuple[int, ...], ...]


class Reader(Protocol):
    """Finds the instruction at an address, or None where a block cannot have one."""

    def __call__(self, pc: int) -> Fetched | None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A block before it is compiled: its lines, at which of them each instruction of `trace` begins, and the arrays and translation tables by number."""

    lines: Sequence[str]
    marks: tuple[int, ...]
    trace: Mapping[int, Fetched]
    arrays: tuple[str, ...]
    tables: tuple[tuple[int, ...], ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Made:
    """A block as code: its instructions by address, its parameters' defaults, and the translation tables it uses."""

    code: CodeType
    trace: Mapping[int, Fetched]
    tables: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Single:
    """The function of an instruction: of runtime, state, length and operands in order; `turning`: it may change the context or what makes interrupts pending."""

    run: Callable[..., Any]
    operands: tuple[str, ...]
    turning: bool


def getter(machine: Machine, names: Sequence[str]) -> Callable[[State], Values]:
    """The function from a state to the values of leaves, arrays as tuples."""
    arrays = machine.state.arrays
    if len(names) > 1 and not any(name in arrays for name in names):
        return itemgetter(*names)
    sizes = [(name, arrays[name].size if name in arrays else 0) for name in names]

    def values(state: State) -> Values:
        held = [(state[name], size) for name, size in sizes]
        return tuple([tuple([v[i] for i in range(size)]) if isinstance(v, Cells) else v for v, size in held])

    return values


class Program:
    """What is made of one machine with devices behind the leaves `ports`."""

    def __init__(self, machine: Machine, ports: frozenset[str]) -> None:
        self.machine, self.ports = machine, ports
        self.facts = Facts(machine)
        self.globals: dict[str, Any] = {"Ended": Ended, "Exit": Exit, "OPERATORS": OPERATORS}
        self.made: dict[tuple[Values, int, Geometry, int], Made] = {}
        self.texts: dict[str, str] = {}
        """What was compiled of functions, by their Python names, and of instructions, by their ids."""
        self._singles: dict[str, Single] = {}
        self._too_long: set[object] = set()
        self._names: dict[str, str] = {}
        self._todo: list[str] = []
        facts = self.facts
        self.context = self._context()
        fetching = facts.function(machine.code.fetch)
        self.stable = not (fetching.volatile or fetching.free or fetching.writes or machine.state.pc in fetching.reads)
        self.pending: frozenset[str] = frozenset()
        if machine.code.interrupt is not None:
            for name in filter(None, (machine.code.interrupt.pending, machine.code.interrupt.waiting)):
                asked = facts.function(name)
                self.pending |= asked.reads | asked.writes  # what asking sets is set again once it has changed
                self.stable &= not (
                    asked.volatile or asked.free or asked.loads or asked.stores or machine.state.pc in asked.reads
                )
                self.stable &= not asked.writes & ports
        self.address, self.pages = self._pages()
        self.context_of = getter(machine, self.context)
        self.pending_of = getter(machine, sorted(self.pending))

    def _context(self) -> tuple[str, ...]:
        """The leaves for whose values blocks are made: what fetch and translation read, and control state in arguments of translation."""
        machine, facts = self.machine, self.facts
        names = set(facts.function(machine.code.fetch).reads)
        if machine.code.translation is not None:
            names |= facts.function(machine.code.translation.function).reads
            bodies = [*(f.body for f in machine.code.functions.values()), *(i.body for i in machine.instructions)]
            calls = [
                t
                for t in walk(t for b in bodies for t in terms_of(b))
                if t.op == "call" and t.about == machine.code.translation.function
            ]
            names |= {
                n for n in facts.terms(a for call in calls for a in call.args).reads if machine.state.leaves[n].control
            }
        leaves = [machine.state.leaves[n] for n in sorted(names)]
        small = [
            leaf for leaf in leaves if isinstance(leaf, ScalarLeaf) or (leaf.control and leaf.size <= _SMALL_ARRAY)
        ]
        return tuple(leaf.name for leaf in small if not leaf.volatile and leaf.name != machine.state.pc)

    def _pages(self) -> tuple[int, int]:
        """The position of the address among the arguments of translation, and how many of its low bits pass through; or 0, 0."""
        found = self.machine.code.confined_by(Entries)
        if found is None:
            return 0, 0
        translation, tables = found
        effects = self.facts.function(translation.function)
        if (
            effects.volatile
            or effects.free
            or effects.writes
            or effects.stores
            or not effects.reads <= set(self.context)
        ):
            return 0, 0
        position = translation.position(tables.address)
        linear = PageLinear(self.facts, translation.function, position, tables.shift)
        return (position, tables.shift) if linear.holds and linear.carried == (True,) else (0, 0)

    # ---- functions

    def function(self, name: str) -> Callable[..., Any]:
        """The Python function made of a function of the machine: of runtime, state and arguments."""
        python_name = self._name(name)
        self._finish()
        made: Callable[..., Any] = self.globals[python_name]
        return made

    @property
    def names(self) -> Mapping[str, str]:
        """The functions that were made, by their Python names."""
        return {python: name for name, python in self._names.items()}

    def _finish(self) -> None:
        """Make the functions that were named and are not there yet."""
        while self._todo:
            current = self._todo.pop()
            self.globals[self._names[current]] = self._made(current)

    def _name(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            known = self._names[name] = f"f{len(self._names)}"
            self._todo.append(name)
        return known

    def _made(self, name: str) -> Callable[..., Any]:
        function = self.machine.code.functions[name]
        emitter = Emitter(self.facts, None, self.ports, self._name, self._too_long)
        arguments = [f"a{i}" for i in range(len(function.parameters))]
        emitter.names = {Name(LOCAL, n): a for (n, _), a in zip(function.parameters, arguments, strict=True)}
        emitter.run(function.body, Frame("function", 1, function.results))
        lines = [f"def made({', '.join(['R', 'S', *arguments])}):", *_texts(emitter.lines)]
        return self._defined(lines, name, self._names[name])

    def _defined(self, lines: list[str], name: str, kept: str) -> Callable[..., Any]:
        text = self.texts[kept] = "\n".join(lines)
        return FunctionType(_compiled(text, name), self.globals, name)

    # ---- single instructions

    def single(self, instruction: Instruction) -> Single:
        """The function made of an instruction, whatever its operands."""
        known = self._singles.get(instruction.id)
        if known is None:
            known = self._singles[instruction.id] = self._single(instruction)
        return known

    def _single(self, instruction: Instruction) -> Single:
        machine = self.machine
        pc = machine.state.leaves[machine.state.pc]
        emitter = Emitter(self.facts, None, self.ports, self._name, self._too_long)
        names = tuple(instruction.operands)
        arguments = [f"a{i}" for i in range(len(names))]
        emitter.names = {Name(OPERAND, n): a for n, a in zip(names, arguments, strict=True)}
        emitter.encoding_term, emitter.length = instruction.encoding_term, "L"
        emitter.emit(f"R.next = S[{pc.name!r}] + L & {mask(pc.width)}")
        emitter.run(instruction.body, Frame("function", 1, ()))
        lines = [f"def made({', '.join(['R', 'S', 'L', *arguments])}):", *_texts(emitter.lines)]
        run = self._defined(lines, instruction.id, instruction.id)
        self._finish()
        effects = self.facts.block(instruction.body)
        turning = effects.volatile or bool(effects.writes & {*self.context, *self.pending, *self.ports})
        return Single(run, names, turning)

    # ---- blocks

    def block(self, setting: Setting, start: int, read: Reader, longest: int) -> Made | None:
        """The code from `start` on, in the order in which it would mostly run; None when not even one instruction can be made."""
        written = self.written(setting, start, read, longest)
        if written is None:
            return None
        try:
            code = _compiled(written.text, f"{self.machine.identity.name} {start:#x}")
        except (SyntaxError, RecursionError, MemoryError):
            return None
        return Made(code, written.trace, written.tables)

    def written(self, setting: Setting, start: int, read: Reader, longest: int) -> Written | None:
        """What `block` compiles."""
        emitter = Emitter(self.facts, setting, self.ports, self._name, self._too_long)
        emitter.depth = 2
        trace: dict[int, Fetched] = {}
        marks: list[int] = []
        pc: int | None = start
        while pc is not None and len(trace) < longest and pc not in trace:
            fetched = read(pc)
            if fetched is None or fetched.instruction.partial:
                break
            mark = len(emitter.lines)
            emitter.k, emitter.pc = len(trace), pc
            try:
                following = self._instruction(emitter, fetched, start)
            except (TooLong, Unsupported, RecursionError):
                del emitter.lines[mark:]
                break
            trace[pc] = fetched
            marks.append(mark)
            pc = following
        if not trace:
            return None
        if pc is not None:
            emitter.lines += [(2, f"S[{self.machine.state.pc!r}] = {pc}"), (2, f"return c + {len(trace)}")]
        arrays = [f"    {python} = S[{name!r}]" for name, python in emitter.arrays.items()]
        tables = tuple(emitter.tables)
        extra = [f"T{i}" for i in range(len(tables))] + [f"F{i}" for i in range(len(tables))]
        parameters = ["S", "R", "c", "end", "cells", "quiet", *(f"M{n}" for n in VIEWS), *extra]
        head = [
            f"def made({', '.join(parameters)}):",
            f"    most = end - {len(trace)}",
            "    if c > most: return c",
            *arrays,
            "    q = False",
            "    while True:",
        ]
        self._finish()
        lines = (*head, *_texts(emitter.lines))
        return Written(lines, tuple(len(head) + m for m in marks), trace, tuple(emitter.arrays), tables)

    def _instruction(self, emitter: Emitter, fetched: Fetched, first: int) -> int | None:
        """Emit an instruction of the block that starts at `first`; the address at which the lines go on, if they do."""
        machine, instruction, operands = self.machine, fetched.instruction, fetched.operands
        mark, state = len(emitter.lines), (dict(emitter.tables), dict(emitter.aligned))
        sequential = emitter.pc + fetched.length & mask(machine.state.leaves[machine.state.pc].width)
        encoding = instruction.encoding_term
        watched = {*self.context, *self.pending}
        for special in (True, False):
            emitter.begin()
            emitter.special, emitter.next = special, sequential
            emitter.names = {Name(OPERAND, n): v for n, v in operands.items()}
            emitter.length = fetched.length
            emitter.encoding = 0 if encoding is None else operand_value(encoding, operands)
            emitter.run(instruction.body, Frame("tail", emitter.depth, ()))
            if not emitter.wrote & set(self.context):
                break
            if special:
                del emitter.lines[mark:]
                emitter.tables, emitter.aligned = state
        last = bool(emitter.wrote & watched) or emitter.outside
        body = emitter.lines[mark:]
        fixed = [
            n for n in (line.next for _, line in body if isinstance(line, Goto)) if isinstance(n, int) and n != first
        ]
        following = sequential if sequential in fixed else fixed[0] if fixed else None
        start: list[str] = []
        if emitter.sync:
            start += [f"S[{machine.state.pc!r}] = {emitter.pc}", f"R.surroundings.clock = c + {emitter.k}"]
        if emitter.numbered:
            start.append("R.step.instances.clear()")
        emitter.lines[mark:] = [(emitter.depth, text) for text in start]
        for depth, line in body:
            if isinstance(line, Goto):
                texts = self._leaving(emitter, line.next, following, last, first)
                emitter.lines += [(depth + deeper, text) for deeper, text in texts]
            else:
                emitter.lines.append((depth, line))
        return None if last else following

    def _leaving(
        self, emitter: Emitter, next_: Value, following: int | None, last: bool, first: int
    ) -> list[tuple[int, str]]:
        """The lines, with their depth, by which an instruction goes on at `next_`."""
        move, done = f"S[{self.machine.state.pc!r}] = {next_}", emitter.k + 1
        leave = [(0, move), (0, f"return c + {done}")]
        if last:
            return [(0, "R.check = True"), *leave]
        found = [(0, "if q:"), *((1, text) for _, text in leave)] if emitter.slow else []
        if next_ == first:
            return [*found, (0, f"c += {done}"), (0, "if c > most:"), (1, move), (1, "return c"), (0, "continue")]
        if next_ != following:
            return [*found, *leave]
        return found or [(0, "pass")]


program_of = once(Program)  # shared by all engines of a machine with the same ports


def _compiled(text: str, name: str) -> CodeType:
    """The code of the function that a text defines."""
    module = compile(text, f"<{name}>", "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType))


def _texts(lines: Sequence[tuple[int, str | Goto]]) -> list[str]:
    return ["    " * depth + line for depth, line in lines if isinstance(line, str)]
