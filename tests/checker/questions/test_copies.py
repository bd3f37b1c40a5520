"""Copies that are made beside another are those that are made from the step, and what is forgotten of a difference is noticed."""

from __future__ import annotations

from typing import Any

import pytest

from pgcheck.checker.questions.classical import classify
from pgcheck.checker.questions.copies import (
    Beside,
    Copy,
    as_it_is,
    fresh,
    instantiate,
    oracles,
    own_mode_oracle,
    second_own,
)
from pgcheck.checker.questions.hole import question, virtual_modes
from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.questions.taint import footprint
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.terms.names import FIRST
from tests.checker.judging import setting_of
from tests.specifications import machine


def same(a: Copy, b: Copy) -> bool:
    """Whether two copies are one, term by term."""
    return (a.completes, a.post, a.exits) == (b.completes, b.post, b.exits)


EVERY = {"pg74": 3, "riscv64": 12, "i386": 40}


@pytest.mark.parametrize("name", EVERY)
def test_a_copy_made_beside_another_is_the_copy_that_is_made_anew(
    name: str, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, compared = Beside.again, 0

    def again(self: Beside, pre: Any, answer: Any, tag: Any, own: Any) -> Copy:
        nonlocal compared
        found = right(self, pre, answer, tag, own)
        assert same(found, instantiate(self.copy.machine, self.transition, pre, answer, tag, self.private))
        compared += 1
        return found

    monkeypatch.setattr(Beside, "again", again)
    setting = setting_of(machine(name))
    modes = setting.deployment.modes
    for instruction in machine(name).instructions[:: EVERY[name]]:
        one = subject(setting, instruction, instruction.rows[0])
        classify(setting, one, footprint(setting, one), evidence)
        for mode_class in (modes.supervisor, modes.user):
            for mode in virtual_modes(setting, mode_class):
                question(setting, one, mode_class, mode)
    assert compared > 20


def first_copy(setting: Setting, one: Subject) -> Beside:
    pre = fresh(setting.machine, FIRST)
    return Beside(
        one.transition,
        instantiate(setting.machine, one.transition, pre, as_it_is, FIRST, one.private),
        FIRST,
        one.private,
    )


def test_an_oracle_that_answers_otherwise_and_is_forgotten_is_noticed() -> None:
    setting = setting_of(machine("riscv64"))
    one = subject(setting, setting.machine.instruction("lw"), setting.machine.instruction("lw").rows[0])
    beside, answer = first_copy(setting, one), own_mode_oracle(setting.machine, setting.mode(0))
    wanted = instantiate(setting.machine, one.transition, beside.copy.pre, answer, FIRST, one.private)
    assert same(beside.again(beside.copy.pre, answer, FIRST, oracles(setting.machine)), wanted)
    assert not same(beside.again(beside.copy.pre, answer, FIRST, ()), wanted)


def test_the_second_run_has_the_tables_of_the_roles_that_are_compared_for_itself() -> None:
    found = machine("i386")
    roles = {t.role for t in found.code.tables.values()}
    assert roles and {n.text for n in second_own(found, roles)} == set(found.code.tables)
    assert not second_own(found, ())
