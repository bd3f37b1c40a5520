"""What surrounds the instructions of two machines: state, fetching, traps' deliveries, interrupts, translation, tables, firmware, reset and platform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Final

from pgcheck.checker.comparison.acts import Act
from pgcheck.checker.comparison.pairs import Pair
from pgcheck.checker.comparison.result import Part
from pgcheck.checker.comparison.sides import Sides
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, node, on_leaves, parameter
from pgcheck.models.symbolic import Execution, initial

MOST: Final = 12


def facts(sides: Sides) -> Iterator[Part]:
    """What is written down and needs no proof: the state, how it is cut into units, the state after reset, and the computer around it."""
    yield _part("state", _state(sides))
    yield _part("units", _units(*sides.machines))
    yield _part("reset", _reset(sides))
    yield _part("platform", _platform(*sides.machines))


def _part(name: str, wrong: Iterator[str]) -> Part:
    reason = "; ".join(wrong)
    return Part("around", name, "", "", "different" if reason else "equal", "" if reason else "text", reason)


def _state(sides: Sides) -> Iterator[str]:
    a, b = (m.state.leaves for m in sides.machines)
    for mine, theirs, machine in ((a, b, sides.machines[0]), (b, a, sides.machines[1])):
        alone = [n for n in mine if n not in theirs]
        if alone:
            more = f" and {len(alone) - MOST} more" if len(alone) > MOST else ""
            yield f"only {machine.identity.name} has {', '.join(alone[:MOST])}{more}"
    for name in (n for n in a if n in b and n not in sides.shared):
        yield f"{name} is {_type(a[name])} and {_type(b[name])}"


def _type(leaf: Leaf) -> str:
    size = f"{leaf.size} of " if isinstance(leaf, ArrayLeaf) else ""
    hardwired = f" with {len(leaf.hardwired)} hardwired" if isinstance(leaf, ArrayLeaf) and leaf.hardwired else ""
    kind = " volatile" if leaf.volatile else ""
    device = " of a device" if leaf.role == "device" else ""
    return f"{size}{leaf.width or 'Boolean'}{' bits' if leaf.width else ''}{hardwired}{kind}{device}"


def alike(first: Machine, second: Machine) -> bool:
    """Whether two machines cut memory into units, and instructions out of these, alike: only then do words match."""
    return not list(_units(first, second))


def _units(first: Machine, second: Machine) -> Iterator[str]:
    a, b = (
        {
            "the unit of instructions": m.decoding.decode.unit,
            "the order of their units": m.decoding.decode.order,
            "the unit of the program counter": m.decoding.decode.pc_unit,
            "the prefixes": m.decoding.decode.prefixes,
            "the program counter": m.state.pc,
            "memory": m.state.memory,
            "the unit of memory": m.state.memory_unit,
            "the order of memory": m.state.order,
        }
        for m in (first, second)
    )
    for name in a:
        if a[name] != b[name]:
            yield f"{name} is {a[name]} and {b[name]}"


def _reset(sides: Sides) -> Iterator[str]:
    a, b = sides.machines
    for name in (n for n in a.state.leaves if n in sides.shared):
        values = [{m.state.leaves[name].reset, m.platform.boot.get(name, m.state.leaves[name].reset)} for m in (a, b)]
        if values[0] != values[1] or a.state.leaves[name].reset != b.state.leaves[name].reset:
            one, other = (m.platform.boot.get(name, m.state.leaves[name].reset) for m in (a, b))
            yield f"{name} is {one:#x} and {other:#x}"


def _platform(first: Machine, second: Machine) -> Iterator[str]:
    a, b = first.platform, second.platform
    for field in fields(a):
        name = field.name.replace("_", " ")
        if field.name not in ("firmware", "boot") and getattr(a, field.name) != getattr(b, field.name):
            yield f"{name} is not the same"
    if (a.firmware is None) != (b.firmware is None):
        yield "only one has firmware"


def acts(sides: Sides) -> Iterator[Pair]:
    """What is run: fetching, every trap's delivery, the interrupt's functions, translation, tables, probes and firmware."""
    a, b = (m.code for m in sides.machines)
    yield _called(sides, "fetch", a.fetch, b.fetch)
    for name in sorted(sides.exits):
        yield _called(sides, f"delivery of {name}", name, name)
    if a.interrupt is not None and b.interrupt is not None:
        for what in ("pending", "waiting", "deliver"):
            one, other = getattr(a.interrupt, what), getattr(b.interrupt, what)
            if one and other:
                pair = _called(sides, f"interrupt: {what}", one, other)
                yield replace(pair, when=_pending(sides)) if what == "deliver" else pair
    if sides.translations is not None:
        yield _called(sides, "translation", *sides.translations, cuts=False)
    for what, names in (("table", sides.tables), ("probe", sides.probes)):
        for name in sorted(names):
            yield _called(sides, f"{what} {name}", name, name, cuts=False)
    one, other = (m.platform.firmware for m in sides.machines)
    if one is not None and other is not None:
        yield Pair("when firmware serves", *_conditions(sides, one.when, other.when))
        yield _called(sides, "firmware", one.call, other.call)


def _pending(sides: Sides) -> Term:
    """An interrupt is pending on the first machine, in the state before."""
    machine, pre = sides.machines[0], sides.before[0]
    assert machine.code.interrupt is not None
    run = Execution(machine, initial(machine), {})
    return on_leaves([run.value(node("call", 0, data=machine.code.interrupt.pending))], pre)[0]


def lacking(sides: Sides) -> Iterator[Part]:
    """What only one of the two has, so that there is nothing to run on the other."""
    a, b = (m.code for m in sides.machines)
    if (a.interrupt is None) != (b.interrupt is None):
        yield Part("around", "interrupt", "", "", "different", reason="only one has interrupts")
    elif a.interrupt is not None and b.interrupt is not None:
        if a.interrupt.shadow != b.interrupt.shadow:
            why = f"it lasts {a.interrupt.shadow} and {b.interrupt.shadow} instructions"
            yield Part("around", "interrupt: shadow", "", "", "different", reason=why)
        if bool(a.interrupt.waiting) != bool(b.interrupt.waiting):
            yield Part("around", "interrupt: waiting", "", "", "undecided", reason="only one can say that it waits")
    if (a.translation is None) != (b.translation is None) or (a.translation is not None and sides.translations is None):
        why = "one does not translate, or takes other arguments: what the two give is not compared"
        yield Part("around", "translation", "", "", "undecided", reason=why)


def _called(sides: Sides, name: str, one: str, other: str, *, cuts: bool = True) -> Pair:
    """A function of either machine with the same arguments: of the first machine's names."""
    first, second = (
        Act(machine, function=function, given=_arguments(sides, index, function, one), cuts=cuts)
        for index, (machine, function) in enumerate(zip(sides.machines, (one, other), strict=True))
    )
    return Pair(name, first, second)


def _arguments(sides: Sides, side: int, function: str, leading: str) -> dict[str, Term]:
    """The parameters of a function, as those of the first machine's at the same places."""
    mine = sides.machines[side].code.functions[function].parameters
    theirs = sides.machines[0].code.functions[leading].parameters
    return {n: parameter(w, m) for (n, w), (m, _) in zip(mine, theirs, strict=True)}


def _conditions(sides: Sides, one: Term, other: Term) -> tuple[Act, Act]:
    first, second = (Act(m, condition=t) for m, t in zip(sides.machines, (one, other), strict=True))
    return first, second
