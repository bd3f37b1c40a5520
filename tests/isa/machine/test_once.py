"""What is found out about a machine is kept with it, and with no other."""

import gc
import weakref
from dataclasses import replace

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from tests.specifications import machine_of


class Found:
    """Something that holds on to its machine, as what is generated for one does."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name


def test_a_machine_is_asked_once_for_each_argument() -> None:
    asked: list[str] = []

    @once
    def named(machine: Machine, name: str) -> Found:
        asked.append(name)
        return Found(machine, name)

    machine = replace(machine_of("pg74"))
    assert named(machine, "a") is named(machine, "a") and named(machine, "b").name == "b"
    assert asked == ["a", "b"]
    other = replace(machine)
    assert other == machine and named(other, "a").machine is other and asked == ["a", "b", "a"]


def test_two_functions_of_one_machine_do_not_meet() -> None:
    machine = replace(machine_of("pg74"))
    assert [once(find)(machine) for find in (lambda m: 1, lambda m: 2)] == [1, 2]


def test_what_is_raised_is_not_kept() -> None:
    answers = iter((False, True))

    @once
    def second(machine: Machine) -> bool:
        if not next(answers):
            raise LookupError
        return True

    machine = replace(machine_of("pg74"))
    with pytest.raises(LookupError):
        second(machine)
    assert second(machine)


def test_what_was_found_goes_with_its_machine() -> None:
    machine = replace(machine_of("pg74"))
    found = weakref.ref(once(lambda m: Found(m, ""))(machine))
    assert found() is not None
    del machine
    gc.collect()
    assert found() is None
