"""Random programs that run on for a while: of instructions that complete, begun again wherever one does not."""

from __future__ import annotations

import random

from pgcheck.isa.encoding.codec import completed, encode, is_canonical
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import mask
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native import linking
from pgcheck.models.native.engine import Native
from pgcheck.models.native.hot import Regions
from pgcheck.models.native.records import Context
from pgcheck.models.native.runtime import Runtime
from pgcheck.models.state import Cells, State, Surroundings, frozen, holding, reset
from tests.models.worlds import biased, operands

SIZE = 1 << 14
INSTRUCTIONS = 14
BUDGETS = (3, 17, 60, 100)


class Program:
    """A computer with a program in its RAM, and where the instructions of it stand."""

    def __init__(self, described: Machine, rng: random.Random, chosen: tuple[Instruction, ...], length: int) -> None:
        self.machine, self.rng = described, rng
        space = described.state
        wide = space.address_width > 20
        ram = Ram(
            described.platform.ram_base,
            SIZE if wide else min(1 << 12, space.memory_size),
            space.memory_unit,
            space.big_endian,
        )
        self.bus = Bus(ram, (), space.memory_unit, space.big_endian, space.address_width)
        self.surroundings = Surroundings(lambda site, instance, width: instance & mask(width or 1), memory=self.bus)
        self.state = self._state()
        self.starts = self._code(chosen, length)

    def _state(self) -> State:
        described, rng, ram = self.machine, self.rng, self.bus.ram
        state = reset(described)
        for leaf in described.state.leaves.values():
            held = state[leaf.name]
            if isinstance(held, Cells) and leaf.name != described.state.memory and not leaf.control:
                for i in range(min(described.state.arrays[leaf.name].size, 64)):
                    near = ram.base + (rng.randrange(ram.size) & -8)
                    held[i] = (near if rng.random() < 0.6 else biased(rng, leaf.element_width)) & mask(
                        leaf.element_width
                    )
            elif not isinstance(held, Cells) and not leaf.control:
                state[leaf.name] = biased(rng, leaf.width)
        if described.code.translation is not None:
            state |= holding(described, described.code.translation.replay)
        return state

    def _code(self, chosen: tuple[Instruction, ...], length: int) -> list[int]:
        described, rng, ram = self.machine, self.rng, self.bus.ram
        decode = described.decoding.decode
        unit, stride = decode.unit // self.bus.unit, decode.unit // decode.pc_unit
        at, starts = ram.base + (rng.randrange(ram.size // 2) & -16), list[int]()
        for _ in range(length):
            starts.append(at)
            instruction = rng.choice(chosen)
            assert instruction.encoding is not None
            found = operands(instruction, rng)
            near = {n: v & 31 if instruction.operands[n].width > 6 else v for n, v in found.items()}
            near = completed(instruction.encoding, near)
            if rng.randrange(4) and is_canonical(instruction.encoding, near):
                found = near
            for word in encode(instruction.encoding, found):
                self.bus.store(at & self.bus.bound, unit, word)
                at += stride
        return starts

    def ran(self, engine: Engine, runs: int, exits: frozenset[str]) -> list[object]:
        """What an engine makes of it: every stop with clock and state, and the memory at the end."""
        pc, found = self.machine.state.pc, list[object]()
        self.state[pc] = self.starts[0]
        for _ in range(runs):
            stop = engine.run(self.state, self.surroundings, self.rng.choice(BUDGETS), exits)
            told = stop.exit and (stop.exit.function, stop.exit.args, stop.exit.note, stop.exit.access)
            found.append((stop.steps, told, self.surroundings.clock, {n: frozen(v) for n, v in self.state.items()}))
            if stop.exit is not None or self.rng.randrange(4):
                self.state[pc] = self.rng.choice(self.starts)
            if self.rng.randrange(12) == 0:
                self.bus.store(self.rng.choice(self.starts), 1, biased(self.rng, self.bus.unit))
        ram = self.bus.ram
        assert isinstance(ram, Ram)
        return [*found, bytes(ram.cells) if isinstance(ram.cells, bytearray) else tuple(ram.cells)]


@once
def completing(described: Machine) -> tuple[Instruction, ...]:
    """The instructions that complete in some of a few random states."""
    found, plain = list[Instruction](), Interpreter(described)
    for k, instruction in enumerate(described.instructions):
        for seed in range(3):
            program = Program(described, random.Random(1000 * k + seed), (instruction,), 1)
            program.state[described.state.pc] = program.starts[0]
            if plain.run(program.state, program.surroundings, 1, frozenset(described.code.exits)).exit is None:
                found.append(instruction)
                break
    return tuple(found)


def ran(described: Machine, engine: Engine, seed: int, runs: int = 40) -> list[object]:
    """What an engine makes of the random program `seed`."""
    rng = random.Random(seed)
    tame = completing(described)
    chosen = tuple(rng.choice(tame) for _ in range(rng.randrange(2, 8)))
    program = Program(described, rng, chosen, rng.randrange(2, INSTRUCTIONS))
    exits = frozenset(described.code.exits) if rng.randrange(3) else frozenset[str]()
    return program.ran(engine, runs, exits)


class Often(Regions):
    """Regions that are made of whatever runs at some steps, at once."""

    def __init__(self, runtime: Runtime, rng: random.Random) -> None:
        self._rng, self._asked = rng, 0
        super().__init__(runtime, lambda text: linking.compiled(text, 0), 1, 0)

    def sampled(self, context: Context, pc: int) -> None:
        super().sampled(context, pc)
        self._asked += 1
        self._left = self._rng.choice((1, 2, 5) if self._asked < 24 else (1, 2, 5, 1 << 20, 1 << 20))

    def due(self) -> int:
        """How long there is native code is drawn too, so that regions run although they are soon made."""
        return super().due() if self._rng.randrange(2) else 1 << 20


def compiling(described: Machine, seed: int) -> Native:
    """An engine that has regions made again and again."""
    return Native(described, 0, regions=lambda runtime: Often(runtime, random.Random(seed)))


def made(engine: Native) -> int:
    """How many times a region was installed."""
    regions = None if engine.runtime is None else engine.runtime.regions
    return regions.made if isinstance(regions, Regions) else 0
