"""A solver that was killed or crashed is reported as a proof (Fonseca and others, EuroSys 2017, bugs I3 and I4)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.solving.solver:Solver._solve",
    edits=(
        ("return Answer(died.status, died.reason, rlimit=spent)", 'return Answer("unsat", died.reason, rlimit=spent)'),
    ),
    by=("CK1 replies",),
    how=(
        "No answer becomes the answer that nothing satisfies the obligation: every hole closes when the "
        "solver is killed."
    ),
)
