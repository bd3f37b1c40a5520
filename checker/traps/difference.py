"""What changed in how instructions end, from one version of a specification to another: states that end otherwise than before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.traps.changes import (
    LOST_TRAP,
    NEW_TRAP,
    NOT_COMPARED,
    OTHER_CAUSE,
    OTHER_DELIVERY,
    OTHER_END,
    OTHER_PRIORITY,
    ChangeRule,
)
from pgcheck.checker.traps.condition import Question, minimal
from pgcheck.checker.traps.delivery import arrivals
from pgcheck.checker.traps.reading import Reading, mode_name
from pgcheck.checker.traps.table import Place, modes_of
from pgcheck.checker.traps.together import Together, TooMany
from pgcheck.checker.traps.ways import TRAPS, Cause, Step, Way, assumed, ends, step
from pgcheck.isa.machine.claims import COMPLETES
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.meaning import Meanings
from pgcheck.isa.terms import FALSE, Term, land, parameter


@dataclass(frozen=True, slots=True)
class TrapChange:
    """Rows, or for a delivery traps, that end otherwise in a mode: how before and after, and in which states ("" where that takes too many comparisons)."""

    rule: ChangeRule
    mode: str
    rows: tuple[str, ...]
    before: str
    after: str
    when: str


@dataclass(frozen=True, slots=True)
class Side:
    """A version: its machine, and what that means."""

    machine: Machine
    meanings: Meanings


def changes(
    old: Side, new: Side, only: Sequence[str], evidence: Evidence, tell: Callable[[str], None] = lambda identifier: None
) -> tuple[TrapChange, ...]:
    """What changed, rows that changed alike together; `only` are the ids of instructions to compare, all if there are none."""
    found: dict[Change, dict[str, None]] = {}
    sides = _Sides(old, new, Together(evidence))
    for instruction in judgeable(new.machine):
        if (not only or instruction.id in only) and sides.differ(instruction.id):
            tell(instruction.id)
            for row, change in sides.instruction(instruction):
                found.setdefault(change, {})[row] = None
    for cause, change in sides.deliveries():
        found.setdefault(change, {})[cause] = None
    return tuple(
        TrapChange(rule, mode, tuple(rows), before, after, when)
        for (rule, mode, before, after, when), rows in sorted(found.items(), key=lambda item: item[0][0].id)
    )


Change = tuple[ChangeRule, str, str, str, str]  # rule, mode, before, after, when


@dataclass(frozen=True, slots=True)
class _Sides:
    old: Side
    new: Side
    together: Together

    @property
    def modes(self) -> tuple[int, ...]:
        """The modes that both machines may have."""
        every = ({*modes_of(side.machine)} for side in (self.old, self.new))
        return tuple(sorted(set.intersection(*every)))

    def differ(self, identifier: str) -> bool:
        """Whether an instruction of both versions may end otherwise: it, or what is known of every state, means something else."""
        was, now = self.old.meanings, self.new.meanings
        if identifier not in was.instructions or identifier not in now.instructions:
            return False
        frame = any(was.frame.get(part) != now.frame.get(part) for part in ("modes", "legal", "translation"))
        return frame or was.instructions[identifier].step != now.instructions[identifier].step

    def instruction(self, instruction: Instruction) -> Iterator[tuple[str, Change]]:
        """The changes of an instruction's rows, by id."""
        former = self.old.machine.instruction(instruction.id)
        rows = {row.label: row for row in former.rows}
        for row in instruction.rows:
            for mode in self.modes if row.label in rows else ():
                before = step(self.old.machine, former, rows[row.label], mode)
                after = step(self.new.machine, instruction, row, mode)
                if before.ways != after.ways:
                    for change in self.rows(before, after, mode, f"{instruction.id}{row.label}@{mode}"):
                        yield instruction.id + row.label, change

    def rows(self, before: Step, after: Step, mode: int, label: str) -> Iterator[Change]:
        """The pairs of ways to end of which some state has one before and the other after."""
        known = tuple(dict.fromkeys((*before.known, *after.known)))
        for was, then in before.ways.items():
            for now, there in after.ways.items():
                both = {was, now} <= before.ways.keys() & after.ways.keys()
                if was != now:
                    yield from self.moved(
                        _rule(was, now, both=both), (str(was), str(now)), land(then, there), known, Place(mode, label)
                    )

    def moved(
        self, rule: ChangeRule, moved: tuple[str, str], term: Term, known: tuple[Term, ...], place: Place
    ) -> Iterator[Change]:
        """The change, if some state has it."""
        name = mode_name(self.new.machine, place.mode)
        try:
            if term is FALSE or not self.together.evidence.possible([*known, term], place.label):
                return
            when = self.condition(term, known, place)
        except Undecided:
            yield NOT_COMPARED, name, *moved, ""
            return
        yield rule, name, *moved, when

    def condition(self, term: Term, known: tuple[Term, ...], place: Place) -> str:
        """The states that a change is about."""
        control = frozenset(leaf.name for leaf in self.new.machine.state.control)
        try:
            found = minimal(term, Question(known, control, self.together, place.label))
        except TooMany:
            return ""
        return Reading(self.new.machine, place.mode, brief=True).condition(found)

    def deliveries(self) -> Iterator[tuple[str, Change]]:
        """The traps that are delivered elsewhere."""
        was, now = self.old.meanings.exits, self.new.meanings.exits
        for name in (
            n for n, digest in now.items() if was.get(n, digest) != digest and n in self.new.machine.code.exits
        ):
            for cause in _causes(self.new.machine, name):
                if cause in _causes(self.old.machine, name):
                    for mode in self.modes:
                        yield from ((str(cause), change) for change in self.delivered(cause, mode))

    def delivered(self, cause: Cause, mode: int) -> Iterator[Change]:
        known = (*assumed(self.old.machine, mode), *assumed(self.new.machine, mode))
        before, after = (list(arrivals(s.machine, cause, mode, self.modes)) for s in (self.old, self.new))
        for to, nested, then in before:
            for other, inner, there in after:
                if (to, nested) != (other, inner):
                    places = self.place(to, nested), self.place(other, inner)
                    label = f"{cause}@{mode}:to"
                    yield from self.moved(OTHER_DELIVERY, places, land(then, there), known, Place(mode, label))

    def place(self, mode: int | None, nested: str) -> str:
        return nested if mode is None else f"to {mode_name(self.new.machine, mode)}"


def _rule(was: Way, now: Way, *, both: bool) -> ChangeRule:
    """The rule about a change from one way to another; with `both` each way is one before and after."""
    match was.what, now.what:
        case ("traps", "traps"):
            return OTHER_PRIORITY if both else OTHER_CAUSE
        case ("traps", what) if what == COMPLETES:
            return LOST_TRAP
        case (what, "traps") if what == COMPLETES:
            return NEW_TRAP
    return OTHER_END


def _causes(machine: Machine, function: str) -> tuple[Cause, ...]:
    """The causes of traps by a terminator."""
    args = tuple(parameter(w, n) for n, w in machine.code.functions[function].parameters)
    return tuple(c for way, _ in ends(machine, function, args) if way.what == TRAPS for c in way.causes)
