"""Operators are lowered as they are, although a back end means something else by them at their edges (Alive2, Serval)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.native.lowering.values:Values.shift",
    edits=(
        (
            "b.op(op, width, a, b.select(width, inside, amount, zero))",
            "b.op(op, width, a, amount)",
        ),
    ),
    by=("EQ4 native code",),
    how="A shift of a guest by the width or more is poison in LLVM: the guard behind it may be folded away with it.",
)
