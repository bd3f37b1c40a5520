"""The specification's side: random states, sequences from them by the reference binding, and what of them is not defined."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pgcheck.isa.encoding.codec import encode, to_bytes
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import conjunction, mask
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.engine import pending, waiting
from pgcheck.models.reference.cycle import arrive, execute, fetch, holds, serve
from pgcheck.models.state import Cells, Exit, Fetched, State, Surroundings, copied, reset
from tests.fidelity.peer import Peer, Values
from tests.models.worlds import operands

ATTEMPTS = 200
INTERRUPT = "interrupt"


class Clash(Exception):
    """A state that cannot be compared: outside the peer's memory, or beyond what the specification models."""


class Memory(Cells):
    """Memory whose bytes are drawn when first read; `before` are those.

    While `fetching`, `code` is what is found where nothing is yet, and `fetched` are the addresses that were read.
    """

    __slots__ = ("base", "before", "code", "fetched", "fetching", "peer", "rng")

    def __init__(self, peer: Peer, seed: int) -> None:
        super().__init__()
        self.peer, self.rng = peer, random.Random(seed)
        self.before: dict[int, int] = {}
        self.code, self.base = b"", -1
        self.fetching = False
        self.fetched: set[int] = set()

    def __getitem__(self, address: int) -> int:
        if self.fetching:
            self.fetched.add(address)
        return super().__getitem__(address)

    def fetch(self, code: bytes) -> None:
        """From here on an instruction is fetched, until `fetching` ends."""
        self.code, self.base, self.fetching = code, -1, True
        self.fetched.clear()

    def __missing__(self, address: int) -> int:
        if address not in self.before:
            if address not in self.peer.ram:
                raise Clash
            self._draw(address)
        return self.before[address]

    def _draw(self, address: int) -> None:
        if self.fetching and not self.peer.table(address):
            if self.base < 0:
                self.base = address & -self.peer.unit
            if 0 <= address - self.base < len(self.code):
                self.before[address] = self.code[address - self.base]
                return
        first = address & -8
        for offset, byte in enumerate(self.peer.data(self.rng, first)):
            if first + offset == address or not self.fetching:
                self.before.setdefault(first + offset, byte)

    def copy(self) -> Memory:
        other = Memory(self.peer, 0)
        other.update(self)
        other.before, other.rng = self.before, self.rng  # what lies there lies there in both
        return other


@dataclass(frozen=True, slots=True)
class Taken:
    """A step: which instruction, how it ended, and the values after it; `unknown` are bits that are not defined.

    `written` is all of memory that steps have written, `vague` the bytes of it that are not defined.
    """

    instruction: str
    exit: str
    values: Values
    unknown: Mapping[str, int]
    operands: Mapping[str, int]
    written: Mapping[int, int]
    vague: frozenset[int]


@dataclass(frozen=True, slots=True)
class Run:
    """A start, the steps from it, and memory before, as far as anybody read it."""

    start: Values
    steps: Sequence[Taken]
    before: Mapping[int, int]


