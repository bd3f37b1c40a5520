"""The trap table of a machine: of every row and mode each way to end with its condition, to whom traps are delivered, and what registers admit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from typing import Literal as OneOf

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.traps.condition import NEVER, Condition, Literal, Question, minimal
from pgcheck.checker.traps.delivery import arrivals
from pgcheck.checker.traps.reading import Reading
from pgcheck.checker.traps.together import Together, TooMany
from pgcheck.checker.traps.ways import TRAPS, Cause, Step, Way, assumed, step
from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.csrs import READ, WRITE
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.terms import FALSE, Term
from pgcheck.isa.terms.reads import bound_calls, calls, free_leaves, raised

Status = OneOf["proved", "named", "unknown"]
WIDEST: Final = 3  # bits of a mode leaf all values of which are modes


@dataclass(frozen=True, slots=True)
class When:
    """A condition as it is reported: its text if it is `proved`, what it goes through if it is `named`, the reason if it is `unknown`.

    `about` are the control leaves that it hangs on, each with the literals that it is in; these and the `brief` text leave long arguments out.
    """

    status: Status
    text: str
    brief: str
    through: tuple[str, ...] = ()
    about: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def always(self) -> bool:
        return self.status == "proved" and self.text == "true"


@dataclass(frozen=True, slots=True)
class Ending:
    """A way that a row ends in a mode, and when."""

    way: Way
    when: When


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the delivery of a trap leads: the mode, or for None what is nested; and when."""

    mode: int | None
    nested: str
    when: When


