"""Tier 0 on terms: what the handler of an instruction does, and every function that it calls, beside the specification's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.cells import WORD
from pgcheck.checker.generated.native.evaluator import Ended, Pointer
from pgcheck.checker.generated.native.memory import (
    CALLED,
    EXITED,
    FIELD,
    FORGOT,
    LINED,
    TOUCHED,
)
from pgcheck.checker.generated.native.reading import definitions
from pgcheck.checker.generated.native.walks import Walks
from pgcheck.checker.generated.native.ways import Way, bits, truth
from pgcheck.checker.generated.normal import where
from pgcheck.checker.generated.traced import ACCESS, NO_ACCESS, TRACE, accessed
from pgcheck.checker.questions.copies import differ
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    constant,
    disjunction,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    variable,
    walk,
)
from pgcheck.isa.terms.names import FREE, OPERAND, Name
from pgcheck.models.native.lowering.accesses import load_name
from pgcheck.models.native.lowering.code import store_name
from pgcheck.models.native.lowering.layout import CONTEXTS
from pgcheck.models.native.lowering.plan import Plan, Status
from pgcheck.models.native.lowering.threaded import Writer, outlined_name
from pgcheck.models.native.lowering.walking import FORGET, LINES, miss_name
from pgcheck.models.symbolic import Exit, State

UNTOLD: Final = "that the engine does not look"
COMPLETES: Final = (Status.SPENT, Status.MISSED, Status.CHECK)


@dataclass(frozen=True, slots=True)
class Routine:
    """A function of tier 0: the handler of an instruction, or what a function of the specification is made into."""

    name: str
    made: str
    instruction: Instruction | None = None
    walk: bool = False


@dataclass(frozen=True)
class Interpreter:
    """Tier 0 of a plan as it is written: the texts of its functions, by name."""

    plan: Plan
    texts: Mapping[str, str]
    handlers: tuple[str, ...] = ()
    """Of each instruction, and of what no encoding accepts."""
    left_out: tuple[str, ...] = ()

    @property
    def machine(self) -> Machine:
        return self.plan.machine

    @cached_property
    def functions(self) -> dict[str, str]:
        """The functions of the specification, by what they are made into."""
        return {f"{kind}{number}": name for name, number in self.plan.functions.items() for kind in "fg"}

    @cached_property
    def outlined(self) -> frozenset[str]:
        """The functions that do what one of the specification mostly does: whoever calls one is asked about with it."""
        return frozenset(outlined_name(number) for number in self.plan.functions.values())

    @cached_property
    def misses(self) -> dict[str, str]:
        return {miss_name(self.plan, name): name for name in self.plan.walks}

    @cached_property
    def routines(self) -> tuple[Routine, ...]:
        """All that is asked for."""
        found = [Routine(name, made) for made, name in self.functions.items() if made in self.texts]
        found += [Routine(name, made, walk=True) for made, name in self.misses.items()]
        every = (*self.machine.instructions, self.machine.code.undefined)
        handlers = zip(every, self.handlers, strict=True)
        found += [Routine(i.id, handler, i) for i, handler in handlers if i.id not in self.left_out]
        return tuple(found)


def interpreter(machine: Machine) -> Interpreter:
    """Tier 0 of a machine whose devices are those of its platform. Raises Unsupported."""
    platform = machine.platform
    ports = frozenset((*platform.clock, *(leaf for device in platform.devices for leaf in device.leaves)))
    plan = Plan(machine, ports)
    written = Writer(plan).written()
    texts = dict(definition for text in written.texts for definition in definitions(text))
    return Interpreter(plan, texts, written.handlers[-len(machine.instructions) - 1 :], written.left_out)


@dataclass(slots=True)
class Completed:
    """A way on which the instruction has completed: the PC and what is left, and whether execution goes on without a look."""

    way: Way
    pc: Term
    left: Term
    on: bool


@dataclass
class Tier0(Walks):
    """Evaluates tier 0: `functions` and `misses` are those that have a question of their own, and do what is asked of them."""

    code: Interpreter | None = None
    own: str = ""
    completed: list[Completed] = field(default_factory=list)
    failed: list[Way] = field(default_factory=list)
    held: list[tuple[int, tuple[Term, ...], Exit]] = field(default_factory=list)
    """Exits of functions that were called: the number of the call, what holds where it fails, and the exit."""

    # ---- calls

    def called(self, way: Way, name: str, args: Sequence[Term], widths: Sequence[int]) -> Ended | None:
        """The results of a function: whether it failed, and they; None if it does not come back."""
        assert self.code is not None
        if name in (FORGET, LINES):
            way.state[FORGOT if name == FORGET else LINED] = TRUE
            return Ended(way, (FALSE,))
        own = {f(c) for c in self.plan.layout.limits for f in (load_name, store_name)}
        if name in own or name in self.code.outlined:
            return self.returned(self.function(name), (Pointer("st", constant(64, 0)), *args), way)
        of = self.code.functions.get(name) if name != self.own else None
        if of is not None:
            found = self.specified(way, of, args)
            if name.startswith("g"):
                way.state |= {"$ uncached": self.any(WORD), "$ logged": self.any(WORD)}
            return found
        of = self.code.misses.get(name)
        if of is None:
            raise Unknown(f"a call of {name}")
        *given, tag, entry = args
        self.missed(way, of, given, tag, entry)
        return self.specified(way, of, given)

    def specified(self, way: Way, name: str, args: Sequence[Term]) -> Ended:
        """A call of a function that does what the specification says."""
        function, effects = self.machine.code.functions[name], self.plan.facts.function(name)
        self.known(way, bool(effects.free or effects.volatile))
        spec = self.specification(way)
        self.calls += 1
        count = len(spec.exits)
        typed = tuple(truth(a) if not w else bits(a) for (_, w), a in zip(function.parameters, args, strict=True))
        before = dict(way.state)
        results = self.specific(spec, name, typed)
        failed = lnot(spec.frame.alive)
        taken = way.on(failed)
        literals = way.literals if taken is None else taken.literals
        self.held += [(self.calls, literals, e) for e in spec.exits[count:]]
        del spec.exits[count:]
        self.took(way)
        way.state[TOUCHED] = FALSE if failed is not FALSE else way.state[TOUCHED]
        way.state |= {EXITED: failed, CALLED: constant(32, self.calls)}
        turned, asked = self.turned(before, way.state, self.plan.watched), self.any(0)
        if turned is not FALSE or effects.volatile or effects.loads or effects.stores or effects.writes:
            way.state["$ check"] = ite(lor(turned, asked), constant(WORD, 1), before["$ check"])
        if effects.writes & {*self.plan.context}:
            turned = self.turned(before, way.state, self.plan.context)
            way.state["$ tlb"] = ite(lor(turned, asked), self.void, before["$ tlb"])
        return Ended(way, (failed, *results))

    @cached_property
    def void(self) -> Term:
        layout = self.plan.layout
        return constant(WORD, layout.tlb.at + layout.table(CONTEXTS))

    # ---- ends

    def went(self, way: Way, how: str, at: Pointer, pc: Term, left: Term) -> None:
        """The handler has ended: by an exit, or by completing."""
        if how.startswith("stop"):
            status = Status(int(how[4:]))
            if status == Status.EXIT:
                self.escape(way, "what is left at an exit", lnot(eq(left, self.left)))
                self.escape(way, "PC at an exit", lnot(eq(pc, self.pc)))
                leaf = self.machine.state.leaves[self.machine.state.pc]
                way.state[leaf.name] = extract(pc, leaf.width - 1, 0)
                self.failed.append(way)
            elif status in COMPLETES:
                self.completed.append(Completed(way, pc, left, False))
                if status == Status.SPENT:
                    self.escape(way, "it stops although steps are left", lnot(eq(left, constant(WORD, 0))))
                if status != Status.CHECK:
                    self.looks(way)
            else:
                raise Unknown(f"it stops with status {status.name}")
            return
        self.looks(way)
        self.escape(way, "it outruns its budget", eq(left, constant(WORD, 0)))
        if how == "handler jumped":
            address = variable(WORD, Name(FREE, "$ address of the table of records"))
            self.escape(way, "the record of another address", lnot(eq(address, pc)))
        elif how == "handler behind":
            self.escape(way, "the record behind for another address", lnot(eq(pc, self.behind)))
        elif how == "handler linked":
            kept = way.state.get(f"{FIELD}{self.plan.layout.link}")
            if kept is None or not kept.is_constant or not self.fixed(where(way.literals, pc)):
                raise Unknown("a record that is linked to no fixed address")
        else:
            raise Unknown(f"it goes on at {how}")
        self.completed.append(Completed(way, pc, left, True))

    behind: Term = constant(WORD, 0)

    def fixed(self, term: Term) -> bool:
        """Whether a term hangs on operands and PC alone."""
        pc = self.machine.state.pc
        free = [t for t in walk([term]) if t.op in ("var", "array", "uf")]
        return all(t.leaf == pc or (t.op == "var" and t.name.space == OPERAND) for t in free)

    def looks(self, way: Way) -> None:
        """Where the engine does not look before the next instruction, nothing has changed that it looks at."""
        self.escape(way, UNTOLD, lnot(eq(way.state["$ check"], constant(WORD, 0))))
        self.escape(way, UNTOLD, self.turned(self.spec_before, way.state, self.plan.watched))

    def turned(self, before: State, after: State, names: Iterable[str]) -> Term:
        """Leaves have changed; PC is told by where an instruction leads."""
        leaves = (self.machine.state.leaves[n] for n in sorted(names) if n != self.machine.state.pc)
        pairs = ((leaf, before[leaf.name], after[leaf.name]) for leaf in leaves)
        return disjunction(differ(leaf, a, b) for leaf, a, b in pairs if a is not b)

    def forgot(self, way: Way) -> None:
        """No entry of the soft TLB is looked at in a context that it is not of."""
        turned = self.turned(self.spec_before, way.state, self.plan.context if self.plan.walks else ())
        void = eq(way.state["$ tlb"], self.void)
        self.escape(way, "the soft TLB is looked at in another context", land(turned, lnot(void)))

    def told(self, way: Way) -> None:
        """A function that changes what the engine looks at says so."""
        turned = self.turned(self.spec_before, way.state, self.plan.watched)
        self.escape(way, UNTOLD, land(turned, eq(way.state["$ check"], constant(WORD, 0))))

    spec_before: State = field(default_factory=dict)

    def exits(self) -> Iterator[Exit]:
        """The exits, as the record that the engine reads tells them."""
        for way in self.failed:
            self.owed(way)
            self.forgot(way)
            held_ = self.settled(way, way.state[EXITED])
            if held_ is not FALSE and not way.state[CALLED].is_constant:
                raise Unknown("an exit of one of several calls")
            if held_ is not FALSE:
                self.escape(way, "something is changed at an exit", land(held_, way.state[TOUCHED]))
            access = self._access(way)
            called = way.state[CALLED]
            for number, literals, exit_ in self.held:
                if held_ is FALSE or not called.is_constant or called.value != number:
                    continue
                guard = exit_.guard if literals == way.literals else land(exit_.guard, way.guard)
                noted = exit_.state[ACCESS] if access is None else ite(access[0], access[1], exit_.state[ACCESS])
                yield Exit(guard, exit_.function, exit_.args, exit_.note, {**exit_.state, ACCESS: noted})
            own = way.on(lnot(held_))
            if own is not None:
                yield from self._told(own, access)

    def _access(self, way: Way) -> tuple[Term, Term] | None:
        """When an access is noted, and which."""
        translation, noted = self.machine.code.translation, way.state["$ translating"]
        if translation is None or (noted.is_constant and not noted.value):
            return None
        widths = [w for _, w in self.machine.code.functions[translation.function].parameters]
        args = [way.state.get(f"$ accessed {i}") for i in range(len(widths))]
        typed = [extract(a, (w or 1) - 1, 0) for a, w in zip(args, widths, strict=True) if a is not None]
        typed = [t if w else truth(t) for t, w in zip(typed, widths, strict=False)]
        if len(typed) != len(widths):
            raise Unknown("an access that is noted in part")
        return eq(noted, constant(WORD, 1)), accessed(typed)

    def _told(self, way: Way, access: tuple[Term, Term] | None) -> Iterator[Exit]:
        numbers = {number: told for told, number in self.plan.exits.items()}
        for guard, number in _cases(way.state["$ exit"]):
            if number not in numbers:
                self.escape(way, "an exit that nothing told", guard)
                continue
            taken = way.on(guard)
            if taken is None:
                continue
            function, note, widths = numbers[number]
            args = []
            for i, width in enumerate(widths):
                found = way.state.get(f"$ argument {i}")
                if found is None:
                    raise Unknown("an argument of an exit that nothing set")
                word = extract(found, (width or 1) - 1, 0)
                args.append(word if width else truth(word))
            leaves = {n: way.state[n] for n in (*self.machine.state.leaves, TRACE)}
            noted = NO_ACCESS if access is None else ite(access[0], access[1], NO_ACCESS)
            yield Exit(taken.guard, function, tuple(args), note, {**leaves, ACCESS: noted})


def _cases(number: Term, guard: Term = TRUE) -> Iterator[tuple[Term, int]]:
    """The constants that a number can be, and when."""
    if number.op == "ite":
        yield from _cases(number.args[1], land(guard, number.args[0]))
        yield from _cases(number.args[2], land(guard, lnot(number.args[0])))
    elif number.is_constant:
        yield guard, number.value
    else:
        yield guard, -1
