"""Each rule of honesty, with something that tries to break it: nothing but a clean proof is ever a pass."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.laws.canaries import canaries
from pgcheck.checker.options import Limits
from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.result import Effort, ExitCode, MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Answer, Model, Status
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.values import NOTHING
from pgcheck.checker.verdicts import judge as judging
from pgcheck.checker.verdicts.theorems import theorems
from pgcheck.checker.verdicts.verdict import verdict
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Instruction, Row
from pgcheck.isa.terms import TRUE, Term
from pgcheck.models.symbolic import Transition
from pgcheck.request import Request
from pgcheck.running.run import code
from pgcheck.shipped import shipped
from tests.checker.judging import PLAIN, judged
from tests.checker.variants import edited
from tests.specifications import machine_of

# ---- unknown is no pass


def test_without_a_budget_nothing_is_proved() -> None:
    result = check(machine_of("i386"), replace(PLAIN, rlimit=1, only=("iret", "add.r32_rm32")))
    rows = {i.id: i for i in result.main.instructions}
    assert {n: r.verdict for n, r in rows.items()} == {"iret": "unknown", "add.r32_rm32": "unknown"}
    assert {result.main.theorems[n].status for n in ("theorem1", "theorem3", "monitor")} == {"unknown"}
    assert code(result, Request(Options())) is ExitCode.UNKNOWN
    assert all("resource limit 1 reached" in r.reason for r in rows.values())


def test_one_unknown_row_leaves_every_theorem_open(checked_pg74: MachineResult) -> None:
    rows = checked_pg74.main.instructions
    assert {t.status for t in theorems(rows, NOTHING).values()} == {"holds"}
    worse = [replace(r, verdict="unknown") if r.id == "add" else r for r in rows]
    assert "holds" not in {t.status for t in theorems(worse, NOTHING).values()}


@pytest.fixture(scope="module")
def checked_pg74() -> MachineResult:
    return check(machine_of("pg74"), PLAIN)


DYING = """
import os, signal, sys
from pathlib import Path
from pgcheck.checker.solving import worker
asked = Path(__file__).with_suffix(".asked")
def dying(honest):
    def answer(request):
        with asked.open("a") as counted:
            counted.write("x")
        if asked.stat().st_size > {count}:
            os.kill(os.getpid(), signal.SIGKILL)
        return honest(request)
    return answer
