"""One pair judged: whether two machines do the same in every state that both call legal, by term identity first, then by solver; else a state, replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.checker.comparison.acts import ANYTHING, Act, End, Outcome
from pgcheck.checker.comparison.pairs import Pair
from pgcheck.checker.comparison.result import Example, Kind, Part, Side, Status
from pgcheck.checker.comparison.sides import TAGS, Sides
from pgcheck.checker.questions.answers import Answers, state_under
from pgcheck.checker.questions.copies import differ, payloads_differ
from pgcheck.checker.result import StateValue
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.expansion import Expansion
from pgcheck.checker.solving.model import Model
from pgcheck.checker.witnesses.witness import wishes
from pgcheck.checker.witnesses.witness_replay import every_choice, values_of
from pgcheck.isa.encoding.codec import encode, length
from pgcheck.isa.encoding.templates import disassemble
from pgcheck.isa.encoding.units import read, unit
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    disjunction,
    eq,
    land,
    lnot,
    renamed,
    rewrite,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import NEXT
from pgcheck.isa.terms.names import CHOICE, INDEX, OPERAND, PARAMETER, READ, STATE, VIRTUAL
from pgcheck.models.state import Cells

END: Final = "how it ends"
VALUES: Final = "its results"
PAYLOAD: Final = "what the trap hands over"


@dataclass(frozen=True)
class Compared:
    """A pair on terms over one state; with `through` traps are part of it, to the end of their deliveries. `besides` is assumed too."""

    sides: Sides
    pair: Pair
    through: bool = False
    besides: Term = TRUE

    @cached_property
    def ends(self) -> tuple[Mapping[str, End], Mapping[str, End]]:
        one, other = (self._placed(act, side) for side, act in enumerate((self.pair.first, self.pair.second)))
        return one, other

    def _placed(self, act: Act, side: int) -> dict[str, End]:
        """The ends of an act over the state of one side."""
        sides, pre, tag = self.sides, self.sides.before[side], TAGS[side]

        def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
            if term.op == "uf" and not sides.known(term.name):
                raise Undecided(self.pair.name, f"{term.name.text} does not take the same arguments on both machines")
            name = term.free
            if name is None:
                return None
            if name.space == STATE:
                return pre[name.text]
            if name.space in (OPERAND, PARAMETER):
                return act.given.get(name.text)
            return renamed(term, name.of(tag)) if sides.own(name) else None

        ends, memo = act.ends(through=self.through), dict[Term, Term]()

        def placed(end: End) -> End:
            when, *values = rewrite([end.when, *end.values], replace, memo)
            state = dict(zip(end.state, rewrite(end.state.values(), replace, memo), strict=True))
            return End(when, tuple(values), state)

        return {name: placed(end) for name, end in ends.items()}

    @cached_property
    def differences(self) -> Mapping[str, Term]:
        """When the two differ, by the place in which it shows."""
        return differences(self.sides, *self.ends)

    @cached_property
    def known(self) -> tuple[Term, ...]:
        """What is assumed: a legal state, and a word that both read."""
        return self.sides.legal, self.pair.when, self.besides

    @property
    def apart(self) -> list[Term]:
        return [*self.known, disjunction(self.differences.values())]


def differences(sides: Sides, first: Mapping[str, End], second: Mapping[str, End]) -> dict[str, Term]:
    """When two acts differ, by the place in which it shows; the plainest first."""
    found: dict[str, Term] = {END: FALSE, PAYLOAD: FALSE, VALUES: FALSE}

    def add(place: str, term: Term) -> None:
        found[place] = disjunction([found.get(place, FALSE), term])

    leaves = [leaf for n, leaf in sides.machines[0].state.leaves.items() if n in sides.shared]
    for name in (*first, *(n for n in second if n not in first)):
        a, b = first.get(name), second.get(name)
        if a is None or b is None or not _comparable(sides, name):
            add(END, disjunction(end.when for end in (a, b) if end is not None))
            continue
        add(END, lnot(eq(a.when, b.when)))
        if name in ANYTHING:
            continue
        both = land(a.when, b.when)
        add(VALUES if name == NEXT else PAYLOAD, land(both, payloads_differ(a.values, b.values)))
        for leaf in leaves:
            add(leaf.name, land(both, differ(leaf, a.state[leaf.name], b.state[leaf.name])))
    return {place: term for place, term in found.items() if term is not FALSE}


def _comparable(sides: Sides, name: str) -> bool:
    """Whether an exit is the same on both machines: a built-in one, or a trap of both."""
    return name in sides.exits or all(name not in m.code.exits for m in sides.machines)


def judged(sides: Sides, pair: Pair, evidence: Evidence) -> Part:
    """A pair with its answer. Raises Contradiction."""
    names = [_called(act) for act in (pair.first, pair.second)]
    kind: Kind = "around" if pair.first.instruction is None else "row"

    def part(status: Status, how: str = "", reason: str = "", example: Example | None = None) -> Part:
        return Part(kind, pair.name, names[0], names[1], status, how, reason, example)

    if pair.same:
        return part("equal", "text")
    try:
        compared = Compared(sides, pair)
        if not compared.differences:
            return part("equal", "terms")
        if not evidence.possible(compared.apart, pair.name):
            return part("equal", "solver")
        if pair.first.payloads or pair.second.payloads:
            compared = Compared(sides, pair, True, disjunction(compared.differences.values()))
        example = _example(compared, evidence)
    except Undecided as undecided:
        return part("undecided", reason=undecided.reason)
    return part("equal", "solver") if example is None else part("different", example=example)


def _called(act: Act) -> str:
    return act.instruction.id if act.instruction is not None else act.function


def _example(compared: Compared, evidence: Evidence) -> Example | None:
    """A state in which one machine does what the other never does, replayed; None where choices of the other always make up for it."""
    for by in (0, 1):
        model = _unmatched(compared, evidence, by)
        if model is not None:
            return _replayed(compared, model, by)
    return None


def _unmatched(compared: Compared, evidence: Evidence, by: int) -> Model | None:
    """A state, and choices of the machine `by`, that no choices of the other make equal; a small one. Raises Undecided."""
    label = compared.pair.name
    other = compared.ends[1 - by]
    theirs = {t: renamed(t, t.name.of(VIRTUAL)) for e in other.values() for t in walk(_roots(e)) if _chosen(t)}
    if not theirs:
        goal = compared.apart
        model = evidence.model(goal, f"{label}:state")
        return model and evidence.solver.minimise(goal, model, list(wishes(compared.sides.machines[0], goal)))
    apart = _apart(compared, 1 - by, theirs)
    against = Expansion(
        apart, tuple(theirs.values()), TRUE, lambda n: n.space == INDEX, compared.known, evidence, f"{label}:choices"
    )
    against.expand(tuple(theirs))
    return against.decide()


def _apart(compared: Compared, side: int, apart: Mapping[Term, Term]) -> Term:
    """That the two differ, with the choices of one side renamed."""

    def moved(end: End) -> End:
        when, *rest = substitute(_roots(end), apart)
        values, state = rest[: len(end.values)], rest[len(end.values) :]
        return End(when, tuple(values), dict(zip(end.state, state, strict=True)))

    ends = {name: moved(end) for name, end in compared.ends[side].items()}
    first, second = (ends, compared.ends[1]) if side == 0 else (compared.ends[0], ends)
    return disjunction(differences(compared.sides, first, second).values())


def _roots(end: End) -> tuple[Term, ...]:
    return end.when, *end.values, *end.state.values()


def _chosen(term: Term) -> bool:
    return term.op == "var" and term.name.space == CHOICE


def _replayed(compared: Compared, model: Model, by: int) -> Example:
    """A model run on both machines by the reference binding. Raises Contradiction where they do not differ there."""
    sides, pair = compared.sides, compared.pair
    acts = pair.first, pair.second
    states = [state_under(act.machine, pre, model) for act, pre in zip(acts, sides.before, strict=True)]
    given = [dict(zip(a.given, model.values(list(a.given.values())), strict=True)) for a in acts]
    outside = [Answers(act.machine, model, tag).surroundings for act, tag in zip(acts, TAGS, strict=True)]

    def ran(side: int, through: bool) -> Outcome:
        return acts[side].perform(given[side], states[side], outside[side], through=through)

    def other(undefined: Callable[[str, int, int], int]) -> Outcome:
        outside[1 - by].undefined = undefined
        return ran(1 - by, compared.through)

    shown = [ran(side, through=False) for side in (0, 1)]
    mine = ran(by, compared.through)
    theirs = list(every_choice(other)) if _chooses(compared, 1 - by) else [ran(1 - by, compared.through)]
    seen = [_seen(sides, *((mine, t) if by == 0 else (t, mine))) for t in theirs]
    if not all(seen):
        raise Contradiction(f"{pair.name}: checker bug: the two machines do the same in the state where they differ")
    both = {n: v for state in states for n, v in values_of(state).items()}
    one, two = (
        Side(_text(a, g), o.exit, o.arguments, o.results, _changed(s, o.state))
        for a, g, o, s in zip(acts, given, shown, states, strict=True)
    )
    differs = _seen(sides, *shown) or seen[0]
    return Example(_units(compared, model, given), both, _answers(model), one, two, tuple(differs))


def _chooses(compared: Compared, side: int) -> bool:
    return any(_chosen(t) for e in compared.ends[side].values() for t in walk(_roots(e)))


def _seen(sides: Sides, a: Outcome, b: Outcome) -> list[str]:
    """The places in which two outcomes differ."""
    if a.exit != b.exit:
        return [END]
    if a.exit in ANYTHING:
        return []
    found = [VALUES if a.exit == NEXT else PAYLOAD] if a.values != b.values else []
    return [*found, *(n for n in sides.machines[0].state.leaves if n in sides.shared and a.state[n] != b.state[n])]


def _changed(before: Mapping[str, int | Cells], after: Mapping[str, int | Cells]) -> dict[str, StateValue]:
    """The leaves that are another value afterwards, zeros among them."""
    shown = values_of(after)
    return {n: shown.get(n, 0) for n, v in after.items() if v != before[n]}


def _text(act: Act, given: Mapping[str, int]) -> str:
    """What a machine did, as its own text says it."""
    instruction = act.instruction
    if instruction is None:
        return f"{act.function}({', '.join(f'{n}={v:#x}' for n, v in given.items())})" if act.function else ""
    if instruction.line is None or instruction.encoding is None:
        return instruction.name
    operands = {**given, **act.fixed}
    names = act.machine.decoding.csr_names
    return disassemble(instruction.line, operands, length(instruction.encoding, operands), names)


def _units(compared: Compared, model: Model, given: list[dict[str, int]]) -> tuple[int, ...]:
    """The instruction's units: those of the model, or those that its operands have."""
    for act, values in zip((compared.pair.first, compared.pair.second), given, strict=True):
        if act.instruction is None:
            return ()
        if act.instruction.encoding is None:
            continue
        if all(t.op == "var" for t in act.given.values()):
            return encode(act.instruction.encoding, {**values, **act.fixed})
        decode = act.instruction.encoding.decode
        count = max(_longest(compared), 1)
        return tuple(model.variables.get(unit(decode, k).name, 0) for k in range(count))
    return compared.pair.first.machine.decoding.decoder.undefined()


def _longest(compared: Compared) -> int:
    """Units that either encoding reads."""
    found = (a.instruction for a in (compared.pair.first, compared.pair.second))
    return max((read(i.encoding).units for i in found if i is not None and i.encoding is not None), default=0)


def _answers(model: Model) -> dict[str, int]:
    """What choices, volatile entries and oracles gave, where that is not 0."""
    free: list[Name] = [n for n in model.variables if n.space in (CHOICE, READ)]
    found = {str(n): model.variables[n] for n in sorted(free) if model.variables[n]}
    functions = sorted(model.functions.items(), key=str)
    return found | {f"{n}({', '.join(map(hex, a))})": v for (n, a), v in functions if v}
