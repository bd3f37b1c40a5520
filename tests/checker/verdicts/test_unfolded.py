"""A sample of what folding settles is asked of the solvers in every run: a rule that is wrong comes out, and the right ones agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgcheck.checker.check import check
from pgcheck.checker.options import Limits, Options
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Contradiction, Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts import unfolded
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import constant, eq, extract, folding, mk, variable, zext
from pgcheck.isa.terms.folding import FOLDS, as_written
from pgcheck.isa.terms.matching import Rule, compiled
from tests.specifications import machine_of


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    running = Solver(Limits())
    yield running
    running.close()


def rows(machine: Machine) -> list[InstructionRow]:
    return [InstructionRow(i, row) for i in machine.instructions for row in i.rows]


def test_terms_can_be_made_as_they_are_written() -> None:
    x = variable(4, "x")
    with as_written():
        written = mk("sub", 4, x, x), eq(zext(x, 8), constant(8, 255)), extract(zext(x, 8), 3, 0)
        assert [t.op for t in written] == ["sub", "eq", "extract"]
        assert mk("add", 4, constant(4, 3), constant(4, 2)) is constant(4, 5)
    assert mk("sub", 4, x, x) is constant(4, 0) and extract(zext(x, 8), 3, 0) is x


@pytest.mark.parametrize("name", ["pg74", "popf", "lra", "conditional", "may_do_anything", "timer_read", "local_trap"])
def test_what_is_judged_as_written_is_what_folding_says(name: str, solver: Solver) -> None:
    machine = machine_of(name)
    setting = settled(machine, machine.deployments[0], Evidence(solver, False))
    asked = 0
    for work in rows(machine)[-6:]:
        folded = judge(setting, work, solver, second=False)
        if not folded.trouble and folded.witness is None:
            written = unfolded.confirm(setting, work, folded, solver, second=True)
            assert not written.trouble
            asked += written.queries - written.folded
    assert asked


def test_a_wrong_rule_is_found(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two ways of a step meet, the rule keeps what was before: what POPF does in user mode vanishes."""
    wrong = {**FOLDS, "ite": compiled([Rule("(ite g x y)", lambda y: y)])}
    monkeypatch.setattr(folding, "_folds", wrong)
    machine = machine_of("popf")
    setting = settled(machine, machine.deployments[0], Evidence(solver, False))
    work = next(w for w in rows(machine) if w.instruction.name == "popf")
    folded = judge(setting, work, solver, second=False)
    assert not folded.holed, "the rule hides the hole"
    with pytest.raises(Contradiction, match=f"^{work.id}: folding says .*as they are written"):
        unfolded.confirm(setting, work, folded, solver, second=False)


def test_a_contradiction_in_a_sample_ends_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def liar(*given: object) -> Judgement:
        raise Contradiction("a rule is wrong")

    monkeypatch.setattr(unfolded, "confirm", liar)
    with pytest.raises(Contradiction):
        check(machine_of("jrst1"), Options(cache=False, second=False, only=("add",)))


def test_the_sample_is_the_same_for_the_same_digest_and_moves_with_it(solver: Solver) -> None:
    machine = machine_of("pg74")
    work = rows(machine)
    one = judge(settled(machine, machine.deployments[0], Evidence(solver, False)), work[0], solver, second=False)
    judged = {w.id: replace(one, id=w.id) for w in work}
    firsts = {unfolded.sample(work, judged, f"seed {k}")[0].id for k in range(40)}
    assert len(firsts) > 10 and unfolded.sample(work, judged, "a") == unfolded.sample(work, judged, "a")
    troubled = {i: replace(j, trouble="unknown") for i, j in judged.items()}
    assert not unfolded.sample(work, troubled, "a")


def test_a_run_asks_until_something_does_not_fold(solver: Solver) -> None:
    machine = machine_of("pg74")
    setting = settled(machine, machine.deployments[0], Evidence(solver, False))
    work = [w for w in rows(machine) if w.instruction.name in ("add", "sub", "load", "store")]
    judged = {w.id: judge(setting, w, solver, second=False) for w in work}
    found = list(unfolded.held(setting, work, judged, solver, second=True))
    asked = [j for j in found if j.unsat]
    assert len(asked) == 1 and found[-1] is asked[0] and found[-1].confirmed == found[-1].unsat > 0
    plain = [w for w in work if w.instruction.name in ("add", "sub")]
    assert len(list(unfolded.held(setting, plain, judged, solver, second=True))) == len(plain)
