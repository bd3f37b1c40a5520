"""The reference binding against the Unicorn emulator, instruction by instruction.

Compared are all instructions that touch no control state, on `STATES` random states each: registers, flags, next address, bytes written and
the exception taken. What the specification calls undefined is not compared, nor what `unicorn_differences.yaml` lists with its reason.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
import yaml

from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.questions.taint import footprint
from pgcheck.isa.encoding.codec import encode, is_canonical, to_bytes
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.terms import mask, mk
from pgcheck.isa.terms.ir import Block, If, SetLeaf, Statement
from pgcheck.models.reference.cycle import canonical, step
from pgcheck.models.state import Cells, Exit, State, Surroundings, copied, holding, reset
from tests.models.worlds import biased, operands
from tests.specifications import machine

pytest.importorskip("unicorn", reason="unicorn is not installed (extra `test`)")
from tests.models.guests import ADDRESSES, FOLD, GUESTS, RESERVED, Guest, Observed

pytestmark = pytest.mark.slow

STATES, SOME = 1000, 300
ATTEMPTS = 20
PARTS = {"i386": 24, "m68000": 8, "riscv64": 4}
COMPARED = {"i386": 401, "m68000": 277, "riscv64": 86}
CODE = (0x10000, 0x10FF8, 0x20040, 0x20FFC)
MARGIN = 32


@dataclass(frozen=True, slots=True)
class Difference:
    """A listed difference of some instructions (patterns), and what is left out of the comparison for it.

    `leaves` are not compared; with `exit`, only in states where the specification takes that exit. With `exit` alone nothing is
    compared in such states. `unless` leaves out operand values, `masks` clears bits of operands, `decimal` keeps registers and memory
    to decimal digits. With none of these the instruction is not run.
    """

    instructions: Sequence[str]
    reason: str
    manual: str
    leaves: Sequence[str] = ()
    exit: str = ""
    unless: Mapping[str, Sequence[int]] = field(default_factory=dict)
    masks: Mapping[str, int] = field(default_factory=dict)
    decimal: bool = False

    @property
    def skips(self) -> bool:
        return not (self.leaves or self.exit or self.unless or self.masks or self.decimal)

    def concerns(self, instruction: Instruction) -> bool:
        return any(fnmatchcase(instruction.id, pattern) for pattern in self.instructions)


@cache
def listed(name: str) -> tuple[Difference, ...]:
    """The differences listed for a machine."""
    rows = yaml.safe_load((Path(__file__).parent / "unicorn_differences.yaml").read_text())[name]
    return tuple(Difference(**row) for row in rows)


@cache
def innocuous(name: str) -> tuple[Instruction, ...]:
    """The instructions whose step involves no control state."""
    described = machine(name)
    setting = Setting(described, described.deployments[0], frozenset(described.code.exits))
    row = Row("")
    return tuple(i for i in described.instructions if footprint(setting, subject(setting, i, row)).innocuous)


def compared(name: str) -> tuple[Instruction, ...]:
    """The instructions that are run."""
    skipped = [d for d in listed(name) if d.skips]
    return tuple(i for i in innocuous(name) if not any(d.concerns(i) for d in skipped))


class Memory(Cells):
    """Memory whose bytes are drawn when first read; `before` are those."""

    __slots__ = ("before", "digits", "rng")

    def __init__(self, rng: random.Random, before: dict[int, int], digits: bool) -> None:
        super().__init__()
        self.rng, self.before, self.digits = rng, before, digits

    def __missing__(self, address: int) -> int:
        if address not in self.before:
            byte = biased(self.rng, 8)
            self.before[address] = decimal(byte) if self.digits else byte
        return self.before[address]


class Clash(Exception):
    """The state does not fit the emulator: an address out of its range, over the code, or folded onto another."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What the specification says: outcome, state afterwards, and the memory that was read."""

    exit: Exit | None
    state: State
    before: Mapping[int, int]
    unknown: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """One instruction on one state."""

    machine: Machine
    guest: Guest
    instruction: Instruction
    operands: Mapping[str, int]
    pc: int
    values: tuple[int, ...]
    rows: Sequence[Difference]
    digits: bool

    def ours(self, seed: int, undefined: int, before: dict[int, int]) -> Ours:
        """The reference binding's step, with `undefined` (0 or -1) for what the specification leaves undefined."""
        asked = False

        def unknown(site: str, instance: int, width: int) -> int:
            nonlocal asked
            asked = True
            return undefined & (mask(width) if width else 1)

        state = copied(rest(self.machine.identity.name))
        state[self.machine.state.pc] = self.pc
        for place, value in zip(self.guest.places, self.values, strict=True):
            held = state[place.leaf]
            if isinstance(held, Cells):
                assert place.index is not None
                held[place.index] = value
            else:
                state[place.leaf] = value
        state[self.machine.state.memory] = Memory(random.Random(seed), before, self.digits)
        exit_ = step(self.machine, canonical(self.instruction, self.operands), state, Surroundings(undefined=unknown))
        return Ours(exit_, state, before, asked)


