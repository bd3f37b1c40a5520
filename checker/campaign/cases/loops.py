"""Jumps to a place of one's choice, found by trying: programs that go round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from pgcheck.checker.campaign.cases.inventory import Inventory, Units, required
from pgcheck.checker.campaign.cases.trial import Recorder
from pgcheck.isa.encoding.codec import encode
from pgcheck.isa.encoding.encoding import Encoding
from pgcheck.isa.machine.machine import Instruction
from pgcheck.isa.terms import mask
from pgcheck.models.reference.cycle import decoded, execute
from pgcheck.models.state import Surroundings, copied, scalar

ENOUGH: Final = 4
BACK: Final = (1, 2, 4, 8)
"""Distances backwards from which a search begins: jumps to places that are not aligned are none."""


class Jumps:
    """Encodings that lead from one address to another whatever registers hold, which are zero when they are tried."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory, self.machine = inventory, inventory.machine
        self._known: dict[tuple[int, int], tuple[Units, ...]] = {}
        self._pc = self.machine.state.leaves[self.machine.state.pc]

    def between(self, start: int, target: int) -> tuple[Units, ...]:
        """Encodings that jump from `start` to `target`; none if none were found."""
        known = self._known.get((start, target))
        if known is None:
            known = self._known[start, target] = tuple(self._found(start, target))
        return known

    @cached_property
    def _instructions(self) -> tuple[Instruction, ...]:
        return tuple(i for i in self.inventory.groups["jump"] if i.encoding is not None)

    def _found(self, start: int, target: int) -> Iterator[Units]:
        found = 0
        for instruction in self._instructions:
            encoding = instruction.encoding
            if encoding is None:
                continue
            for name, operand in encoding.operands.items():
                if operand.width >= 6 and found < ENOUGH:
                    units = self._solved(encoding, name, start, target)
                    if units is not None:
                        found += 1
                        yield units

    def _solved(self, encoding: Encoding, name: str, start: int, target: int) -> Units | None:
        """The encoding whose operand `name` leads to the target: each bit that is flipped adds something to where the jump goes."""
        width = encoding.operands[name].width
        for base in (0, 2, *(mask(width) + 1 - back for back in BACK)):
            value = self._nearest(encoding, name, base, start, target)
            if value is not None and self._end(encoding, name, value, start) == target:
                return self._units(encoding, name, value)
        return None

    def _nearest(self, encoding: Encoding, name: str, base: int, start: int, target: int) -> int | None:
        """The operand that leads nearest to the target, with bits of `base` flipped that all lead the same way."""
        wide = self._pc.width
        origin = self._end(encoding, name, base, start)
        if origin is None:
            return None
        rest, value = _signed(target - origin, wide), base
        steps: dict[int, int] = {}
        for bit in range(encoding.operands[name].width):
            there = self._end(encoding, name, base ^ 1 << bit, start)
            if there is not None and _signed(there - origin, wide) * rest > 0:
                steps[bit] = _signed(there - origin, wide)
        for bit, step in sorted(steps.items(), key=lambda s: -abs(s[1])):
            if abs(step) <= abs(rest):
                value ^= 1 << bit
                rest -= step
        return value

    def _end(self, encoding: Encoding, name: str, value: int, start: int) -> int | None:
        """Where an instruction at `start` leads; None where it does not complete."""
        units = self._units(encoding, name, value)
        if units is None:
            return None
        machine, trial = self.machine, self.inventory.trial
        state = copied(trial.state)
        state[machine.modes.leaf] = machine.modes.supervisor.values[0]
        state[machine.state.pc] = start & mask(self._pc.width)
        fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
        if fetched is None or len(fetched.operands) != len(encoding.operands):
            return None
        memory = Recorder(trial.bus, pretend=True)
        ended = execute(machine, fetched, state, Surroundings(memory=memory))[0]
        return None if ended is not None or memory.loads or memory.stores else scalar(state, machine.state.pc)

    def _units(self, encoding: Encoding, name: str, value: int) -> Units | None:
        operands: Mapping[str, int] = {**dict.fromkeys(encoding.operands, 0), name: value, **required(encoding)}
        try:
            return encode(encoding, operands)
        except ValueError:
            return None


def _signed(value: int, width: int) -> int:
    value &= mask(width)
    return value - (1 << width) if value >> width - 1 else value
