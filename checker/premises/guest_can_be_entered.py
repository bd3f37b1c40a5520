"""For every state of a guest there is a state of the monitor from which an instruction leads there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import RETURN
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.configuration import confining
from pgcheck.checker.questions.copies import differ
from pgcheck.checker.questions.hole import Related, related, virtual_modes
from pgcheck.checker.questions.relation import OWN
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.arrival import arrivals
from pgcheck.checker.world.entrymap import EntryMap
from pgcheck.checker.world.goal import Goal, ways
from pgcheck.checker.world.leading import Unreachable
from pgcheck.checker.world.preparing import Preparation
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms import FALSE, Term, disjunction, eq
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import predicate


def guest_can_be_entered(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """A return instruction leads to every real user state, and what it does not load can be set before."""
    found = ways(setting.machine, {leaf.name for leaf in setting.machine.state.control})
    taken = [a for a in arrivals(setting, configuration) if evidence.possible(a.given, f"{a.label}:arrives")]
    shown: list[str] = []
    unset: list[str] = []
    for entry in entries(setting, configuration):
        preparation = Preparation(taken, found, entry.anywhere, evidence)
        try:
            maps = _entering(entry, preparation)
            shown += map(str, maps)
            for one in maps:
                setters = _prepared(entry, one, preparation)
                shown += [f"{n} by {m.instruction}" for n, found_ in setters.items() for m in found_]
                unset += [n for n in one.needs if n in setters and not setters[n]]
        except Unreachable as unreachable:
            yield PREMISE.answer(setting, "fails", str(unreachable))
            return
    yield PREMISE.answer(setting, "ok", "; ".join(dict.fromkeys(shown)))
    if unset:
        message = f"the monitor sets {', '.join(sorted(set(unset)))}, from which a return loads: no instruction of the specification does"
        yield PREMISE.answer(setting, "assumed", message)


@dataclass(frozen=True)
class Entry:
    """The real user states of one mode that are related to some virtual state."""

    setting: Setting
    states: Related
    assumed: tuple[Term, ...]
    tables: Mapping[str, Fields | None]
    given: frozenset[str]

    @property
    def monitor(self) -> tuple[Term, ...]:
        """What holds of the monitor's states."""
        return (*self.setting.legal, predicate(self.setting.machine, self.setting.deployment.monitor))

    @cached_property
    def bounds(self) -> frozenset[str]:
        """The leaves by which the monitor confines guests, which are to have any value."""
        found = self.setting.machine.code.confined_by(Bounds)
        return frozenset() if found is None else frozenset({found[1].base, found[1].limit})

    @property
    def entered(self) -> Goal:
        """A real user state is wanted, but for the memory, in which the monitor has words of its own, and what is its own besides."""
        space, how = self.setting.machine.state, self.states.how
        mode = self.setting.machine.modes.leaf
        real = {n: t for n, t in self.states.real.items() if n != space.memory}
        return Goal(
            machine=self.setting.machine,
            wanted={n: t for n, t in real.items() if how[n] != OWN or n == mode or n in self.bounds},
            passing={n: t for n, t in real.items() if n != mode},
            assumed=self.assumed,
            before=self.monitor,
            after=(*self.setting.legal, self.setting.real),
            label=f"{self.setting.deployment.name}:entered",
            tables=self.tables,
        )

    @property
    def entered_as_it_pleases(self) -> Goal:
        """The same, with what is the monitor's own as it has it, unless it has to set that before."""
        goal, leaves = self.entered, self.setting.machine.state.leaves
        held = {n for n in goal.passing if self.states.how[n] != OWN or isinstance(leaves[n], ArrayLeaf)}
        return replace(goal, passing={n: goal.passing[n] for n in sorted(held.union(self.set_before))})

    @property
    def set_before(self) -> list[str]:
        """The leaves that are not as the monitor pleases: it sets before what no return loads."""
        how, mode = self.states.how, self.setting.machine.modes.leaf
        bound = self.bounds | self.given | free_leaves([self.setting.real])
        control = (leaf.name for leaf in self.setting.machine.state.control)
        return sorted(n for n in control if n != mode and (how[n] != OWN or n in bound))

    @property
    def anywhere(self) -> Goal:
        """Nothing is wanted, but that the monitor goes on."""
        label = f"{self.setting.deployment.name}:set"
        return replace(self.entered, wanted={}, passing={}, assumed=(), after=self.monitor, label=label)

    def set(self, leaf: str) -> Goal:
        """One leaf is wanted as it is in real user states, and the monitor goes on."""
        label = f"{self.anywhere.label} {leaf}"
        wanted = {leaf: self.states.real[leaf]}
        return replace(self.anywhere, wanted=wanted, changed=frozenset(wanted), assumed=self.assumed, label=label)


