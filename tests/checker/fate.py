"""Whether the checker notices a mutant: the row's report changes, or the solver proves that there is nothing to notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgcheck.checker.lint import examine
from pgcheck.checker.questions.classical import Classical, classify
from pgcheck.checker.questions.copies import Copy, as_it_is, differ, fresh, instantiate, over, payloads_differ
from pgcheck.checker.questions.hole import question, virtual_modes
from pgcheck.checker.questions.taint import start_modes
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, Term, disjunction, eq, ite, land, lnot
from tests.checker.mutate import PASSING, Mutant, Original, mutated


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: `caught`, `equivalent`, `survived` or `unknown`, and what changed or why not."""

    mutant: str
    operator: str
    outcome: str
    reason: str


def fate(views: Sequence[Original], mutant: Mutant, evidence: Evidence) -> Fate:
    """The fate of a mutant of the row that `views` show, one for each deployment.

    It is caught if the row's classical answer, a hole or a finding of a law is another one under any deployment; equivalent
    if from every legal state of every deployment's modes both steps end alike.
    """

    def ends(outcome: str, reason: str) -> Fate:
        return Fate(mutant.id, mutant.operator, outcome, reason)

    try:
        for view in views:
            if change := _change(view, mutated(view, mutant), evidence):
                return ends("caught", change)
        if change := _found(views[0], mutant, evidence):
            return ends("caught", change)
        if any(evidence.possible(told_apart(v, mutated(v, mutant)), f"{mutant.id}:told apart") for v in views):
            return ends("survived", f"still {views[0].verdict}")
        return ends("equivalent", "the same step from every legal state")
    except Undecided as undecided:
        return ends("unknown", str(undecided))
    except Contradiction as contradiction:
        return ends("survived", f"error: {contradiction}")


def _change(original: Original, changed: Original, evidence: Evidence) -> str:
    """How the report's row changes, the cheapest question first."""
    found = changed.footprint
    if found.innocuous:
        verdict = "intentional" if found.never else "innocuous"
        return "" if verdict == original.verdict else f"verdict {original.verdict} -> {verdict}"
    classical = classify(changed.setting, changed.subject, found, evidence)
    return _classical_change(original, classical) or next(_holes(changed, evidence), "")


def _classical_change(original: Original, classical: Classical) -> str:
    if original.verdict == "intentional" and (classical.completes_supervisor or classical.completes_user):
        return "verdict intentional -> another"
    if classical.privileged != original.privileged:
        return f"privileged {original.privileged} -> {classical.privileged}"
    now = frozenset(map(str, classical.sensitivities))
    lost, gained = sorted(original.sensitivities - now), sorted(now - original.sensitivities)
    return "sensitivities " + ", ".join([f"-{s}" for s in lost] + [f"+{s}" for s in gained]) if lost or gained else ""


def _holes(changed: Original, evidence: Evidence) -> Iterator[str]:
    """Holes where the original has none."""
    setting, modes = changed.setting, changed.setting.deployment.modes
    if changed.verdict not in PASSING:
        return
    for name, mode_class in (("supervisor", modes.supervisor), ("user", modes.user)):
        for mode in virtual_modes(setting, mode_class):
            asked = question(setting, changed.subject, mode_class, mode, changed.configuration)
            if evidence.possible(asked.hole, f"{changed.subject.id}:hole@{name}{mode}"):
                yield f"a hole in virtual {name}"


def _found(original: Original, mutant: Mutant, evidence: Evidence) -> str:
    """A finding of a law that is new or gone."""
    old = {(f.law, f.message) for f in examine(original.setting.machine, original.subject.instruction, evidence)}
    new = {(f.law, f.message) for f in examine(mutated(original, mutant).setting.machine, mutant.instruction, evidence)}
    return ": ".join(min(new ^ old)) if new != old else ""


def told_apart(original: Original, changed: Original) -> list[Term]:
    """A legal state in which the two transitions end differently: in completion, exit, payload or any leaf."""
    setting, machine = original.setting, original.setting.machine
    pre = fresh(machine, "a")
    copies = [
        instantiate(machine, s.transition, pre, as_it_is, "a", frozenset()) for s in (original.subject, changed.subject)
    ]
    legal = over(setting.legal, pre, machine)
    modes = disjunction(eq(pre[machine.modes.leaf], setting.mode(m)) for m in start_modes(setting))
    return [legal, modes, original.subject.canonical, disjunction(_differences(machine, *copies))]


def _differences(machine: Machine, a: Copy, b: Copy) -> Iterator[Term]:
    ends = [_ends(machine, a), _ends(machine, b)]
    nothing: tuple[Term, tuple[Term, ...], Mapping[str, Term]] = (FALSE, (), {})
    for name in sorted({*ends[0], *ends[1]}):
        (guard, args, state), (guard_b, args_b, state_b) = (e.get(name, nothing) for e in ends)
        yield lnot(eq(guard, guard_b))
        if guard is FALSE or guard_b is FALSE:
            continue
        states = disjunction(differ(machine.state.leaves[n], t, state_b[n]) for n, t in state.items())
        yield land(guard, disjunction([payloads_differ(args, args_b), states]))


def _ends(machine: Machine, copy: Copy) -> dict[str, tuple[Term, tuple[Term, ...], Mapping[str, Term]]]:
    """Each way to end, by function: guard, payload and state, merged over its places."""
    found: dict[str, tuple[Term, tuple[Term, ...], Mapping[str, Term]]] = {"": (copy.completes, (), copy.post)}
    for e in copy.exits:
        if e.function in found:
            guard, args, state = found[e.function]
            merged = {n: ite(e.guard, e.state[n], t) for n, t in state.items()}
            chosen = tuple(ite(e.guard, new, old) for new, old in zip(e.args, args, strict=True))
            found[e.function] = (disjunction([guard, e.guard]), chosen, merged)
        else:
            found[e.function] = (e.guard, e.args, e.state)
    return found
