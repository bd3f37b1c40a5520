"""Where there is a timer, the monitor gets the processor back from every guest after a bounded number of instructions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgcheck.checker.example import Edit, Example
from pgcheck.checker.hypotheses import PREEMPTION
from pgcheck.checker.law import Premise
from pgcheck.checker.questions import relation
from pgcheck.checker.questions.configuration import admissible
from pgcheck.checker.questions.copies import Leaves, as_it_is, instantiate
from pgcheck.checker.questions.relation import relations
from pgcheck.checker.questions.subject import Setting, judgeable, subject
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.pinning import pinned
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.arrival import arrivals, user_states
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Interrupt
from pgcheck.isa.terms import (
    FALSE,
    Term,
    conjunction,
    disjunction,
    eq,
    land,
    lnot,
    node,
    on_leaves,
    substitute,
    walk,
)
from pgcheck.models.devices.standard import models
from pgcheck.models.symbolic import predicate

ROUNDS = 32


@dataclass(frozen=True, slots=True)
class _Loss:
    """How the monitor would not come back, in words, and the states of a guest in which it is so."""

    words: str
    states: Term


def monitor_is_preemptive(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """With some choice of the monitor's own leaves the interrupt of one timer is taken in every state of a guest, and none waits."""
    interrupt, timers = setting.machine.code.interrupt, _timers(setting, configuration)
    if interrupt is None or not timers:
        message = (
            "the monitor is given control after a bounded number of instructions: no timer of its own is described"
        )
        yield PREMISE.answer(setting, "assumed", message)
        return
    refuted = []
    for timer in timers:
        label = f"{setting.deployment.name}:preemption:{timer.name}"
        pre, known = user_states(setting, configuration)
        before = conjunction(known)
        losses = list(_losses(setting, configuration, interrupt, timer))
        question = _Question(setting, configuration, before, _quiet(setting, pre, before, timer), evidence, label)
        chosen = question.choice([loss.states for loss in losses])
        if chosen is not None:
            shadow = f"after at most {interrupt.shadow}" if interrupt.shadow else "before the next instruction"
            given = f" with {Configuration(chosen)}" if chosen else ""
            yield PREMISE.answer(setting, "ok", f"{timer.name} interrupts every guest {shadow}{given}")
            return
        lost = next((loss.words for loss in losses if question.choice([loss.states]) is None), "something is missing")
        refuted.append(f"{timer.name}: whatever the monitor chooses, {lost}")
    if interrupt.shadow > 1:
        raise Undecided(setting.deployment.name, "whether a shadow of several instructions ends in time is open")
    yield PREMISE.answer(setting, "fails", "; ".join(refuted))


@dataclass(frozen=True, slots=True)
class _Timer:
    """A device that asks for interrupts by itself, and the leaf in which that shows."""

    name: str
    line: str


def _timers(setting: Setting, configuration: Configuration) -> list[_Timer]:
    """Those whose request shows, through whatever controller, in a leaf that is not the guest's."""
    how = relations(setting.machine, setting.deployment, configuration)
    platform = setting.machine.platform
    timers = [_Timer(d.name, platform.shown(d)) for d in platform.devices if models()[d.model].ticks]
    return [t for t in timers if how.get(t.line) == relation.OWN]


def _losses(setting: Setting, configuration: Configuration, interrupt: Interrupt, timer: _Timer) -> Iterator[_Loss]:
    machine = setting.machine
    pre, _ = user_states(setting, configuration)
    line = machine.state.leaves[timer.line]
    up = eq(line.term, line.holding(1))
    masked = land(up, lnot(_asked(setting)))
    here = on_leaves([up, masked], pre)
    if interrupt.shadow:
        yield _Loss(f"a guest keeps the request at {timer.line} masked", _stays(setting, pre, masked))
    else:
        yield _Loss(f"the request at {timer.line} is masked in some state of a guest", here[1])
    if interrupt.waiting:
        waits = predicate(machine, node("call", 0, data=interrupt.waiting))
        yield _Loss("some state of a guest waits", on_leaves([waits], pre)[0])
    *_, taken = arrivals(setting, configuration)
    yield _Loss("the interrupt need not end in the monitor", conjunction([here[0], *taken.before, lnot(taken.ends)]))


def _asked(setting: Setting) -> Term:
    interrupt = setting.machine.code.interrupt
    return FALSE if interrupt is None else predicate(setting.machine, node("call", 0, data=interrupt.pending))


def _quiet(setting: Setting, pre: Leaves, before: Term, timer: _Timer) -> Term:
    """No interrupt is taken where the timer does not ask for one: a guest can run."""
    line = setting.machine.state.leaves[timer.line]
    return substitute([land(before, lnot(on_leaves([_asked(setting)], pre)[0]))], {line.term: line.holding(0)})[0]


