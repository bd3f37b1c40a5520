"""The obligations of one run, each with its answer: what a verdict rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pgcheck.checker.limits import Undecided as Undecided
from pgcheck.checker.solving.model import Answer, Model
from pgcheck.checker.solving.solver import Solver, Unproved
from pgcheck.isa.terms import Term

T = TypeVar("T")


class Contradiction(Exception):
    """Two sources of truth disagree: a bug of the checker or of a solver, never a verdict."""


@dataclass(frozen=True, slots=True)
class Query:
    """One obligation: its answer, whether folding settled it, and whether the second solver agreed (None: not asked or no answer).

    `doubt` says why a proof is not confirmed by the second solver, though it was asked.
    """

    label: str
    status: str
    folded: bool
    confirmed: bool | None
    seconds: float
    doubt: str = ""


@dataclass(slots=True)
class Evidence:
    """Asks the solver and keeps the record. `second` also asks the second solver to confirm every unsat.

    With `later` the proofs that are still z3's to make are put there (`proved_together`).
    """

    solver: Solver
    second: bool = True
    queries: list[Query] = field(default_factory=list)
    later: Unproved | None = None

    def possible(self, assertions: Sequence[Term], label: str) -> bool:
        """Whether the assertions can all be true. Raises Undecided."""
        return self.some(assertions, label) is not None

    def some(self, assertions: Sequence[Term], label: str) -> Model | None:
        """Any model, whichever is found first: for what comes out the same with every one. Raises Undecided and Contradiction."""
        return self._recorded(assertions, label, self.solver.find(assertions, label=label, later=self.later))

    def model(self, assertions: Sequence[Term], label: str) -> Model | None:
        """The model of the assertions, which hangs on them alone, or None when there provably is none. Raises Undecided and Contradiction."""
        return self._recorded(assertions, label, self.solver.check(assertions, label=label))

    def _recorded(self, assertions: Sequence[Term], label: str, answer: Answer) -> Model | None:
        folded = answer.reason == "folded"
        confirmed, doubt = None, ""
        if answer.status == "unsat" and not folded and self.second:
            opinion = self.solver.confirm(assertions)
            if opinion.status == "sat":
                raise Contradiction(f"{label}: z3 says unsat, the second solver says sat")
            confirmed, doubt = (True, "") if opinion.status == "unsat" else (None, opinion.reason)
        self.queries.append(Query(label, answer.status, folded, confirmed, answer.seconds, doubt))
        match answer.status:
            case "sat":
                return answer.model
            case "unsat":
                return None
            case "error":
                raise Contradiction(f"{label}: {answer.reason}")
            case _:
                raise Undecided(label, answer.reason)

    @property
    def level(self) -> str:
        """`two-solvers` when there are unsats that were not folded, and the second solver confirmed each of them; else `solver`."""
        open_ones = [q for q in self.queries if q.status == "unsat" and not q.folded]
        return "two-solvers" if open_ones and all(q.confirmed for q in open_ones) else "solver"


def proved_together(solver: Solver, second: bool, work: Callable[[Evidence], T]) -> T:
    """What `work` comes to, with all that it takes for unsat proved by z3 in one go at its end.

    Where that proves not all, or some obligation has no answer, it is done again, with every proof made when it is asked for.
    Raises what `work` raises then.
    """
    later: Unproved = {}
    try:
        result = work(Evidence(solver, second, later=later))
        if solver.prove(later):
            return result
    except (Undecided, Contradiction):
        if not later:
            raise
    return work(Evidence(solver, second))
