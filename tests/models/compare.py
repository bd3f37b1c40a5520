"""Whether a symbolic execution and a run of the reference binding ended alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgcheck.isa.terms import ARRAY, Term, evaluate, walk
from pgcheck.isa.terms.names import OPERAND
from pgcheck.models import symbolic
from pgcheck.models.state import Cells, Exit, State
from tests.models.worlds import World


@dataclass(frozen=True, slots=True)
class Ending:
    """One way a symbolic execution ends: under `guard`, by an exit (None: completion) or with `results`, in `state`."""

    guard: Term
    exit: symbolic.Exit | None
    results: tuple[Term, ...]
    state: Mapping[str, Term]


def endings(step: symbolic.Transition) -> list[Ending]:
    """The endings of a transition."""
    return [Ending(step.completes, None, (), step.post), *exits(step.exits)]


def exits(found: Iterable[symbolic.Exit]) -> list[Ending]:
    """The endings that are exits."""
    return [Ending(e.guard, e, e.args, e.state) for e in found]


class Evaluated:
    """The values of terms, arrays among them, in one world."""

    def __init__(self, roots: Sequence[Term], world: World, operands: Mapping[str, int]) -> None:
        self.world = world
        wanted = [t for t in roots if t.width != ARRAY]
        for term in walk(t for t in roots if t.width == ARRAY):
            if term.width == ARRAY:
                wanted += [a for a in term.args if a.width != ARRAY]
        variable = lambda t: operands[t.name.text] if t.name.space == OPERAND else world.variable(t)  # noqa: E731
        values = evaluate(wanted, variable, world.element, world.function)
        self.value = dict(zip(wanted, values, strict=True))

    def array(self, term: Term) -> tuple[Term, dict[int, int]]:
        """The free array that `term` is, but for some elements."""
        written: dict[int, int] = {}
        while term.op in ("store", "ite"):
            if term.op == "ite":
                term = term.args[1] if self.value[term.args[0]] else term.args[2]
            else:
                written.setdefault(self.value[term.args[1]], self.value[term.args[2]])
                term = term.args[0]
        return term, written


def differences(
    ends: Sequence[Ending],
    world: World,
    operands: Mapping[str, int],
    exit_: Exit | None,
    results: tuple[int, ...],
    state: State,
) -> list[str]:
    """What the reference's outcome, results and state after it have otherwise than the symbolic ending that applies."""
    roots = [t for e in ends for t in (e.guard, *e.results, *e.state.values())]
    evaluated = Evaluated(roots, world, operands)
    taken = [e for e in ends if evaluated.value[e.guard]]
    if len(taken) != 1:
        return [f"{len(taken)} of {len(ends)} endings apply"]
    end = taken[0]
    payload = tuple(evaluated.value[t] for t in end.results)
    found: list[str] = []
    ours = None if exit_ is None else (exit_.function, exit_.note)
    theirs = None if end.exit is None else (end.exit.function, end.exit.note)
    if ours != theirs:
        return [f"ends with {ours} against {theirs}"]
    if payload != (results if exit_ is None else exit_.args):
        found.append(f"gives {results if exit_ is None else exit_.args} against {payload}")
    for name, term in end.state.items():
        value = state[name]
        if not isinstance(value, Cells):
            if value != evaluated.value[term]:
                found.append(f"{name} is {value:#x} against {evaluated.value[term]:#x}")
            continue
        base, written = evaluated.array(term)
        for index in {*value, *written, 0}:
            element = written[index] if index in written else world.element(base, index)
            if value[index] != element:
                found.append(f"{name}[{index:#x}] is {value[index]:#x} against {element:#x}")
    return found
