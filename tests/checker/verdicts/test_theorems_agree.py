"""One law over all answers: where a premise of 1974 holds of a row, the row is no hole in a mode that the theorem's monitor runs directly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.questions import classical
from pgcheck.checker.questions.configuration import admissible
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.checker.verdicts.theorems import contradicting, premise
from pgcheck.isa.machine.machine import Machine
from tests.checker.judging import setting_of
from tests.checker.mutate import mutants, mutated, original
from tests.checker.results import Checked, row
from tests.checker.variants import with_instruction
from tests.specifications import machine_of, small_names

pytestmark = pytest.mark.slow


def contradictions(judged: Judgement) -> Iterator[str]:
    """The theorems whose premise holds of a row that is a hole where their monitor runs it; time apart."""
    said = judged.classical
    if said is None or judged.trouble or judged.timing:
        return
    if judged.holed and not (said.sensitive and not judged.privileged):
        yield f"theorem1: {judged.id} is {set(map(str, said.sensitivities))} and a hole in {set(judged.holed)}"
    if "user" in judged.holed and not (said.user_sensitive and not judged.privileged):
        yield f"theorem3: {judged.id} is {set(map(str, said.sensitivities))} and a hole in {set(judged.holed)}"


@pytest.mark.parametrize("name", ["pg74", "m68000", *small_names()])
def test_the_definitions_see_every_hole_of_the_small_machines(name: str, checked: Checked) -> None:
    for found in checked(name).deployments:
        for theorem in ("theorem1", "theorem3"):
            assert contradicting(premise(theorem, found.instructions, found.configuration), found.instructions) == ()


# ---- mutants


@pytest.mark.parametrize("name", ["pg74", "conditional", "mapped_user", "mfpi"])
def test_the_definitions_see_every_hole_of_the_mutants(name: str, checked: Checked, solver: Solver) -> None:
    machine = machine_of(name)
    setting = setting_of(machine)
    rows = [
        (i, r) for i in machine.instructions for r in i.rows if row(checked(name), i.id + r.label).verdict != "hole"
    ]
    views = [original(setting, i, r, row(checked(name), i.id + r.label), NOTHING) for i, r in rows]
    tried = sorted((m for v in views for m in mutants(v)), key=lambda m: m.order)[:25]
    holes = 0
    for mutant in tried:
        changed = mutated(next(v for v in views if v.subject.row is mutant.row), mutant)
        judged = judge(changed.setting, InstructionRow(mutant.instruction, mutant.row), solver, False)
        assert list(contradictions(judged)) == [], mutant.id
        holes += bool(judged.holed)
    assert holes > 3


# ---- random instructions of random machines

STATE = "state:\n  K: {type: Bits<1>, role: interrupt}\n  F: {type: Bits<2>, role: configuration}\n  V: {type: Bits<1>, role: mode}\n"
LEGAL = ("K == M", "K == F[0]", "M == 0 || K == V", "F != 3", "K == 0 || V == 1", "V == M && K == F[1]")
TESTS = (
    "M == 1",
    "M == 0",
    "K == 1",
    "F == 2",
    "V == 1",
    "C == 1",
    "A[r] == 0",
    "M == 1 && K == 0",
    "M == 1 && F[0] == 0",
    "R.b > 5",
)
STEPS = (
    "C = K;", "A[r] = {30'd0, F};", "C = V;", "A[r] = {31'd0, M};", "C = 0;", "$pc = A[r][9:0];",
    "K = A[r][0];", "F = A[r][1:0];", "V = A[r][0];", "F = F;", "M = 1;", "R.l = A[r][9:0];",
    "trap(Cause::Privileged);", "trap(Cause::Service);", "trap(Cause::Undefined);",
    "A[r] = read_memory(A[0]);", "write_memory(A[0], A[r]);", "A[r] = DEVICE[0];", "halt();",
    "A[r] = read_physical_memory<32>(translate(A[0], Access::Read, 1'b1));",
    "write_physical_memory<32>(translate(A[0], Access::Write, ~M), A[r]);",
    "A[r] = {22'd0, load_real_address(A[0], Access::Read, M)};",
    'unmodelled("left out");', 'unpredictable("anything");',
)  # fmt: skip
FIXED = (
    NOTHING,
    Configuration({"K": 0}),
    Configuration({"F": 0}),
    Configuration({"K": 1, "F": 3}),
    Configuration({"V": 0}),
)


def body(chance: random.Random) -> str:
    """Up to two statements under conditions."""
    lines = []
    for _ in range(chance.randint(1, 2)):
        step, other = chance.sample(STEPS, 2)
        lines.append(step if chance.random() < 0.3 else f"if ({chance.choice(TESTS)}) {{ {step} }} else {{ {other} }}")
    return "\n".join(lines)


def made_up(folder: Path, chance: random.Random) -> Machine:
    """The paper's machine with more state, perhaps a predicate or two that ties it together, and one more instruction."""
    legal = chance.sample(LEGAL, chance.choice((0, 1, 1, 2)))
    guest = chance.choice(("", 'guest: "K == 0"', 'guest: "F == 0"'))
    real = chance.choice(("", 'real: "F == 0"', 'real: "V == 0"'))
    keys = ", ".join(filter(None, ("real_mode: 1", guest, real)))
    more = STATE + (f"legal: [{', '.join(map(repr, legal))}]\n" if legal else "") + f"deployments: {{d: {{{keys}}}}}\n"
    return with_instruction(folder, body(chance), more=more.replace("'", '"'))


def contradicted(seed: int, folder: Path, solver: Solver) -> list[str]:
    """What the definitions miss of a random instruction, alone and under a configuration."""
    chance = random.Random(seed)
    machine = made_up(folder, chance)
    setting, instruction = setting_of(machine), machine.instruction("new")
    work = InstructionRow(instruction, instruction.rows[0])
    found: list[str] = []
    for configuration in (NOTHING, chance.choice(FIXED)):
        if admissible(setting, configuration, Evidence(solver, False)):
            found += contradictions(judge(setting, work, solver, False, configuration))
    return found


@pytest.mark.parametrize("seed", range(50))
def test_the_definitions_see_every_hole_of_random_instructions(seed: int, tmp_path: Path, solver: Solver) -> None:
    assert contradicted(seed, tmp_path, solver) == []


@pytest.mark.parametrize(("part", "seed"), [("_tied_pairs", 12), ("_guest_pairs", 7), ("_explicit", 46)])
def test_a_definition_without_one_of_its_parts_is_noticed(
    part: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solver: Solver
) -> None:
    monkeypatch.setattr(classical, part, lambda *_: ())
    assert contradicted(seed, tmp_path, solver)


def test_a_definition_that_sees_less_is_noticed(solver: Solver) -> None:
    setting = setting_of(machine_of("popf"))
    one = setting.machine.instruction("popf")
    judged = judge(setting, InstructionRow(one, one.rows[0]), solver, False)
    assert judged.classical is not None
    blind = replace(judged, classical=replace(judged.classical, sensitivities=()), holed=frozenset({"user"}))
    assert [c.partition(":")[0] for c in contradictions(blind)] == ["theorem1", "theorem3"]
    assert list(contradictions(judged)) == [] and judged.holed
