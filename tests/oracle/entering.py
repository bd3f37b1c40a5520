"""Trap entries by enumeration: which enter the monitor, keep the guest's state, and lead where the monitor says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.reference import cycle
from pgcheck.models.state import State
from tests.oracle.classical import agrees, ends
from tests.oracle.runs import Answer, Key, Script, explore
from tests.oracle.space import Relation, Space
from tests.oracle.steps import Copy, Outcome, Payload, delivery, payloads


@dataclass(slots=True)
class MonitorsTables:
    """What tables hold when a real trap is delivered: entries of the monitor."""

    machine: Machine
    script: Script

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        return None

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return None

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        table = self.machine.code.tables[name]
        (width,) = self.machine.code.functions[name].results
        return table.responded(self.script.number(("entry", name, args), 1 << width), table.monitor)


class Entries:
    """The trap entries of a machine, run from every state; with `served` to the end of what firmware does, in whose place the monitor is."""

    def __init__(self, machine: Machine, *, served: bool = False) -> None:
        self.machine, self.served = machine, served
        self.traps = tuple(payloads(machine))
        interrupt = machine.code.interrupt
        self.interrupts: tuple[Payload, ...] = () if interrupt is None else ((interrupt.deliver, ()),)
        self.trees = {p: explore(self.runner(p)) for p in (*self.traps, *self.interrupts)}
        self.ends = {p: list(ends(tree)) for p, tree in self.trees.items()}

    def runner(self, payload: Payload):  # type: ignore[no-untyped-def]
        def run(script: Script) -> Outcome:
            return delivery(
                Copy(self.machine, script, "real", "choice", MonitorsTables(self.machine, script)),
                payload,
                served=self.served,
            )

        return run

    def after(self, payload: Payload, state: State) -> Iterator[tuple[Mapping[Key, Answer], Outcome, State]]:
        """Where a delivery leads from a state, for all else that it may find; nowhere where no interrupt is pending."""
        taken = self.asked_for(state) if payload in self.interrupts else state
        if taken is None:
            return
        state = taken
        for known, outcome in self.ends[payload]:
            assert isinstance(outcome, Outcome)
            if agrees(state, known, "real"):
                yield known, outcome, {**state, **outcome.leaves}

    def asked_for(self, state: State) -> State | None:
        """The state in which an interrupt is taken; None where none is pending."""
        interrupt = self.machine.code.interrupt
        assert interrupt is not None
        copy = dict(state)
        return copy if cycle.call(self.machine, interrupt.pending, (), copy) == (1,) else None

    def continued(self, space: Space) -> frozenset[Payload]:
        """The traps that need not enter the monitor."""
        return frozenset(p for p in self.traps if not self.enters(space, p))

    def enters(self, space: Space, payload: Payload) -> bool:
        return all(
            outcome.completes and space.true(space.deployment.monitor, after)
            for state in space.real
            for _, outcome, after in self.after(payload, state)
        )


def unrecoverable(
    entries: Entries, relation: Relation, payloads: Iterable[Payload], distance: int | None
) -> tuple[str, ...]:
    """The guest's leaves of which some trap entry leaves nothing, or not whatever has come; () where all can be read back.

    What a trap hands over last is at a `distance` from the address of its instruction, if that is given.
    """
    seen: dict[tuple[object, ...], State] = {}
    lost: set[str] = set()
    pc = entries.machine.state.pc
    size = 1 << entries.machine.state.scalars[pc].width
    for payload, state in product(tuple(payloads), relation.reached()):
        if distance is not None and payload[1] and (payload[1][-1] - int(str(state[pc]))) % size != distance:
            continue
        own = tuple(state[n] for n in relation.own)
        for known, outcome, after in entries.after(payload, state):
            rest = tuple((k, v) for k, v in known.items() if k[0] not in ("general", "real"))
            key = (own, rest, tuple(after.items()), tuple(sorted(outcome.cells.items())))
            other = seen.setdefault(key, state)
            lost |= {n for n in relation.shared if other[n] != state[n]}
    return tuple(sorted(lost))


def uncontrolled(entries: Entries, relation: Relation, payload: Payload) -> tuple[str, ...]:
    """Where the guest has a say after a trap entry: mode, program counter, or what leads translation."""
    machine = relation.space.machine
    watched = [machine.modes.leaf, machine.state.pc]
    watched += [n for n, leaf in machine.state.scalars.items() if leaf.role == "relocation"]
    said: dict[tuple[object, ...], dict[str, object]] = defaultdict(dict)
    found: set[str] = set()
    for state in relation.reached():
        own = tuple(state[n] for n in relation.own)
        for known, outcome, after in entries.after(payload, state):
            rest = tuple((k, v) for k, v in known.items() if k[0] not in ("general", "real"))
            for name in watched:
                if said[own, rest].setdefault(name, after[name]) != after[name]:
                    found.add(name)
            stores = tuple(sorted(outcome.cells))
            if said[own, rest].setdefault("", stores) != stores:
                found.add("stores")
    return tuple(sorted(found))
