"""Mapping schemes on the monitor's side: each that a specification can declare has its mechanism, in a file of the same name."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from pgcheck.isa.machine.schemes import Bounds, Entries, External, Scheme
from pgcheck.isa.rows import modules
from pgcheck.vmm.mmu import mechanism, mechanisms
from tests.specifications import machine


def test_every_scheme_has_a_mechanism() -> None:
    assert set(mechanisms()) == set(get_args(Scheme))
    assert modules("pgcheck.vmm.schemes") == modules("pgcheck.isa.machine.schemes")


@pytest.mark.parametrize(("name", "scheme"), [("riscv64", Entries), ("pg74", Bounds), ("m68010", External)])
def test_a_machine_has_the_mechanism_of_its_scheme(name: str, scheme: type[object]) -> None:
    assert mechanism(machine(name)).scheme is scheme


def test_a_machine_without_a_scheme_is_helped_from_outside() -> None:
    one = machine("pg74")
    assert mechanism(replace(one, code=replace(one.code, translation=None))).scheme is External
