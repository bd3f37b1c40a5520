"""A step is made once for each machine and row, and anew where anything about it is another."""

from dataclasses import replace

from pgcheck.isa.terms.folding import as_written
from pgcheck.models.symbolic import initial, transition
from tests.specifications import machine_of


def test_a_step_is_kept_with_its_machine() -> None:
    machine = machine_of("pg74")
    one, other = machine.instructions[:2]
    assert transition(machine, one) is transition(machine, one)
    assert transition(machine, one) is not transition(machine, other)
    assert transition(machine, one, {}) is transition(machine, one)


def test_an_instruction_of_the_same_id_and_another_body_is_another_step() -> None:
    machine = machine_of("pg74")
    one, other = (i for i in machine.instructions if i.id in ("lpsw", "tlu"))
    changed = replace(one, body=other.body)
    assert transition(machine, one).post != transition(machine, changed).post


def test_fixed_operands_are_part_of_what_is_kept() -> None:
    machine = machine_of("pg74")
    one = next(i for i in machine.instructions if i.operands)
    name = next(iter(one.operands))
    steps = [transition(machine, one, fixed) for fixed in ({}, {name: 0}, {name: 1}, {name: 0})]
    assert steps[1] is steps[3] and len({id(s) for s in steps}) == 3


def test_a_machine_of_its_own_has_steps_of_its_own_as_written_too() -> None:
    machine = machine_of("pg74")
    one = machine.instructions[0]
    folded = transition(machine, one)
    with as_written():
        written = transition(replace(machine), one)
    assert written is not folded and transition(machine, one) is folded


def test_nobody_changes_the_free_leaves_for_others() -> None:
    machine = machine_of("pg74")
    initial(machine).clear()
    assert initial(machine).keys() == machine.state.leaves.keys()
