"""The reference engine made fast: Python generated from the intermediate form, which does what the interpreter does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Final

from pgcheck.isa.machine.machine import Interrupt, Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.terms.ir import BUILTIN_EXITS, EXECUTE
from pgcheck.models.engine import Interpreter, VmExit
from pgcheck.models.generated import program as compiled_program
from pgcheck.models.generated.lines import Geometry, Setting
from pgcheck.models.generated.memory import MOST_ENTRIES, Context, Entry, Impossible, Reads, Runtime
from pgcheck.models.generated.program import Made, program_of
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.reference.cycle import enter, execute, executed
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings

MOST_MADE: Final = 2048
MOST_HEAT: Final = 1 << 16
MOST_DECODED: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Heat:
    """After how many executions an instruction gets a function, and an address a block of at most `longest` instructions."""

    warm: int
    hot: int
    longest: int


LASTING: Final = Heat(warm=2, hot=48, longest=compiled_program.LONGEST_BLOCK)


class Compiled:
    """An engine with the results of `Interpreter`.

    What is executed once runs instruction by instruction; what is executed often becomes a Python function for as long as the memory
    it was read from, and the leaves that fetch and translation read, stay as they are. Stores must go through RAM, so that watchers
    are told. With an oracle, or physical memory that is no bus with RAM, it is the interpreter.
    """

    def __init__(self, machine: Machine, heat: Heat = LASTING) -> None:
        self.machine, self.heat = machine, heat
        self._interpreter = Interpreter(machine)
        self.runtime: Runtime | None = None
        self._instructions = {i.id: i for i in machine.instructions}
        self._decoded: dict[int, Fetched | None] = {}
        self._uses: dict[str, int] = {}

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        bus = surroundings.memory
        if surroundings.oracle is not None or type(bus) is not Bus or type(bus.ram) is not Ram:
            return self._interpreter.run(state, surroundings, budget, intercept)
        runtime = self.runtime
        if (
            runtime is None
            or runtime.bus is not bus
            or runtime.ram is not bus.ram
            or runtime.program.ports != surroundings.ports.keys()
        ):
            program = program_of(self.machine, frozenset(surroundings.ports))
            if not program.stable:
                return self._interpreter.run(state, surroundings, budget, intercept)
            if runtime is not None:
                runtime.forget()
            runtime = self.runtime = Runtime(program, bus, bus.ram)
        if runtime.surroundings is not surroundings or runtime.step.state is not state:
            runtime.surroundings = surroundings
            runtime.step = Step(self.machine, state, {}, surroundings)
        return self.advance(runtime, state, budget, intercept)

    def advance(self, runtime: Runtime, state: State, budget: int, intercept: Set[str]) -> VmExit:
        """Run from where a runtime has been set up."""
        surroundings, at, rule = runtime.surroundings, self.machine.state.pc, self.machine.code.interrupt
        clock = start = surroundings.clock
        end = surroundings.deadline = start + budget
        runtime.check = True
        context: Context | None = None
        entries: dict[int, Entry] = {}
        while clock < end:
            if context is None or runtime.check:
                surroundings.clock = clock
                runtime.check = False
                end = surroundings.deadline
                if clock >= end:
                    break
                if rule is not None and runtime.program.pending and self.interrupted(rule, runtime, state):
                    return VmExit(clock - start, interrupted=True)
                context = runtime.context(state)
                entries = context.entries
            pc = state[at]
            assert isinstance(pc, int)
            entry = entries.get(pc)
            if entry is None or entry.run is None:
                entry = self._heated(runtime, state, context, pc, end - clock)
            exit_: Exit | None
            fetched: Fetched | None
            fetching = False
            try:
                if entry is not None and entry.run is not None:
                    after = entry.run(state, runtime, clock, end)
                    if after == clock and (entry := self._single(runtime, state, context, pc, entry)).run is not None:
                        after = entry.run(state, runtime, clock, end)
                    if after != clock:
                        clock = after
                        continue
            except Ended as ended:
                assert entry is not None
                runtime.access = None
                clock = surroundings.clock
                exit_, fetched = self._chained(ended.exit, entry.trace[runtime.step.scalar(at)], state, surroundings)
            else:
                surroundings.clock = clock
                found = entry.trace[pc] if entry is not None else self.fetch(runtime, state, pc)
                if isinstance(found, Exit):
                    exit_, fetched, fetching = found, None, True
                else:
                    exit_, fetched = self.execute(runtime, state, found)
            if exit_ is not None:
                runtime.check = True
                if exit_.function in intercept or exit_.function in BUILTIN_EXITS:
                    return VmExit(clock - start, exit_, fetched, fetching)
                undeliverable = enter(self.machine, exit_, state, surroundings, runtime.deliver)
                if undeliverable is not None:
                    return VmExit(clock - start, undeliverable, fetched, fetching)
            clock += 1
        surroundings.clock = clock
        return VmExit(clock - start)

    # ---- one instruction

    def fetch(self, runtime: Runtime, state: State, pc: int) -> Fetched | Exit | None:
        """What is at PC, as `reference.fetch` finds it."""
        try:
            return self.found(runtime, state, pc)
        except Ended as ended:
            runtime.access = None
            return ended.exit

    def found(self, runtime: Runtime, state: object, pc: int) -> Fetched | None:
        """The instruction at an address; None when no encoding accepts the bits. Raises Ended."""
        machine = self.machine
        decode, bound = machine.decoding.decode, mask(machine.state.leaves[machine.state.pc].width)
        fetch = runtime.program.function(machine.code.fetch)
        if decode.max_length > 1:
            stride = decode.unit // decode.pc_unit
            return self._decode(lambda k: fetch(runtime, state, pc + k * stride & bound))
        word: int = fetch(runtime, state, pc)
        if word in self._decoded:
            return self._decoded[word]
        if len(self._decoded) >= MOST_DECODED:
            self._decoded.clear()
        found = self._decoded[word] = self._decode(lambda k: word)
        return found

    def _decode(self, unit: Callable[[int], int]) -> Fetched | None:
        found = self.machine.decoding.decoder.decode(unit)
        return None if found is None else Fetched(self._instructions[found.id], found.operands, found.length)

    def execute(self, runtime: Runtime, state: State, found: Fetched | None) -> tuple[Exit | None, Fetched | None]:
        """Run an instruction, as `reference.execute` does."""
        surroundings, at = runtime.surroundings, self.machine.state.pc
        if found is None or found.instruction.partial or not self._used(found):
            runtime.check = True
            return execute(self.machine, found, state, surroundings)
        single, operands = runtime.program.single(found.instruction), found.operands
        runtime.step.instances.clear()
        runtime.check |= single.turning
        try:
            single.run(runtime, state, found.length, *[operands[name] for name in single.operands])
        except Ended as ended:
            runtime.access = None
            return self._chained(ended.exit, found, state, surroundings)
        state[at] = runtime.next
        return None, found

    def _used(self, found: Fetched) -> bool:
        """Whether a function of the instruction is worth making."""
        uses = self._uses[found.instruction.id] = self._uses.get(found.instruction.id, 0) + 1
        return uses > self.heat.warm

    def _chained(
        self, exit_: Exit, fetched: Fetched, state: State, surroundings: Surroundings
    ) -> tuple[Exit | None, Fetched | None]:
        """What became of an instruction that ended in an exit, when the exit is to execute a word in its place."""
        rule = self.machine.code.exits.get(exit_.function)
        if rule is None or rule.kind != EXECUTE:
            return exit_, fetched
        found = executed(self.machine, exit_.args[0])
        return execute(self.machine, found and replace(found, link=fetched.link + 1), state, surroundings)

    def interrupted(self, rule: Interrupt, runtime: Runtime, state: State) -> bool:
        """Whether the specification says that an interrupt is pending, or that the processor waits for one."""
        before = runtime.program.pending_of(state)
        if before == runtime.seen:
            return False
        if self._holds(runtime, state, rule.pending) or (rule.waiting and self._holds(runtime, state, rule.waiting)):
            return True
        # What asking has changed may decide otherwise before the next instruction.
        runtime.check |= before != runtime.program.pending_of(state)
        runtime.seen = None if runtime.check else before
        return False

    def _holds(self, runtime: Runtime, state: State, name: str) -> bool:
        try:
            return bool(runtime.program.function(name)(runtime, state) == 1)
        except Ended:
            runtime.access = None
            return False

    # ---- making code

    def _heated(self, runtime: Runtime, state: State, context: Context, pc: int, left: int) -> Entry | None:
        """The entry at an address that is about to be executed once more, made if that is worth it; `left` of the budget."""
        if len(context.heat) >= MOST_HEAT:
            context.heat.clear()
            context.stores.clear()
        entry = context.entries.get(pc)
        heat = context.heat[pc] = context.heat.get(pc, 0) + 1
        if heat < self.heat.warm or (entry is not None and heat < self.heat.hot):
            return entry
        if heat > self.heat.hot or left < self.heat.longest:
            context.heat[pc] = heat - 1
            return entry
        longest = self.heat.longest if heat >= self.heat.hot else 0
        return self._entered(runtime, state, context, pc, pc, longest) or entry

    def _single(self, runtime: Runtime, state: State, context: Context, pc: int, block: Entry) -> Entry:
        """The entry of the first instruction of a block alone, made when the budget has often ended within the block."""
        entry = context.entries.get(~pc)
        if entry is not None:
            return entry
        heat = context.heat[~pc] = context.heat.get(~pc, 0) + 1
        return (self._entered(runtime, state, context, pc, ~pc, 1) if heat == self.heat.hot else None) or block

    def _entered(
        self, runtime: Runtime, state: State, context: Context, pc: int, key: int, longest: int
    ) -> Entry | None:
        """A new entry for the instruction at an address, or for a function of at most `longest`; None where there can be none."""
        if runtime.entries >= MOST_ENTRIES:
            runtime.forget()
            return None
        source = Source(self, runtime, state)
        made = self._block(source, context, pc, longest) if longest else None
        if made is not None:
            entry = Entry(dict(made.trace), self.linked(runtime, context, made))
        elif (found := source(pc)) is not None:
            entry = Entry({pc: found})
        else:
            return None
        runtime.add(context, key, entry, source.reads_of(entry.trace))
        return entry

    def _block(self, source: Source, context: Context, pc: int, longest: int) -> Made | None:
        """The code at an address: what was made before, if the same instructions are there, or new."""
        runtime = source.runtime
        program, ram = runtime.program, runtime.ram
        geometry = Geometry(ram.base, ram.size, ram.page_shift)
        key = (context.values, pc, geometry, longest)
        known = program.made.get(key)
        if known is not None and all(source(at) == fetched for at, fetched in known.trace.items()):
            return known
        values = dict(zip(program.context, context.values, strict=True))
        made = program.block(Setting(values, geometry, program.address, program.pages), pc, source, longest)
        if made is not None:
            if len(program.made) >= MOST_MADE:
                program.made.clear()
            program.made[key] = made
        return made

    def linked(self, runtime: Runtime, context: Context, made: Made) -> FunctionType:
        """The function of a block in a context."""
        tables = [context.table(fixed) for fixed in made.tables]
        ram = runtime.ram
        bound = (ram.cells, ram.quiet, *runtime.views, *(t.places for t in tables), *tables)
        return FunctionType(made.code, runtime.program.globals, made.code.co_name, bound)


class Source:
    """Instructions as fetch gives them in a state, found without touching more than RAM, with what was read for each."""

    def __init__(self, engine: Compiled, runtime: Runtime, state: State) -> None:
        self.engine, self.runtime, self.state = engine, runtime, state
        self.found: dict[int, tuple[Fetched | None, Reads]] = {}

    def __call__(self, pc: int) -> Fetched | None:
        known = self.found.get(pc)
        if known is None:
            known = self.found[pc] = self._find(pc)
        return known[0]

    def _find(self, pc: int) -> tuple[Fetched | None, Reads]:
        runtime = self.runtime
        reads: Reads = []
        runtime.reads = reads
        try:
            return self.engine.found(runtime, Watching(self.state, runtime.program.context), pc), reads
        except (Ended, Impossible):
            return None, []
        finally:
            runtime.reads = None
            runtime.access = None

    def reads_of(self, trace: Iterable[int]) -> list[tuple[int, int]]:
        """What was read for the instructions at the addresses of `trace`."""
        return [read for pc in trace for read in self.found[pc][1]]


class Watching:
    """A state of which only the leaves of the context may be read."""

    __slots__ = ("context", "state")

    def __init__(self, state: State, context: tuple[str, ...]) -> None:
        self.state, self.context = state, context

    def __getitem__(self, name: str) -> object:
        if name not in self.context:
            raise Impossible
        return self.state[name]
