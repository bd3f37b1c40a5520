"""Mutation of the shipped specifications: every small bug that opens a hole changes the report, or is provably none."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.terms import constant, mk
from pgcheck.isa.terms.ir import SetElement, Statement
from tests.checker.fate import Fate, fate
from tests.checker.mutate import PASSING, Mutant, Original, mutants, original
from tests.checker.results import Checked
from tests.specifications import machine_of

pytestmark = pytest.mark.slow

OPTIONS = Options(cache=False, second=False)
OPERATORS = {"drop check", "silent trap", "skip mode", "widen mask", "drop write", "leak control"}
# How many mutants of each specification a usual run judges; the campaign judges all of all.
QUOTA = {"pg74": 75, "pdp10-ka10": 90, "m68000": 60, "m68010": 60, "riscv64": 120, "i386": 80, "x86-umip": 30}
ROWS = {"riscv64": 20}
SOME_ROWS = 40
Views = tuple[Original, ...]


def settings(machine: Machine) -> list[Setting]:
    evidence = Evidence(solver_for(OPTIONS), False)
    found = [settled(machine, d, evidence) for d in machine.deployments]
    evidence.solver.close()
    return found


def views(result: MachineResult, all_: Sequence[Setting], instruction: Instruction, row: Row) -> Views:
    """A row under every deployment, as the report has it."""
    found = []
    for setting, report in zip(all_, result.deployments, strict=True):
        answer = next(i for i in report.instructions if i.id == instruction.id + row.label)
        found.append(original(setting, instruction, row, answer, report.configuration))
    return tuple(found)


def rows(machine: Machine, result: MachineResult, limit: int | None) -> list[tuple[Instruction, Row]]:
    """The rows that pass; those that control state concerns before the innocuous ones, spread over the specification."""
    verdicts = {i.id: i.verdict for i in result.main.instructions}
    passing = [(i, r) for i in machine.instructions for r in i.rows if verdicts[i.id + r.label] in PASSING]
    if limit is None:
        return passing
    plain = [p for p in passing if verdicts[p[0].id + p[1].label] == "innocuous"]
    others = [p for p in passing if verdicts[p[0].id + p[1].label] != "innocuous"]
    return spread(others, limit) + spread(plain, limit // 4)


def spread(items: Sequence[tuple[Instruction, Row]], count: int) -> list[tuple[Instruction, Row]]:
    return list(items[:: max(1, len(items) // count)])[:count]


def sampled(found: Iterable[tuple[Views, Mutant]], count: int) -> list[tuple[Views, Mutant]]:
    """`count` of them, each operator in turn, in the fixed shuffle of their names."""
    by_operator: dict[str, list[tuple[Views, Mutant]]] = defaultdict(list)
    for pair in sorted(found, key=lambda p: p[1].order):
        by_operator[pair[1].operator].append(pair)
    turns = chain.from_iterable(zip_longest(*(by_operator[o] for o in sorted(by_operator))))
    return [p for p in turns if p is not None][:count]


def judged(pair: tuple[Views, Mutant], solver: Solver) -> Fate:
    return fate(pair[0], pair[1], Evidence(solver, False))


def fates(name: str, checked: Checked, limit: int | None) -> list[Fate]:
    """The fates of the mutants of one specification: `limit` of them, or all."""
    machine, result = machine_of(name), checked(name)
    all_ = settings(machine)
    found = []
    for instruction, row in rows(machine, result, None if limit is None else ROWS.get(name, SOME_ROWS)):
        shown = views(result, all_, instruction, row)
        found += [(shown, m) for m in mutants(shown[0])]
    chosen = found if limit is None else sampled(found, limit)
    jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    with Pool(partial(solver_for, OPTIONS), jobs) as pool:
        return [answer for _, answer in pool.each(judged, chosen)]


def kept(name: str, found: Sequence[Fate], folder: Path) -> None:
    """The list of the equivalent ones, and the count of all, in a file and on standard output."""
    lines = [f"{name}: {dict(Counter(f'{f.operator}, {f.outcome}' for f in found))}"]
    lines += [f"equivalent: {f.mutant}" for f in found if f.outcome == "equivalent"]
    where = Path(os.environ.get("PGCHECK_ARTIFACTS", folder))
    where.mkdir(parents=True, exist_ok=True)
    (where / f"mutants-{name}.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def outlived(found: Sequence[Fate]) -> list[str]:
    return [f"{f.outcome}: {f.mutant}: {f.reason}" for f in found if f.outcome not in ("caught", "equivalent")]


@pytest.mark.campaign
@pytest.mark.parametrize("name", QUOTA)
def test_mutants_are_caught_or_equivalent(name: str, checked: Checked, tmp_path: Path) -> None:
    found = fates(name, checked, QUOTA[name])
    kept(name, found, tmp_path)
    assert len(found) == QUOTA[name] and len({f.mutant for f in found}) == QUOTA[name]
    assert sum(f.outcome == "caught" for f in found) > len(found) // 2
    assert found and not outlived(found)


@pytest.mark.campaign
@pytest.mark.parametrize("name", QUOTA)
def test_all_mutants_are_caught_or_equivalent(name: str, checked: Checked, tmp_path: Path) -> None:
    found = fates(name, checked, None)
    kept(name, found, tmp_path)
    assert not outlived(found)


def test_there_are_five_hundred() -> None:
    assert sum(QUOTA.values()) >= 500


def pg74(identifier: str, checked: Checked) -> Views:
    machine = machine_of("pg74")
    instruction = machine.instruction(identifier)
    return views(checked("pg74"), settings(machine), instruction, instruction.rows[0])


def test_every_operator_offers_something(checked: Checked) -> None:
    found = {m.operator for i in ("lpsw", "lrr", "svc", "add") for m in mutants(pg74(i, checked)[0])}
    assert found >= OPERATORS - {"widen mask"}


def test_mutants_are_the_same_in_every_run(checked: Checked) -> None:
    first, second = ([m.id for m in mutants(pg74("lpsw", checked)[0])] for _ in range(2))
    assert first == second and len(set(first)) == len(first)


def test_a_dropped_check_is_caught_and_says_how(checked: Checked) -> None:
    shown = pg74("lrr", checked)
    (mutant,) = (m for m in mutants(shown[0]) if m.operator == "drop check")
    solver = solver_for(OPTIONS)
    answer = judged((shown, mutant), solver)
    solver.close()
    assert (answer.outcome, answer.reason) == ("caught", "privileged True -> False")


@pytest.mark.parametrize(("change", "outcome"), [(0, "equivalent"), (1, "survived")])
def test_general_changes_are_survivors_and_no_change_is_equivalent(change: int, outcome: str, checked: Checked) -> None:
    """Such mutants are not generated, for they are not the checker's question; its honesty about them is."""
    shown = pg74("lrr", checked)
    (mutant,) = (m for m in mutants(shown[0]) if m.operator == "drop check")
    instruction = shown[0].subject.instruction

    def changed(statement: Statement) -> Statement:
        if not isinstance(statement, SetElement):
            return statement
        return replace(
            statement, value=mk("xor", statement.value.width, statement.value, constant(statement.value.width, change))
        )

    sra = pg74("srr", checked)
    body = tuple(map(changed, sra[0].subject.instruction.body))
    assert instruction.id == "lrr"
    same = replace(mutant, instruction=replace(sra[0].subject.instruction, body=body), operator="by hand")
    solver = solver_for(OPTIONS)
    answer = judged((sra, same), solver)
    solver.close()
    assert answer.outcome == outcome