@cache
def rest(name: str) -> State:
    """The state around the compared leaves: after reset, with translation the identity."""
    described = machine(name)
    state = reset(described)
    assert described.code.translation is not None
    return {**state, **holding(described, described.code.translation.replay)}


def trial(described: Machine, instruction: Instruction, rows: Sequence[Difference], rng: random.Random) -> Trial:
    """A random state for an instruction. Raises Clash for one that `rows` leave out."""
    guest = GUESTS[described.identity.name]
    assert instruction.encoding is not None
    given = operands(instruction, rng)
    for row in rows:
        for suffix, kept in row.masks.items():
            given.update({n: v & kept for n, v in given.items() if named(n, suffix)})
        for suffix, values in row.unless.items():
            if any(v in values for n, v in given.items() if named(n, suffix)):
                raise Clash
    if not is_canonical(instruction.encoding, given):
        raise Clash
    values = tuple(held(rng, p.width) for p in guest.places)
    digits = any(row.decimal for row in rows)
    if digits:
        values = tuple(decimal(v) for v in values)
    return Trial(described, guest, instruction, given, rng.choice(CODE) & -guest.align, values, rows, digits)


def held(rng: random.Random, width: int) -> int:
    """The value of a register, half of the time an aligned address that the emulator has."""
    return biased(rng, width) if rng.getrandbits(1) or width == 1 else biased(rng, 32) & ~7


def named(operand: str, suffix: str) -> bool:
    """Whether an operand has a name, or has it after a prefix."""
    return operand == suffix or operand.endswith("_" + suffix)


def decimal(value: int) -> int:
    """A number all of whose hexadecimal digits are decimal."""
    return int("".join(str(min(int(digit, 16), 9)) for digit in f"{value:x}"), 16)


def folded(before: Mapping[int, int], after: Mapping[int, int], code: range) -> dict[int, int]:
    """Bytes by folded address. Raises Clash."""
    found: dict[int, int] = {}
    for address in {*before, *after}:
        place = address & FOLD
        if place in found or address >= ADDRESSES or place in code or place in RESERVED:
            raise Clash
        found[place] = address
    return found


def disagreements(one: Trial, seed: int) -> list[str]:
    """How the emulator and the specification differ on a trial. Raises Clash."""
    guest = one.guest
    assert one.instruction.encoding is not None
    code = to_bytes(encode(one.instruction.encoding, one.operands), one.machine.decoding.decode)
    before = {one.pc + i: byte for i, byte in enumerate(code)}
    ours = one.ours(seed, 0, before)
    ignored: set[str] = set()
    for row in one.rows:
        if not row.exit or fnmatchcase(exit_name(ours.exit), row.exit):
            ignored |= set(row.leaves)
            if row.exit and not row.leaves:
                raise Clash
    other = one.ours(seed, -1, before) if ours.unknown else ours
    memory, again = ours.state[one.machine.state.memory], other.state[one.machine.state.memory]
    assert isinstance(memory, Cells) and isinstance(again, Cells)
    data = {a: b for a, b in before.items() if not one.pc <= a < one.pc + len(code)}
    places = folded(data, memory, range(one.pc - MARGIN, one.pc + MARGIN))
    vector = expected(guest, ours.exit)
    next_ = ours.state[one.machine.state.pc]
    assert isinstance(next_, int)
    if next_ >= ADDRESSES:
        raise Clash
    straight = vector is None and next_ == one.pc + len(code)
    bytes_before = {p: before.get(a, 0) for p, a in places.items()}
    theirs = guest.emulator.run(code, one.pc, one.values, bytes_before, straight)
    if vector != theirs.vector:
        return [f"exception {theirs.vector}, not {vector}"]
    found = _registers(one, ours, other, theirs, ignored)
    if vector is None:
        if theirs.pc != next_ and next_ == other.state[one.machine.state.pc]:
            found.append(f"{one.machine.state.pc} is {theirs.pc:#x}, not {next_:#x}")
    for place, address in places.items():
        byte = guest.emulator.byte(place)
        if byte != memory[address] and memory[address] == again[address]:
            found.append(f"[{address:#x}] is {byte:#x}, not {memory[address]:#x}")
    found += [f"[{a:#x}] was written" for a in theirs.written if a not in places or places[a] not in memory]
    return found


def _element(state: State, leaf: str, index: int | None) -> int:
    held = state[leaf]
    if isinstance(held, Cells):
        assert index is not None
        return held[index]
    return held


def _registers(one: Trial, ours: Ours, other: Ours, theirs: Observed, ignored: Set[str]) -> list[str]:
    found = []
    for place, seen in zip(one.guest.places, theirs.values, strict=True):
        wanted = _element(ours.state, place.leaf, place.index)
        known = wanted == _element(other.state, place.leaf, place.index)
        if seen != wanted and known and place.leaf not in ignored:
            name = place.leaf if place.index is None else f"{place.leaf}[{place.index}]"
            found.append(f"{name} is {seen:#x}, not {wanted:#x}")
    return found


