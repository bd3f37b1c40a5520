"""The functions of a specification whose results a soft TLB keeps: those that map pages to pages and read tables in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms.reads import calls
from pgcheck.models.generated.facts import Facts, PageLinear


@dataclass(frozen=True, slots=True)
class Walk:
    """A function of an address, its parameter `position`, whose lowest `shift` bits each result carries (`carried`) or does not depend on."""

    function: str
    position: int
    shift: int
    carried: tuple[bool, ...]


def walks(machine: Machine, facts: Facts) -> dict[str, Walk]:
    """By name: translation itself, or what it calls."""
    found = machine.code.confined_by(Entries)
    if found is None:
        return {}
    return {walk.function: walk for walk in _below(machine, facts, found[0].function, found[1].shift)}


def _below(machine: Machine, facts: Facts, name: str, shift: int) -> Iterator[Walk]:
    """The walks that a function is or calls, the outermost."""
    effects, function = facts.function(name), machine.code.functions[name]
    if not effects.loads:
        return
    if not (effects.volatile or effects.free or effects.writes or effects.moves):
        for position, (_, width) in enumerate(function.parameters):
            linear = PageLinear(facts, name, position, shift) if shift < width <= 64 else None
            if linear is not None and linear.holds and any(linear.carried):
                yield Walk(name, position, shift, linear.carried)
                return
    for called in dict.fromkeys(calls(function.body)):
        if called in machine.code.functions and called not in machine.code.exits:
            yield from _below(machine, facts, called, shift)
