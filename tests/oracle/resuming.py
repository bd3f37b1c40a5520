"""Instructions that may change state before a trap, by enumeration: going on from there ends where the bare machine ends."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms.ir import TRANSLATE
from tests.oracle.classical import ends
from tests.oracle.holes import RealCuts, Search, VirtualCuts
from tests.oracle.laws import Asked
from tests.oracle.runs import Script, explore
from tests.oracle.space import Relation
from tests.oracle.steps import Copy, Outcome, Word, real_copy, step, trap


@dataclass(frozen=True, slots=True)
class Resumed:
    """A real trap: whether stepping again, and handing the trap on, end where the virtual machine's step ends; whether it kept the monitor's."""

    terminator: str
    kind: str
    again: bool
    handed: bool
    kept: bool


def partial_instructions_resume(about: Asked, relation: Relation) -> bool:
    """For all traps of one terminator and kind alike one of the two routines does."""
    search = Search(relation, about.space.guests)
    found: dict[tuple[str, str, str], list[Resumed]] = defaultdict(list)
    for word, _ in about.steps:
        if word.instruction.partial:
            tree = explore(lambda script, word=word: _resumed(about, relation, word, script))  # type: ignore[misc]
            for known, value in ends(tree):
                if isinstance(value, Resumed) and search.possible(known, ()):
                    found[word.instruction.id, value.terminator, value.kind].append(value)
    return all(
        all(r.kept for r in same) and (all(r.again for r in same) or all(r.handed for r in same))
        for same in found.values()
    )


def _resumed(about: Asked, relation: Relation, word: Word, script: Script) -> Resumed | None:
    machine = about.machine
    real = real_copy(machine, script, RealCuts(machine, script), about.space.deployment.real_mode)
    trapped = step(real, word)
    if not trap(trapped.end, machine) or trapped.end in about.continued:
        return None
    virtual = Copy(machine, script, "virtual", "choice", VirtualCuts(machine, script))
    wanted = step(virtual, word)
    kept = all(real.leaf(n) == v for n, v in trapped.leaves.items() if n in relation.own)
    rule = machine.code.exits.get(trapped.end[0])
    kind = "memory" if rule is None else rule.kind_of(trapped.end[1])
    end = trapped.end
    if end[0] == TRANSLATE:
        place = machine.code.translation.mode if machine.code.translation is not None else 0
        end = TRANSLATE, (*end[1][:place], virtual.leaf(machine.modes.leaf), *end[1][place + 1 :])
        answer = VirtualCuts(machine, script).translate(end[1])
        alike = wanted.end == end and _same(virtual, _after(trapped), _after(wanted))
        if answer is not None and answer[0]:
            return Resumed(trapped.end[0], "the guest's", alike, alike, kept)
        if isinstance(machine.code.scheme, Bounds):
            return None
    second = Copy(machine, script, "virtual", "choice", VirtualCuts(machine, script), _moved(relation, trapped))
    second.memory.stored |= trapped.cells
    again = step(second, word)
    ours = {**_after(trapped), **_after(again)}
    return Resumed(
        trapped.end[0],
        kind,
        again.end == wanted.end and _same(virtual, ours, _after(wanted)),
        end == wanted.end and _same(virtual, _after(trapped), _after(wanted)),
        kept,
    )


def _moved(relation: Relation, trapped: Outcome) -> dict[str, int]:
    return {n: v for n, v in trapped.leaves.items() if n in relation.shared}


def _after(outcome: Outcome) -> dict[object, int]:
    """What a step has changed, leaves and cells."""
    return {k: v for changed in (outcome.leaves, outcome.cells) for k, v in changed.items()}


def _same(copy: Copy, one: dict[object, int], other: dict[object, int]) -> bool:
    """Whether two ways to change the state before end alike, whatever is in memory."""
    return all(
        place in one and place in other and one[place] == other[place]
        if isinstance(place, int)
        else _leaf(copy, one, str(place)) == _leaf(copy, other, str(place))
        for place in one.keys() | other.keys()
    )


def _leaf(copy: Copy, changed: dict[object, int], name: str) -> int:
    return changed[name] if name in changed else copy.leaf(name)
