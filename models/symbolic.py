"""The symbolic binding: one transition per instruction, as terms.

A transition speaks about leaves, operands, and what is not state: the oracles of the translation cut, of probes and tables, and one fresh
variable per dynamic instance of a nondeterministic site and of a volatile read. Copies of a machine are made from it by substitution,
never by running again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.idl.types import width_of
from pgcheck.isa.machine.machine import ExitRule, Instruction, Machine
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    apply,
    conjunction,
    constant,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mk,
    names,
    operand,
    select,
    store,
    substitute,
    variable,
)
from pgcheck.isa.terms.ir import (
    HALT,
    TRANSLATE,
    UNMODELLED,
    UNPREDICTABLE,
    Bind,
    Block,
    Do,
    If,
    Raise,
    Return,
    SetElement,
    SetLeaf,
    SetLocal,
    SetNext,
    Store,
)
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, TABLE, TRANSLATION, Space
from pgcheck.isa.words import places

FAULT, ADDRESS = Name(TRANSLATION, "fault"), Name(TRANSLATION, "pa")
NEXT_PC = "$next"
State = dict[str, Term]


@dataclass(frozen=True, slots=True)
class Exit:
    """One way a step ends early: `guard`, the terminator with its payload, and the state at that point."""

    guard: Term
    function: str
    args: tuple[Term, ...]
    note: str
    state: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Access:
    """An access to physical memory of several units from `address` on, made under `guard`."""

    guard: Term
    address: Term
    units: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One step: it completes under `completes` with state `post`, or takes one of `exits`; `accesses` are those of several units."""

    completes: Term
    post: Mapping[str, Term]
    exits: tuple[Exit, ...]
    accesses: tuple[Access, ...] = ()

    @property
    def roots(self) -> tuple[Term, ...]:
        """Every term of the transition, in a fixed order."""
        parts = [self.completes, *self.post.values()]
        for e in self.exits:
            parts += [e.guard, *e.args, *e.state.values()]
        return tuple(parts)


def initial(machine: Machine) -> State:
    """The state in which every leaf is free."""
    return {name: leaf.term for name, leaf in machine.state.leaves.items()}


def kind_guards(rule: ExitRule, args: tuple[Term, ...]) -> dict[str, Term]:
    """For each kind the exit may have, the condition on its payload."""
    if rule.selector < 0:
        return {rule.kind: TRUE}
    selector = args[rule.selector]
    guards: dict[str, Term] = {}
    rest = TRUE
    for value, kind in rule.kinds:
        here = eq(selector, constant(selector.width, value))
        guards[kind] = lor(guards.get(kind, FALSE), here)
        rest = land(rest, lnot(here))
    guards[rule.kind] = lor(guards.get(rule.kind, FALSE), rest)
    return {kind: guard for kind, guard in guards.items() if guard is not FALSE}


def exit_kinds(machine: Machine, function: str, args: tuple[Term, ...]) -> dict[str, Term]:
    """The kinds of an exit by any function, built-in ones and the translation oracle's fault among them."""
    if function == TRANSLATE:
        return {"memory": TRUE}
    if function in (UNPREDICTABLE, UNMODELLED, HALT):
        return {function: TRUE}
    return kind_guards(machine.code.exits[function], args)


@dataclass(slots=True)
class _Frame:
    """What changes along a path: state, locals, whether it is alive, whether the current function still runs, its results."""

    state: State
    locals: dict[str, Term]
    alive: Term = TRUE
    running: Term = TRUE
    results: tuple[Term, ...] | None = None

    def copy(self) -> _Frame:
        return _Frame(dict(self.state), dict(self.locals), self.alive, self.running, self.results)


