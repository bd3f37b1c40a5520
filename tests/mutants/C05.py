"""An answer that was kept is served for another specification."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.verdicts.result_cache:key",
    edits=(("        machine.identity.digest,\n", ""),),
    by=("CK3 kept results",),
    how=("The key leaves the digest of the specification out, so a changed file has the answer of the old one."),
)