def _stays(setting: Setting, pre: Leaves, masked: Term) -> Term:
    """The request is masked in a state, and after an instruction, or a part of one, that goes on from it."""
    found = []
    for instruction in judgeable(setting.machine):
        for row in instruction.rows:
            one = subject(setting, instruction, row)
            step = instantiate(setting.machine, one.transition, pre, as_it_is, "", frozenset())
            found += [conjunction([one.canonical, o.guard, *on_leaves([masked], o.post)]) for o in step.outcomes]
    return land(on_leaves([masked], pre)[0], disjunction(found))


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether the monitor can choose its own leaves so that no state of a guest, which satisfies `before`, is lost, and a `quiet` one is left."""

    setting: Setting
    configuration: Configuration
    before: Term
    quiet: Term
    evidence: Evidence
    label: str

    def choice(self, lost: Sequence[Term]) -> Mapping[str, int] | None:
        """Such a choice, None where there is none; by expansion over states of guests. Raises Undecided."""
        whole = land(self.before, disjunction(lost))
        own = self._own(disjunction(lost))
        fixed = [leaf for leaf in own if not isinstance(leaf, ArrayLeaf)]
        mine = frozenset(leaf.term for leaf in fixed)
        known: list[Term] = []
        vague = len(fixed) < len(own)
        for _ in range(ROUNDS):
            tried = self.evidence.model([self.quiet, *known], self.label)
            if tried is None and not vague:
                return None
            if tried is None:
                break
            chosen = {leaf.name: tried.leaf(leaf.term) for leaf in fixed}
            held = {leaf.term: leaf.holding(chosen[leaf.name]) for leaf in fixed}
            state = self.evidence.model(substitute([whole], held), f"{self.label}:lost")
            needed = self._needed(whole, chosen) if state is None else chosen
            if state is None and admissible(self.setting, self.configuration | Configuration(needed), self.evidence):
                return needed
            vague = vague or state is None
            known.append(lnot(conjunction(eq(leaf, value) for leaf, value in held.items())))
            if state is not None:
                known.append(lnot(*pinned([whole], state, lambda t: t not in mine)))
        raise Undecided(self.label, "whether the monitor can choose its own state so that it comes back is open")

    def _needed(self, whole: Term, chosen: Mapping[str, int]) -> Mapping[str, int]:
        """The part of a choice that matters."""
        leaves, needed = self.setting.machine.state.leaves, dict(chosen)
        for name in chosen:
            held = {leaves[n].term: leaves[n].holding(v) for n, v in needed.items() if n != name}
            if self.evidence.model(substitute([whole], held), f"{self.label}:needed") is None:
                del needed[name]
        return needed

    def _own(self, lost: Term) -> list[Leaf]:
        """What the monitor may set of the leaves that matter, but for what devices set: their lines, and what is volatile."""
        machine = self.setting.machine
        how = relations(machine, self.setting.deployment, self.configuration)
        lines, free = machine.platform.lines, set(walk([lost]))
        return [
            leaf
            for name, leaf in machine.state.leaves.items()
            if how[name] == relation.OWN and name not in lines and not leaf.volatile and leaf.term in free
        ]


_INTERRUPT = (
    'interrupt: {pending: "asked?", deliver: asked}\n'
    "platform: {devices: {clock: {model: ticker, line: LINE}}}\n"
    "functions: |\n"
    "  function asked? { returns Boolean description { x } body { return LINE == 1 && IE == 1; } }\n"
    "  function asked { description { x } body { LINE = 0; M = 0; $pc = 8'd4; } }\n"
)
_TIMER: tuple[Edit, ...] = (
    ("  IE:", "  LINE: {type: Bits<1>, role: interrupt}\n  IE:"),
    ("functions: |\n", _INTERRUPT),
)
PREMISE = Premise(
    id="PG140",
    name="monitor_is_preemptive",
    level="error",
    title="The monitor does not come back",
    law="Where the machine has a timer that is the monitor's, its interrupt is taken in every state of a guest, at the latest after the "
    "instructions that `interrupt.shadow` allows, and ends in the monitor; and no state of a guest waits.",
    formula="exists monitor's m: forall user s: (line(s) implies pending(s)) and not waiting(s) and monitor(interrupt(s))",
    reference=f"{PAPER}: resource control",
    hypothesis=PREEMPTION,
    example=Example(
        (("LINE == 1 && IE == 1;", "LINE == 1 && A == 0;"),),
        (("LINE == 1 && IE == 1;", "LINE == 1 && (IE == 1 || A == 0);"),),
        _TIMER,
    ),
    ask=monitor_is_preemptive,
)
