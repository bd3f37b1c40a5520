"""An interrupt is injected while the virtual interrupt flag is clear."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.monitor:TrapAndEmulate.run",
    edits=(
        (
            "binding.pending(machine, state, surroundings) or",
            "binding.pending(machine, {**state, **self.own}, surroundings) or",
        ),
    ),
    by=(
        "IR1 riscv64",
        "EQ2 riscv64",
        "IR1 riscv64 system",
    ),
    how=(
        "Whether an interrupt is to be taken is asked of the real control state: the guest is interrupted by "
        "the monitor's flag, or not at all."
    ),
)
