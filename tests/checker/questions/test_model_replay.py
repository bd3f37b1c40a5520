"""A model counts as evidence only when the reference binding ends as it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.questions.copies import Copy, as_it_is, fresh, instantiate
from pgcheck.checker.questions.model_replay import replay_model
from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.solving.evidence import Contradiction, Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, Term, constant, lnot, select
from tests.checker.variants import with_instruction
from tests.specifications import machine_of


def prepared(machine: Machine, identifier: str, mode: int, *, enters: bool = True) -> tuple[Setting, Subject, Copy]:
    setting = Setting(machine, machine.deployments[0], frozenset(machine.code.exits if enters else ()))
    instruction = machine.instruction(identifier)
    one = subject(setting, instruction, instruction.rows[0])
    pre = {**fresh(machine, "a"), machine.modes.leaf: setting.mode(mode)}
    return setting, one, instantiate(machine, one.transition, pre, as_it_is, "a", one.private)


def modelled(one: Subject, copy: Copy, wanted: list[Term], evidence: Evidence) -> Model | None:
    return evidence.model([one.canonical, lnot(copy.unmodelled), *wanted], one.id)


@pytest.mark.parametrize("identifier", [i.id for i in machine_of("pg74").instructions])
@pytest.mark.parametrize("mode", [0, 1])
def test_every_way_to_end_is_reenacted(identifier: str, mode: int, evidence: Evidence) -> None:
    setting, one, copy = prepared(machine_of("pg74"), identifier, mode)
    ways = [copy.completes, *(e.guard for e in copy.exits)]
    found = [m for way in ways if (m := modelled(one, copy, [way], evidence)) is not None]
    assert found
    for model in found:
        replay_model(setting, one, copy, model, "a")


@pytest.mark.parametrize("identifier", ["add", "load", "lrr", "svc", "tio", "lra"])
def test_a_copy_that_ends_otherwise_is_a_contradiction(identifier: str, evidence: Evidence) -> None:
    """What a bug of the symbolic binding would look like: it completes exactly where it does not."""
    setting, one, copy = prepared(machine_of("pg74"), identifier, 1)
    lying = Copy(copy.machine, copy.pre, lnot(copy.completes), copy.post, ())
    model = modelled(one, copy, [], evidence)
    assert model is not None
    replay_model(setting, one, copy, model, "a")
    with pytest.raises(Contradiction, match=f"{identifier}: the model says .*, the reference says"):
        replay_model(setting, one, lying, model, "a")


def test_the_exit_is_compared_by_name(tmp_path: Path, evidence: Evidence) -> None:
    more = "exits:\n  own: {kind: other}\nfunctions: |\n  function own { description { . } body { M = 0; } }\n"
    machine = with_instruction(tmp_path, "if (A[r] == 32'd7) { own(); }\ntrap(Cause::Service);", more=more)
    setting, one, copy = prepared(machine, "new", 1)
    model = modelled(one, copy, [copy.ends("other")], evidence)
    assert model is not None
    replay_model(setting, one, copy, model, "a")
    renamed = Copy(
        machine,
        copy.pre,
        copy.completes,
        copy.post,
        tuple(replace(e, function="trap") for e in copy.exits if e.function == "own"),
    )
    with pytest.raises(Contradiction, match="the model says trap, the reference says own"):
        replay_model(setting, one, renamed, model, "a")


@pytest.mark.parametrize("enters", [True, False])
def test_a_trap_that_does_not_enter_the_monitor_is_run_on(enters: bool, evidence: Evidence) -> None:
    setting, one, copy = prepared(machine_of("local_trap"), "call", 1, enters=enters)
    assert (copy.completes is TRUE) != enters
    model = modelled(one, copy, [], evidence)
    assert model is not None
    replay_model(setting, one, copy, model, "a")


def test_arrays_devices_and_choices_of_the_model_are_the_references(tmp_path: Path, evidence: Evidence) -> None:
    """The guard below holds for one value of each source only, so an answer that is lost ends otherwise."""
    body = """
if (A[3] == 32'd77 && DEVICE[2] == 32'd78 && TIMER == 32'd79 && undefined<8>("site") == 8'd80 && read_memory(32'd5) == 32'd81) {
  C = 1'b1;
} else {
  trap(Cause::Service);
}
""".strip()
    machine = with_instruction(tmp_path, body, more="nondeterminism: {site: Bits<8>}\n")
    setting, one, copy = prepared(machine, "new", 1)
    model = modelled(one, copy, [copy.completes], evidence)
    assert model is not None
    replay_model(setting, one, copy, model, "a")
    assert model.values([select(copy.pre["A"], constant(4, 3))]) == [77]
    claims = Copy(machine, copy.pre, TRUE, copy.post, ())
    elements = {k: 0 if k[1] == 3 and v == 77 else v for k, v in model.elements.items()}
    with pytest.raises(Contradiction, match="the reference says trap"):
        replay_model(setting, one, claims, replace(model, elements=elements), "a")
    held = [name for name, value in model.variables.items() if value in (78, 79, 80)]
    assert len(held) == 3
    for name in held:
        other = replace(model, variables={**model.variables, name: 1})
        with pytest.raises(Contradiction, match="the reference says trap"):
            replay_model(setting, one, claims, other, "a")
