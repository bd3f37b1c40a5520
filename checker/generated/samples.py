"""Blocks for every instruction: first and further on, after reset and where translation leads a user, with operands that are 0, mixed and all ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.generated.blocks import Block
from pgcheck.checker.generated.routines import Library
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import mask
from pgcheck.models.generated.lines import Geometry, Setting
from pgcheck.models.reference.cycle import canonical
from pgcheck.models.state import Fetched

Context = dict[str, int | tuple[int, ...]]
Operand = Callable[[int, int], int]

LONGEST: Final = 3
PAGES: Final = 4
SHIFT: Final = 6
MIXED: Final = 0x6B5A_9D3C_6B5A_9D3C


@dataclass(frozen=True, slots=True)
class Sample:
    """A block, the number of the part that is asked of it, and what it is called by."""

    block: Block
    k: int
    name: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What blocks are made for, and an instruction there that goes on, which others stand beside."""

    name: str
    setting: Setting
    other: Fetched | None


def situations(library: Library) -> tuple[Situation, Situation]:
    """After reset, and of a user."""
    return _situation(library, "after reset", reset(library)), _situation(library, "for a user", user(library))


def samples(library: Library, where: tuple[Situation, Situation], instruction: Instruction) -> Iterator[Sample]:
    """The blocks of an instruction; none of one that no block may have."""
    if instruction.partial:
        return
    at_reset, of_user = where
    for situation, first, operand, called in (
        (at_reset, True, _zero, "0"),
        (of_user, False, _mixed, "mixed bits"),
        (at_reset, False, _ones, "ones"),
    ):
        block = made(library, situation, fetched(instruction, operand), first=first)
        if block is not None:
            place = "first" if first else "second"
            yield Sample(block, 0 if first else 1, f"{place} in a block {situation.name}, operands of {called}")


def fetched(instruction: Instruction, operand: Operand) -> Fetched:
    """An instruction with operands by their widths and positions."""
    widths = enumerate(instruction.operands.items())
    return canonical(instruction, {name: operand(bits.width, at) for at, (name, bits) in widths})


def made(library: Library, situation: Situation, asked: Fetched, *, first: bool) -> Block | None:
    """A block that has an instruction first, or second, among others that go on; None where it cannot be had there."""
    start, other = begin(library.machine), situation.other
    if not first and other is None:
        return None
    at = start if first or other is None else _beyond(library.machine, start, other)
    written = library.program.written(situation.setting, start, lambda pc: asked if pc == at else other, LONGEST)
    if written is None or at not in written.trace:
        return None
    return Block(library, written, situation.setting)


def _situation(library: Library, name: str, context: Context) -> Situation:
    """Blocks for a context, in a RAM of a few pages, each as large as one that translation maps."""
    space, program = library.machine.state, library.program
    shift = max(min(SHIFT, space.address_width - 2), program.pages, 0)
    geometry = Geometry(library.machine.platform.ram_base, PAGES << shift, shift)
    setting = Setting(context, geometry, program.address, program.pages)
    plain = (fetched(i, _mixed) for i in library.machine.instructions if not i.partial)
    return Situation(name, setting, next((f for f in plain if _goes_on(library, setting, f)), None))


def begin(machine: Machine) -> int:
    """Where blocks start: in RAM, and not where wrapped addresses lead."""
    pc = machine.state.leaves[machine.state.pc]
    return machine.platform.ram_base + (16 << max(0, pc.width - 64)) & mask(pc.width)


def _goes_on(library: Library, setting: Setting, plain: Fetched) -> bool:
    written = library.program.written(setting, begin(library.machine), lambda pc: plain, LONGEST)
    return written is not None and len(written.trace) == LONGEST and not written.tables


def _beyond(machine: Machine, at: int, plain: Fetched) -> int:
    return at + plain.length & mask(machine.state.leaves[machine.state.pc].width)


# ---- contexts and operands


def reset(library: Library) -> Context:
    """What a block is made for after reset."""
    return _context(library, lambda name, width: library.machine.state.leaves[name].reset)


def user(library: Library) -> Context:
    """Where translation leads a user through tables, if it does, and all else is ones."""
    machine = library.machine
    found = _context(library, lambda name, width: mask(width))
    confined = machine.code.confined_by(Entries)
    given = dict(confined[1].given) if confined is not None else {}
    real = next((d.real_mode for d in machine.deployments if d.real_mode is not None), None)
    if real is not None:
        given[machine.modes.leaf] = real
    arrays = machine.state.arrays
    return found | {n: (v,) * arrays[n].size if n in arrays else v for n, v in given.items() if n in found}


def _context(library: Library, value: Callable[[str, int], int]) -> Context:
    found: Context = {}
    for name in library.program.context:
        leaf = library.machine.state.leaves[name]
        given = value(name, max(leaf.width, 1))
        found[name] = (given,) * leaf.size if isinstance(leaf, ArrayLeaf) else given
    return found


def _zero(width: int, at: int) -> int:
    return 0


def _mixed(width: int, at: int) -> int:
    return MIXED >> at & mask(width)


def _ones(width: int, at: int) -> int:
    return mask(width) - at & mask(width)