@dataclass(frozen=True, slots=True)
class RowTraps:
    """A row: its endings by mode, and of the register that it is about when it is read and written there by a step that completes."""

    id: str
    instruction: str
    row: str
    position: Position
    endings: Mapping[int, tuple[Ending, ...]]
    register: int | None = None
    accesses: Mapping[tuple[int, str], tuple[frozenset[str], ...] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traps:
    """The table of a machine; `delivered` is by cause and the mode that it comes from."""

    name: str
    digest: str
    modes: tuple[int, ...]
    rows: tuple[RowTraps, ...]
    delivered: Mapping[tuple[Cause, int], tuple[Arrival, ...]]

    @property
    def unknown(self) -> bool:
        """Whether a condition has no answer."""
        ends = [e.when for r in self.rows for es in r.endings.values() for e in es]
        return any(w.status == "unknown" for w in (*ends, *(a.when for many in self.delivered.values() for a in many)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a condition stands: the mode, and what its obligations are called."""

    mode: int
    label: str


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the conditions of one machine, each once."""

    machine: Machine
    together: Together
    control: frozenset[str]
    kept: dict[tuple[Term, tuple[Term, ...]], Condition | str] = field(default_factory=dict)

    def condition(self, term: Term, known: tuple[Term, ...], label: str) -> Condition | str:
        """The minimal condition; "" where there is none of few atoms, the reason where a question has no answer."""
        key = term, known
        if key not in self.kept:
            try:
                self.kept[key] = minimal(term, Question(known, self.control, self.together, label))
            except TooMany:
                self.kept[key] = ""
            except Undecided as undecided:
                self.kept[key] = str(undecided)
        return self.kept[key]

    def when(self, term: Term, known: tuple[Term, ...], place: Place, through: tuple[str, ...]) -> When | None:
        """The condition as it is reported; None where it is never true."""
        found = self.condition(term, known, place.label)
        if isinstance(found, Condition):
            if found == NEVER:
                return None
            text, brief = (Reading(self.machine, place.mode, brief=b).condition(found) for b in (False, True))
            return When("proved", text, brief, (), self.about(found, place.mode))
        leaves = tuple((leaf, ()) for leaf in sorted(free_leaves([term]) & self.control))
        return When("unknown" if found else "named", found, found, through, leaves)

    def about(self, found: Condition, mode: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        reading, said = Reading(self.machine, mode, brief=True), dict[str, dict[str, None]]()
        for literal in (one for alternative in found.alternatives for one in alternative):
            for leaf in sorted(free_leaves([literal.atom]) & self.control):
                text = reading.literal(Literal(literal.atom, literal.holds is not found.opposite))
                said.setdefault(leaf, {})[text] = None
        return tuple((leaf, tuple(texts)) for leaf, texts in sorted(said.items()))

    def accesses(self, term: Term, known: tuple[Term, ...], place: Place) -> tuple[frozenset[str], ...] | None:
        """The states in which operands make a condition true, as alternatives of literals; None where that is not known."""
        reading = Reading(self.machine, place.mode)
        try:
            found = minimal(term, Question(known, self.control, self.together, place.label), plain=True)
        except (TooMany, Undecided):
            return None
        return tuple(
            frozenset(reading.literal(one) for one in alternative if free_leaves([one.atom]) & self.control)
            for alternative in found.alternatives
        )


def traps(
    machine: Machine,
    pool: Pool,
    instructions: Sequence[Instruction],
    tell: Callable[[str], None] = lambda identifier: None,
    *,
    second: bool = True,
) -> Traps:
    """The table for these instructions. Raises Contradiction, or WorkerFailed from a worker."""
    modes = present(machine, Evidence(pool.solver, second))
    writers: dict[int, _Writer] = {}

    def writer(solver: Solver) -> _Writer:
        if id(solver) not in writers:
            control = frozenset(leaf.name for leaf in machine.state.control)
            writers[id(solver)] = _Writer(machine, Together(Evidence(solver, second)), control)
        return writers[id(solver)]

    def one(instruction: Instruction, solver: Solver) -> list[RowTraps]:
        return [_row(writer(solver), instruction, row, modes) for row in instruction.rows]

    def led(trap: tuple[Cause, int], solver: Solver) -> tuple[Arrival, ...]:
        return tuple(_arrivals(writer(solver), *trap, modes))

    rows: list[RowTraps] = []
    for instruction, found in pool.each(one, instructions):
        tell(instruction.id)
        rows += found
    causes = {
        (c, m): None
        for r in rows
        for m, es in r.endings.items()
        for e in es
        if e.way.what == TRAPS
        for c in e.way.causes
    }
    known = sorted(t for t in causes if t[0].function in machine.code.exits)
    return Traps(machine.identity.name, machine.identity.digest, modes, tuple(rows), dict(pool.each(led, known)))


def present(machine: Machine, evidence: Evidence) -> tuple[int, ...]:
    """The modes that legal states have. Raises Undecided."""
    return tuple(m for m in modes_of(machine) if evidence.possible(assumed(machine, m), f"mode@{m}"))


def modes_of(machine: Machine) -> tuple[int, ...]:
    """The values of the mode leaf, but for those that legality names as none."""
    leaf = machine.state.leaves[machine.modes.leaf]
    named = {*machine.modes.supervisor.values, *machine.modes.user.values}
    every = range(1 << leaf.width) if leaf.width <= WIDEST else sorted(named)
    return tuple(m for m in every if FALSE not in assumed(machine, m))


def _row(writer: _Writer, instruction: Instruction, row: Row, modes: tuple[int, ...]) -> RowTraps:
    machine, identifier = writer.machine, instruction.id + row.label
    listed = machine.decoding.csr_names.get(row.value) if row.value is not None else None
    register = row.value if listed is not None and row.label == f":{listed}" else None
    watched = frozenset({READ, WRITE}) if register is not None else frozenset[str]()
    endings: dict[int, tuple[Ending, ...]] = {}
    accesses: dict[tuple[int, str], tuple[frozenset[str], ...] | None] = {}
    for mode in modes:
        taken = step(machine, instruction, row, mode, watched)
        endings[mode] = tuple(_endings(writer, instruction, taken, Place(mode, f"{identifier}@{mode}")))
        for name in sorted(watched):
            term = taken.accessed.get(name, FALSE)
            accesses[mode, name] = writer.accesses(term, taken.known, Place(mode, f"{identifier}@{mode}:{name}"))
    return RowTraps(identifier, instruction.id, row.label, instruction.position, endings, register, accesses)


def _endings(writer: _Writer, instruction: Instruction, taken: Step, place: Place) -> Iterator[Ending]:
    for way, term in sorted(taken.ways.items(), key=lambda item: item[0]):
        here = Place(place.mode, f"{place.label}:{way}")
        when = writer.when(term, taken.known, here, through(writer.machine, instruction, way))
        if when is not None:
            yield Ending(way, when)


def _arrivals(writer: _Writer, cause: Cause, mode: int, modes: tuple[int, ...]) -> Iterator[Arrival]:
    known = assumed(writer.machine, mode)
    for to, nested, term in arrivals(writer.machine, cause, mode, modes):
        when = writer.when(term, known, Place(mode, f"{cause}@{mode}:to"), (cause.function,))
        if when is not None:
            yield Arrival(to, nested, when)


def through(machine: Machine, instruction: Instruction, way: Way) -> tuple[str, ...]:
    """The functions in which an instruction's steps come to a way to end; itself where that is its own text."""
    wanted = {c.function for c in way.causes} or {way.what}
    found, seen, todo = list[str](), set[str](), [*calls(instruction.body)]
    while todo:
        name = todo.pop()
        if name in seen or name not in machine.code.functions or name in machine.code.exits:
            continue
        seen.add(name)
        body = machine.code.functions[name].body
        if wanted & set(raised(body)):
            found.append(name)
        todo += [*calls(body), *bound_calls(body)]
    return tuple(sorted(found)) or (instruction.id,)