def entries(setting: Setting, configuration: Configuration) -> Iterator[Entry]:
    """The real user states, by their mode."""
    modes, leaf = setting.deployment.modes, setting.machine.modes.leaf
    found: dict[Term, tuple[Related, list[Term]]] = {}
    for mode_class in (modes.supervisor, modes.user):
        for mode in virtual_modes(setting, mode_class):
            states = related(setting, mode_class, mode, configuration)
            if states.of_virtual is not FALSE:
                found.setdefault(states.real[leaf], (states, []))[1].append(states.of_virtual)
    translation = setting.machine.code.translation
    leaves, given = setting.machine.state.leaves, {} if translation is None else translation.given
    set_ = frozenset(n for n in given if leaves[n].control and isinstance(leaves[n], ScalarLeaf))
    for states, virtual in found.values():
        assumed = (confining(setting.machine, states), disjunction(virtual))
        yield Entry(setting, states, assumed, configuration.tables, set_)


def _entering(entry: Entry, preparation: Preparation) -> list[EntryMap]:
    """How the monitor enters. Raises Unreachable and Undecided."""
    try:
        return preparation.led(entry.entered_as_it_pleases, preparation.ways[entry.setting.machine.modes.leaf])
    except Unreachable as unreachable:
        hint = "let a return load it, or say in `legal` that no such state is"
        raise Unreachable(f"the monitor is led by no instruction to {unreachable}; {hint}") from unreachable


def _prepared(entry: Entry, one: EntryMap, preparation: Preparation) -> dict[str, list[EntryMap]]:
    """How the monitor sets what an entry map takes for given, leaf by leaf, one beside the other. Raises Unreachable and Undecided."""
    wanted = {**entry.states.real, **one.needs}
    setters = dict(preparation.loads(one, entry.assumed))
    setters |= {n: _setting(entry, n, preparation) for n in entry.set_before if n in one.kept}
    preparation.together(wanted, (*entry.assumed, one.domain), {n: found for n, found in setters.items() if found})
    return setters


def _setting(entry: Entry, leaf: str, preparation: Preparation) -> list[EntryMap]:
    """How the monitor sets a leaf: to every value that it has in real user states, or to one if it is the monitor's own.

    Raises Unreachable and Undecided.
    """
    declared, evidence = entry.setting.machine.state.leaves[leaf], preparation.evidence
    goal = entry.set(leaf)
    own = entry.states.how[leaf] == OWN and leaf not in entry.bounds | entry.given
    if own:
        target = evidence.model(entry.assumed, goal.label)
        if target is None or isinstance(declared, ArrayLeaf):
            raise Undecided(goal.label, "whether the monitor can have it so is open")
        if evidence.possible(
            [*entry.assumed, eq(entry.states.real[leaf], declared.holding(declared.reset))], goal.label
        ):
            return []
        value = declared.holding(target.leaf(entry.states.real[leaf]))
        goal = replace(goal, assumed=(*entry.assumed, eq(entry.states.real[leaf], value)))
    try:
        return preparation.led(goal, preparation.ways[leaf])
    except Unreachable as unreachable:
        if own:
            raise Undecided(goal.label, f"nothing sets it as in {unreachable}") from unreachable
    return _besides_reset(goal, declared, preparation)


def _besides_reset(goal: Goal, leaf: Leaf, preparation: Preparation) -> list[EntryMap]:
    """How the monitor sets a leaf to what it is not at reset. Raises Unreachable, and Undecided if it would have to set it back."""
    other = differ(leaf, goal.wanted[leaf.name], leaf.holding(leaf.reset))
    try:
        maps = preparation.led(replace(goal, assumed=(*goal.assumed, other)), preparation.ways[leaf.name])
    except Unreachable as unreachable:
        hint = "let an instruction set it, or a return load it"
        raise Unreachable(
            f"nothing that the monitor may execute sets {leaf.name} as in {unreachable}; {hint}"
        ) from unreachable
    if maps:
        raise Undecided(goal.label, "nothing that the monitor may execute sets it back to what it is at reset")
    return maps


PREMISE = Premise(
    id="PG135",
    name="guest_can_be_entered",
    level="error",
    title="A guest cannot be entered",
    law="For every real state in which a guest runs the monitor has a state, equal to it in what a return does not load, from which one "
    "instruction leads there; what is fixed or mirrored and is not loaded can be set before.",
    formula="forall v, r related: exists m, i: monitor(m) and step(i, m) = r",
    reference=f"{PAPER}: the dispatcher ends in LPSW, which restores the guest's program status word",
    example=Example((("$pc = OLD;", "$pc = OLD; A = 8'd0;"),), ()),
    hypothesis=RETURN,
    ask=guest_can_be_entered,
)