worker.REQUESTS.update((do, dying(honest)) for do, honest in [*worker.REQUESTS.items()])
worker.main(int(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_solver_killed_in_the_middle_is_unknown_with_the_reason(count: int, tmp_path: Path) -> None:
    file = tmp_path / "worker.py"
    file.write_text(DYING.format(count=count))
    dying = Solver(Limits(), None, False, command=(sys.executable, str(file)))
    found = judged(machine_of("pg74"), "lpsw", dying)
    dying.close()
    assert verdict(found, None) == "unknown"
    assert "killed by signal 9" in found.trouble


# ---- vacuous hypotheses


@pytest.mark.parametrize(
    ("legal", "word"),
    [("M == 0 && M == 1", "vacuous"), ("R.l == 1", "reset"), ("M == 0", "vacuous")],
    ids=["no state", "reset is not legal", "no user state"],
)
def test_hypotheses_that_nothing_satisfies_are_reported(legal: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / "vacuous.yaml"
    file.write_text(f'include: [pg74]\nname: vacuous\ntitle: Nothing is legal\nlegal: ["{legal}"]\n')
    result = check(load(file, shipped=shipped), replace(PLAIN, only=("lrr", "popf")))
    errors = [f.message for f in result.findings if f.status == "error"]
    assert any(word in message for message in errors), errors
    assert code(result, Request(Options())) is ExitCode.USAGE
    if word == "vacuous":
        assert not {"holds", "conditional"} & {t.status for n, t in result.main.theorems.items() if n != "theorem2"}


# ---- canaries


class Lying(Solver):
    """Says the same of everything that needs a solver."""

    def __init__(self, status: Status) -> None:
        super().__init__(Limits(), None, False)
        self.status = status

    def check(self, assertions: Sequence[Term], *, label: str, later: object = None):  # type: ignore[no-untyped-def]  # as its base
        honest = super().check(assertions, label=label)
        if self.status == "unsat":
            return replace(honest, status="unsat", model=None, reason="")
        return honest if honest.status == "sat" else replace(honest, status="sat", model=Model({}, {}, {}))

    find = check


def test_canaries_are_silent_with_an_honest_solver(solver: Solver) -> None:
    for name in ("pg74", "jrst1", "m68010"):
        evidence = Evidence(solver, False)
        assert list(canaries(machine_of(name), evidence)) == []
        asked = {q.label.partition(":")[0] for q in evidence.queries if ":hole@" in q.label}
        assert asked == {"canary nothing", "canary changes control state", "canary shows control state"}


@pytest.mark.parametrize(("fixed", "made"), [(range(1), True), (range(16), False)], ids=["the first", "all"])
def test_canaries_use_a_register_that_is_not_hardwired(
    fixed: range, made: bool, solver: Solver, tmp_path: Path
) -> None:
    values = ", ".join(f"{k}: 0" for k in fixed)
    machine = edited(
        tmp_path,
        (
            "A: {type: Bits<32>, size: 16, role: general}",
            f"A: {{type: Bits<32>, size: 16, role: general, hardwired: {{{values}}}}}",
        ),
        ("C: {type: Bits<1>, role: general}", "C: {type: Bits<1>, role: configuration}"),
    )
    assert [f.status for f in canaries(machine, Evidence(solver, False))] == ([] if made else ["unknown"])


def test_canaries_fire_when_everything_is_refuted() -> None:
    lying = Lying("sat")
    found = list(canaries(machine_of("pg74"), Evidence(lying, False)))
    lying.close()
    assert [f for f in found if f.status == "error" and "nothing" in f.subject]


def test_canaries_fire_when_everything_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgcheck.checker.laws.canaries._free", lambda *_: True)
    lying = Lying("unsat")
    found = list(canaries(machine_of("pg74"), Evidence(lying, False)))
    lying.close()
    assert {f.subject.partition(": ")[2] for f in found if f.status == "error"} == {
        "changes control state",
        "shows control state",
    }


# ---- two solvers


class Disagreeing(Solver):
    def confirm(self, assertions: Sequence[Term], solver: str = "bitwuzla") -> Answer:  # as its base
        return Answer("sat")


def test_a_second_solver_that_disagrees_makes_an_error_and_never_a_verdict() -> None:
    other = Disagreeing(Limits())
    found = judged(machine_of("m68010"), "rte", other, second=True)
    other.close()
    assert found.trouble.startswith("error: ") and "second solver" in found.trouble
    assert verdict(found, None) == "unknown"


def test_a_second_solver_without_an_answer_weakens_the_evidence_only() -> None:
    class Silent(Solver):
        def confirm(self, assertions: Sequence[Term], solver: str = "bitwuzla") -> Answer:  # as its base
            return Answer("unknown", "said nothing")

    machine = machine_of("m68010")
    honest, silent = Solver(Limits()), Silent(Limits())
    a, b = (judged(machine, "rte", s, second=True) for s in (honest, silent))
    honest.close()
    silent.close()
    assert verdict(a, None) == verdict(b, None) and (a.evidence, b.evidence) == ("two-solvers", "solver")
    assert (a.doubts, a.confirmed) == ((), a.unsat) and (set(b.doubts), len(b.doubts)) == ({"said nothing"}, b.unsat)


# ---- witnesses


def wrong(setting: Setting, instruction: Instruction, row: Row) -> Subject:
    """A subject that claims to complete everywhere: what a bug in the symbolic binding would look like."""
    honest = subject(setting, instruction, row)
    post = dict(honest.transition.post) | {"R.l": setting.machine.state.leaves["R.l"].term}
    return replace(honest, transition=Transition(TRUE, post, ()))


def test_a_completion_that_the_reference_does_not_reproduce_is_an_error(
    monkeypatch: pytest.MonkeyPatch, solver: Solver
) -> None:
    monkeypatch.setattr(judging, "subject", wrong)
    found = judged(machine_of("pg74"), "lrr", solver)
    assert found.trouble.startswith("error: ") and verdict(found, None) == "unknown" and found.witness is None


def test_a_witness_that_the_reference_does_not_reproduce_is_an_error(
    monkeypatch: pytest.MonkeyPatch, solver: Solver
) -> None:
    monkeypatch.setattr(judging, "subject", wrong)
    monkeypatch.setattr("pgcheck.checker.questions.classical.replay_model", lambda *_: None)
    machine = machine_of("popf")

    def claims(setting: Setting, instruction: Instruction, row: Row) -> Subject:
        honest = subject(setting, instruction, row)
        post = dict(honest.transition.post) | {"A": machine.state.leaves["A"].term, "IE": honest.transition.post["C"]}
        return replace(honest, transition=replace(honest.transition, post=post))

    monkeypatch.setattr(judging, "subject", claims)
    found = judged(machine, "popf", solver)
    assert found.trouble.startswith("error: ") and "replay" in found.trouble and found.witness is None


# ---- the same answer, always


@pytest.mark.slow
@pytest.mark.parametrize("name", ["popf", "conditional", "mask_mirror"])
def test_runs_agree_whatever_the_cache_and_the_workers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path))
    machine = machine_of(name)
    ways = [Options(cache=False), Options(cache=False, jobs=2), Options(cache=True), Options(cache=True, jobs=2)]
    results = [replace(check(machine, options), effort=Effort()) for options in ways]
    assert all(r == results[0] for r in results[1:])
    with sqlite3.connect(tmp_path / "results.sqlite") as cache:
        assert cache.execute("SELECT count(*) FROM result").fetchone()[0] > 10
