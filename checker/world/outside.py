"""What is set from outside the processor, and so neither the guest's nor the monitor's to choose."""

from __future__ import annotations

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import node
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import predicate, transition


@once
def set_outside(machine: Machine) -> frozenset[str]:
    """The leaves that are set from outside the processor: requests that devices show, and what asks for interrupts and no instruction changes."""
    found = set(machine.platform.lines)
    if machine.code.interrupt is not None:
        asked = predicate(machine, node("call", 0, data=machine.code.interrupt.pending))
        for name in sorted(free_leaves([asked])):
            leaf = machine.state.leaves[name].term
            if all(transition(machine, i).post[name] is leaf for i in machine.instructions):
                found.add(name)
    return frozenset(found)
