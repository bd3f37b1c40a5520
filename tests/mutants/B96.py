"""The emulator does not enforce the limit that the hardware enforces (PokeEMU, EmuFuzzer)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.schemes.bounds:Bounds.extent",
    edits=(
        ("self._limits(base, size, real)", "self._limits(base, size + 1, real)"),
        ("            0 < accepted <= size\n", "            0 < accepted\n"),
    ),
    by=(
        "SH1 pg74",
        "EQ2 pg74",
        "ISO2 pg74",
    ),
    how=("The limit is one too large: the guest reaches the unit behind its own memory."),
)
