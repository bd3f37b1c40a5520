"""From a specification's files to a machine: every text checked and lowered, all errors at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pgcheck.isa import schema
from pgcheck.isa.templates import Alternative, Line, Syntax, compile_line
from pgcheck.isa.codec import Decoder
from pgcheck.isa.csrs import Csr, access_functions
from pgcheck.isa.encoding import (
    Condition, Decode, Declaration, Encoding, Group, Variable, compile_encoding,
)  # fmt: skip
from pgcheck.isa.encoding import Field as EncodedField
from pgcheck.isa.errors import Position, Problems, SpecificationError, Text, did_you_mean
from pgcheck.isa.expressions import expression_in
from pgcheck.isa.ir import BUILTIN_EXITS
from pgcheck.isa.layout import declare_state, number, parse_type
from pgcheck.isa.machine import (
    MIRROR, Candidate, Choice, Deployment, ExitRule, Instruction, Machine, ModeClass, Modes, Realise, Row, Table,
    Translation,
)  # fmt: skip
from pgcheck.isa.program import Elsewhere, Program, Refusal
from pgcheck.isa.state import Leaf
from pgcheck.isa.statements import lower_body
from pgcheck.isa.terms import TRUE, Term, constant, disjunction, eq, mk, rewrite, substitute, variable
from pgcheck.isa.tree import without_collector
from pgcheck.isa.types import VOID, Bitfield, Bits, Boolean, Enum, Type, width_of

if TYPE_CHECKING:
    from collections.abc import Callable

def load(path: Path, *, shipped: Callable[[str], Path | None] = lambda name: None) -> Machine:
    """The machine that the specification at `path` describes. Raises SpecificationError with every problem found."""
    specification = schema.load(path, shipped)
    problems = Problems()
    builder = _Builder(specification, problems, path)
    with without_collector():
        machine = builder.machine()
    problems.raise_if_any()
    assert machine is not None
    return machine


class _Builder:
    """Reads one specification into a Machine, section by section."""

    def __init__(self, given: schema.Specification, problems: Problems, path: Path) -> None:
        self.given, self.problems, self.path = given, problems, path
        self.program = Program(problems, Position(str(path), 1, 1))
        self.assembly_syntax = syntax_of(given.syntax)
        self.conditions: dict[tuple[object, ...], Term] = {}
        self.named: dict[Term, Term] = {}

    def machine(self) -> Machine | None:
        given, program = self.given, self.program
        for name, value in given.params.items():
            program.params[str(name)] = number(program, value, "a parameter")
        for text in given.types:
            program.declare_types(text)
        for name, text in given.nondeterminism.items():
            site = parse_type(program, text)
            if site is not None:
                program.sites[str(name)] = site
        declare_state(program, given.state)
        if len(self.problems):
            return None
        self.memory()
        program.terminators = frozenset(map(str, given.exits))
        for text in given.functions:
            program.declare_functions(text)
        self.csrs()
        for text in given.override_functions:
            program.declare_functions(text, override=True)
        if len(self.problems):
            return None
        self.functions()
        exits = {str(n): self.exit_rule(n, e) for n, e in given.exits.items()}
        modes = self.modes()
        legal = tuple(t for text in given.legal if (t := self.truth(text)) is not None)
        translation = self.translation()
        tables = {str(n): t for n, table in given.tables.items() if (t := self.table(n, table)) is not None}
        decode = self.decode()
        instructions = self.instructions(decode)
        undefined = lower_body(program, given.decode.undefined, {}, 0, VOID)
        deployments = tuple(d for n, x in given.deployments.items() if (d := self.deployment(n, x, modes)) is not None)
        if len(self.problems):
            return None
        assert modes is not None
        if not given.deployments:
            deployments = (self.default_deployment(modes),)
        pc = next(e.name for e in program.entries.values() if e.pc)
        encodings = {i.id: i.encoding for i in instructions if i.encoding is not None}
        return Machine(
            name=str(given.name), title=str(given.title or given.name), source=tuple(map(str, given.source)),
            unmodelled=tuple(map(str, given.unmodelled)), path=str(self.path), digest=given.digest,
            entries=program.entries, leaves=program.leaves, pc=pc, memory=str(given.memory.state),
            memory_unit=program.memory_unit, big_endian=given.memory.endian == "big", modes=modes, legal=legal,
            functions=program.functions, exits=exits, translation=translation, tables=tables, sites=program.sites,
            candidates=self.candidates(), deployments=deployments, decode=decode,
            decoder=Decoder(encodings, decode), fetch=self.fetch(decode), undefined=undefined, syntax=self.assembly_syntax,
            csr_names={c.address: c.name for c in self.listed_csrs()}, instructions=instructions, direct=str(given.modes.user.when or given.modes.state),
        )  # fmt: skip

    # ---- sections

    def memory(self) -> None:
        given, program = self.given.memory, self.program
        program.memory_unit = given.unit
        entry = program.entries.get(str(given.state))
        if entry is None:
            hint = did_you_mean(given.state, program.entries)
            self.problems.report(given.state.position, f"no state '{given.state}'", hint=hint)
            return
        leaf = program.leaves[entry.leaves[0]]
        if leaf.width != given.unit or not leaf.size or len(entry.parts) != 1:
            self.problems.report(
                given.state.position, f"{entry.name} is not memory of {given.unit}-bit units", found=str(entry.type),
                expected=f"an array of Bits<{given.unit}>",
            )  # fmt: skip
        program.address_width = leaf.index_width

    def listed_csrs(self) -> list[Csr]:
        if self.given.csrs is None:
            return []
        return [
            Csr(str(n), c.address, c.mode, c.writable, c.sw_read, c.sw_write) for n, c in self.given.csrs.table.items()
        ]

    def csrs(self) -> None:
        if self.given.csrs is None:
            return
        addresses: dict[int, Text] = {}
        for name, c in self.given.csrs.table.items():
            if c.address in addresses:
                self.problems.report(name.position, f"{name} has the address of {addresses[c.address]}")
            addresses[c.address] = name
        text, bodies = access_functions(self.listed_csrs(), self.given.csrs.address, self.given.csrs.value)
        self.program.declare_functions(text)
        for signature, body in bodies:
            self.program.declare_body(signature, body)

    def functions(self) -> None:
        """Lower every function that needs no template values, so that all errors show."""
        for name, declaration in list(self.program.declarations.items()):
            if not declaration.template:
                try:
                    self.program.lower(name, ())
                except Elsewhere as elsewhere:
                    self.problems.add(elsewhere.problem)
                except Refusal as refusal:
                    self.problems.add(refusal.problem(declaration.text))

    def exit_rule(self, name: Text, given: schema.Exit) -> ExitRule:
        declaration = self.program.declarations.get(str(name))
        if declaration is None:
            hint = did_you_mean(name, self.program.declarations)
            self.problems.report(name.position, f"the exit {name} is no function", hint=hint)
            return ExitRule(str(name), str(given.kind))
        if given.nested is not None and given.nested not in self.given.exits and given.nested not in BUILTIN_EXITS:
            hint = did_you_mean(given.nested, self.given.exits)
            self.problems.report(given.nested.position, f"no exit '{given.nested}'", hint=hint)
        selector, kinds = -1, list[tuple[int, str]]()
        for argument, table in given.by.items():
            names = [n for _, n in declaration.parameters]
            if str(argument) not in names:
                hint = did_you_mean(argument, names)
                self.problems.report(argument.position, f"{name} has no argument '{argument}'", hint=hint)
                continue
            selector = names.index(str(argument))
            type_ = self.program.signature(str(name), ())[0][selector]
            for member, kind in table.items():
                if not isinstance(type_, Enum) or str(member) not in type_.members:
                    hint = did_you_mean(member, type_.members) if isinstance(type_, Enum) else ""
                    self.problems.report(member.position, f"{argument} cannot be '{member}'", hint=hint)
                else:
                    kinds.append((type_.members[str(member)], str(kind)))
        return ExitRule(str(name), str(given.kind), selector, tuple(kinds), str(given.nested or ""))

    def truth(self, text: Text, operands: Mapping[str, Bits] | None = None) -> Term | None:
        """A Boolean expression; problems are reported."""
        value = expression_in(self.program, text, operands=operands)
        if value is None:
            return None
        if not isinstance(value.type, Boolean):
            self.problems.report(text.position, "a condition must be Boolean", found=str(value.type))
            return None
        return value.term

    def leaf_number(self, leaf: Leaf, given: int | Text) -> int:
        """A value for a leaf: a number or an enum value of its entry."""
        if isinstance(given, Text):
            value = expression_in(self.program, given)
            if value is None:
                return 0
            if not value.term.is_constant:
                self.problems.report(given.position, "a constant was expected", found=given)
                return 0
            given_value, position = value.term.value, given.position
        else:
            given_value, position = given, self.program.origin
        if given_value >> leaf.element_width:
            self.problems.report(position, f"{given_value} does not fit {leaf.name}", expected=f"{leaf.width} bits")
        return given_value

    def leaves_of(self, path: Text) -> tuple[str, ...]:
        """The leaves a path names: a leaf, or an entry with all of its leaves, or `ENTRY.{A,B}`."""
        name = str(path).strip()
        if name.endswith("}") and ".{" in name:
            entry, _, fields = name[:-1].partition(".{")
            return tuple(
                leaf for f in fields.split(",") for leaf in self.leaves_of(Text(f"{entry}.{f.strip()}", path.position))
            )
        if name in self.program.leaves:
            return (name,)
        if name in self.program.entries:
            return self.program.entries[name].leaves
        hint = did_you_mean(name, [*self.program.entries, *self.program.leaves])
        self.problems.report(path.position, f"no state '{name}'", hint=hint)
        return ()

    def modes(self) -> Modes | None:
        given = self.given.modes
        leaves = self.leaves_of(given.state)
        if len(leaves) != 1:
            if leaves:
                self.problems.report(given.state.position, "the mode is one leaf", found=", ".join(leaves))
            return None
        return self.mode_classes(leaves[0], given)

    def mode_classes(self, name: str, given: schema.ModeClasses) -> Modes:
        leaf = self.program.leaves[name]

        def mode_class(one: schema.ModeClass) -> ModeClass:
            values = tuple(self.leaf_number(leaf, v) for v in one.values)
            default = disjunction(eq(leaf.term, constant(leaf.width, v)) for v in values)
            when = self.truth(one.when) if one.when is not None else default
            if not values:
                self.problems.report(one.position, "a mode class needs a value", expected="values: [..]")
            return ModeClass(values, when if when is not None else TRUE)

        return Modes(leaf.name, mode_class(given.supervisor), mode_class(given.user))

    def assignment(self, given: Mapping[Text, int | Text]) -> dict[str, int]:
        """Values for leaves by path."""
        return {
            leaf: self.leaf_number(self.program.leaves[leaf], value)
            for path, value in given.items()
            for leaf in self.leaves_of(path)
        }

    def translation(self) -> Translation | None:
        given = self.given.translate
        if given is None:
            return None
        declaration = self.program.declarations.get(str(given.function))
        if declaration is None or declaration.template:
            hint = did_you_mean(given.function, self.program.declarations)
            self.problems.report(given.function.position, f"no function '{given.function}'", hint=hint)
            return None
        names = [n for _, n in declaration.parameters]
        types, _ = self.program.signature(str(given.function), ())
        positions = []
        for argument in (given.mode, given.access):
            if str(argument) not in names:
                hint = did_you_mean(argument, names)
                self.problems.report(argument.position, f"{given.function} has no parameter '{argument}'", hint=hint)
            positions.append(names.index(str(argument)) if str(argument) in names else 0)
        for probe in given.probe:
            if str(probe) not in self.program.declarations:
                self.problems.report(probe.position, f"no function '{probe}'")
            elif self.program.signature(str(probe), ())[0] != types:
                self.problems.report(probe.position, f"{probe} has other parameters than {given.function}")
        parameters = tuple(zip(names, types, strict=True))
        return Translation(
            str(given.function), positions[0], positions[1], parameters, tuple(map(str, given.probe)),
            self.assignment(given.replay), self.realise(given.realise, parameters),
        )  # fmt: skip

    def realise(self, given: schema.Realise | None, parameters: tuple[tuple[str, Type], ...]) -> Realise | None:
        if given is None:
            return None
        if given.external_mmu:
            return Realise("external")
        names = {n: Bits(width_of(t)) for n, t in parameters}
        if given.bounds is not None:
            base, limit = (self.leaves_of(p) for p in (given.bounds.base, given.bounds.limit))
            return Realise(
                "bounds", self.assignment(given.given), base="".join(base[:1]), limit="".join(limit[:1]),
                address=self.parameter(given.bounds.address, names),
            )  # fmt: skip
        if given.entry is None or given.frame is None:
            self.problems.report(given.position, "realise needs `entry` and `frame`, or `bounds`, or is `external_mmu`")
            return None
        entry = parse_type(self.program, given.entry)
        if not isinstance(entry, Bitfield):
            self.problems.report(given.entry.position, "an entry is a bitfield", found=given.entry)
            return None
        addresses = self.truth(given.addresses, names) if given.addresses is not None else TRUE
        return Realise(
            "entries", self.assignment(given.given), entry, self.fields(given.table, entry),
            self.fields(given.deny, entry), self.fields(given.map, entry), self.fields(given.readonly, entry),
            str(given.frame.field), given.frame.shift, self.parameter(given.frame.address, names),
            addresses if addresses is not None else TRUE,
        )  # fmt: skip

    def parameter(self, name: Text, names: Mapping[str, Bits]) -> str:
        if str(name) not in names:
            self.problems.report(name.position, f"no parameter '{name}'", hint=did_you_mean(name, names))
        return str(name)

    def fields(self, given: Mapping[Text, int], type_: Type) -> dict[str, int]:
        """Values for fields of a bitfield."""
        known = type_.ranges if isinstance(type_, Bitfield) else {}
        for name, value in given.items():
            if str(name) not in known:
                self.problems.report(name.position, f"{type_} has no field '{name}'", hint=did_you_mean(name, known))
            elif value >> (known[str(name)][0] - known[str(name)][1] + 1):
                self.problems.report(name.position, f"{value} does not fit field '{name}'")
        return {str(n): v for n, v in given.items()}

    def table(self, name: Text, given: schema.Table) -> Table | None:
        declaration = self.program.declarations.get(str(name))
        if declaration is None or declaration.template:
            hint = did_you_mean(name, self.program.declarations)
            self.problems.report(name.position, f"the table {name} is no function", hint=hint)
            return None
        _, type_ = self.program.signature(str(name), ())
        respond = tuple(None if isinstance(r, str) else self.fields(r, type_) for r in given.respond)
        return Table(str(name), str(given.role), type_, respond, self.fields(given.monitor, type_))

    def candidates(self) -> tuple[Candidate, ...]:
        result: list[Candidate] = []
        for name, table in self.given.configurations.items():
            for path, values in table.items():
                for leaf in self.leaves_of(path):
                    chosen: list[Choice] = [
                        MIRROR if isinstance(v, str) and v == MIRROR else self.leaf_number(self.program.leaves[leaf], v)
                        for v in values
                    ]
                    result.append(Candidate(str(name), leaf, tuple(chosen)))
        return tuple(result)

    def default_deployment(self, modes: Modes) -> Deployment:
        return Deployment("default", TRUE, modes.user.values[0], TRUE, self.entered(modes), frozenset(), modes)

    def entered(self, modes: Modes) -> Term:
        leaf = self.program.leaves[modes.leaf]
        return disjunction(eq(leaf.term, constant(leaf.width, v)) for v in modes.supervisor.values)

    def deployment(self, name: Text, given: schema.Deployment, modes: Modes | None) -> Deployment | None:
        if modes is None:
            return None
        leaf = self.program.leaves[modes.leaf]
        own = modes if given.modes is None else self.mode_classes(modes.leaf, given.modes)
        mode = None if str(given.real_mode) == "same" else self.leaf_number(leaf, given.real_mode)
        guest, real, monitor = (
            self.truth(text) if text is not None else None for text in (given.guest, given.real, given.monitor)
        )
        mirror = {leaf for path in given.mirror for leaf in self.leaves_of(path)}
        if mode is None:
            mirror.add(modes.leaf)
        return Deployment(
            str(name), TRUE if guest is None else guest, mode, TRUE if real is None else real,
            self.entered(own) if monitor is None else monitor, frozenset(mirror), own,
        )  # fmt: skip

    # ---- encodings and instructions

    def decode(self) -> Decode:
        given = self.given.decode
        tails = {
            str(n): tuple(
                Group(g.when, tuple(EncodedField(f.name, f.width, f.signed, f.bits) for f in g.fields)) for g in tail
            )
            for n, tail in given.tails.items()
        }
        prefixes = {str(n): dict(values) for n, values in given.prefixes.items()}
        order = "big" if given.order == "big" else "little"
        return Decode(given.unit, order, given.pc_unit, given.max_length, prefixes, tails)

    def fetch(self, decode: Decode) -> str:
        name = self.given.decode.fetch
        if str(name) not in self.program.declarations:
            self.problems.report(name.position, f"no function '{name}'", hint=did_you_mean(name, self.program.declarations))
            return str(name)
        parameters, result = self.program.signature(str(name), ())
        pc = next(e for e in self.program.entries.values() if e.pc)
        if len(parameters) != 1 or width_of(parameters[0]) != width_of(pc.type) or result != Bits(decode.unit):
            self.problems.report(
                name.position, f"{name} does not fetch", found=f"{result} {name}({', '.join(map(str, parameters))})",
                expected=f"Bits<{decode.unit}> {name}({pc.type} address)",
            )  # fmt: skip
        return str(name)

    def condition(self) -> Condition:
        """Compiles a condition over operands, for the encodings."""

        def compile_condition(text: str, widths: Mapping[str, int]) -> Term:
            key = (text, *widths.items())
            if key not in self.conditions:
                located = text if isinstance(text, Text) else Text(text)
                term = self.truth(located, {n: Bits(w) for n, w in widths.items()})
                if term is None:
                    return TRUE
                bare = {variable(w, "o." + n): variable(w, n) for n, w in widths.items()}
                self.conditions[key] = substitute([term], bare)[0]
            return self.conditions[key]

        return compile_condition

    def instructions(self, decode: Decode) -> tuple[Instruction, ...]:
        result: dict[str, Instruction] = {}
        for given in self.given.instructions:
            instruction = self.instruction(given, decode)
            if instruction.id in result:
                first = result[instruction.id].position
                self.problems.report(given.position, f"the instruction {instruction.id} is declared twice", found=f"first at {first}")
            result[instruction.id] = instruction
        return tuple(result.values())

    def instruction(self, given: schema.Instruction, decode: Decode) -> Instruction:
        encoding = self.encoding(given.encoding, decode)
        operands = {n: Bits(o.width, o.signed) for n, o in encoding.operands.items()} if encoding is not None else {}
        length, canonical = (TRUE, TRUE)
        if encoding is not None:
            length, canonical = rewrite([encoding.length, encoding.canonical], as_operand, self.named)
        word = encoding_word(encoding) if encoding is not None else None
        body = lower_body(self.program, given.operation, operands, word.width if word is not None else 0, VOID)
        name, variant = str(given.name), str(given.variant or "")
        return Instruction(
            id=f"{name}.{variant}" if variant else name, name=name, variant=variant, position=given.position,
            encoding=encoding, operands=operands, length=length, canonical=canonical, encoding_term=word, body=body,
            line=self.line(given, encoding), access={str(k): str(v) for k, v in given.access.items()},
            rows=self.rows(given, operands), partial=given.restart == "partial",
            description=str(given.long_name or ""),
        )  # fmt: skip

    def encoding(self, given: schema.Encoding, decode: Decode) -> Encoding | None:
        declaration = Declaration(
            given.match, given.bytes, given.length, tuple(Variable(v.name, v.location, v.left_shift, v.sign_extend, tuple(v.excluded)) for v in given.variables), given.when,
            tuple((p, t) for p, t in given.tails), given.modrm, tuple(given.prefixes), given.position,
        )  # fmt: skip
        try:
            return compile_encoding(declaration, decode, self.condition())
        except SpecificationError as error:
            for problem in error.problems:
                self.problems.add(problem)
            return None

    def line(self, given: schema.Instruction, encoding: Encoding | None) -> Line | None:
        """How the instruction reads in assembly."""
        if encoding is None:
            return None
        try:
            return compile_line(given.name, given.assembly, encoding, self.assembly_syntax, self.condition())
        except SpecificationError as error:
            for problem in error.problems:
                self.problems.add(problem)
            return None

    def rows(self, given: schema.Instruction, operands: Mapping[str, Bits]) -> tuple[Row, ...]:
        if not given.rows:
            return (Row(""),)
        (operand, values), *more = given.rows.items()
        if more:
            self.problems.report(more[0][0].position, "rows are over one operand")
        if str(operand) not in operands:
            self.problems.report(operand.position, f"no operand '{operand}'", hint=did_you_mean(operand, operands))
            return (Row(""),)
        names = {c.address: c.name for c in self.listed_csrs()} if isinstance(values, str) else {v: str(v) for v in values}
        listed = tuple(Row(f":{n}", str(operand), v) for v, n in names.items())
        return (*listed, Row(":other", str(operand), None, tuple(names)))


def as_operand(term: Term, args: tuple[Term, ...]) -> Term | None:
    """The variable `NAME` of an encoding as the operand `o.NAME` of a body."""
    return variable(term.width, "o." + term.name) if term.op == "var" else None


def encoding_word(encoding: Encoding) -> Term | None:
    """The instruction's own bits as a term over `o.*`, for an encoding that is one step; ignored bits are 0."""
    if len(encoding.steps) != 1 or encoding.prefixes:
        return None
    (step,) = encoding.steps
    width = step.units * encoding.decode.unit
    word = constant(width, step.value)
    for slot in step.slots:
        operand = variable(slot.width, "o." + slot.name)
        for low, at, bits in slot.pieces:
            piece = mk("extract", bits, operand, data=(low + bits - 1, low))
            placed = mk("shl", width, mk("zext", width, piece), constant(width, at))
            word = mk("or", width, word, placed)
    return word


def syntax_of(given: schema.Syntax | None) -> Syntax:
    """The assembly syntax of the machine."""
    if given is None:
        return Syntax()
    return Syntax(
        str(given.comment), {str(n): tuple(map(str, r)) for n, r in given.registers.items()},
        {str(n): str(k) for n, k in given.operands.items()},
        {str(n): tuple(Alternative(a.when, a.text) for a in f) for n, f in given.forms.items()},
    )  # fmt: skip
