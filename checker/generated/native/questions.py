"""What is asked of tier 0: of each instruction and function, where native code and the specification differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.cells import WORD, Spot, held
from pgcheck.checker.generated.native.evaluator import Ended, Pointer
from pgcheck.checker.generated.native.meant import Meant, Opaque
from pgcheck.checker.generated.native.memory import BESIDE, CALLED, FIELD, LINED
from pgcheck.checker.generated.native.tier0 import Completed, Interpreter, Routine, Tier0
from pgcheck.checker.generated.native.ways import Way, bits, met
from pgcheck.checker.generated.normal import narrowed, normal
from pgcheck.checker.generated.routines import Comparer
from pgcheck.checker.generated.traced import ACCESS, NO_ACCESS, starting
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    array,
    constant,
    disjunction,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mk,
    operand,
    parameter,
    substitute,
    variable,
    walk,
    zext,
)
from pgcheck.isa.terms.names import CHOICE, FREE, READ, Name
from pgcheck.models.native.lowering.layout import OPERANDS, field_size, fields
from pgcheck.models.symbolic import NEXT_PC, Exit, State, initial, perform, resized
from pgcheck.models.symbolic.path import Path

LEFT = variable(WORD, Name(FREE, "$left"))
START = Pointer("st", constant(WORD, 0))


@dataclass(frozen=True, slots=True)
class Question:
    """What differs and when, none of which may be possible under the hypotheses; and leaves after both."""

    hypotheses: tuple[Term, ...]
    differs: Mapping[str, Term]
    after: Mapping[str, tuple[Term, Term]]


def compared(code: Interpreter, routine: Routine) -> Question:
    """A routine beside what it is made of. Raises Unknown for native code that is not known."""
    names = {n: _read(code, n) for n in code.plan.walks if not code.plan.facts.function(n).stores}
    if names and not routine.walk:
        found = _compared(code, routine, Opaque(names))
        if not found.differs:
            return found
    return _compared(code, routine, None)


def _read(code: Interpreter, name: str) -> list[str]:
    """The leaves that a function reads."""
    return [*code.plan.facts.function(name).reads, code.machine.state.memory]


def _compared(code: Interpreter, routine: Routine, opaque: Opaque | None) -> Question:
    machine = code.machine
    right = meant(code, routine, opaque)
    run = (_instruction if routine.instruction is not None else _function)(code, routine, opaque)
    done, escapes = _together(run)
    comparer, found = Comparer(machine), dict[str, list[Term]]()
    zeros = {t: ite(eq(held("zeros"), constant(WORD, 0)), t, constant(t.width, 0)) for t in _choices(right, done)}
    given = zeros | _clocks(code, routine, right, done)
    right, done = (_replaced(side, given) for side in (right, done))
    escapes = [(what, substitute([when], given)[0]) for what, when in escapes]
    for what, when in (*comparer.differences(right, done), *escapes):
        left = narrowed(*normal((when,), comparer.memos)) if when is not FALSE else FALSE
        if left is not FALSE and not comparer.contexts.impossible(left):
            found.setdefault(what, []).append(left)
    after = {n: (done.frame.state[n], t) for n, t in right.frame.state.items() if n in machine.state.scalars}
    return Question(tuple(_hypotheses(code, run)), {n: disjunction(w) for n, w in found.items()}, after)


def _hypotheses(code: Interpreter, run: Tier0) -> list[Term]:
    """What the engine sees to: steps are left, and RAM is as large as its limits say."""
    size, found = held("limit 1"), [lnot(eq(LEFT, constant(WORD, 0))), *dict.fromkeys(run.hypotheses)]
    found.append(mk("ule", 0, size, constant(WORD, 1 << code.plan.layout.ram.bits)))
    for count in code.plan.layout.limits:
        if count > 1:
            fits = mk("add", WORD, size, constant(WORD, 1 - count))
            less = mk("ult", 0, size, constant(WORD, count))
            found.append(eq(held(f"limit {count}"), ite(less, constant(WORD, 0), fits)))
    return found


# ---- the specification


def meant(code: Interpreter, routine: Routine, opaque: Opaque | None) -> Meant:
    """The terms of a routine's instruction or function."""
    machine, instruction = code.machine, routine.instruction
    if instruction is None:
        function = machine.code.functions[routine.name]
        done = Meant(machine, _started(code), {}, code.plan.walks, "" if routine.walk else routine.name)
        done.own, done.opaque = routine.name, opaque
        done.frame.results = done.call(routine.name, tuple(parameter(w, n) for n, w in function.parameters))
        return done
    operands = {n: operand(b.width, n) for n, b in instruction.operands.items()}
    done = Meant(machine, starting(initial(machine)), operands, code.plan.walks)
    done.opaque = opaque
    perform(done, instruction.body, instruction.length, instruction.encoding_term)
    return done


