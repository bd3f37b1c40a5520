"""What a campaign knows of a machine: its instructions by what they touch, and encodings of each to draw from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.isa.encoding.codec import Decoded, encode
from pgcheck.isa.encoding.encoding import Encoding
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import TRUE, mask, walk
from pgcheck.isa.terms.ir import Block, If, SetElement, SetLeaf, SetNext, Store
from pgcheck.isa.terms.knownbits import conjuncts
from pgcheck.isa.terms.reads import bound_calls, terms_of
from pgcheck.isa.words import split

POOL = 40
TRIES = 240
Units = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """What an instruction's body and the functions it calls may do; translation, fetch and trap entry are no part of it."""

    read: frozenset[str]
    written: frozenset[str]
    stores: bool
    loads: bool
    jumps: bool


def touched(machine: Machine, body: Block) -> Touched:
    """A static summary, not a path: what may happen somewhere."""
    translation = machine.code.translation
    seen = {*machine.code.exits, *((translation.function,) if translation else ())}
    read, written, flags, todo = set[str](), set[str](), set[str](), [body]
    while todo:
        block = todo.pop()
        for statement in statements(block):
            match statement:
                case SetLeaf(leaf, _) | SetElement(leaf, _, _):
                    written.add(leaf)
                case Store():
                    flags.add("store")
                case SetNext():
                    flags.add("jump")
        for term in walk(terms_of(block)):
            if term.leaf is not None:
                read.add(term.leaf)
            elif term.op == "volatile":
                read.add(term.about)
            elif term.op == "load":
                flags.add("load")
        for name in called(block):
            if name not in seen:
                seen.add(name)
                todo.append(machine.code.functions[name].body)
    return Touched(frozenset(read), frozenset(written), "store" in flags, "load" in flags, "jump" in flags)


def statements(block: Block) -> Iterator[object]:
    """All statements of a block, those in branches too."""
    for statement in block:
        yield statement
        if isinstance(statement, If):
            yield from statements(statement.then)
            yield from statements(statement.orelse)


def called(block: Block) -> Iterator[str]:
    """The functions that a block calls."""
    yield from (term.about for term in walk(terms_of(block)) if term.op == "call")
    yield from bound_calls(block)


