"""Tables that trap entry looks up are found and written, so that guests of machines with descriptors take traps and return from them."""

from __future__ import annotations

import pytest

from pgcheck.checker.campaign.cases.interrupts import Interrupts
from pgcheck.checker.campaign.cases.inventory import Inventory
from pgcheck.checker.campaign.cases.layout import Layout, layout
from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.checker.campaign.cases.vectors import InMemory, Vectors, aim, vectors
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.memory import Ram
from pgcheck.models.reference.cycle import advance
from pgcheck.models.state import State, Surroundings
from tests.specifications import machine

I386 = machine("i386")
WHERE = layout(I386)
HANDLED, DOUBLE = 6, 8
IRET, INT, UNDEFINED = 0xCF, b"\xcd\x80", b"\x0f\x0b"


def of(subject: Machine, where: Layout) -> Vectors:
    trial = Trial(subject, where.base, where.size, where.kernel, where.stack)
    return vectors(Inventory(subject, frozenset(), (0, 1, *where.places), trial), where, Interrupts((), {}, ()))


@pytest.fixture(scope="module")
def found() -> Vectors:
    return of(I386, WHERE)


def guest(found: Vectors) -> tuple[State, Ram]:
    """A guest in user mode with all that traps take, whose handlers return."""
    trial = Trial(I386, WHERE.base, WHERE.size, WHERE.user, WHERE.stack)
    here = found.lookups.laid(trial, 3)
    aim(I386, found.sources, here.state, trial.bus, WHERE.handler)
    trial.ram.store(WHERE.handler, 1, IRET)
    return here.state, trial.ram


def test_gates_descriptors_and_the_task_state_are_found_by_asking(found: Vectors) -> None:
    """The SDM: a gate of 8 bytes for each vector at IDTR, descriptors at GDTR, the stack of ring 0 at TR + 4; IRET is CF."""
    tables, leaves = found.lookups, found.lookups.leaves
    assert {"IDTR.base", "IDTR.limit", "GDTR.base", "GDTR.limit", "TR.base", "TR.limit"} == set(leaves)
    gates = {(leaves["IDTR.base"] + 8 * vector, 8) for vector in range(256)}
    code, stack = (leaves["GDTR.base"] + 4 * index for index in (2, 4))
    user = {leaves["GDTR.base"] + 4 * tables.user[name] for name in ("CS", "SS")}
    others = {(code, 8), (stack, 8), *((place, 8) for place in user), (leaves["TR.base"] + 4, 6)}
    assert set(tables.entries) == gates | others
    assert {(s.place.address, s.place.count) for s in found.sources if isinstance(s.place, InMemory)} == gates
    assert (IRET,) in found.returns


@pytest.mark.parametrize(("program", "back"), [(UNDEFINED, 0), (INT, 0)], ids=["fault", "refused interrupt"])
def test_a_guest_in_user_mode_takes_a_trap_and_comes_back(found: Vectors, program: bytes, back: int) -> None:
    state, ram = guest(found)
    surroundings = Surroundings(memory=ram)
    ram.store(WHERE.user, len(program), int.from_bytes(program, "little"))
    taken = advance(I386, state, surroundings)
    assert (
        taken is not None
        and taken.function in ("fault", "refuse")
        and (state["EIP"], state["CPL"]) == (WHERE.handler, 0)
    )
    pushed = ram.load(state["GPR"][4], 4)  # type: ignore[index]
    if pushed != WHERE.user:  # an error code lies on top, which IRET does not take
        state["GPR"][4] += 4  # type: ignore[index]
    assert advance(I386, state, surroundings) is None
    assert (state["EIP"], state["CPL"]) == (WHERE.user + back, 3)


def test_a_trap_is_lost_where_an_entry_is_not_there(found: Vectors) -> None:
    state, ram = guest(found)
    ram.store(WHERE.user, 2, int.from_bytes(UNDEFINED, "little"))
    for vector in (HANDLED, DOUBLE):
        place = found.lookups.leaves["IDTR.base"] + 8 * vector
        ram.store(place, 8, ram.load(place, 8) & ~(1 << 47))
    taken = advance(I386, state, Surroundings(memory=ram))
    assert taken is not None and taken.function == "halt" and state["EIP"] != WHERE.handler


def test_a_table_of_one_word_needs_no_register_and_a_machine_that_looks_nothing_up_no_table() -> None:
    subject = machine("pg74")
    tables = of(subject, layout(subject)).lookups
    assert (set(tables.entries), tables.leaves, tables.user) == ({(1, 1)}, {}, {})
    subject = machine("campaigns/sixty_four")
    assert of(subject, layout(subject)).lookups.entries == {}
