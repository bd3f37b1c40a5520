"""Every mode that a step may start in counts, not only the ones that the classical classes name."""

from dataclasses import replace

import pytest

from pgcheck.checker.questions.subject import subject
from pgcheck.checker.questions.taint import footprint, start_modes
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import constant, eq
from pgcheck.isa.terms.ir import If, SetElement
from tests.checker.judging import setting_of
from tests.specifications import machine_of


@pytest.fixture(scope="module")
def machine() -> Machine:
    return machine_of("i386")


def test_all_four_rings_are_start_modes(machine: Machine) -> None:
    assert sorted(start_modes(setting_of(machine))) == [0, 1, 2, 3]


@pytest.mark.parametrize("ring", [0, 1, 2, 3])
def test_an_effect_in_one_ring_alone_is_not_innocuous(machine: Machine, ring: int) -> None:
    setting = setting_of(machine)
    nop = machine.instruction("nop")
    assert footprint(setting, subject(setting, nop, nop.rows[0])).innocuous
    here = eq(machine.state.leaves["CPL"].term, constant(2, ring))
    spoiled = replace(nop, body=(If(here, (SetElement("GPR", constant(3, 0), constant(32, 7)),), ()),))
    assert footprint(setting, subject(setting, spoiled, spoiled.rows[0])).reads == {"CPL"}