class Inventory:
    """The instructions of a machine in four groups, and a pool of encodings of each, the same in every process.

    `control` touches control state beyond what most instructions look at, or traps by the policy; then come `memory`, `jump` and
    `plain`. `places` are addresses that operands should name; `traps` the rows that the policy lets trap.
    """

    def __init__(self, machine: Machine, traps: Set[str], places: tuple[int, ...], trial: Trial) -> None:
        self.machine, self.places, self.trial = machine, places, trial
        self._smooth: dict[tuple[str, int], tuple[Units, ...]] = {}
        self.of = {i.id: touched(machine, i.body) for i in machine.instructions if i.encoding is not None}
        self._pools: dict[str, tuple[Units, ...]] = {}
        self._traps = frozenset(traps)
        self.saved = frozenset(n for n, leaf in machine.state.leaves.items() if leaf.role == "saved")

    @cached_property
    def groups(self) -> Mapping[str, tuple[Instruction, ...]]:
        """Every instruction that has an encoding, by group; no group is empty."""
        found: dict[str, list[Instruction]] = {"control": [], "memory": [], "jump": [], "plain": [], "saved": []}
        common = self._common()
        for instruction in self.machine.instructions:
            facts = self.of.get(instruction.id)
            if facts is None:
                continue
            control = {n for n in facts.read | facts.written if self.machine.state.leaves[n].control} - common
            if (
                any(
                    f"{instruction.id}{r.label}" in self._traps or instruction.id in self._traps
                    for r in instruction.rows
                )
                or control
            ):
                found["control"].append(instruction)
            elif facts.jumps:
                found["jump"].append(instruction)
            elif facts.stores or facts.loads:
                found["memory"].append(instruction)
            else:
                found["plain"].append(instruction)
            if facts.written & self.saved:
                found["saved"].append(instruction)
        everything = [i for name in ("control", "memory", "jump", "plain") for i in found[name]]
        return {name: tuple(group or everything) for name, group in found.items()}

    def pool(self, instruction: Instruction) -> tuple[Units, ...]:
        """Encodings of an instruction, simple ones first; none if it has none."""
        found = self._pools.get(instruction.id)
        if found is None:
            encoding = instruction.encoding
            found = self._pools[instruction.id] = () if encoding is None else tuple(self._draw(instruction, encoding))
        return found

    def smooth(self, instruction: Instruction, mode: int) -> tuple[Units, ...]:
        """The encodings of the pool that complete in a mode where nothing is out of place; all of them if none does."""
        key = instruction.id, mode
        found = self._smooth.get(key)
        if found is None:
            every = self.pool(instruction)
            found = self._smooth[key] = tuple(u for u in every if self.trial.goes_on(u, mode)) or every
        return found

    @cached_property
    def some(self) -> tuple[Units, ...]:
        """Encodings of the first plain instruction that has any."""
        return next(pool for pool in map(self.pool, self.groups["plain"]) if pool)

    def _common(self) -> frozenset[str]:
        """Control leaves that more than a third of all instructions read: the mode, segments, relocation."""
        count = Counter(n for facts in self.of.values() for n in facts.read | facts.written)
        return frozenset(n for n, times in count.items() if 3 * times > len(self.of))

    def _draw(self, instruction: Instruction, encoding: Encoding) -> list[Units]:
        source = random.Random(f"{self.machine.identity.name} {instruction.id}")
        rows = {
            r.operand: [x.value for x in instruction.rows if x.operand == r.operand and x.value is not None]
            for r in instruction.rows
            if r.operand
        }
        found: dict[Units, int] = {}
        forced = required(encoding)
        for operands in self._pointing(encoding):
            try:
                found.setdefault(encode(encoding, {**operands, **forced}), 0)
            except ValueError:
                continue
        most = max(POOL, 2 * sum(map(len, rows.values())))
        for attempt in range(TRIES * most // POOL):
            if len(found) >= most:
                break
            operands = self._operands(encoding, source, rows, attempt)
            base, length = operands, 0
            if attempt % 2:
                drawn = self.decoded(instruction, encoding, source, forced)
                if drawn is None:
                    continue
                wide = {n: v for n, v in operands.items() if encoding.operands[n].width >= 6}
                base, length = {**drawn.operands, **(wide if source.random() < 0.8 else {})}, drawn.length
            try:
                units = encode(encoding, {**base, **forced})
            except ValueError:
                continue
            found.setdefault(units, length.bit_length() + sum(v.bit_length() for v in base.values()))
        return sorted(found, key=lambda u: (found[u], u))

    def _operands(
        self, encoding: Encoding, source: random.Random, rows: Mapping[str, list[int]], attempt: int
    ) -> dict[str, int]:
        operands: dict[str, int] = {}
        for name, operand in encoding.operands.items():
            if name in encoding.prefixes:
                operands[name] = source.randrange(1 << operand.width) if source.random() < 0.1 else 0
            elif rows.get(name) and source.random() < 0.8:
                operands[name] = rows[name][attempt // 2 % len(rows[name])]
            elif attempt == 0:
                operands[name] = 0
            elif operand.width <= 5:
                operands[name] = source.randrange(1 << operand.width)
            else:
                operands[name] = self.interesting(source, operand.width)
        return operands

    def _pointing(self, encoding: Encoding) -> Iterator[dict[str, int]]:
        """Operands that are 0 but for one, which is the address of a place for data."""
        names = list(encoding.operands)
        for name in names:
            width = encoding.operands[name].width
            if width >= 6:
                for place in self.places[2:5]:
                    yield {**dict.fromkeys(names, 0), name: place & mask(width)}

    def redirects(self, saved: list[str]) -> tuple[tuple[Units, str, int], ...]:
        """Encodings that move a register into a leaf that keeps where a trap came from: (units, array, index)."""
        found: list[tuple[Units, str, int]] = []
        arrays = [array for array in self.machine.state.registers if array.size <= 64 and array.width > 16]
        for instruction in self.groups["saved"] if saved else ():
            for units in self._by_row(instruction):
                for array in arrays:
                    index = self.trial.moves(units, self.machine.modes.supervisor.values[0], array, saved)
                    if index is not None:
                        found.append((units, array.name, index))
        return tuple(found)

    def _by_row(self, instruction: Instruction) -> Iterator[Units]:
        """A few encodings for each row, or of the pool where there are no rows."""
        encoding = instruction.encoding
        source = random.Random(f"{self.machine.identity.name} {instruction.id} rows")
        if encoding is None or not any(r.operand for r in instruction.rows):
            yield from self.pool(instruction)[:8]
            return
        for row in instruction.rows:
            for _ in range(2 if row.value is not None else 0):
                operands = {n: source.randrange(1 << min(o.width, 5)) for n, o in encoding.operands.items()}
                try:
                    yield encode(encoding, {**operands, row.operand: row.value or 0})
                except ValueError:
                    continue

    def interesting(self, source: random.Random, width: int) -> int:
        """An operand of a width: small, aligned, at an edge, the address of a place, or any."""
        kind = source.randrange(8)
        if kind < 3:
            value = source.choice((0, 1, 2, 3, 4, 8, 8, 12, 16, 24, 32, 48, 64))
        elif kind < 5:
            value = source.choice(self.places) + source.choice((0, 0, 1, 2, 4, 8))
        elif kind == 5:
            value = source.choice((-1, -4, -8, -16, 1 << width - 1, (1 << width - 1) - 1, -2))
        elif kind == 6:
            value = source.randrange(64)
        else:
            value = source.getrandbits(width)
        return value & mask(width)

    def decoded(
        self, instruction: Instruction, encoding: Encoding, source: random.Random, forced: Mapping[str, int]
    ) -> Decoded | None:
        """Random bits that decode to the instruction."""
        prefixes = encoding.decode.prefixes
        units = [u for name in encoding.prefixes for u, v in prefixes[name].items() if forced.get(name) == v]
        at = len(units)
        units += [source.getrandbits(encoding.decode.unit) for _ in range(self.machine.decoding.decode.max_length - at)]
        for step in encoding.steps:
            if step.when is not TRUE:
                break
            split = encoding.decode.split
            for fixed, value in zip(split(step.mask, step.units), split(step.value, step.units), strict=True):
                if at < len(units):
                    units[at] = units[at] & ~fixed | value
                    at += 1
        found = self.machine.decoding.decoder.decode(lambda k: units[k])
        return found if found is not None and found.id == instruction.id else None


def required(encoding: Encoding) -> dict[str, int]:
    """The operands that only one value has an encoding with."""
    found: dict[str, int] = {}
    for term in (*conjuncts(encoding.canonical), *conjuncts(encoding.when)):
        if term.op == "eq" and term.args[0].op == "var" and term.args[1].is_constant:
            found[term.args[0].name.text] = term.args[1].value
    return found


def cells_of(machine: Machine, units: Sequence[int]) -> tuple[int, ...]:
    """The units of memory that units of code take, from the lowest address on."""
    unit, decode = machine.state.memory_unit, machine.decoding.decode
    return tuple(cell for one in units for cell in split(one, decode.unit // unit, unit, decode.order))