def _started(code: Interpreter) -> State:
    pc = code.machine.state.leaves[code.machine.state.pc]
    return starting(initial(code.machine)) | {NEXT_PC: variable(pc.width, Name(FREE, NEXT_PC))}


# ---- native code


def _state(code: Interpreter) -> State:
    """Native memory before anything: whatever it is, the state is in its places."""
    layout, state = code.plan.layout, starting(initial(code.machine))
    state.pop(ACCESS)
    state |= {f"$ {name}": held(name) for name in layout.header}
    state |= {"$ check": constant(WORD, 0), "$ translating": constant(WORD, 0)}
    for name in ("quiet", "code", "dirty"):
        state[f"${name}"] = array(getattr(layout, name).bits, 8, Name(FREE, f"{name} before"))
    return state | dict.fromkeys(BESIDE, FALSE) | {CALLED: constant(32, 0)}


def _instruction(code: Interpreter, routine: Routine, opaque: Opaque | None) -> Tier0:
    """What the handler of an instruction does, from a record that has been made and not been filled."""
    machine, instruction = code.machine, routine.instruction
    assert instruction is not None
    leaf = machine.state.leaves[machine.state.pc]
    here, state = leaf.term, _state(code)
    writes = machine.state.pc in code.plan.facts.block(instruction.body).writes
    length = instruction.length
    behind = zext(mk("add", leaf.width, here, resized(length, leaf.width)), WORD)
    run = Tier0(
        code.plan,
        Meant(machine, {}, {}),
        pc=zext(here, WORD),
        left=LEFT,
        writes_pc=writes,
        texts=code.texts,
        code=code,
        behind=behind,
        spec_before=dict(state),
    )
    run.spec.opaque = opaque
    state[machine.state.pc] = variable(leaf.width, Name(FREE, "$stale"))
    widths = [b.width for b in instruction.operands.values()]
    for (name, width), offset in zip(
        ((n, b.width) for n, b in instruction.operands.items()), fields(widths)[0], strict=True
    ):
        state[f"{FIELD}{OPERANDS + offset}"] = zext(bits(operand(width, name)), 8 * field_size(width))
    state[f"{FIELD}8"] = resized(length, 32)
    given = frozenset(state)
    run.run(run.function(routine.made), (START, Pointer("rec", constant(WORD, 0)), run.pc, LEFT), Way((), state))
    for way in (*run.failed, *(c.way for c in run.completed)):
        for name, term in way.state.items():
            if name.startswith(FIELD) and name not in given and not run.fixed(term):
                raise Unknown(f"byte {name[len(FIELD) :]} of a record, which hangs on the state")
    return run


def _function(code: Interpreter, routine: Routine, opaque: Opaque | None) -> Walked:
    """What a function does that the host or an instruction has called."""
    machine = code.machine
    function, state = machine.code.functions[routine.name], _state(code)
    pc = machine.state.leaves[machine.state.pc]
    state["$ next"] = zext(variable(pc.width, Name(FREE, NEXT_PC)), WORD)
    run = Walked(
        code.plan,
        Meant(machine, {}, {}),
        synced=False,
        texts=code.texts,
        code=code,
        own=routine.made,
        spec_before=dict(state),
        routine=routine,
    )
    run.spec.opaque = opaque
    args = [bits(parameter(w, n)) for n, w in function.parameters]
    if routine.walk:
        args += [run.tag, mk("add", WORD, held("tlb"), variable(WORD, Name(FREE, "$entry")))]
    for end in run.run(run.function(routine.made), (START, *args), Way((), state)):
        failed, *results = end.results
        for guard, fails in ((failed, True), (lnot(failed), False)):
            way = end.way.on(guard)
            if way is None:
                continue
            if fails:
                run.failed.append(way)
                continue
            way.state |= {f"$r{k}": r for k, r in enumerate(results)}
            run.completed.append(Completed(way, constant(WORD, 0), constant(WORD, 0), True))
    return run