def expected(guest: Guest, exit_: Exit | None) -> int | None:
    """The exception number of an exit. Raises Clash for one that the emulator cannot take."""
    if exit_ is None:
        return None
    if exit_.function not in guest.vectors:
        raise Clash
    argument, base = guest.vectors[exit_.function]
    return exit_.args[argument] + base


def exit_name(exit_: Exit | None) -> str:
    """An exit as the table of differences names it: `fault(5)`."""
    return "" if exit_ is None else f"{exit_.function}({exit_.args[0] if exit_.args else ''})"


def compare(
    described: Machine, instruction: Instruction, states: int, rows: Sequence[Difference] | None = None
) -> list[tuple[Trial, list[str]]]:
    """The disagreements on `states` random states but for what `rows` leave out; the first few, none if all is well."""
    if rows is None:
        rows = [d for d in listed(described.identity.name) if d.concerns(instruction)]
    rng = random.Random(instruction.id)
    found: list[tuple[Trial, list[str]]] = []
    done = 0
    for _ in range(states * ATTEMPTS):
        try:
            one = trial(described, instruction, rows, rng)
            wrong = disagreements(one, rng.getrandbits(32))
        except Clash:
            continue
        done += 1
        if wrong:
            found.append((one, wrong))
        if done == states or len(found) == 5:
            return found
    raise AssertionError(f"{instruction.id}: only {done} of {states} states fit the emulator")


@pytest.mark.parametrize("states", [SOME, pytest.param(STATES, marks=pytest.mark.campaign)])
@pytest.mark.parametrize(("name", "part"), [(n, k) for n, parts in PARTS.items() for k in range(parts)])
def test_reference_is_emulator(name: str, part: int, states: int) -> None:
    described = machine(name)
    for instruction in compared(name)[part :: PARTS[name]]:
        for one, wrong in compare(described, instruction, states):
            pytest.fail(f"{name} {instruction.id} {one.operands} at {one.pc:#x} on {one.values}: {wrong}")


@pytest.mark.parametrize("name", GUESTS)
def test_all_but_the_listed_are_compared(name: str) -> None:
    skipped = [i for i in innocuous(name) if i not in compared(name)]
    assert all(any(d.skips and d.concerns(i) for d in listed(name)) for i in skipped)
    assert len(compared(name)) >= COMPARED[name]


ROWS = [(name, number) for name in GUESTS for number in range(len(listed(name)))]


@pytest.mark.parametrize(("name", "number"), ROWS)
def test_every_listed_difference_is_one(name: str, number: int) -> None:
    described, row = machine(name), listed(name)[number]
    concerned = [i for i in (innocuous(name) if row.skips else compared(name)) if row.concerns(i)]

    def differs(instruction: Instruction, states: int) -> bool:
        rest_of = [d for d in listed(name) if d is not row and d.concerns(instruction)]
        return bool(compare(described, instruction, states, rest_of))

    assert any(differs(i, STATES // 10) for i in concerned) or any(differs(i, STATES) for i in concerned[:4])


# ---- negative controls


def wrong_leaf(block: Block, leaf: str) -> Block:
    """The block with every assignment to `leaf` inverted."""
    changed: list[Statement] = []
    for statement in block:
        match statement:
            case SetLeaf(name, value) if name == leaf:
                changed.append(SetLeaf(name, mk("not", value.width, value)))
            case If(condition, then, orelse):
                changed.append(If(condition, wrong_leaf(then, leaf), wrong_leaf(orelse, leaf)))
            case _:
                changed.append(statement)
    return tuple(changed)


@pytest.mark.parametrize(
    ("name", "identifier", "leaf"),
    [("i386", "adc.rm32_r32", "EFLAGS.CF"), ("i386", "add.rm8_r8", "EFLAGS.AF"), ("m68000", "add.w.to_d", "SR.V")],
)
def test_a_wrong_flag_is_noticed(name: str, identifier: str, leaf: str) -> None:
    described = machine(name)
    wrong = {n: replace(f, body=wrong_leaf(f.body, leaf)) for n, f in described.code.functions.items()}
    assert not compare(described, described.instruction(identifier), STATES // 10)
    assert compare(
        replace(described, code=replace(described.code, functions=wrong)),
        described.instruction(identifier),
        STATES // 10,
    )


@pytest.mark.parametrize(
    ("name", "identifier", "like"), [("riscv64", "add", "sub"), ("riscv64", "sw", "sh"), ("riscv64", "beq", "bne")]
)
def test_a_wrong_body_is_noticed(name: str, identifier: str, like: str) -> None:
    described = machine(name)
    right = described.instruction(identifier)
    assert not compare(described, right, STATES // 10)
    assert compare(described, replace(right, body=described.instruction(like).body), STATES // 10)
