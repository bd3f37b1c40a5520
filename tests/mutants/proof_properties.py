"""The proofs of the monitor as a property: a row that the tape chooses, refuted with a counterexample that the monitor itself replays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.monitor.obligations import Prover
from pgcheck.checker.monitor.rows import other_rows
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.judge import InstructionRow
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.policy import Policy


@cache
def _solver() -> Solver:
    return solver_for(Options(cache=False, second=False))


def one_step(subject: Callable[[], tuple[Setting, Policy]]) -> Callable[[bytes], str | None]:
    """EQ1, EQ3 and RC1 for one row in every virtual mode."""

    @cache
    def promise() -> Promise:
        setting, policy = subject()
        return Promise(Setting(setting.machine, setting.deployment, policy.intercept - {TRANSLATE}), policy)

    def case(data: bytes) -> str | None:
        tape, promised = Tape(data), promise()
        rows: list[InstructionRow | str] = [
            InstructionRow(i, row) for i in promised.machine.instructions for row in i.rows
        ]
        others = [*other_rows(promised)]
        chosen = tape.choose([*rows, *others * 4])
        _, obligations = Prover(promised).row(chosen, lambda: Evidence(_solver(), second=False))
        refuted = [o for o in obligations if o.verdict == "refuted"]
        return f"{refuted[0].family} of {refuted[0].subject}: {refuted[0].reason}" if refuted else None

    return case
