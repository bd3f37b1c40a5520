"""What the properties of the bindings draw: operands, and states whose unread parts are never drawn."""

from __future__ import annotations

import random
from collections.abc import Callable

from pgcheck.isa.encoding.codec import compiled, completed, is_canonical
from pgcheck.isa.encoding.encoding import Encoding, Slot
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import Name, Term, mask, signed
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, STATE, TABLE
from pgcheck.models.state import Cells, State
from pgcheck.models.symbolic import ADDRESS, FAULT

Key = tuple[Name | str | int, ...]
Draw = Callable[[Key, int], int]

_ATTEMPTS = 2000


def biased(rng: random.Random, width: int) -> int:
    """`width` bits (a Boolean for 0) among which 0, all ones, small numbers, single bits and sign limits are frequent."""
    width = width or 1
    kind = rng.getrandbits(3)
    if kind > 3:
        return rng.getrandbits(width)
    match kind:
        case 0:
            value = rng.getrandbits(2)
        case 1:
            value = ~rng.getrandbits(2)
        case 2:
            value = (1 << rng.randrange(width)) - rng.getrandbits(1)
        case _:
            value = rng.getrandbits(rng.randrange(1, width + 1)) ^ -rng.getrandbits(1)
    return value & mask(width)


def operands(instruction: Instruction, rng: random.Random) -> dict[str, int]:
    """Canonical operands of an instruction, an operand that has rows in the report being often one of its rows."""
    encoding = instruction.encoding
    assert encoding is not None
    found = random_operands(encoding, rng)
    row = rng.choice(instruction.rows) if instruction.rows and rng.randrange(4) else None
    if row is None or row.value is None:
        return found
    listed = completed(encoding, {**found, row.operand: row.value})
    return listed if is_canonical(encoding, listed) else found


def random_operands(encoding: Encoding, rng: random.Random) -> dict[str, int]:
    """Canonical operands, made field by field as the encoding lays them out."""
    for _ in range(_ATTEMPTS):
        found = dict.fromkeys(encoding.operands, 0)
        for name in encoding.prefixes:
            found[name] = rng.choice([0, *encoding.decode.prefixes[name].values()])
        for step in encoding.steps:
            if compiled(step.when)(found):
                for slot in step.slots:
                    found[slot.name] = _held(slot, biased(rng, slot.top - slot.shift))
        found = completed(encoding, found)
        if is_canonical(encoding, found):
            return found
    raise AssertionError(f"no canonical operands in {_ATTEMPTS} attempts")


def _held(slot: Slot, value: int) -> int:
    return (signed(slot.top, value << slot.shift) if slot.signed else value << slot.shift) & mask(slot.width)


class World:
    """One value for every question a step may ask, drawn when it is first asked.

    The two bindings number the instances of nondeterministic sites differently (one counts along a path, one over all
    paths), so all instances of a site have one value.
    """

    def __init__(self, machine: Machine, draw: Draw) -> None:
        self.machine, self.draw = machine, draw
        self.drawn: dict[Key, int] = {}

    def settle(self, rng: random.Random) -> None:
        """Draw what is asked from here on from `rng`: only paths not taken ask it."""
        self.draw = lambda key, width: biased(rng, width)

    def ask(self, key: Key, width: int) -> int:
        """The value of `key`, of `width` bits."""
        if key not in self.drawn:
            self.drawn[key] = self.draw(key, width)
        return self.drawn[key]

    # ---- as the reference binding asks

    def state(self) -> State:
        """A state to run on."""
        return _LazyState(self)

    def undefined(self, site: str, instance: int, width: int) -> int:
        return self.ask((CHOICE, site), width)

    def volatile(self, leaf: Leaf, instance: int, index: int | None) -> int:
        return self.ask(("read", leaf.name), leaf.width)

    def volatile_write(self, leaf: Leaf, instance: int) -> Cells | int | None:
        return (
            _LazyCells(self, "after", leaf)
            if isinstance(leaf, ArrayLeaf)
            else self.ask(("after", leaf.name), leaf.width)
        )

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        translation = self.machine.code.translation
        assert translation is not None
        fault = self.function(FAULT, args, 0)
        return bool(fault), self.function(ADDRESS, args, self.machine.code.functions[translation.function].results[0])

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.function(Name(PROBE, name), args, self.machine.code.functions[name].results[0])

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.function(Name(TABLE, name), args, self.machine.code.functions[name].results[0])

    # ---- as terms ask

    def function(self, name: Name, args: tuple[int, ...], width: int) -> int:
        return self.ask((name, *args), width)

    def variable(self, term: Term) -> int:
        name = term.name
        if name.space in (STATE, CHOICE):
            return self.ask((name.space, name.text), term.width)
        assert name.space == READ and name.instance is not None
        changed = self.machine.state.leaves[name.text].role == "device" and name.instance % 2
        return self.ask(("after" if changed else "read", name.text), term.width)

    def element(self, array: Term, index: int) -> int:
        kind = {STATE: "s", READ: "after"}[array.name.space]
        assert array.shape is not None
        return self.ask((kind, array.name.text, index), array.shape[1])


class _LazyState(dict[str, "int | Cells"]):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def __missing__(self, name: str) -> int | Cells:
        leaf = self.world.machine.state.leaves[name]
        self[name] = (
            _LazyCells(self.world, "s", leaf)
            if isinstance(leaf, ArrayLeaf)
            else self.world.ask(("s", name), leaf.width)
        )
        return self[name]


class _LazyCells(Cells):
    """An array whose elements are drawn when read; the dictionary holds what was written."""

    __slots__ = ("kind", "leaf", "world")

    def __init__(self, world: World, kind: str, leaf: Leaf) -> None:
        super().__init__()
        self.world, self.kind, self.leaf = world, kind, leaf

    def __missing__(self, index: int) -> int:
        return self.world.ask((self.kind, self.leaf.name, index), self.leaf.element_width)
