"""What the monitor's own instructions read: bits of its registers, copied to where ordinary instructions reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.world.recovery import Kept
from pgcheck.checker.world.slices import pieces
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, mask, walk
from pgcheck.isa.terms.reads import free_leaves, touched
from pgcheck.models.symbolic import Transition, predicate, transition


def unread(setting: Setting, kept: Iterable[Kept], evidence: Evidence) -> Iterator[str]:
    """The registers, or bits of them, from which the guest's state is to be read back and which no instruction reads. Raises Undecided."""
    wanted: dict[str, int] = {}
    for copy, width in ((c, s.width) for one in kept for s in one.back.slices for c in s.copies):
        leaf = setting.machine.state.leaves.get(copy.place.name)
        if leaf is not None and leaf.control and isinstance(leaf, ScalarLeaf):
            wanted[leaf.name] = wanted.get(leaf.name, 0) | mask(width) << copy.at
    for name, bits in wanted.items():
        left = bits & ~_read(setting, name, bits, evidence)
        if left == bits:
            yield name
        elif left:
            yield f"{name}[{left.bit_length() - 1}:{(left & -left).bit_length() - 1}]"


def _read(setting: Setting, name: str, bits: int, evidence: Evidence) -> int:
    """The bits of a leaf that some instruction shows where the monitor executes it, of those that are wanted; all if it computes with them."""
    machine = setting.machine
    monitors = [*setting.legal, predicate(machine, setting.deployment.monitor)]
    found = 0
    for instruction in sorted(machine.instructions, key=lambda i: name not in touched(i.body)):
        step = transition(machine, instruction)
        shown = _shown(machine, step, name) & bits & ~found
        if shown and evidence.possible(
            [*monitors, step.completes], f"{setting.deployment.name}:{instruction.id} reads {name}"
        ):
            found |= shown
            if found == bits:
                break
    return found


def _shown(machine: Machine, step: Transition, name: str) -> int:
    """The bits of a leaf that a step copies to general state."""
    source = machine.state.leaves[name].term
    shown, computed = 0, False
    for leaf in machine.state.general:
        after = step.post[leaf.name]
        if leaf.name == machine.state.pc or not after.mentions & source.mentions or after is leaf.term:
            continue
        if name not in free_leaves([after]):
            continue
        copies = [p for value in _values(after) for p in pieces(value) if p.source is source]
        for p in copies:
            shown |= mask(p.width) << p.low
        computed = computed or not copies
    return mask(max(source.width, 1)) if computed else shown


def _values(after: Term) -> Iterator[Term]:
    """What a leaf has become, or each element that has been stored."""
    if after.shape is None:
        yield after
    yield from (t.args[2] for t in walk([after]) if after.shape is not None and t.op == "store")