@dataclass(slots=True)
class Ours:
    """A machine beside a peer; `patterns` are those of the instructions that are drawn, all if none is one of them."""

    machine: Machine
    peer: Peer
    patterns: Sequence[str] = ("*",)
    instructions: Sequence[Instruction] = field(init=False)

    def __post_init__(self) -> None:
        every = [i for i in self.machine.instructions if i.encoding is not None]
        self.instructions = [i for i in every if any(fnmatchcase(i.id, p) for p in self.patterns)] or every

    def start(self, rng: random.Random) -> Values:
        """A legal start state."""
        condition = conjunction([*self.machine.legal])
        for _ in range(ATTEMPTS):
            values = self.peer.draw(rng)
            if holds(self.machine, condition, self.state(values)):
                return values
        raise AssertionError(f"no legal state of {self.machine.identity.name} in {ATTEMPTS} draws")

    def code(self, rng: random.Random, instruction: Instruction) -> bytes:
        """The bytes of an instruction with random operands."""
        assert instruction.encoding is not None
        units = encode(instruction.encoding, operands(instruction, rng))
        return to_bytes(units, self.machine.decoding.decode)

    def state(self, values: Values) -> State:
        """The machine's state with these values; all else as after reset."""
        state = reset(self.machine)
        for place in self.peer.places:
            held = state[place.leaf]
            if isinstance(held, Cells):
                assert place.index is not None
                held[place.index] = values[place.key]
            else:
                state[place.leaf] = values[place.key]
        return state

    def values(self, state: State) -> Values:
        found: Values = {}
        for place in self.peer.places:
            held = state[place.leaf]
            found[place.key] = held[place.index or 0] if isinstance(held, Cells) else held
        return found

    def run(self, start: Values, codes: Sequence[bytes], seed: int) -> Run:
        """One step for each of `codes`, what lies where execution is if nothing does yet. Raises Clash if there is not one."""
        memory = Memory(self.peer, seed)
        state = self.state(start)
        state[self.machine.state.memory] = memory
        steps: list[Taken] = []
        for code in codes:
            try:
                taken, state = self._one(state, code)
            except Clash:
                if not steps:
                    raise
                break
            steps.append(taken)
            if taken.vague or taken.unknown or self.peer.done(taken.values) or self._waits(state):
                break
        return Run(start, steps, memory.before)

    def _waits(self, state: State) -> bool:
        return waiting(self.machine, copied(state), Surroundings())

    def _one(self, state: State, code: bytes) -> tuple[Taken, State]:
        before = self.memory(state)
        one, asked = copied(state), list[str]()
        found, ended = self._step(one, code, 0, asked)
        values, memory = self.values(one), self.memory(one)
        changed = {a for a, byte in memory.items() if before.get(a) != byte}
        if any(a not in self.peer.ram or a in memory.fetched for a in changed):
            raise Clash
        name, given = ("", {}) if found is None else (found.instruction.id, found.operands)
        if not asked:
            return Taken(name, ended, values, {}, given, dict(memory), frozenset()), one
        other = copied(state)
        if self._step(other, b"", -1, asked)[1] != ended:
            raise Clash
        different, second = self.values(other), self.memory(other)
        unknown = {k: v ^ different[k] for k, v in values.items() if v != different[k]}
        vague = frozenset(a for a in {*memory, *second} if memory[a] != second[a])
        return Taken(name, ended, values, unknown, given, dict(memory), vague), one

    def memory(self, state: State) -> Memory:
        held = state[self.machine.state.memory]
        assert isinstance(held, Memory)
        return held

    def _step(self, state: State, code: bytes, undefined: int, asked: list[str]) -> tuple[Fetched | None, str]:
        """One step in place. Raises Clash for one that is not modelled."""
        machine, memory = self.machine, self.memory(state)
        choices = machine.platform.choices

        def unknown(site: str, instance: int, width: int) -> int:
            if site in choices:
                return choices[site]
            asked.append(site)
            return undefined & (mask(width) if width else 1)

        def volatile(leaf: Leaf, instance: int, index: int | None) -> int:
            asked.append(leaf.name)
            return undefined & mask(leaf.element_width)

        around = Surroundings(undefined=unknown, volatile=volatile)
        if pending(machine, state, around):
            assert machine.code.interrupt is not None
            ended = serve(machine, machine.code.interrupt.deliver, state, around)
            return None, self._ended(state, around, ended) or INTERRUPT
        memory.fetch(code)
        found = fetch(machine, state, around)
        memory.fetching = False
        if isinstance(found, Exit):
            return None, self._ended(state, around, found)
        return found, self._ended(state, around, execute(machine, found, state, around)[0])

    def _ended(self, state: State, around: Surroundings, exit_: Exit | None) -> str:
        """Deliver what a step ended in; its name. Raises Clash."""
        if exit_ is None:
            return ""
        if exit_.function in BUILTIN_EXITS:
            raise Clash
        _, failed = arrive(self.machine, exit_, state, around)
        if failed is not None:
            raise Clash
        return f"{exit_.function}({exit_.args[0] if exit_.args else ''})"
