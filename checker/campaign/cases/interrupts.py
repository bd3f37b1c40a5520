"""What lets an interrupt in, and which instructions wait for one: found by asking the specification's own functions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.campaign.cases.inventory import Inventory, Units
from pgcheck.checker.campaign.cases.trial import Recorder
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.machine.machine import Interrupt, Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.terms.reads import leaves_read
from pgcheck.models.engine import pending, waiting
from pgcheck.models.reference.cycle import decoded, execute
from pgcheck.models.state import State, Surroundings, copied

TRIES: Final = 3000
MOST: Final = 4
Values = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unmask:
    """An encoding that lets a line in which is up and masked under these values of control leaves, and those that mask it again."""

    units: Units
    values: Values
    line: str
    masks: tuple[Units, ...]


@dataclass(frozen=True, slots=True)
class Interrupts:
    """Lines of devices; by mode, values of other control leaves under which a line that is up is not masked; encodings that wait, and that unmask."""

    lines: tuple[str, ...]
    open: Mapping[int, tuple[Values, ...]]
    waits: tuple[Units, ...]
    unmasks: tuple[Unmask, ...] = ()


def interrupts(inventory: Inventory) -> Interrupts:
    """The interrupts of a machine; nothing for one without."""
    machine = inventory.machine
    rule = machine.code.interrupt
    lines = tuple(d.line for d in machine.platform.devices if d.line in machine.state.leaves)
    if rule is None or not lines:
        return Interrupts((), {}, ())
    modes = (*machine.modes.supervisor.values, *machine.modes.user.values)
    opened = {mode: tuple(_opened(inventory, rule, lines, mode)) for mode in modes}
    waits = tuple(_waits(inventory, rule))
    unmasks = tuple(_unmasks(inventory, lines, opened.get(machine.modes.supervisor.values[0], ())))
    return Interrupts(lines, opened, waits, unmasks)


def _opened(inventory: Inventory, rule: Interrupt, lines: Sequence[str], mode: int) -> Iterator[Values]:
    """A few assignments under which some line makes an interrupt pending that was not without it."""
    machine = inventory.machine
    names = sorted(leaves_read(machine.code.functions, rule.pending, machine.code.exits))
    leaves = [machine.state.leaves[n] for n in names if n != machine.modes.leaf and n not in lines]
    free = [leaf for leaf in leaves if isinstance(leaf, ScalarLeaf) and leaf.control]
    source = random.Random(f"{machine.identity.name} interrupts")
    state = copied(inventory.trial.state)
    state[machine.modes.leaf] = mode
    found = 0
    for attempt in range(TRIES):
        if found >= MOST:
            return
        line = lines[attempt % len(lines)]
        given = {leaf.name: _value(source, leaf, attempt) for leaf in free}
        if _asks(machine, {**state, **given, line: 1}) and not _asks(machine, {**state, **given, line: 0}):
            found += 1
            yield given


def _value(source: random.Random, leaf: ScalarLeaf, attempt: int) -> int:
    """A value of a leaf: first as after reset, then all ones, then any."""
    if attempt < 2:
        return leaf.reset
    if attempt < 4:
        return mask(leaf.width or 1)
    return source.choice((leaf.reset, 0, mask(leaf.width or 1), source.getrandbits(leaf.width or 1)))


def _asks(machine: Machine, state: State) -> bool:
    return pending(machine, copied(state), Surroundings())


def _waits(inventory: Inventory, rule: Interrupt) -> Iterator[Units]:
    """Encodings after which the processor waits, in supervisor mode."""
    machine, trial = inventory.machine, inventory.trial
    for instruction in inventory.groups["control"] if rule.waiting else ():
        for units in inventory.pool(instruction)[:8]:
            state = copied(trial.state)
            state[machine.modes.leaf] = machine.modes.supervisor.values[0]
            surroundings = Surroundings(lambda site, instance, width: 1, memory=Recorder(trial.bus, pretend=True))
            fetched = decoded(machine, lambda k, units=units: units[k] if k < len(units) else 0)  # type: ignore[misc]
            if fetched is None or execute(machine, fetched, state, surroundings)[0] is not None:
                continue
            if waiting(machine, state, surroundings):
                yield units


def _unmasks(inventory: Inventory, lines: Sequence[str], opened: Sequence[Values]) -> Iterator[Unmask]:
    """Encodings after which a line that is up is no longer masked, in supervisor mode, from states that differ from one that lets it in by a leaf."""
    machine, trial = inventory.machine, inventory.trial
    supervisor = machine.modes.supervisor.values[0]
    start: State = {**trial.state, machine.modes.leaf: supervisor}
    writers = [(i, inventory.of[i.id].written) for i in inventory.groups["control"] if i.id in inventory.of]
    for values, closed, line, leaf in _closed(machine, start, lines, opened):
        pool = [u for i, written in writers if leaf in written for u in inventory.smooth(i, supervisor)]
        lets = {u: _lets(inventory, u, {**start, **closed, line: 1}) for u in pool}
        kept = {u: _lets(inventory, u, {**start, **values, line: 1}) for u in pool}
        masks = tuple(u for u, let in kept.items() if let is False)
        yield from (Unmask(u, closed, line, masks) for u, let in lets.items() if let)


def _lets(inventory: Inventory, units: Units, state: State) -> bool | None:
    """Whether an interrupt is let in after an instruction; None where it does not complete."""
    machine, after = inventory.machine, copied(state)
    fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
    around = Surroundings(memory=Recorder(inventory.trial.bus, pretend=True))
    if fetched is None or execute(machine, fetched, after, around)[0] is not None:
        return None
    return _asks(machine, after)


def _closed(
    machine: Machine, start: State, lines: Sequence[str], opened: Sequence[Values]
) -> Iterator[tuple[Values, Values, str, str]]:
    """Values that let a line in, those under which one leaf alone masks it, the line, and the leaf; of each line and leaf once."""
    seen: set[tuple[str, str]] = set()
    for values in opened:
        for line in lines:
            for name, value in values.items():
                least = {**values, name: 0 if value else mask(machine.state.leaves[name].width or 1)}
                ways = ((values, 1), (least, 1), (values, 0))
                if [_asks(machine, {**start, **given, line: up}) for given, up in ways] == [True, False, False]:
                    if (line, name) not in seen:
                        seen.add((line, name))
                        yield values, least, line, name
