"""From a specification's files to a machine: every text checked and lowered, all errors at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pgcheck.isa.encoding.codec import Decoder
from pgcheck.isa.files import schema
from pgcheck.isa.files.devices import Models
from pgcheck.isa.files.errors import Position, Problems, Text, did_you_mean
from pgcheck.isa.files.sources import without_collector
from pgcheck.isa.idl.declarations import declare_body, declare_functions, declare_types
from pgcheck.isa.idl.layout import declare_state, number, parse_type
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.idl.statements import lower_function, lower_functions
from pgcheck.isa.idl.types import Bits, Boolean
from pgcheck.isa.machine import cuts
from pgcheck.isa.machine.claims import check_modes
from pgcheck.isa.machine.csrs import Csr, access_functions
from pgcheck.isa.machine.deployments import candidates, deployments, modes, virtual
from pgcheck.isa.machine.exits import check_nesting, exit_rule, interrupt_rule
from pgcheck.isa.machine.instructions import Instructions, check_fetch, decode_of, syntax_of
from pgcheck.isa.machine.machine import Code, Decoding, Identity, Machine, StateSpace
from pgcheck.isa.machine.resolve import Conditions, truth
from pgcheck.isa.machine.wiring import platform
from pgcheck.isa.parsing.grammar import keep_trees
from pgcheck.isa.terms import Term
from pgcheck.isa.terms.reads import left_open


def load(
    path: Path, *, shipped: Callable[[str], Path | None] = lambda name: None, models: Models | None = None
) -> Machine:
    """The machine that the specification at `path` describes. Raises SpecificationError with every problem found.

    `shipped` finds the files that it includes by name. `models` are those that its devices may be of; without them what it says
    of devices, their options and inputs is taken as it stands, and a computer that does not know it is not made.
    """
    problems = Problems()
    with without_collector():
        specification = schema.load(path, shipped, models)
        machine = _machine(specification, Program(problems, lower_function, Position(str(path), 1, 1)), path, models)
    keep_trees()
    problems.raise_if_any()
    assert machine is not None
    return machine


def _machine(given: schema.Specification, program: Program, path: Path, models: Models | None) -> Machine | None:
    """The machine, or None after a problem; what does not rest on something wrong is checked all the same."""
    _declare(given, program)
    if len(program.problems):
        return None
    memory = program.entries[str(given.memory.state)]
    program.memory_unit, program.address_width = given.memory.unit, memory.index_width
    csrs = _csrs(given)
    _declare_functions(given, program, csrs)
    if len(program.problems):
        return None
    lower_functions(program)
    exits = {str(n): exit_rule(program, n, e, map(str, given.exits)) for n, e in given.exits.items()}
    check_nesting(program, given.exits)
    interrupt = None if given.interrupt is None else interrupt_rule(program, given.interrupt)
    mode = modes(program, given.modes)
    legal = [_lawful(program, text) for text in given.legal]
    mode_width = program.leaves[mode.leaf].width if mode is not None else 0
    translation = None
    if given.translate is not None and mode is not None:
        translation = cuts.translation(program, given.translate, mode_width)
    around = platform(program, given.platform, models, translation)
    tables = cuts.tables(program, given.tables)
    chosen = candidates(program, given.configurations)
    deployed = () if mode is None else deployments(program, given.deployments, mode)
    others = () if mode is None else virtual(program, given.deployments, mode)
    decode, syntax, csr_names = decode_of(given.decode), syntax_of(given.syntax), {c.address: c.name for c in csrs}
    check_fetch(program, given.decode.fetch, decode)
    conditions = Conditions(program, given.decode.conditions)
    compiler = Instructions(program, decode, syntax, csr_names, conditions.of)
    undefined = compiler.undefined(given.decode.undefined)
    instructions = compiler.all(given.instructions)
    if mode is not None:
        check_modes(program, given.instructions, mode.leaf)
    undecided = compiler.check_overlaps(instructions) if not len(program.problems) else ()
    if mode is None or len(program.problems):
        return None
    encodings = {i.id: i.encoding for i in instructions if i.encoding is not None}
    return Machine(
        identity=_identity(given, path),
        state=_state_space(given, program),
        modes=mode,
        legal=tuple(t for t in legal if t is not None),
        code=Code(
            functions=program.functions,
            exits={n: rule for n, rule in exits.items() if rule is not None},
            interrupt=interrupt,
            translation=translation,
            tables=tables,
            sites=program.sites,
            fetch=str(given.decode.fetch),
            undefined=undefined,
        ),
        decoding=Decoding(decode, Decoder(encodings, decode), syntax, csr_names, undecided),
        instructions=instructions,
        candidates=chosen,
        deployments=deployed,
        platform=around,
        virtual=others,
    )


def _lawful(program: Program, text: Text) -> Term | None:
    """A conjunct of legality: a state is legal or is not, so it leaves nothing open. Problems are reported and give None."""
    term = truth(program, text)
    if term is not None and (sites := left_open(program.functions, [term])):
        program.problems.report(
            text.position, "what is legal is a matter of the state alone", found=", ".join(sorted(sites))
        )
    return term


def _identity(given: schema.Specification, path: Path) -> Identity:
    return Identity(
        str(given.name),
        str(given.title or given.name),
        tuple(map(str, given.source)),
        tuple(map(str, given.unmodelled)),
        str(path),
        given.digest,
        tuple(map(str, given.sources)),
        given.names,
    )


def _state_space(given: schema.Specification, program: Program) -> StateSpace:
    pc = next(e.name for e in program.entries.values() if e.pc)
    big = given.memory.endian == "big"
    return StateSpace(program.entries, program.leaves, pc, str(given.memory.state), program.memory_unit, big_endian=big)


def _declare(given: schema.Specification, program: Program) -> None:
    """Parameters, types, sites and state."""
    for name, value in given.params.items():
        program.params[str(name)] = number(program, value, "a parameter", name.position)
    declare_types(program, given.types, given.override_types)
    for name, text in given.nondeterminism.items():
        site = parse_type(program, text)
        if isinstance(site, Bits | Boolean):
            program.sites[str(name)] = site
        elif site is not None:
            program.problems.report(text.position, "a site is Bits<N> or Boolean", found=text)
    declare_state(program, given.state)
    _check_memory(given.memory, program)


def _check_memory(given: schema.Memory, program: Program) -> None:
    entry = program.entries.get(str(given.state))
    if entry is None:
        if not len(program.problems):
            hint = did_you_mean(given.state, program.entries)
            program.problems.report(given.state.position, f"no state '{given.state}'", hint=hint)
        return
    leaf = program.leaves.get(entry.name)
    if leaf is None or leaf.width != given.unit or isinstance(leaf, ScalarLeaf) or leaf.volatile or leaf.hardwired:
        program.problems.report(
            given.state.position,
            f"{entry.name} is not memory of {given.unit}-bit units",
            found=str(entry.type),
            expected=f"a plain array of Bits<{given.unit}>",
        )


def _csrs(given: schema.Specification) -> list[Csr]:
    if given.csrs is None:
        return []
    return [Csr(str(n), c.address, c.mode, c.writable, c.sw_read, c.sw_write) for n, c in given.csrs.table.items()]


def _declare_functions(given: schema.Specification, program: Program, csrs: list[Csr]) -> None:
    program.terminators = frozenset(map(str, given.exits))
    for text in given.functions:
        declare_functions(program, text)
    if given.csrs is not None:
        _declare_csrs(given.csrs, program, csrs)
    for text in given.override_functions:
        declare_functions(program, text, override=True)


def _declare_csrs(given: schema.Csrs, program: Program, csrs: list[Csr]) -> None:
    types = [parse_type(program, text) for text in (given.address, given.value)]
    for text, type_ in zip((given.address, given.value), types, strict=True):
        if type_ is not None and not isinstance(type_, Bits):
            program.problems.report(
                text.position, "numbers and values of registers are bits", found=text, expected="Bits<N>"
            )
    addresses: dict[int, Text] = {}
    for name, c in given.table.items():
        if c.address in addresses:
            program.problems.report(name.position, f"{name} has the address of {addresses[c.address]}")
        addresses[c.address] = name
        if isinstance(types[0], Bits) and c.address >> types[0].width:
            program.problems.report(
                name.position, f"the address of {name} does not fit {types[0]}", found=str(c.address)
            )
    if all(isinstance(t, Bits) for t in types):
        lookups, bodies = access_functions(csrs, given.address, given.value)
        declare_functions(program, Text(lookups, given.position, ()))
        for signature, body in bodies:
            declare_body(program, Text(signature, given.position, ()), body)
