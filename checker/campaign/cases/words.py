"""Words that mean something to a machine, for registers and memory."""

from __future__ import annotations

from dataclasses import dataclass

from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.cases.tables import Tables
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.vectors import Source
from pgcheck.isa.idl.state import Entry
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.state import State


@dataclass(frozen=True, slots=True)
class Meaning:
    """What words can be on a machine: pointers into a layout, control entries, targets of traps, roots of page tables.

    `windows` are the addresses of devices, `aligned` is the distance between instructions, in units of PC.
    """

    machine: Machine
    layout: Layout
    entries: tuple[Entry, ...]
    sources: tuple[Source, ...]
    tables: Tables | None
    aligned: int
    windows: tuple[int, ...] = ()


class Words:
    """Draws words that mean something to the machine: small numbers, pointers, control words, targets of traps."""

    def __init__(self, meaning: Meaning, tape: Tape, state: State, elsewhere: tuple[int, ...] = ()) -> None:
        self.meaning, self.tape, self.state = meaning, tape, state
        self.places = (*meaning.layout.places, *meaning.windows, *elsewhere)

    def draw(self, width: int) -> int:
        tape = self.tape
        kind = tape.byte()
        if kind < 40:
            value = 0 if kind < 8 else tape.below(32)
        elif kind < 150:
            value = self.places[tape.byte() * len(self.places) >> 8] + 8 * tape.below(4)
        elif kind < 170:
            value = self.meaning.layout.user + self.meaning.aligned * tape.below(8)
        elif kind < 205:
            value = self.control()
        elif kind < 220:
            end = self.meaning.layout.base + self.meaning.layout.size
            block = self.meaning.layout.at(2 * tape.below(8))
            edges = (-1, 1 << width - 1, (1 << width - 1) - 1, -8, end, end - 1, end - 2, end - 4, end - 8)
            value = tape.choose((*edges, self.meaning.layout.base - 1, block - 1, block - 2, block - 4))
        else:
            value = tape.bits(width)
        return value & mask(width)

    def control(self) -> int:
        """A word that some control register, or a trap, could take."""
        meaning, tape, state = self.meaning, self.tape, self.state
        sources = meaning.sources
        if sources and tape.chance(80):
            source = tape.choose(sources)
            machine = meaning.machine
            wanted = {
                n: v for n, v in state.items() if isinstance(v, int) and machine.state.leaves[n].role == "relocation"
            }
            wanted[machine.modes.leaf] = tape.choose((*machine.modes.user.values, *machine.modes.supervisor.values))
            return source.aimed(
                tape.choose((meaning.layout.user, meaning.layout.kernel, meaning.layout.handler)), wanted
            )
        entry = tape.choose(meaning.entries)
        return packed(entry, state, meaning.tables, tape)


def packed(entry: Entry, state: State, found: Tables | None, tape: Tape) -> int:
    """An entry as one word, near what a state holds in it; a root of page tables is one of the guest's."""
    value = 0
    flip = tape.byte()
    for number, part in enumerate(entry.parts):
        width = part.high - part.low + 1
        piece = part.fixed
        if part.leaf:
            held = state[part.leaf]
            piece = held if isinstance(held, int) else 0
            if found is not None and part.leaf == found.shape.root:
                piece = found.layout.tables[flip & 1] >> found.shape.root_shift
            elif found is not None and part.leaf in found.shape.realise.given and flip < 160:
                piece = found.shape.realise.given[part.leaf]
            elif flip >> number % 8 & 1 and width <= 2:
                piece ^= 1
        value = value << width | piece & mask(width)
    return value
