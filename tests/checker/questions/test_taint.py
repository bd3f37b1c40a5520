"""What the taint settles without a solver, the solver proves too; and it settles nothing that concerns control state."""

from __future__ import annotations

import os
from functools import partial

import pytest
import yaml

from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.questions import entry
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.questions.taint import Footprint, flow, footprint
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.checker.verdicts.verdict import verdict
from pgcheck.isa.machine.machine import Machine
from tests.checker.judging import setting_of
from tests.specifications import every_name, machine_of, path_of, small_names

pytestmark = pytest.mark.slow

OPTIONS = Options(cache=False, second=False)


def settled(setting: Setting) -> list[InstructionRow]:
    """The rows that the taint calls innocuous or intentional."""
    work = [InstructionRow(i, r) for i in setting.machine.instructions for r in i.rows]
    return [w for w in work if footprint(setting, subject(setting, w.instruction, w.row)).innocuous]


def proved(name: str) -> list[tuple[str, str, str]]:
    """(row, verdict by taint, verdict by solver) where the two differ."""
    machine = machine_of(name)
    differing = []
    for deployment in machine.deployments:
        setting = Setting(machine, deployment, frozenset(machine.code.exits))
        rows, compared = settled(setting), list[InstructionRow]()

        def one(work: InstructionRow, solver: Solver, setting: Setting = setting) -> tuple[Judgement, Judgement]:
            return judge(setting, work, solver, False), judge(setting, work, solver, False, trust_taint=False)

        jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
        with Pool(partial(solver_for, OPTIONS), jobs) as pool:
            for work, (by_taint, by_solver) in pool.each(one, rows):
                compared.append(work)
                assert by_taint.evidence == "taint" and by_solver.evidence != "taint" and by_taint.queries == 0
                if verdict(by_taint, None) != verdict(by_solver, None):
                    differing.append((work.id, verdict(by_taint, None), verdict(by_solver, None) + by_solver.trouble))
        assert compared == rows
    return differing


LONG = {"i386", "x86-umip"}
NAMES = [pytest.param(n, marks=pytest.mark.campaign if n in LONG else ()) for n in every_name()]


@pytest.mark.parametrize("name", NAMES)
def test_all_that_the_taint_settles_the_solver_proves(name: str) -> None:
    assert proved(name) == []


def found(machine: Machine, identifier: str) -> Footprint:
    solver = solver_for(OPTIONS)
    setting = entry.settled(machine, machine.deployments[0], Evidence(solver, False))
    solver.close()
    instruction = machine.instruction(identifier)
    return footprint(setting, subject(setting, instruction, instruction.rows[0]))


@pytest.mark.parametrize("name", small_names())
def test_what_concerns_control_state_is_not_settled(name: str) -> None:
    said = yaml.load(path_of(name).read_text(), Loader=yaml.CSafeLoader)["verdicts"]["instructions"]
    for identifier, facts in said.items():
        if facts.get("sensitive") or facts.get("timing"):
            assert not found(machine_of(name), identifier).innocuous


def test_plain_instructions_are_settled_although_they_use_the_translation() -> None:
    machine = machine_of("pg74")
    for identifier in ("add", "load", "store"):
        if any(i.id == identifier for i in machine.instructions):
            assert found(machine, identifier).innocuous
    assert found(machine, "add").innocuous and not found(machine, "lrr").innocuous


def test_footprints_name_what_is_read_and_written() -> None:
    machine = machine_of("pg74")
    assert found(machine, "lrr").writes == {"R.l", "R.b"}
    assert {"R.l", "R.b", "M"} <= found(machine, "srr").reads and not found(machine, "srr").writes
    assert found(machine, "svc").never and not found(machine, "add").never


def test_most_of_every_unprivileged_core_is_settled() -> None:
    for name in ("i386", "riscv64", "pdp10-ka10", "m68000"):
        machine = machine_of(name)
        setting = setting_of(machine)
        rows = [
            i for i in machine.instructions if len(i.rows) == 1 and not any(c == "never" for c in i.access.values())
        ]
        share = sum(footprint(setting, subject(setting, i, i.rows[0])).innocuous for i in rows) / len(rows)
        assert share >= 0.8, f"{name}: {share:.0%}"


def test_the_graph_shows_the_leak() -> None:
    machine = machine_of("pg74")
    setting = setting_of(machine)
    graph = flow(subject(setting, machine.instruction("srr"), machine.instruction("srr").rows[0]), machine)
    assert graph.has_edge("R.l", "A") and graph.nodes["R.l"]["role"] == "relocation"
    plain = flow(subject(setting, machine.instruction("add"), machine.instruction("add").rows[0]), machine)
    assert not plain.has_edge("R.l", "A")
