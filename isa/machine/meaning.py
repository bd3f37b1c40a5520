"""Digests of what parts of a specification mean: the same for the same meaning, whatever the names, comments and order.

Names of functions, parameters and locals do not count; names of leaves, operands and exits do, for roles, encodings and kinds of traps
hang on them.

People's waivers and the fingerprints of their reports are kept under these digests: a change of our representation must not change
them, so what is hashed has the shape that it had in the first version (a leaf as one class, the length as an operand).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

from pgcheck.isa.encoding.encoding import LENGTH
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.schemes import Scheme
from pgcheck.isa.terms import Name, Term, conjunction, digest, eq, node, operand, rewrite, variable, walk
from pgcheck.isa.terms.ir import (
    BUILTIN_EXITS,
    Bind,
    Block,
    Do,
    Function,
    If,
    Raise,
    Return,
    SetElement,
    SetLeaf,
    SetLocal,
    SetNext,
    Store,
)
from pgcheck.isa.terms.names import LOCAL
from pgcheck.isa.terms.nodes import SHOWN
from pgcheck.isa.terms.reads import calls, touched


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one instruction means.

    `step` is the digest of its step: body, callees, the leaves it touches, and the trap entry of its exits. `encoding` is that of its
    bits and operands. `functions` are the named functions that its step goes through.
    """

    step: str
    encoding: str
    functions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Meanings:
    """What a machine means: each instruction, each function, and by name what all of them stand in (modes, legality, deployments...).

    `functions` are the digests of bodies alone: a function does not change because one that it calls does. `exits` are whole: kinds,
    trap entry and what is nested in it.
    """

    instructions: Mapping[str, Meaning]
    functions: Mapping[str, str]
    exits: Mapping[str, str]
    frame: Mapping[str, str]


def meanings(machine: Machine) -> Meanings:
    """The digests of all parts of a machine."""
    reader = _Reader(machine)
    instructions = {i.id: reader.instruction(i) for i in (*machine.instructions, machine.code.undefined)}
    alone = _Reader(machine, shallow=True)
    functions = {name: alone.body(function) for name, function in machine.code.functions.items()}
    exits = {name: reader.exit(name) for name in machine.code.exits}
    return Meanings(instructions, functions, exits, _frame(reader))


def _frame(reader: _Reader) -> dict[str, str]:
    """What every verdict stands in besides its instruction."""
    machine = reader.machine
    translation, modes = machine.code.translation, machine.modes
    parts: dict[str, Iterable[object]] = {
        "modes": (modes.leaf, *(x for c in (modes.supervisor, modes.user) for x in (c.values, reader.term(c.when)))),
        "legal": sorted(reader.term(t) for t in machine.legal),
        "fetch": (
            machine.decoding.decode.unit,
            machine.decoding.decode.order,
            machine.decoding.decode.pc_unit,
            reader.function(machine.code.fetch),
        ),
        "memory": (machine.state.memory, machine.state.memory_unit, machine.state.big_endian),
        "configurations": sorted((c.leaf, c.values) for c in machine.candidates),
    }
    if translation is not None:
        probes = (reader.function(p) for p in translation.probes)
        scheme = None if translation.realise is None else _scheme(reader, translation.realise)
        parts["translation"] = (
            reader.function(translation.function),
            translation.mode,
            translation.access,
            *sorted(probes),
            *sorted(translation.replay.items()),
            scheme,
        )
    interrupt, platform = machine.code.interrupt, machine.platform
    if interrupt is not None:
        named = (interrupt.pending, interrupt.deliver, interrupt.waiting)
        parts["interrupt"] = [*(name and reader.function(name) for name in named), interrupt.shadow]
    firmware = platform.firmware
    called = () if firmware is None else (reader.term(firmware.when), reader.function(firmware.call))
    parts["platform"] = (replace(platform, firmware=None), *called)
    for name, table in machine.code.tables.items():
        parts[f"table {name}"] = (
            reader.function(name),
            table.role,
            *map(str, table.respond),
            *sorted(table.monitor.items()),
        )
    for d in machine.deployments:
        own = (d.modes.leaf, *(x for c in (d.modes.supervisor, d.modes.user) for x in (c.values, reader.term(c.when))))
        parts[f"deployment {d.name}"] = (
            reader.term(d.guest),
            d.real_mode,
            reader.term(d.real),
            reader.term(d.monitor),
            *sorted(d.mirror),
            *own,
        )
    return {name: _hash(part) for name, part in parts.items()}


