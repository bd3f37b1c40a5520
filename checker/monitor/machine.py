"""The machine under the monitor, on terms: one step of the processor, of the interpreter routine, and of the bare machine.

A row's transition is made once; these are its instances. Exits of one terminator are one way to end, with payload and state chosen
by their guards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.checker.questions.copies import Answer, as_it_is, executing, over_leaves
from pgcheck.checker.questions.subject import Subject
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Rewriter,
    Term,
    apply,
    disjunction,
    ite,
    land,
    lnot,
    lor,
    parameter,
    rewrite,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE
from pgcheck.isa.terms.names import TRANSLATION, VIRTUAL, Tag
from pgcheck.models.symbolic import FAULT, Execution, Exit, Transition, delivered, initial

Leaves = Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Way:
    """A way a step ends: completion (`NEXT`), or an exit by a terminator before its delivery."""

    function: str
    guard: Term
    state: Leaves
    args: tuple[Term, ...] = ()


def instance(
    machine: Machine, transition: Transition, pre: Leaves, answer: Answer, tag: Tag, private: frozenset[Name]
) -> tuple[Way, ...]:
    """The transition over the leaves `pre`: completion first, then its exits by terminator, each with its state."""
    replace = over_leaves(pre, answer if faulting(machine) else _unfailing(answer), tag, private)
    memo: dict[Term, Term] = {}
    completes, *after = rewrite([transition.completes, *transition.post.values()], replace, memo)
    ways = [Way(NEXT, completes, dict(zip(transition.post, after, strict=True)))]
    for function in dict.fromkeys(e.function for e in transition.exits):
        merged, *others = [_ended(e, replace, memo) for e in transition.exits if e.function == function]
        for other in others:
            merged = _either(other, merged)
        ways.append(merged)
    return tuple(w for w in ways if w.guard is not FALSE)


def _unfailing(answer: Answer) -> Answer:
    """The cuts of a machine whose own translation raises nothing: the guest's never faults, and the processor's misses at most."""

    def unfailing(term: Term, args: tuple[Term, ...]) -> Term | None:
        found = answer(term, args)
        if term.name != FAULT:
            return found
        return (
            FALSE
            if found is None
            else rewrite([found], lambda t, _: FALSE if t.op == "uf" and t.name == FAULT else None)[0]
        )

    return unfailing


def _ended(exit_: Exit, replace: Rewriter, memo: dict[Term, Term]) -> Way:
    guard, *rest = rewrite([exit_.guard, *exit_.args, *exit_.state.values()], replace, memo)
    count = len(exit_.args)
    return Way(exit_.function, guard, dict(zip(exit_.state, rest[count:], strict=True)), tuple(rest[:count]))


def _either(way: Way, other: Way) -> Way:
    """One way to end in place of two by the same terminator."""
    return Way(
        other.function,
        lor(way.guard, other.guard),
        {n: ite(way.guard, t, other.state[n]) for n, t in way.state.items()},
        tuple(ite(way.guard, a, b) for a, b in zip(way.args, other.args, strict=True)),
    )


@once
def faulting(machine: Machine) -> tuple[str, ...]:
    """The terminators by which the machine's translation may end."""
    if machine.code.translation is None:
        return ()
    name = machine.code.translation.function
    body = Execution(machine, initial(machine), {}, cuts=False)
    body.call(name, tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters))
    return tuple(sorted({e.function for e in body.exits if e.function in machine.code.exits}))


def raises(function: str) -> Name:
    """Whether a fault of the guest's translation is raised by a terminator, as a function of the translation's arguments."""
    return Name(TRANSLATION, f"raises.{function}")


def payload(function: str, parameter: str) -> Name:
    """What a terminator that raises a fault of translation is given."""
    return Name(TRANSLATION, f"payload.{function}.{parameter}")


def raised(machine: Machine, args: tuple[Term, ...]) -> list[tuple[str, Term, tuple[Term, ...]]]:
    """What the guest's translation raises where it faults: (terminator, condition, payload), unknown functions of the arguments."""
    functions = faulting(machine)
    found: list[tuple[str, Term, tuple[Term, ...]]] = []
    rest = TRUE
    for place, function in enumerate(functions):
        last = place == len(functions) - 1
        here = rest if last else land(rest, apply(0, raises(function), *args))
        given = tuple(
            apply(width, payload(function, name), *args) for name, width in machine.code.functions[function].parameters
        )
        found.append((function, here, given))
        rest = land(rest, lnot(here))
    return found


MAX_NESTED = 4


def first_link(machine: Machine) -> int:
    """The number of trap entry among a step's deliveries: beyond those that are part of the step, each nested in another."""
    return len(machine.code.exits) + 1


def entered(machine: Machine, way: Way, depth: int = 0) -> tuple[Way, ...]:
    """Trap entry with what is nested in it: the ways that the machine then is in, `NEXT` where it goes on."""
    if way.guard is FALSE:
        return ()
    if way.function in BUILTIN_EXITS or way.function in executing(machine) or depth > MAX_NESTED:
        return (way,)
    if way.function == TRANSLATE:
        return tuple(
            end
            for function, here, given in raised(machine, way.args)
            for end in entered(machine, Way(function, land(way.guard, here), way.state, given), depth)
        )
    run = delivered(machine, way.function, way.args, way.state, link=first_link(machine) + depth)
    ends = [Way(NEXT, land(way.guard, run.frame.alive), run.frame.state)]
    for e in run.exits:
        rule = machine.code.exits.get(machine.code.exits[way.function].nested)
        guard = land(way.guard, e.guard)
        if rule is None or e.function in BUILTIN_EXITS:
            ends += _faults(machine, Way(e.function, guard, e.state, e.args))
        else:
            ends += entered(machine, Way(rule.function, guard, e.state, ()), depth + 1)
    return tuple(w for w in ends if w.guard is not FALSE)


def _faults(machine: Machine, way: Way) -> list[Way]:
    """An exit within a delivery: a fault of translation is the terminator that it raises."""
    if way.function != TRANSLATE:
        return [way]
    return [Way(f, land(way.guard, here), way.state, p) for f, here, p in raised(machine, way.args)]


@dataclass(frozen=True, slots=True)
class Bare:
    """One step of the bare machine: how it ends, before trap entry (`ways`) and after (`ends`)."""

    ways: tuple[Way, ...]
    ends: tuple[Way, ...]

    @property
    def left_out(self) -> Term:
        """The step leaves the specification."""
        return disjunction(w.guard for w in self.ends if w.function in ("unmodelled", "unpredictable"))


def bare(machine: Machine, subject: Subject, pre: Leaves) -> Bare:
    """The bare machine's step from the leaves `pre`; trap entry is the specification's, interrupts are none."""
    ways = instance(machine, subject.transition, pre, as_it_is, VIRTUAL, subject.private)
    return Bare(ways, tuple(end for way in ways for end in (entered(machine, way) if way.function != NEXT else (way,))))


def fetching(machine: Machine) -> Transition:
    """The fetch of the first unit at PC, as a step that changes nothing."""
    execution = Execution(machine, initial(machine), {})
    pc = execution.frame.state[machine.state.pc]
    execution.call(machine.code.fetch, (pc,))
    return Transition(execution.frame.alive, dict(execution.frame.state), tuple(execution.exits))
