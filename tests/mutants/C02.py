"""The parser of a solver's reply takes the first word that looks like an answer.

(Fonseca and others, EuroSys 2017, bug I2).
"""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.solving.reading:status",
    edits=(
        (
            '    told = reply.get("status")\n',
            '    words = " ".join(str(v) for v in reply.values()).split()\n'
            '    told = next((w for w in words if w in ("unsat", "sat")), reply.get("status"))\n',
        ),
    ),
    by=("CK1 replies",),
    how=(
        "A warning or a reason in front of the status, or in place of one, that mentions unsat is taken for the answer."
    ),
)
