"""Assignment: what becomes of a value that is given to a variable, to state or to a part of either."""

from __future__ import annotations

from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.idl.expressions import Expressions, csr_name
from pgcheck.isa.idl.refusal import Refusal
from pgcheck.isa.idl.scopes import Array, Value, extraction, local, resize, resize_value
from pgcheck.isa.idl.state import Entry
from pgcheck.isa.idl.syntax import Item, Tree
from pgcheck.isa.idl.types import Bitfield, Bits, Struct, width_of
from pgcheck.isa.terms import Term, constant, node, variable
from pgcheck.isa.terms.ir import Block, SetElement, SetLeaf, SetLocal, SetNext, Statement


def store(e: Expressions, target: Item, value: Value, item: Item) -> Block:
    """The statements that set the place `target`."""
    assert not isinstance(target, str)
    match target.data:
        case "name":
            return store_name(e, str(target.children[0]), value, item, target)
        case "csr":
            return store_name(e, csr_name(target.children[0]), value, item, target)
        case "pc":
            entry = next(e for e in e.program.entries.values() if e.pc)
            return (SetNext(e.convert(value, entry.type, item, "$pc").term),)
        case "csr_member":
            name = csr_name(target.children[0])
            return _member(e, target, _entry_named(e, name, target), None, str(target.children[1]), value, item)
        case "member":
            return _field(e, target, value, item)
        case "index":
            return _index(e, target, value, item)
        case "range":
            return _range(e, target, value, item)
    raise Refusal(target, "this cannot be assigned to")


def _entry_named(e: Expressions, name: str, item: Item) -> Entry:
    entry = e.program.entries.get(name)
    if entry is None:
        raise Refusal(item, f"no state '{name}'", hint=did_you_mean(name, e.program.entries))
    return entry


def store_name(e: Expressions, name: str, value: Value, item: Item, target: Item | None = None) -> Block:
    if name in e.scope.locals:
        lowered, type_ = e.scope.locals[name]
        value = e.convert(value, type_, item, f"`{name}`")
        return tuple(SetLocal(t.name[2:], v) for t, v in zip(local(lowered, type_), value.terms, strict=True))
    if name in e.scope.operands or name in e.scope.constants or name in e.program.params:
        raise Refusal(target or item, f"'{name}' cannot be assigned to", hint="declare a variable")
    if name not in e.program.entries:
        known = [*e.scope.locals, *e.program.entries]
        raise Refusal(target or item, f"no '{name}' here", hint=did_you_mean(name, known))
    entry = e.program.entries[name]
    if entry.size:
        raise Refusal(target or item, f"{name} is an array", hint="give an index")
    return _scatter(e, entry, None, e.convert(value, entry.type, item, f"`{name}`"))


def _scatter(e: Expressions, entry: Entry, index: Term | None, value: Value) -> Block:
    """Write an entry whole: each leaf gets its bits; constants stay."""
    if entry.pc:
        return (SetNext(value.term),)
    if len(entry.parts) == 1 or isinstance(entry.type, Struct):
        pairs = zip(entry.parts, value.terms, strict=True)
        return tuple(_set_leaf(p.leaf, index, t) for p, t in pairs if p.leaf)
    held = e.scope.declare("whole", entry.type)
    whole = variable(value.term.width, "l." + held)
    writes = (_set_leaf(p.leaf, index, extraction(whole, p.high, p.low)) for p in entry.parts if p.leaf)
    return (SetLocal(held, value.term), *writes)


def _member(
    e: Expressions, target: Item, entry: Entry, index: Term | None, name: str, value: Value, item: Item
) -> Block:
    part = entry.part(name)
    if part is None:
        known = [p.leaf.partition(".")[2] for p in entry.parts]
        raise Refusal(target, f"{entry.name} has no '{name}'", hint=did_you_mean(name, known))
    type_ = entry.type.members[name] if isinstance(entry.type, Struct) else Bits(part.high - part.low + 1)
    term = e.convert(value, type_, item, f"`{entry.name}.{name}`").term
    return (_set_leaf(part.leaf, index, term),) if part.leaf else ()


def _field(e: Expressions, target: Tree, value: Value, item: Item) -> Block:
    base, name = target.children[0], str(target.children[1])
    assert not isinstance(base, str)
    if base.data == "name":
        variable_name = str(base.children[0])
        if variable_name in e.scope.locals:
            lowered, type_ = e.scope.locals[variable_name]
            if isinstance(type_, Struct):
                if name not in type_.members:
                    raise Refusal(target, f"{type_} has no '{name}'", hint=did_you_mean(name, type_.members))
                term = e.convert(value, type_.members[name], item, f"`{name}`").term
                return (SetLocal(f"{lowered}.{name}", term),)
        else:
            return _member(e, target, _entry_named(e, variable_name, base), None, name, value, item)
    if base.data == "index":
        array = e.any(base.children[0])
        if isinstance(array, Array):
            index = e.array_index(array.entry, base.children[1])
            return _member(e, target, array.entry, index, name, value, item)
    old = e.value(base)
    if not isinstance(old.type, Bitfield) or name not in old.type.ranges:
        raise Refusal(target, f"{old.type} has no field '{name}'")
    high, low = old.type.ranges[name]
    return _bits(e, base, old, high, low, value, item)


def _index(e: Expressions, target: Tree, value: Value, item: Item) -> Block:
    base, place = target.children
    array = e.any(base)
    if isinstance(array, Array):
        index = e.array_index(array.entry, place)
        return _scatter(e, array.entry, index, e.convert(value, array.entry.type, item))
    old = e.as_bits(array, base)
    bit = e.bits(place)
    if bit.term.is_constant:
        if bit.term.value >= width_of(old.type):
            raise Refusal(place, f"bit {bit.term.value} is beyond {old.type}")
        return _bits(e, base, old, bit.term.value, bit.term.value, value, item)
    width = width_of(old.type)
    distance = resize_value(bit, width)
    one = node("shl", width, constant(width, 1), distance)
    new = e.convert(value, Bits(1), item).term
    cleared = node("and", width, old.term, node("not", width, one))
    set_bit = node("or", width, cleared, node("shl", width, resize(new, width, False), distance))
    return store(e, base, Value((set_bit,), Bits(width)), item)


def _range(e: Expressions, target: Tree, value: Value, item: Item) -> Block:
    old = e.bits(target.children[0])
    high, low = e.bounds(target, width_of(old.type))
    return _bits(e, target.children[0], old, high, low, value, item)


def _bits(e: Expressions, base: Item, old: Value, high: int, low: int, value: Value, item: Item) -> Block:
    """Replace bits high to low of the place `base`, whose value is `old`."""
    width = width_of(old.type)
    term = e.convert(value, Bits(high - low + 1), item).term
    if low:
        term = node("concat", term.width + low, term, extraction(old.term, low - 1, 0))
    if high < width - 1:
        term = node("concat", width, extraction(old.term, width - 1, high + 1), term)
    return store(e, base, Value((term,), Bits(width)), item)


def _set_leaf(leaf: str, index: Term | None, value: Term) -> Statement:
    return SetLeaf(leaf, value) if index is None else SetElement(leaf, index, value)
