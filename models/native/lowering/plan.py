"""What the lowering of a machine has to know before it starts: numbers for what the host is asked, and where everything lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, walk
from pgcheck.isa.terms.ir import Bind, Block, If, Raise, SetLocal, Store
from pgcheck.isa.terms.reads import bound_calls, terms_of
from pgcheck.models.generated.facts import Facts
from pgcheck.models.generated.program import program_of
from pgcheck.models.native.lowering.gathered import gathered
from pgcheck.models.native.lowering.layout import KINDS, Layout
from pgcheck.models.native.lowering.walks import walks

MOST_UNITS: Final = 64
"""The largest access to memory, in units."""


class Request(IntEnum):
    """What generated code asks of the host: arguments `a` and `b`, values in the place `value`."""

    LOAD = 0  # address, count
    STORE = 1  # address, count
    UNDEFINED = 2  # number of the site, width
    VOLATILE = 3  # number of the leaf, index + 1 or 0
    LEAF = 4  # number of the leaf, index + 1 or 0: set it
    GUARD = 5  # line: be told of what others store to its page
    CUT = 6  # number of the function: what the oracle says in its place, if it says anything


class Status(IntEnum):
    """Why generated code came back."""

    SPENT = 0
    MISSED = 1  # no record at PC
    UNFILLED = 2  # the record at `record` has not been filled
    CHECK = 3
    EXIT = 4
    OUTSIDE = 5  # the instruction at `record` has no code
    RESUMED = 6  # a monitor has something to decide


class Unsupported(Exception):
    """What native code is not made for."""


class Plan:
    """A machine with devices behind the leaves `ports`, ready to be lowered; an oracle is asked for `cuts`. Raises Unsupported."""

    def __init__(self, machine: Machine, ports: frozenset[str], cuts: frozenset[str] = frozenset()) -> None:
        self.machine, self.ports, self.cuts = machine, ports, cuts
        self.facts = Facts(machine)
        program = program_of(machine, ports)
        self.context = program.context
        self.watched = {*program.context, *program.pending}
        self.functions = {name: i for i, name in enumerate(machine.code.functions)}
        self.leaves = {name: i for i, name in enumerate(machine.state.leaves)}
        self.sites = {name: i for i, name in enumerate(machine.code.sites)}
        self.outside = frozenset(n for n, leaf in machine.state.leaves.items() if leaf.volatile)
        self.exits: dict[tuple[str, str, tuple[int, ...]], int] = {}
        self._lazy: dict[Term, bool] = {}
        self._weights: dict[str, int] = {}
        self._kinds: dict[tuple[str, tuple[Term | None, ...]], int] = {}
        translation = machine.code.translation
        asked = translation is not None and translation.function in cuts
        self.walks = {} if asked else walks(machine, self.facts)
        every = {name: gathered(machine, function) for name, function in machine.code.functions.items()}
        self.gathered = {name: whole for name, whole in every.items() if whole is not None}
        state = machine.state
        if not program.stable or max(state.address_width, state.memory_unit, state.leaves[state.pc].width) > 64:
            raise Unsupported
        counts, arguments = {1, *(whole.count for whole in self.gathered.values())}, 1
        for block in self.blocks():
            for statement in statements(block):
                if isinstance(statement, Store):
                    counts.add(statement.value.width // state.memory_unit)
                elif isinstance(statement, Raise):
                    arguments = max(arguments, len(statement.args))
            counts |= {t.width // state.memory_unit for t in walk(terms_of(block)) if t.op == "load"}
        for function in machine.code.functions.values():
            arguments = max(arguments, len(function.parameters))
        results = max((len(walk.carried) for walk in self.walks.values()), default=0)
        self.layout = Layout(machine, self.outside, (c for c in counts if c <= MOST_UNITS), arguments, results)

    def blocks(self) -> Iterator[Block]:
        """All lowered code."""
        for function in self.machine.code.functions.values():
            yield function.body
        for instruction in (*self.machine.instructions, self.machine.code.undefined):
            yield instruction.body

    def exit(self, function: str, note: str, widths: tuple[int, ...]) -> int:
        """The number of an exit with a payload of these widths."""
        return self.exits.setdefault((function, note, widths), len(self.exits))

    def numbered(self, name: str) -> int:
        """The number of a site of choice."""
        return self.sites.setdefault(name, len(self.sites))

    def checks(self, block: Block) -> bool:
        """Whether what the engine looks at before an instruction may have changed after a block."""
        effects = self.facts.block(block)
        touched = effects.volatile or effects.loads or effects.stores
        return touched or bool(effects.writes & {*self.watched, *self.ports, *self.outside})

    def kind(self, name: str, steady: tuple[Term | None, ...]) -> int | None:
        """The number of the calls of a walk with such arguments that hang on leaves of the context alone; None where there are too many."""
        if len(self._kinds) == KINDS and (name, steady) not in self._kinds:
            return None
        return self._kinds.setdefault((name, steady), len(self._kinds))

    def looked_up(self, number: int) -> tuple[str, tuple[Term | None, ...]]:
        """The walk whose calls have that number, and their arguments that hang on the context alone. Raises KeyError."""
        return {n: key for key, n in self._kinds.items()}[number]

    def kinds(self, name: str) -> Mapping[tuple[Term | None, ...], int]:
        """The kinds of calls of a walk that there are, by what they have in common."""
        return {steady: number for (walk, steady), number in self._kinds.items() if walk == name}

    def inlined(self, name: str, heaviest: int) -> bool:
        """Whether a function stands where it is called: it has at most so many terms, those that it calls included, a walk as a few."""
        return self._weight(name) <= heaviest

    def _weight(self, name: str) -> int:
        known = self._weights.get(name)
        if known is None:
            self._weights[name] = 1 << 32  # one that calls itself does not end
            block = self.machine.code.functions[name].body
            names = [t.about for t in walk(terms_of(block)) if t.op == "call"]
            names += bound_calls(block)
            inner = sum(12 if n in self.walks or n in self.gathered else self._weight(n) for n in names)
            known = self._weights[name] = inner + sum(1 for t in walk(terms_of(block)) if t.args)
        return known

    def called(self, block: Block, leaf: str) -> bool:
        """Whether a function that a block calls reads a leaf."""
        names = {t.about for t in walk(terms_of(block)) if t.op == "call"} | set(bound_calls(block))
        return any(leaf in self.facts.function(name).reads for name in names)

    def lazy(self, term: Term) -> bool:
        """Whether a term must not be evaluated unless it is asked for."""
        known = self._lazy.get(term)
        if known is None:
            known = self._lazy[term] = self._effect(term) or any(map(self.lazy, term.args))
        return known

    def apart(self, term: Term) -> bool:
        """Whether a term reads a leaf that is not in the context."""
        return any(t.leaf is not None and t.leaf not in self.context for t in walk([term]))

    def _effect(self, term: Term) -> bool:
        if term.op == "select":
            return self.beyond(term.args[0].name.text)
        return term.op in ("call", "load", "undefined", "choice", "volatile")

    def beyond(self, array: str) -> bool:
        """Whether an index may lead out of an array leaf."""
        leaf = self.machine.state.arrays[array]
        return leaf.size < 1 << leaf.index_width


def statements(block: Block) -> Iterator[object]:
    """The statements of a block and of what is nested in it."""
    for statement in block:
        yield statement
        if isinstance(statement, If):
            yield from statements(statement.then)
            yield from statements(statement.orelse)


def assigned(block: Block) -> Mapping[str, int]:
    """How often each local is set in a block."""
    times: Counter[str] = Counter()
    for statement in statements(block):
        if isinstance(statement, SetLocal):
            times[statement.name] += 1
        elif isinstance(statement, Bind):
            times.update(t for t in statement.targets if t is not None)
    return times
