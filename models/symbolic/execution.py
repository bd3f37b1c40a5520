"""Lowered code run on terms, all paths at once."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.idl.types import width_of
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    apply,
    conjunction,
    constant,
    eq,
    ite,
    land,
    lnot,
    lor,
    mk,
    names,
    select,
    store,
    variable,
)
from pgcheck.isa.terms.ir import (
    TRANSLATE,
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
    Statement,
    Store,
)
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, TABLE, Space
from pgcheck.models.symbolic.memory import loaded, stored
from pgcheck.models.symbolic.path import NEXT_PC, Path, State, merge
from pgcheck.models.symbolic.transition import ADDRESS, FAULT, Access, Exit


class Execution:
    """Runs lowered code on terms. `cuts` says whether cut functions are oracles or run their bodies.

    `given` are the instruction's `length` in units of PC and its `encoding`, for the bodies that ask; `first` is the number of a site's first instance.
    """

    def __init__(self, machine: Machine, state: State, operands: Mapping[str, Term], *, cuts: bool = True) -> None:
        self.machine, self.operands, self.cuts = machine, operands, cuts
        self.frame = Path(state, {})
        self.path: list[Term] = []
        self.accesses: list[Access] = []
        self.exits: list[Exit] = []
        self.instances: dict[tuple[Space, str], int] = {}
        self.first = 0
        self.given: dict[str, Term] = {}
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
        count = self.instances.get((space, site), self.first)
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
                for index in map(self.value, term.args):
                    self.indexed(term.about, index, write=False)
                return self.volatile(self.machine.state.leaves[term.about])
            case "length" | "encoding":
                return self.given[term.op]
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
        self.indexed(leaf.name, index, write=False)
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
        result = loaded(self.machine.state, self.frame.state[self.machine.state.memory], address, width)
        self.loads.append((address, result))
        self.accessed(address, width // self.machine.state.memory_unit, write=False)
        return result

    def write(self, address: Term, value: Term) -> None:
        """Set physical memory from `address` on."""
        memory = self.machine.state.memory
        self.frame.state[memory] = stored(self.machine.state, self.frame.state[memory], address, value)
        self.accessed(address, value.width // self.machine.state.memory_unit, write=True)

    def indexed(self, leaf: str, index: Term, *, write: bool) -> None:
        """Note that an element of an array is used, which is an access where the array is memory."""
        if leaf == self.machine.state.memory:
            self.accessed(index, 1, write=write)

    def accessed(self, address: Term, units: int, *, write: bool) -> None:
        """Note an access to physical memory."""
        self.accesses.append(Access(land(conjunction(self.path), self.frame.alive), address, units, write))

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

    def statement(self, statement: Statement) -> None:
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

    def branch(self, frame: Path, guard: Term, block: Block) -> Path:
        self.frame = frame.copy()
        self.path.append(guard)
        self.block(block)
        self.path.pop()
        return self.frame

    def set_element(self, leaf: ArrayLeaf, index: Term, value: Term) -> None:
        self.in_range(leaf, index)
        self.indexed(leaf.name, index, write=True)
        old = self.frame.state[leaf.name]
        for place, _ in leaf.hardwired:
            value = ite(eq(index, constant(index.width, place)), select(old, index), value)
        self.frame.state[leaf.name] = store(old, index, value)
