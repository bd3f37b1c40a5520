"""A narrow value is widened with its sign: what is addressed lies before the beginning (CVE-2021-32629)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.native.lowering.values:Values.whole",
    edits=(('self.b.resize("zext", width or 1, 64, value)', 'self.b.resize("sext", width or 1, 64, value)'),),
    by=("EQ4 native code",),
    noticed=("prove pg74 --native --only jump",),
    how="Addresses and indices in native code are widened with their sign: a jump to the upper half leaves bits above PC.",
)
