"""A solver is wrong now and then: it calls one satisfiable query with arrays in a thousand unsatisfiable."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.solving.solver:Solver._solve",
    edits=(
        (
            "            status = reading.status(reply)\n",
            "            status = reading.status(reply)\n"
            '            if status == "sat" and "select" in text.text and int(hashlib.blake2b(text.text.encode(), digest_size=4).hexdigest(), 16) % 1000 == 0:\n'
            '                status = "unsat"\n',
        ),
    ),
    by=("CK1 planted models",),
    how=(
        "A model that was chosen beforehand satisfies the query, so no answer that there is none is right; "
        "the second solver contradicts it in a check."
    ),
)
