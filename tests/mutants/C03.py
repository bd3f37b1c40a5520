"""The relation between virtual and real machine does not pin the virtual control state."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.questions.hole:_mismatches",
    edits=(
        (
            '            add("virtual", leaf.name, land(both, differ(leaf, a.post[leaf.name], v.pre[leaf.name])))',
            '            add("virtual", leaf.name, FALSE)',
        ),
    ),
    by=("CK1 known verdicts",),
    noticed=("verdicts popf",),
    how=(
        "A control leaf of the virtual machine that an instruction ought to have changed, and that nobody "
        "changed, is no mismatch any more: POPF, which the user mode ignores, is no hole."
    ),
)
