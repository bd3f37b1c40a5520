"""The comparison of a guest with the bare machine sees one bit in every leaf, page and device register."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from pgcheck.checker.campaign.cases.layout import layout
from pgcheck.checker.campaign.pairs.lockstep import shown
from pgcheck.checker.campaign.pairs.pair import Arrangement, Pair, difference, pair
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.models.computer.computer import Computer
from pgcheck.models.devices.device import held
from pgcheck.models.engine import VmExit
from pgcheck.models.state import Cells
from tests.specifications import machine_of
from tests.vmm.lockstep import policy_of

MACHINES = [("pg74", "default"), ("riscv64", "s_in_u"), ("m68010", "default"), ("pdp10-ka10", "default")]
STILL = VmExit(0)


@pytest.fixture(scope="module", params=MACHINES, ids=lambda given: given[0])
def machines(request: pytest.FixtureRequest) -> Pair:
    name, deployment = request.param
    machine = machine_of(name)
    return pair(machine, policy_of(name, deployment), layout(machine), Arrangement(devices=True))


def noticed(machines: Pair, guest: Computer, what: str) -> bool:
    """Whether the comparison names what was planted, and can say how it differs."""
    return difference(machines, machines.bare, guest) == what and "bare" in shown(machines, what, STILL, STILL)


def test_two_machines_that_are_alike_do_not_differ(machines: Pair) -> None:
    assert difference(machines, machines.bare, machines.guest) == ""


def test_every_leaf_is_compared(machines: Pair) -> None:
    random, guest, missed = Random(1), machines.guest, []
    for name, leaf in machines.machine.state.leaves.items():
        if name == machines.machine.state.memory:
            continue
        bit, value = 1 << random.randrange(leaf.element_width), guest.state[name]
        if isinstance(value, Cells):
            assert isinstance(leaf, ArrayLeaf)
            for place in {0, leaf.size - 1, random.randrange(leaf.size)}:
                before = value[place]
                value[place] ^= bit
                missed += [] if noticed(machines, guest, name) else [f"{name}[{place}]"]
                value[place] = before
        else:
            guest.state[name] = value ^ bit
            missed += [] if noticed(machines, guest, name) else [name]
            guest.state[name] = value
    assert missed == [] and difference(machines, machines.bare, guest) == ""


def test_a_bit_in_any_page_is_seen(machines: Pair) -> None:
    random, guest, missed = Random(2), machines.guest, []
    ram, page = guest.bus.ram, 1 << machines.vmm.page_shift
    for first in range(ram.base, ram.base + ram.size, page):
        for address in {first, first + page - 1, first + random.randrange(page)}:
            guest.bus.store(address, 1, 1 << random.randrange(machines.machine.state.memory_unit))
            seen = difference(machines, machines.bare, guest)
            missed += [] if seen == machines.machine.state.memory else [hex(address)]
            guest.bus.store(address, 1, 0)
    assert missed == [] and difference(machines, machines.bare, guest) == ""
    guest.bus.store(ram.base, 1, 1)
    assert noticed(machines, guest, machines.machine.state.memory)
    guest.bus.store(ram.base, 1, 0)


def test_a_step_more_is_seen(machines: Pair) -> None:
    machines.guest.surroundings.clock += 1
    assert noticed(machines, machines.guest, "clock")
    machines.guest.surroundings.clock -= 1


def registers(device: Any) -> Iterator[tuple[str, Any, str]]:
    """Each number or queue that a device keeps: its name as `held` has it, the object, and its name there."""
    for name in held(device):
        *path, last = name.split(".")
        holder = device
        for step in path:
            holder = getattr(holder, step)
        yield name, holder, last


def test_a_bit_in_any_register_of_a_device_is_seen(machines: Pair) -> None:
    guest, seen, missed = machines.guest, 0, []
    for name, device in guest.devices.items():
        for register, holder, attribute in registers(device):
            value = getattr(holder, attribute)
            if isinstance(value, int):
                setattr(holder, attribute, value ^ 1)
            elif isinstance(value, list):
                value[-1] ^= 1
            else:
                value.append(1)
            missed += [] if noticed(machines, guest, f"{name}.{register}") else [f"{name}.{register}"]
            seen += 1
            if isinstance(value, int):
                setattr(holder, attribute, value)
            elif isinstance(value, list):
                value[-1] ^= 1
            else:
                value.pop()
    assert seen and missed == [] and difference(machines, machines.bare, guest) == ""


def test_the_monitors_entries_are_there_in_every_case() -> None:
    """What a case has left in the host's memory goes, and with it what the monitor had laid down."""
    machine, rules = machine_of("pg74"), policy_of("pg74")
    assert rules.crossing is not None and rules.crossing.laid
    machines = pair(machine, rules, layout(machine), Arrangement())
    machines.clear()
    bus = machines.vmm.host.bus
    assert {a: bus.load(a, 1) for a in rules.crossing.laid} == rules.crossing.laid