@dataclass
class Walked(Tier0):
    """Evaluates a function; if it is a walk that the soft TLB has not, what it fills."""

    routine: Routine | None = None
    tag: Term = variable(WORD, Name(FREE, "$tag"))
    results: tuple[Term, ...] = ()

    def specified(self, way: Way, name: str, args: Sequence[Term]) -> Ended:
        found = super().specified(way, name, args)
        if self.routine is not None and self.routine.walk and name == self.routine.name:
            self.results = found.results[1:]
        return found

    def kept(self, way: Way, spot: Spot, value: Term, guard: Term) -> None:
        assert self.routine is not None
        if not self.routine.walk:
            super().kept(way, spot, value, guard)
            return
        walk_ = self.plan.walks[self.routine.name]
        function = self.machine.code.functions[self.routine.name]
        lined = lor(way.state[LINED], eq(way.state["$ logged"], constant(WORD, 0)))
        self.escape(way, "the soft TLB is filled from lines without a mark", lnot(lined))
        sound = eq(way.state["$ uncached"], constant(WORD, 0))
        sound = land(sound, lnot(eq(way.state["$ tlb"], self.void)))
        self.escape(way, "the soft TLB is filled with what may not stay", lnot(sound))
        if spot.at == 0:
            self.escape(way, "an entry of the soft TLB of another page", lnot(eq(value, self.tag)))
            return
        k = spot.at // 8 - 1
        wanted = zext(bits(self.results[k]), WORD)
        if walk_.carried[k]:
            name, width = function.parameters[walk_.position]
            wanted = mk("sub", WORD, wanted, zext(parameter(width, name), WORD))
        self.escape(way, "an entry of the soft TLB of another result", lnot(eq(value, wanted)))


# ---- together


def _together(run: Tier0) -> tuple[Meant, list[tuple[str, Term]]]:
    """All that was done as one execution, and what must not be."""
    machine, done = run.machine, Meant(run.machine, {}, {})
    pc = machine.state.leaves[machine.state.pc]
    done.exits = list(run.exits())
    for end in run.completed:
        run.owed(end.way)
        run.forgot(end.way)
        if not run.synced:
            run.told(end.way)
        else:
            right = mk("sub", WORD, run.left, constant(WORD, 1))
            run.escape(end.way, "how many steps it counts", lnot(eq(end.left, right)))
            run.escape(end.way, "bits above PC", lnot(eq(zext(extract(end.pc, pc.width - 1, 0), WORD), end.pc)))
            end.way.state[pc.name] = extract(end.pc, pc.width - 1, 0)
    state, alive, results = dict(run.spec_before) | {ACCESS: NO_ACCESS}, FALSE, None
    if run.completed:
        alive = disjunction(c.way.guard for c in run.completed)
        state = met([c.way for c in run.completed]).state
        if not run.synced:
            count = len([n for n in state if n.startswith("$r") and n[2:].isdigit()])
            results = tuple(state[f"$r{k}"] for k in range(count))
            state[NEXT_PC] = extract(state["$ next"], pc.width - 1, 0)
            results = tuple(results)
    state.setdefault(NEXT_PC, variable(pc.width, Name(FREE, NEXT_PC)))
    done.frame = Path({**state, ACCESS: NO_ACCESS}, {}, alive, TRUE, results)
    return _replaced(done, run.given), [(w, substitute([t], run.given)[0]) for w, t in run.escapes]


def _choices(*sides: Meant) -> set[Term]:
    """What sites of choice give."""
    roots = [t for s in sides for t in _terms(s)]
    return {t for t in walk(roots) if t.op == "var" and t.name.space == CHOICE}


def _clocks(code: Interpreter, routine: Routine, *sides: Meant) -> dict[Term, Term]:
    """What reads of the clock give: where it `ticks`, the steps that were taken so far."""
    left = held("left") if routine.instruction is None else LEFT
    now = mk("sub", WORD, mk("sub", WORD, held("clock"), left), held("handled"))
    counts = eq(held("ticks"), constant(WORD, 1))
    names = set(code.machine.platform.clock) & code.plan.ports
    reads = {t for t in walk(r for s in sides for r in _terms(s)) if t.op == "var" and t.name.space == READ}
    return {t: ite(counts, resized(now, t.width), t) for t in reads if t.name.text in names}


def _terms(side: Meant) -> list[Term]:
    found = [side.frame.alive, *side.frame.state.values(), *(side.frame.results or ())]
    for exit_ in side.exits:
        found += [exit_.guard, *exit_.args, *exit_.state.values()]
    return found


def _replaced(side: Meant, given: Mapping[Term, Term]) -> Meant:
    """The same with other terms in place of some."""
    if not given:
        return side
    terms = iter(substitute(_terms(side), dict(given)))
    frame = side.frame
    alive = next(terms)
    state = {n: next(terms) for n in frame.state}
    results = None if frame.results is None else tuple(next(terms) for _ in frame.results)
    exits = []
    for e in side.exits:
        guard, args = next(terms), tuple(next(terms) for _ in e.args)
        exits.append(Exit(guard, e.function, args, e.note, {n: next(terms) for n in e.state}))
    made = Meant(side.machine, {}, {})
    made.frame, made.exits = Path(state, {}, alive, TRUE, results), exits
    return made