def _scheme(reader: _Reader, scheme: Scheme) -> str:
    parts = {f.name: getattr(scheme, f.name) for f in fields(scheme)}
    return repr((type(scheme).__name__, {n: reader.term(v) if isinstance(v, Term) else v for n, v in parts.items()}))


@dataclass(slots=True)
class _Numbers:
    """The functions of a cycle, as numbers in the order in which they are first met."""

    cycle: frozenset[str]
    met: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self.cycle

    def __getitem__(self, name: str) -> int:
        if name not in self.met:
            self.met = (*self.met, name)
        return self.met.index(name)


@dataclass(slots=True)
class _Reader:
    """Reads lowered code with its names taken out; each function once."""

    machine: Machine
    shallow: bool = False
    known: dict[str, str] = field(default_factory=dict)
    cycles: Mapping[str, frozenset[str]] = field(init=False)
    open: _Numbers = field(default_factory=lambda: _Numbers(frozenset()))
    facts: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        functions = () if self.shallow else self.machine.code.functions
        reached = {name: self._through(self._facts(name)[0]) for name in functions}
        cycles = {name: frozenset(f for f in reached[name] if name in reached[f]) for name in functions}
        self.cycles = {name: cycle for name, cycle in cycles.items() if cycle}

    def instruction(self, instruction: Instruction) -> Meaning:
        """The meaning of an instruction."""
        step = self.block(instruction.body, {})
        through = self._through(calls(instruction.body))
        leaves = sorted(self._leaves(instruction.body, through))
        rows = repr(instruction.rows)
        claims = [
            *sorted(instruction.access.items()),
            *((c.mode, c.cause, self.term(c.when)) for c in instruction.claims),
        ]
        operands = sorted((n, t.width, t.signed) for n, t in instruction.operands.items())
        if instruction.encoding is not None:
            operands = sorted([*operands, (LENGTH, instruction.encoding.decode.length_width, False)])
        encoding = _hash((*_bits(instruction), *operands))
        return Meaning(
            _hash((step, self.term(instruction.length), instruction.partial, rows, claims, *map(self._leaf, leaves))),
            encoding,
            through,
        )

    def function(self, name: str) -> str:
        """The digest of a function with all that it calls; of a shallow reader nothing of it."""
        if self.shallow:
            return ""
        if name in self.open:
            return f"recursion {self.open[name]}"
        if name not in self.known and name in self.cycles:
            self.known |= self._together(self.cycles[name])
        elif name not in self.known:
            self.known[name] = self._whole(name)
        return self.known[name]

    def _whole(self, name: str) -> str:
        function = self.machine.code.functions[name]
        return _hash((*(w for _, w in function.parameters), function.results, self.body(function)))

    def _together(self, cycle: frozenset[str]) -> dict[str, str]:
        """The digests of functions that go through each other: delivery of a fault may fault.

        Each is read once, with the others as numbers in the order in which it first names them; then it is known by what it is and what those
        are known by, in so many rounds that what is not told apart from a cycle of as many functions means the same.
        """
        around, alone, others = self.open, dict[str, str](), dict[str, tuple[str, ...]]()
        for name in cycle:
            self.open = _Numbers(cycle)
            alone[name] = self._whole(name)
            others[name] = self.open.met
        self.open = around
        known = alone
        for _ in range(2 * len(cycle)):
            known = {name: _hash((alone[name], *(known[other] for other in others[name]))) for name in cycle}
        return known

    def body(self, function: Function) -> str:
        """The digest of a function's statements."""
        return self.block(function.body, {n: k for k, (n, _) in enumerate(function.parameters)})

    def block(self, block: Block, names: dict[str, int]) -> str:
        """The digest of statements; `names` are the locals met so far, in order."""
        return _hash(self._statements(block, names))

    def _statements(self, block: Block, names: dict[str, int]) -> Iterator[object]:
        for statement in block:
            yield type(statement).__name__
            match statement:
                case SetLocal(name, value):
                    yield self.term(value, names)
                    yield f"#{names.setdefault(name, len(names))}"
                case SetLeaf(leaf, value):
                    yield from (leaf, self.term(value, names))
                case SetElement(leaf, index, value):
                    yield from (leaf, self.term(index, names), self.term(value, names))
                case SetNext(value) | Do(value):
                    yield self.term(value, names)
                case Store(address, value):
                    yield from (self.term(address, names), self.term(value, names))
                case If(condition, then, orelse):
                    yield self.term(condition, names)
                    yield from (self.block(then, names), self.block(orelse, names))
                case Bind(targets, function, args):
                    yield from (self.function(function), *(self.term(a, names) for a in args))
                    yield from (None if t is None else f"#{names.setdefault(t, len(names))}" for t in targets)
                case Return(values):
                    yield from (self.term(v, names) for v in values)
                case Raise(function, args, _):
                    yield from (self.exit(function), *(self.term(a, names) for a in args))

    def term(self, term: Term, names: dict[str, int] | None = None) -> str:
        """The digest of a term, with locals by their number and functions by their meaning."""
        known = {} if names is None else names

        def replace(term_: Term, args: tuple[Term, ...]) -> Term | None:
            if term_.op == "var" and term_.name.space == LOCAL:
                return variable(term_.width, Name(LOCAL, "", known.setdefault(term_.name.text, len(known))))
            if term_.op == "length":
                return operand(term_.width, LENGTH)
            if term_.op == "call":
                return node("call", term_.width, *args, data=self.function(term_.about))
            return None

        return digest(rewrite([term], replace))

    def exit(self, name: str) -> str:
        """The digest of an exit: its kinds, its trap entry, and what an exit within it becomes."""
        if name in BUILTIN_EXITS:
            return name
        rule = self.machine.code.exits[name]
        nested = "" if not rule.nested or rule.nested in BUILTIN_EXITS else rule.nested
        return _hash(
            (name, rule.kind, rule.selector, rule.kinds, nested and self.function(nested), self.function(name))
        )

    def _leaf(self, name: str) -> str:
        """What a leaf is, in a text that no class's shape changes: waivers and fingerprints outlive versions of ours."""
        leaf: Leaf = self.machine.state.leaves[name]
        array = (leaf.size, leaf.index_width, leaf.hardwired) if isinstance(leaf, ArrayLeaf) else (0, 0, ())
        size, index_width, hardwired = array
        return (
            f"Leaf(name={leaf.name!r}, width={leaf.width}, role={leaf.role!r}, size={size}, index_width={index_width}, "
            f"reset={leaf.reset}, volatile={leaf.volatile}, hardwired={hardwired})"
        )

    def _through(self, called: Iterable[str]) -> frozenset[str]:
        """The functions that a text goes through which calls some: those of its exits, and of what an exit within a delivery becomes, included."""
        code = self.machine.code
        found: set[str] = set()
        todo = list(called)
        while todo:
            name = todo.pop()
            if name in code.functions and name not in found:
                found.add(name)
                todo += self._facts(name)[0]
                todo += [code.exits[name].nested] if name in code.exits else []
        return frozenset(found)

    def _leaves(self, block: Block, through: Iterable[str]) -> set[str]:
        return {*touched(block), *(leaf for f in through for leaf in self._facts(f)[1])}

    def _facts(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """What a function itself calls, and the leaves that it touches."""
        if name not in self.facts:
            body = self.machine.code.functions[name].body
            self.facts[name] = frozenset(calls(body)), frozenset(touched(body))
        return self.facts[name]


def _bits(instruction: Instruction) -> tuple[object, ...]:
    """How an instruction is encoded, without the tables of fields that it does not use.

    Terms are written out as in the first version; those of which its text does not say everything are followed by their digest.
    """
    encoding = instruction.encoding
    if encoding is None:
        return ()
    decode = encoding.decode
    prefixes = [(p, sorted(decode.prefixes[p].items())) for p in encoding.prefixes]
    counted = eq(variable(decode.length_width, LENGTH), encoding.length)
    canonical = conjunction([encoding.canonical, counted])
    unsaid = [t for t in (*(s.when for s in encoding.steps), encoding.when, canonical, encoding.length) if _abridged(t)]
    exact = [digest(unsaid)] if unsaid else []
    return encoding.steps, encoding.when, canonical, encoding.length, decode.unit, decode.order, prefixes, *exact


def _abridged(term: Term) -> bool:
    """Whether the written text of a term leaves something out: what lies deep, and widths that nothing beside them says."""
    return term.height > SHOWN or any(
        t.op in ("zext", "sext") or (t.op in ("concat", "ite") and any(a.is_constant for a in t.args))
        for t in walk([term])
    )


def _hash(parts: Iterable[object]) -> str:
    return hashlib.blake2b("\0".join(map(repr, parts)).encode(), digest_size=16).hexdigest()
