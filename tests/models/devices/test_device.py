"""What a device keeps can be seen without asking it, and all of it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgcheck.isa.machine.platform import Attachment
from pgcheck.models.computer.computer import Computer, Wires
from pgcheck.models.devices.device import CONNECTIONS, held
from pgcheck.models.devices.standard import models, standard
from tests.specifications import machine


def shown(name: str) -> Mapping[str, object]:
    device = standard()[name](Attachment("it", name), Wires(Computer(machine("riscv64"), makers=standard()), ""))
    slots = {slot for kind in type(device).__mro__ for slot in getattr(kind, "__slots__", ())}
    found = held(device)
    assert {register.partition(".")[0] for register in found} == slots - CONNECTIONS
    return found


@pytest.mark.parametrize("name", models())
def test_everything_that_a_device_keeps_is_seen(name: str) -> None:
    assert all(isinstance(value, int | tuple) for value in shown(name).values())


def test_what_a_queue_keeps_is_seen() -> None:
    assert {"queue.seen", "queue.used_index", "queue.ready"} <= shown("disk").keys()


def test_looking_takes_nothing_away() -> None:
    sent = iter([b"ab"])
    computer = Computer(machine("riscv64"), makers=standard(source=lambda count: next(sent, b"")))
    console = computer.devices["console"]
    console.read(5, 1)
    assert held(console)["received"] == held(console)["received"] == (0x61, 0x62)
