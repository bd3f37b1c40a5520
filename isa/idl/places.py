"""Assignment: what becomes of a value that is given to a variable, to state or to a part of either."""

from __future__ import annotations

from dataclasses import dataclass

from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.idl.lowerer import Lowerer
from pgcheck.isa.idl.scopes import Array, Value, extraction, local, resize_value
from pgcheck.isa.idl.state import Entry, held
from pgcheck.isa.idl.types import Bitfield, Bits, Struct, Type, width_of
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import Item, Tree, csr_name
from pgcheck.isa.terms import Term, constant, node
from pgcheck.isa.terms.ir import Block, SetElement, SetLeaf, SetLocal, SetNext, Statement


@dataclass(frozen=True, slots=True)
class Given:
    """A value that is assigned, and the text that gives it."""

    value: Value
    item: Item

    def to(self, e: Lowerer, type_: Type, what: str = "") -> Value:
        """The value as the type of the place, which `what` names. Raises Refusal."""
        return e.convert(self.value, type_, self.item, what)


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry, or an element of one that is an array."""

    entry: Entry
    index: Term | None = None

    def write(self, e: Lowerer, leaf: str, value: Term) -> Statement:
        if self.index is None:
            return SetLeaf(leaf, value)
        return SetElement(leaf, self.index, held(e.program.leaves[leaf], self.index, value))


def store(e: Lowerer, target: Tree, given: Given) -> Block:
    """The statements that set the place `target`. Raises Refusal."""
    match target.data:
        case "name":
            return store_name(e, str(target.children[0]), given, target)
        case "csr":
            return store_name(e, csr_name(target.children[0]), given, target)
        case "pc":
            entry = next(e for e in e.program.entries.values() if e.pc)
            return (SetNext(given.to(e, entry.type, "$pc").term),)
        case "csr_member":
            entry = _entry_named(e, csr_name(target.children[0]), target)
            return _member(e, target, _Place(entry), given)
        case "member":
            return _field(e, target, given)
        case "index":
            return _index(e, target, given)
        case "range":
            return _range(e, target, given)
    raise Refusal(target, "this cannot be assigned to")


def _entry_named(e: Lowerer, name: str, item: Item) -> Entry:
    entry = e.program.entries.get(name)
    if entry is None:
        raise Refusal(item, f"no state '{name}'", hint=did_you_mean(name, e.program.entries))
    return entry


def store_name(e: Lowerer, name: str, given: Given, target: Item) -> Block:
    """The statements that set a variable or an entry by its name, which stands at `target`. Raises Refusal."""
    if name in e.scope.locals:
        lowered, type_ = e.scope.locals[name]
        value = given.to(e, type_, f"`{name}`")
        return tuple(SetLocal(t.name.text, v) for t, v in zip(local(lowered, type_), value.terms, strict=True))
    if name in e.scope.operands or name in e.scope.constants or name in e.program.params:
        raise Refusal(target, f"'{name}' cannot be assigned to", hint="declare a variable")
    if name not in e.program.entries:
        known = [*e.scope.locals, *e.program.entries]
        raise Refusal(target, f"no '{name}' here", hint=did_you_mean(name, known))
    entry = e.program.entries[name]
    if entry.size:
        raise Refusal(target, f"{name} is an array", hint="give an index")
    return _scatter(e, _Place(entry), given.to(e, entry.type, f"`{name}`"))


def _scatter(e: Lowerer, place: _Place, value: Value) -> Block:
    """Write an entry whole: each leaf gets its bits; constants stay."""
    entry = place.entry
    if entry.pc:
        return (SetNext(value.term),)
    if len(entry.parts) == 1 or isinstance(entry.type, Struct):
        pairs = zip(entry.parts, value.terms, strict=True)
        return tuple(place.write(e, p.leaf, t) for p, t in pairs if p.leaf)
    held = e.scope.declare("whole", entry.type)
    (whole,) = local(held, Bits(value.term.width))
    writes = (place.write(e, p.leaf, extraction(whole, p.high, p.low)) for p in entry.parts if p.leaf)
    return (SetLocal(held, value.term), *writes)


def _member(e: Lowerer, target: Tree, place: _Place, given: Given) -> Block:
    """Set the field or member of an entry that `target` names."""
    entry, name = place.entry, str(target.children[1])
    part = entry.part(name)
    if part is None:
        known = [p.leaf.partition(".")[2] for p in entry.parts]
        raise Refusal(target, f"{entry.name} has no '{name}'", hint=did_you_mean(name, known))
    type_ = entry.type.members[name] if isinstance(entry.type, Struct) else Bits(part.high - part.low + 1)
    term = given.to(e, type_, f"`{entry.name}.{name}`").term
    return (place.write(e, part.leaf, term),) if part.leaf else ()


def _field(e: Lowerer, target: Tree, given: Given) -> Block:
    base, name = target.construct(0), str(target.children[1])
    if base.data == "name":
        variable_name = str(base.children[0])
        if variable_name in e.scope.locals:
            lowered, type_ = e.scope.locals[variable_name]
            if isinstance(type_, Struct):
                if name not in type_.members:
                    raise Refusal(target, f"{type_} has no '{name}'", hint=did_you_mean(name, type_.members))
                term = given.to(e, type_.members[name], f"`{name}`").term
                return (SetLocal(f"{lowered}.{name}", term),)
        else:
            return _member(e, target, _Place(_entry_named(e, variable_name, base)), given)
    if base.data == "index":
        array = e.any(base.children[0])
        if isinstance(array, Array):
            index = e.array_index(array.entry, base.children[1])
            return _member(e, target, _Place(array.entry, index), given)
    old = e.value(base)
    if not isinstance(old.type, Bitfield) or name not in old.type.ranges:
        raise Refusal(target, f"{old.type} has no field '{name}'")
    return _bits(e, target, old, old.type.ranges[name], given)


def _index(e: Lowerer, target: Tree, given: Given) -> Block:
    base, place = target.children
    array = e.any(base)
    if isinstance(array, Array):
        index = e.array_index(array.entry, place)
        return _scatter(e, _Place(array.entry, index), given.to(e, array.entry.type))
    old = e.as_bits(array, base)
    bit = e.bits(place)
    if bit.term.is_constant:
        if bit.term.value >= width_of(old.type):
            raise Refusal(place, f"bit {bit.term.value} is beyond {old.type}")
        return _bits(e, target, old, (bit.term.value, bit.term.value), given)
    width = width_of(old.type)
    distance = resize_value(bit, width)
    one = node("shl", width, constant(width, 1), distance)
    new = given.to(e, Bits(1))
    cleared = node("and", width, old.term, node("not", width, one))
    set_bit = node("or", width, cleared, node("shl", width, resize_value(new, width), distance))
    return store(e, target.construct(0), Given(Value((set_bit,), Bits(width)), given.item))


def _range(e: Lowerer, target: Tree, given: Given) -> Block:
    old = e.bits(target.children[0])
    return _bits(e, target, old, e.bounds(target, width_of(old.type)), given)


def _bits(e: Lowerer, target: Tree, old: Value, bounds: tuple[int, int], given: Given) -> Block:
    """Replace the bits `bounds`, high and low, of the place that `target` is a part of and whose value is `old`."""
    width, (high, low) = width_of(old.type), bounds
    term = given.to(e, Bits(high - low + 1)).term
    if low:
        term = node("concat", term.width + low, term, extraction(old.term, low - 1, 0))
    if high < width - 1:
        term = node("concat", width, extraction(old.term, width - 1, high + 1), term)
    return store(e, target.construct(0), Given(Value((term,), Bits(width)), given.item))