class Execution:
    """Runs lowered code on terms. `cuts` says whether cut functions are oracles or run their bodies."""

    def __init__(self, machine: Machine, state: State, operands: Mapping[str, Term], *, cuts: bool = True) -> None:
        self.machine, self.operands, self.cuts = machine, operands, cuts
        self.frame = _Frame(state, {})
        self.path: list[Term] = []
        self.spans: list[Access] = []
        self.exits: list[Exit] = []
        self.instances: dict[tuple[Space, str], int] = {}
        self.encoding: Term | None = None
        self.length: Term | None = None
        self.loads: list[tuple[Term, Term]] = []

    # ---- exits

    def exit(self, function: str, args: tuple[Term, ...], note: str = "", when: Term = TRUE) -> None:
        """Record an exit under the current path and `when`; the rest goes on where it is not taken."""
        guard = land(conjunction(self.path), land(self.frame.alive, when))
        if guard is not FALSE:
            state = {k: v for k, v in self.frame.state.items() if k != NEXT_PC}
            self.exits.append(Exit(guard, function, args, note, state))
        self.frame.alive = land(self.frame.alive, lnot(when))

    def instance(self, space: Space, site: str) -> Name:
        """The name of the next instance of a site or volatile leaf; two branches of which one is taken count alike."""
        count = self.instances.get((space, site), 0)
        self.instances[space, site] = count + 1
        return Name(space, site, count)

    # ---- expressions

    def value(self, term: Term) -> Term:
        """The value of an expression of the intermediate form on the current path."""
        match term.op:
            case "const" | "karray":
                return term
            case "var":
                return self.variable(term)
            case "array":
                return self.frame.state[term.name.text]
            case "select":
                return self.element(term)
            case "ite":
                guard = self.value(term.args[0])
                if guard.is_constant:
                    return self.value(term.args[1] if guard is TRUE else term.args[2])
                a = self.under(guard, term.args[1])
                return ite(guard, a, self.under(lnot(guard), term.args[2]))
            case "land":
                guard = self.value(term.args[0])
                return FALSE if guard is FALSE else land(guard, self.under(guard, term.args[1]))
            case "lor":
                guard = self.value(term.args[0])
                return TRUE if guard is TRUE else lor(guard, self.under(lnot(guard), term.args[1]))
            case "call":
                results = self.call(term.about, tuple(self.value(a) for a in term.args))
                return results[0] if results else TRUE
            case "load":
                return self.load(self.value(term.args[0]), term.width)
            case "undefined" | "choice":
                return variable(term.width, self.instance(CHOICE, term.about))
            case "volatile":
                for index in term.args:
                    self.value(index)
                return self.volatile(self.machine.state.leaves[term.about])
            case "length":
                assert self.length is not None
                return self.length
            case "encoding":
                assert self.encoding is not None
                return self.encoding
            case op:
                return mk(op, term.width, *(self.value(a) for a in term.args), data=term.data)

    def variable(self, term: Term) -> Term:
        name = term.name
        match name.space:
            case names.STATE:
                return self.frame.state[name.text]
            case names.OPERAND:
                return self.operands[name.text]
        return self.frame.locals[name.text]

    def volatile(self, leaf: Leaf) -> Term:
        """A fresh value; reading a device changes it."""
        name = self.instance(READ, leaf.name)
        if leaf.role == "device":
            self.frame.state[leaf.name] = leaf.named(self.instance(READ, leaf.name))
        return variable(leaf.width, name)

    def in_range(self, leaf: ArrayLeaf, index: Term) -> None:
        """An index beyond an array whose size is no power of two leads nowhere predictable."""
        if leaf.size < 1 << leaf.index_width:
            beyond = lnot(mk("ult", 0, index, constant(leaf.index_width, leaf.size)))
            if beyond is not FALSE:
                self.exit(UNPREDICTABLE, (), f"index beyond {leaf.name}", beyond)

    def element(self, term: Term) -> Term:
        leaf = self.machine.state.arrays[term.args[0].name.text]
        index = self.value(term.args[1])
        self.in_range(leaf, index)
        value = select(self.frame.state[leaf.name], index)
        for place, fixed in leaf.hardwired:
            value = ite(eq(index, constant(index.width, place)), constant(value.width, fixed), value)
        return value

    def under(self, guard: Term, term: Term) -> Term:
        """An operand that is evaluated only under `guard`: its effects are too."""
        if term.op in ("const", "var"):
            return self.value(term)
        before = self.frame
        self.frame = before.copy()
        self.path.append(guard)
        value = self.value(term)
        self.path.pop()
        after = self.frame
        if after.alive is before.alive and all(after.state[k] is v for k, v in before.state.items()):
            self.frame = before
        else:
            self.frame = merge(guard, after, before)
        return value

    def load(self, address: Term, width: int) -> Term:
        """`width` bits of physical memory from `address` on."""
        memory = self.frame.state[self.machine.state.memory]
        unit, result = self.machine.state.memory_unit, None
        for k in range(width // unit):
            piece = select(memory, mk("add", address.width, address, constant(address.width, k)))
            if result is None:
                result = piece
            else:
                pair = (result, piece) if self.machine.state.big_endian else (piece, result)
                result = mk("concat", result.width + unit, *pair)
        assert result is not None
        self.loads.append((address, result))
        self.accessed(address, width // unit)
        return result

    def accessed(self, address: Term, units: int) -> None:
        """Note an access of several units."""
        if units > 1:
            self.spans.append(Access(land(conjunction(self.path), self.frame.alive), address, units))

    def write(self, address: Term, value: Term) -> None:
        memory, unit = self.frame.state[self.machine.state.memory], self.machine.state.memory_unit
        count = value.width // unit
        for k, place in zip(range(count), reversed(places(count, self.machine.state.order)), strict=True):
            piece = extract(value, unit * place + unit - 1, unit * place)
            memory = store(memory, mk("add", address.width, address, constant(address.width, k)), piece)
        self.frame.state[self.machine.state.memory] = memory
        self.accessed(address, count)

    # ---- calls

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        """The results of a function; a cut answers by its oracle."""
        if self.cuts:
            answer = self.oracle(name, args)
            if answer is not None:
                return answer
        function = self.machine.code.functions[name]
        outer = self.frame.locals, self.frame.running, self.frame.results
        self.frame.locals = {n: a for (n, _), a in zip(function.parameters, args, strict=True)}
        self.frame.running, self.frame.results = TRUE, None
        self.block(function.body)
        results = self.frame.results
        self.frame.locals, self.frame.running, self.frame.results = outer
        return results if results is not None else tuple(constant(w, 0) for w in function.results)

    def oracle(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...] | None:
        translation = self.machine.code.translation
        if translation is not None and name == translation.function:
            width = self.machine.code.functions[name].results[0]
            self.exit(TRANSLATE, args, when=apply(0, FAULT, *args))
            return (apply(width, ADDRESS, *args),)
        if translation is not None and name in translation.probes:
            return tuple(apply(w, Name(PROBE, name), *args) for w in self.machine.code.functions[name].results)
        if name in self.machine.code.tables:
            return (apply(width_of(self.machine.code.tables[name].type), Name(TABLE, name), *args),)
        return None

    # ---- statements

    def block(self, block: Block) -> None:
        """Run statements; after a conditional return the rest runs under `running`."""
        for position, statement in enumerate(block):
            self.statement(statement)
            frame = self.frame
            if frame.alive is FALSE or frame.running is FALSE:
                return
            if frame.running is not TRUE and position + 1 < len(block):
                guard, before = frame.running, frame
                self.frame = before.copy()
                self.frame.running = TRUE
                self.path.append(guard)
                self.block(block[position + 1 :])
                self.path.pop()
                running = land(guard, self.frame.running)
                self.frame = merge(guard, self.frame, before)
                self.frame.running = running
                return

    def statement(self, statement: object) -> None:
        frame = self.frame
        match statement:
            case SetLocal(name, value):
                new = self.value(value)
                self.frame.locals[name] = new
            case SetLeaf(leaf, value):
                new = self.value(value)
                self.frame.state[leaf] = new
            case SetElement(leaf, index, value):
                self.set_element(self.machine.state.arrays[leaf], self.value(index), self.value(value))
            case SetNext(value):
                new = self.value(value)
                self.frame.state[NEXT_PC] = new
            case Store(address, value):
                self.write(self.value(address), self.value(value))
            case Do(call):
                self.value(call)
            case Bind(targets, function, args):
                results = self.call(function, tuple(self.value(a) for a in args))
                self.frame.locals.update({t: r for t, r in zip(targets, results, strict=True) if t is not None})
            case Return(values):
                results = tuple(self.value(v) for v in values)
                self.frame.results, self.frame.running = results, FALSE
            case Raise(function, args, note):
                self.exit(function, tuple(self.value(a) for a in args), note)
            case If(condition, then, orelse):
                guard = self.value(condition)
                if guard.is_constant:
                    self.block(then if guard is TRUE else orelse)
                else:
                    frame, counts = self.frame, dict(self.instances)
                    a = self.branch(frame, guard, then)
                    taken, self.instances = self.instances, counts
                    b = self.branch(frame, lnot(guard), orelse)
                    self.instances |= {n: max(c, self.instances.get(n, 0)) for n, c in taken.items()}
                    self.frame = merge(guard, a, b)

    def branch(self, frame: _Frame, guard: Term, block: Block) -> _Frame:
        self.frame = frame.copy()
        self.path.append(guard)
        self.block(block)
        self.path.pop()
        return self.frame

    def set_element(self, leaf: ArrayLeaf, index: Term, value: Term) -> None:
        self.in_range(leaf, index)
        old = self.frame.state[leaf.name]
        for place, _ in leaf.hardwired:
            value = ite(eq(index, constant(index.width, place)), select(old, index), value)
        self.frame.state[leaf.name] = store(old, index, value)


def merge(guard: Term, a: _Frame, b: _Frame) -> _Frame:
    """The frame that is `a` where `guard` holds and `b` elsewhere; a dead side contributes nothing."""
    alive = ite(guard, a.alive, b.alive)
    if a.alive is FALSE or b.alive is FALSE:
        live = b if a.alive is FALSE else a
        return _Frame(live.state, live.locals, alive, live.running, live.results)
    running = ite(guard, a.running, b.running)
    results = a.results
    if a.results is None or a.running is TRUE:
        results = b.results if b.results is not None else a.results
    elif b.results is not None and b.running is not TRUE:
        results = tuple(ite(guard, x, y) for x, y in zip(a.results, b.results, strict=True))
    return _Frame(_merged(guard, a.state, b.state), _merged(guard, a.locals, b.locals), alive, running, results)


def _merged(guard: Term, a: Mapping[str, Term], b: Mapping[str, Term]) -> dict[str, Term]:
    merged = dict(b)
    for name, value in a.items():
        other = b.get(name)
        merged[name] = value if other is None or other is value else ite(guard, value, other)
    return merged


def transition(machine: Machine, instruction: Instruction, fixed: Mapping[str, int] | None = None) -> Transition:
    """The transition of an instruction over leaves and operands; `fixed` operands are constants."""
    fixed = fixed or {}
    operands = {
        name: constant(bits.width, fixed[name]) if name in fixed else operand(bits.width, name)
        for name, bits in instruction.operands.items()
    }
    return run(machine, instruction.body, operands, instruction.length, instruction.encoding_term)


def run(
    machine: Machine, body: Block, operands: Mapping[str, Term], length: Term, encoding: Term | None = None
) -> Transition:
    """The transition of a body whose instruction is `length` units of PC long."""
    execution = Execution(machine, initial(machine), operands)
    leaves = {operand(t.width, n): t for n, t in operands.items()}
    execution.encoding = None if encoding is None else substitute([encoding], leaves)[0]
    pc = machine.state.leaves[machine.state.pc]
    here = execution.frame.state[machine.state.pc]
    execution.length = substitute([length], leaves)[0]
    execution.frame.state[NEXT_PC] = mk("add", pc.width, here, resized(execution.length, pc.width))
    execution.block(body)
    post = execution.frame.state
    post[machine.state.pc] = post.pop(NEXT_PC)
    return Transition(execution.frame.alive, post, tuple(execution.exits), tuple(execution.spans))


def resized(term: Term, width: int) -> Term:
    """`term` zero-extended or truncated to `width`."""
    return extract(term, width - 1, 0) if term.width > width else mk("zext", width, term)


def predicate(machine: Machine, term: Term) -> Term:
    """A Boolean (or other) expression of the specification over state, with its calls expanded."""
    execution = Execution(machine, initial(machine), {}, cuts=False)
    return execution.value(term)


def delivered(
    machine: Machine, function: str, args: tuple[Term, ...], state: Mapping[str, Term], *, cuts: bool = True
) -> Execution:
    """The execution of a terminator's delivery body on `state`; its frame holds the state afterwards."""
    execution = Execution(machine, dict(state), {}, cuts=cuts)
    execution.frame.state[NEXT_PC] = execution.frame.state[machine.state.pc]
    body = machine.code.functions[function]
    execution.frame.locals = {n: a for (n, _), a in zip(body.parameters, args, strict=True)}
    execution.block(body.body)
    execution.frame.state[machine.state.pc] = execution.frame.state.pop(NEXT_PC)
    return execution
