"""Every mode that a step may start in counts, not only the ones that the classical classes name."""

from dataclasses import replace

import pytest

from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.questions.taint import footprint, start_modes
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import constant, eq
from pgcheck.isa.terms.ir import If, SetElement
from pgcheck.shipped import shipped


@pytest.fixture(scope="module")
def machine() -> Machine:
    path = shipped("i386")
    assert path is not None
    return load(path, shipped=shipped)


def test_all_four_rings_are_start_modes(machine: Machine) -> None:
    assert sorted(start_modes(Setting(machine, machine.deployments[0], frozenset(machine.code.exits)))) == [0, 1, 2, 3]


@pytest.mark.parametrize("ring", [0, 1, 2, 3])
def test_an_effect_in_one_ring_alone_is_not_innocuous(machine: Machine, ring: int) -> None:
    setting = Setting(machine, machine.deployments[0], frozenset(machine.code.exits))
    nop = machine.instruction("nop")
    assert footprint(setting, subject(setting, nop, nop.rows[0])).innocuous
    here = eq(machine.state.leaves["CPL"].term, constant(2, ring))
    spoiled = replace(nop, body=(If(here, (SetElement("GPR", constant(3, 0), constant(32, 7)),), ()),))
    assert footprint(setting, subject(setting, spoiled, spoiled.rows[0])).reads == {"CPL"}
