"""Something that a machine does (a step, the run of a function, the value of a condition), on terms and on integers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgcheck.checker.questions.delegation import ran_on, run_on
from pgcheck.checker.values import Payload
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import FALSE, TRUE, Term, ite, lor, parameter
from pgcheck.isa.terms.ir import EXECUTE, NEXT, UNMODELLED, UNPREDICTABLE
from pgcheck.models.reference.closures import invoke
from pgcheck.models.reference.cycle import canonical, deliver, holds, step
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, State, Surroundings, copied
from pgcheck.models.symbolic import NEXT_PC, Execution, Transition, delivered, initial, predicate, transition

ANYTHING = frozenset({UNMODELLED, UNPREDICTABLE})


@dataclass(frozen=True, slots=True)
class End:
    """A way in which an act ends: when, with which arguments and results, and the state then."""

    when: Term
    values: tuple[Term, ...]
    state: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an act ended on integers."""

    exit: str
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    state: State

    @property
    def values(self) -> tuple[int, ...]:
        return self.arguments or self.results


@dataclass(frozen=True, slots=True)
class Act:
    """What `machine` does: one step of `instruction`, a run of `function`, or else the value of `condition`.

    `given` are operands or parameters by name. With `cuts` translation, probes and tables answer as oracles. `fixed` operands have one value.
    """

    machine: Machine
    instruction: Instruction | None = None
    function: str = ""
    condition: Term = TRUE
    given: Mapping[str, Term] = field(default_factory=dict)
    fixed: Mapping[str, int] = field(default_factory=dict)
    cuts: bool = True

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """All traps of the machine."""
        return tuple(Payload(n) for n, rule in self.machine.code.exits.items() if rule.kind != EXECUTE)

    def ends(self, *, through: bool) -> dict[str, End]:
        """How it may end, by exit; with `through` traps are run on through their deliveries."""
        done, results = self._run()
        if through:
            done = run_on(self.machine, self.payloads, done)
        found = {} if done.completes is FALSE else {NEXT: End(done.completes, results, done.post)}
        for e in done.exits:
            name = EXECUTE if self._executes(e.function) else e.function
            new, old = End(e.guard, e.args, e.state), found.get(name)
            found[name] = new if old is None else _either(e.guard, new, old)
        return found

    def _executes(self, function: str) -> bool:
        rule = self.machine.code.exits.get(function)
        return rule is not None and rule.kind == EXECUTE

    def _run(self) -> tuple[Transition, tuple[Term, ...]]:
        machine = self.machine
        if self.instruction is not None:
            return transition(machine, self.instruction, self.fixed), ()
        if not self.function:
            return Transition(TRUE, initial(machine), ()), (predicate(machine, self.condition),)
        args = tuple(parameter(w, n) for n, w in machine.code.functions[self.function].parameters)
        if self.function in machine.code.exits:
            run = delivered(machine, self.function, args, initial(machine), cuts=self.cuts)
            return Transition(run.frame.alive, run.frame.state, tuple(run.exits)), ()
        run, pc = Execution(machine, initial(machine), {}, cuts=self.cuts), machine.state.pc
        run.frame.state[NEXT_PC] = run.frame.state[pc]
        results = run.call(self.function, args)
        run.frame.state[pc] = run.frame.state.pop(NEXT_PC)
        return Transition(run.frame.alive, run.frame.state, tuple(run.exits)), results

    def perform(self, given: Mapping[str, int], before: State, outside: Surroundings, *, through: bool) -> Outcome:
        """What it does on integers, from a state that is left as it is."""
        machine, state, results = self.machine, copied(before), tuple[int, ...]()
        outside = outside if self.cuts else replace(outside, oracle=None)
        if self.instruction is not None:
            ended = step(machine, canonical(self.instruction, {**given, **self.fixed}), state, outside)
        elif not self.function:
            ended, results = None, (int(holds(machine, self.condition, state, outside)),)
        else:
            ended, results = self._called(given, state, outside)
        if through:
            ended = ran_on(machine, self.payloads, ended, state, outside)
        if ended is None:
            return Outcome(NEXT, (), results, state)
        return Outcome(EXECUTE if self._executes(ended.function) else ended.function, ended.args, (), state)

    def _called(
        self, given: Mapping[str, int], state: State, outside: Surroundings
    ) -> tuple[Exit | None, tuple[int, ...]]:
        machine = self.machine
        args = tuple(given[n] for n, _ in machine.code.functions[self.function].parameters)
        if self.function in machine.code.exits:
            return deliver(machine, Exit(self.function, args), state, outside), ()
        run, pc = Step(machine, state, {}, outside), machine.state.pc
        run.next = run.scalar(pc)
        try:
            results = invoke(run, self.function, args)
        except Ended as ended:
            return ended.exit, ()
        state[pc] = run.next
        return None, results


def _either(guard: Term, new: End, old: End) -> End:
    """The one end where `guard` holds, else the other."""

    def chosen(these: Sequence[Term], those: Sequence[Term]) -> tuple[Term, ...]:
        return tuple(ite(guard, a, b) for a, b in zip(these, those, strict=True))

    state = {n: ite(guard, t, old.state[n]) for n, t in new.state.items()}
    return End(lor(guard, old.when), chosen(new.values, old.values), state)
